//! A database in pages of entries, and back: what an archive is made of.
//!
//! Index entries stay out of an archive and are made again, to the same bytes, since documents, definitions and
//! numbers are the same. An import takes many calls, each of them a transaction. In between, the format record
//! says that the database is not whole, and everything else refuses to work on it. What comes in is as untrusted as any
//! argument: `check.rs` has what each entry, and all of them together, must be.

mod check;

use std::rc::Rc;

use sha2::{Digest, Sha256};

use crate::changes;
use crate::database::Database;
use crate::error::{Error, Problem, Result};
use crate::format::{self, Format};
use crate::index;
use crate::key::{prefix, space, successor};
use crate::lua::Lua;
use crate::pack::{Unpacker, write_bytes, write_optional};
use crate::store::{Cursor, Direction, Store, Transaction};

/// Bytes of a page, about.
const PAGE: usize = 1 << 20;

/// Bytes that one step of finishing or of aborting writes, about: they are in the guest's memory.
const STEP: usize = 4 << 20;

/// A page of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivePage {
    /// Packed entries.
    pub entries: Vec<u8>,
    /// The key behind which the next page begins; none if this is the last one.
    pub next: Option<Vec<u8>>,
    /// The number of the commit that the page shows.
    pub version: u64,
}

/// The page behind a key, or the first one.
///
/// # Errors
/// As the store fails.
pub fn export_page(db: &Database, after: Option<&[u8]>) -> Result<ArchivePage> {
    let mut page = ArchivePage {
        entries: Vec::new(),
        next: None,
        version: db.transaction().version(),
    };
    let mut start = after.unwrap_or_default().to_vec();
    if after.is_some() {
        start.push(0);
    }
    let before = (Vec::new(), vec![space::INDEX]);
    let behind = (vec![space::INDEX + 1], vec![space::FEED]);
    let mut last = Vec::new();
    for (first, end) in [before, behind] {
        let mut cursor = Cursor::new(first.max(start.clone()), end, Direction::Forward).eager();
        while let Some((key, value)) = next(&mut cursor, db.transaction())? {
            if page.entries.len() >= PAGE {
                page.next = Some(last);
                return Ok(page);
            }
            write_bytes(&mut page.entries, key);
            write_optional(&mut page.entries, Some(value));
            last.clear();
            last.extend_from_slice(key);
        }
    }
    Ok(page)
}

/// SHA-256 over the packed entries of a scan over everything but the change feed and the samples.
///
/// # Errors
/// As the store fails.
pub fn digest(transaction: &Transaction) -> Result<Vec<u8>> {
    let mut hash = Sha256::new();
    let end = vec![space::FEED];
    let mut all = Cursor::new(Vec::new(), end, Direction::Forward).eager();
    let mut packed = Vec::new();
    while let Some((key, value)) = next(&mut all, transaction)? {
        packed.clear();
        write_bytes(&mut packed, key);
        write_optional(&mut packed, Some(value));
        hash.update(&packed);
    }
    Ok(hash.finalize().to_vec())
}

/// Takes a page into a database that is empty, or is being imported.
///
/// # Errors
/// `AlreadyExists` if the database holds something; `Corrupt` for entries that no database holds.
pub fn import_page(store: &dyn Store, entries: &[u8]) -> Result<()> {
    let (mut transaction, format) = begin(store)?;
    let begun = match format {
        Format::Importing(indexed) if indexed.is_empty() => last_key(&transaction)?,
        Format::Importing(_) => {
            return Err(Error::argument(
                "entries",
                "the import is past its last page; finish it, or abort it",
            ));
        }
        _ => {
            make_empty(&mut transaction)?;
            Vec::new()
        }
    };
    if entries.is_empty() {
        return Err(Error::argument("entries", "the page has no entries"));
    }
    let malformed = |_| Error::argument("entries", "the page is not packed as entries are");
    let mut last: &[u8] = &begun;
    let mut unpacker = Unpacker::default();
    let mut number = 0;
    while !unpacker.is_done(entries) {
        let key = &entries[unpacker.bytes(entries).map_err(malformed)?];
        let value = &entries[unpacker
            .optional(entries)
            .map_err(malformed)?
            .ok_or_else(|| Error::argument("entries", "the page deletes an entry"))?];
        let checked = if last.is_empty() && key != space::FORMAT {
            Err(Error::corrupt(
                "key",
                "an archive begins with the format record",
            ))
        } else if key <= last {
            Err(Error::corrupt("key", "the keys of an archive ascend"))
        } else {
            check::check_entry(key, value)
        };
        checked.map_err(|error| error.under(&format!("entries[{number}]")))?;
        transaction.put(key, value)?;
        last = key;
        number += 1;
    }
    Format::Importing(Vec::new()).write(&mut transaction)?;
    commit(transaction)?;
    Ok(())
}

/// Does a part of what is left to do once all pages are there. True when the database is whole.
///
/// # Errors
/// `Corrupt` for entries that do not fit together, or another digest than this.
pub fn finish_import(store: &dyn Store, lua: &Rc<Lua>, expected: &[u8]) -> Result<bool> {
    let (mut transaction, format) = begin(store)?;
    let indexed = match format {
        Format::Importing(indexed) => Some(indexed),
        _ => {
            make_empty(&mut transaction)?;
            None
        }
    };
    let mut db = Database::unchecked(transaction)?;
    db.set_lua(lua.clone());
    if let Some(indexed) = indexed {
        if indexed.is_empty() {
            check::check_all(&db)?;
        }
        let built = build_indexes(&mut db, &indexed);
        lua.close(&db, built.is_err()).map_err(check::as_corrupt)?;
        if let Some(indexed) = built? {
            let mut transaction = db.into_transaction();
            Format::Importing(indexed).write(&mut transaction)?;
            commit(transaction)?;
            return Ok(false);
        }
        Format::Complete.write(db.transaction_mut())?;
        changes::begin(&mut db)?;
    }
    let transaction = db.into_transaction();
    if digest(&transaction)? != expected {
        return Err(Error::corrupt(
            "digest",
            "what the archive holds is not what was archived; use another copy of it",
        ));
    }
    commit(transaction)?;
    Ok(true)
}

/// Deletes a part of an import that is not finished. True when nothing is left of it.
///
/// # Errors
/// As the store fails.
pub fn abort_import(store: &dyn Store) -> Result<bool> {
    let (mut transaction, format) = begin(store)?;
    if !matches!(format, Format::Importing(_)) {
        return Ok(true);
    }
    // From the end, so that the format record, which says what this is, goes last.
    let mut all = Cursor::new(Vec::new(), Vec::new(), Direction::Backward).eager();
    let mut done = true;
    while let Some((key, _)) = next(&mut all, &transaction)? {
        if transaction.written() >= STEP {
            done = false;
            break;
        }
        let key = key.to_vec();
        transaction.delete(&key)?;
    }
    commit(transaction)?;
    Ok(done)
}

// What follows is compiled into each caller otherwise, a kilobyte each time.

#[inline(never)]
fn begin(store: &dyn Store) -> Result<(Transaction, Format)> {
    let transaction = Transaction::new(store.open()?);
    let format = format::read(&transaction)?;
    Ok((transaction, format))
}

#[inline(never)]
fn commit(transaction: Transaction) -> Result<()> {
    transaction.commit().map(|_| ())
}

#[inline(never)]
pub(crate) fn next<'a>(
    cursor: &'a mut Cursor,
    transaction: &Transaction,
) -> Result<Option<(&'a [u8], &'a [u8])>> {
    cursor.next(transaction)
}

/// The largest key of a store that has one.
fn last_key(transaction: &Transaction) -> Result<Vec<u8>> {
    let mut all = Cursor::new(Vec::new(), Vec::new(), Direction::Backward).expecting(1);
    let last = next(&mut all, transaction)?;
    Ok(last.map(|(key, _)| key.to_vec()).unwrap_or_default())
}

/// Refuses a database that holds something, and takes away what an emptied one is left with.
fn make_empty(transaction: &mut Transaction) -> Result<()> {
    let mut rest = Cursor::new(space::TABLE.to_vec(), Vec::new(), Direction::Forward).expecting(1);
    if next(&mut rest, transaction)?.is_some() {
        return Err(Error::AlreadyExists(Problem {
            place: "store".to_string(),
            message: "the database holds something already; import into an empty one".to_string(),
        }));
    }
    transaction.delete_prefix(&[])
}

/// Makes index entries for the documents behind a key. Gives the last document of this step, or none
/// when all are done.
fn build_indexes(db: &mut Database, after: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut tables = db.all_tables();
    tables.retain(|table| !table.indexes.is_empty());
    let mut start = after.to_vec();
    start.push(0);
    for table in tables {
        let all = prefix(space::DOCUMENT, table.id);
        let end = successor(&all);
        let mut cursor = Cursor::new(all.max(start.clone()), end, Direction::Forward).eager();
        while let Some((key, document)) = next(&mut cursor, db.transaction())? {
            index::add(db, &table, key, document).map_err(check::as_corrupt)?;
            if db.transaction().written() >= STEP {
                return Ok(Some(key.to_vec()));
            }
        }
    }
    Ok(None)
}
