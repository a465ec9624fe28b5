//! Puts of documents in a row, as most large batches are: index entries are sorted once, and not looked for one by one.

use std::rc::Rc;

use super::check_document;
use crate::catalog::Table;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::index::{is_sampled, sample_key};
use crate::key::{Key, PREFIX_SIZE, prefix, space, successor, write_prefix};
use crate::pack::write_bytes;
use crate::store::{Cursor, Direction, Transaction};
use crate::value::{Item, skip, write_null};

/// With fewer in a row it is not worth looking where a table ends.
const LEAST: usize = 64;

/// A put and nothing else.
struct Put<'a> {
    table: &'a str,
    /// The key, as a value.
    key: &'a [u8],
    value: &'a [u8],
}

impl<'a> Put<'a> {
    /// Reads one whose members are those of a plain put; none says nothing of the operation but that it has to be read thoroughly.
    fn read(operation: &'a [u8]) -> Option<Self> {
        // In the deterministic encoding they come in this order.
        let rest = operation.strip_prefix(b"\xa4\x62op\x63put\x63key".as_slice())?;
        let (key, rest) = rest.split_at(skip(rest));
        let rest = rest.strip_prefix(b"\x65table".as_slice())?;
        let (table, rest) = rest.split_at(skip(rest));
        let value = rest.strip_prefix(b"\x65value".as_slice())?;
        let Item::Text(table) = Item::of(table) else {
            return None;
        };
        check_document(value).ok()?;
        Some(Put { table, key, value })
    }
}

/// A table that documents are put into.
struct Target<'a> {
    name: &'a str,
    table: Rc<Table>,
    /// No key behind this one was there before the batch.
    last: Vec<u8>,
}

impl<'a> Target<'a> {
    /// None for a table whose documents are put one by one: something has to be asked, or done, for each.
    fn begin(db: &mut Database, name: &'a str) -> Result<Option<Self>> {
        let Ok(table) = db.ensure_table(name) else {
            return Ok(None);
        };
        let mut indexes = table.indexes.iter();
        if table.has_functions || !indexes.all(|index| index.is_plain() && !index.unique) {
            return Ok(None);
        }
        let all = prefix(space::DOCUMENT, table.id);
        let mut last = all.clone();
        if table.needs_old() {
            let end = successor(&all);
            let mut cursor = Cursor::new(all, end, Direction::Backward).expecting(1);
            if let Some((key, _)) = cursor.next(db.transaction())? {
                last = key.to_vec();
            }
        }
        Ok(Some(Target { name, table, last }))
    }

    /// Puts a document. Some of its entries may have been written when it fails.
    fn put(
        &self,
        transaction: &mut Transaction,
        store_key: &[u8],
        document: &[u8],
        (entry, old_entry): &mut (Vec<u8>, Vec<u8>),
    ) -> Result<()> {
        let old = if !self.table.needs_old() {
            None
        } else if store_key > &self.last[..] {
            transaction.own(store_key).flatten()
        } else {
            transaction.get(store_key)?
        };
        let key = &store_key[PREFIX_SIZE..];
        let is_sampled = !self.table.indexes.is_empty() && is_sampled(key);
        for index in &self.table.indexes {
            let had = match &old {
                Some(old) => index.entry(old, key, old_entry).map_err(under_value)?,
                None => false,
            };
            let has = index.entry(document, key, entry).map_err(under_value)?;
            if had && has && entry == old_entry {
                continue;
            }
            let deleted = had.then_some((&*old_entry, None));
            let added = has.then_some((&*entry, Some(&[][..])));
            for (entry, value) in deleted.into_iter().chain(added) {
                transaction.append(entry, value)?;
                if is_sampled {
                    transaction.append(&sample_key(entry), value)?;
                }
            }
        }
        transaction.put(store_key, document)
    }
}

fn under_value(error: Error) -> Error {
    error.under("value")
}

/// What is known of the puts so far.
#[derive(Default)]
pub(super) struct Puts<'a> {
    targets: Vec<Target<'a>>,
    /// The store keys of a chunk, one behind the other, and where each ends.
    keys: Vec<u8>,
    ends: Vec<usize>,
    entries: (Vec<u8>, Vec<u8>),
}

impl<'a> Puts<'a> {
    /// Runs operations, the first of which has this number, and appends their results. False, with nothing done, if they are to be run one by one.
    ///
    /// # Errors
    /// As if they were; the transaction has to be given up then.
    pub fn run(
        &mut self,
        db: &mut Database,
        operations: &[&'a [u8]],
        number: usize,
        results: &mut Vec<u8>,
    ) -> Result<bool> {
        if operations.len() < LEAST || db.transaction().can_go_back() {
            return Ok(false);
        }
        let mut puts = Vec::with_capacity(operations.len());
        for operation in operations {
            let Some(put) = Put::read(operation) else {
                return Ok(false);
            };
            let Some(target) = self.target(db, put.table)? else {
                return Ok(false);
            };
            puts.push((target, put));
        }
        let at = |error: Error, turn: usize| error.under(&format!("[{}]", number + turn));
        self.read_ahead(db, &puts)
            .map_err(|(error, turn)| at(error, turn))?;
        let mut start = 0;
        for (turn, (target, put)) in puts.iter().enumerate() {
            let end = self.ends[turn];
            let done = self.targets[*target].put(
                db.transaction_mut(),
                &self.keys[start..end],
                put.value,
                &mut self.entries,
            );
            done.map_err(|error| at(error, turn))?;
            write_null(results);
            start = end;
        }
        Ok(true)
    }

    /// The number of a table among the targets.
    fn target(&mut self, db: &mut Database, name: &'a str) -> Result<Option<usize>> {
        if let Some(there) = self.targets.iter().rposition(|target| target.name == name) {
            return Ok(Some(there));
        }
        let Some(target) = Target::begin(db, name)? else {
            return Ok(None);
        };
        self.targets.push(target);
        Ok(Some(self.targets.len() - 1))
    }

    /// Makes the store keys, and reads what may be there at them, in one call of the host.
    fn read_ahead(
        &mut self,
        db: &Database,
        puts: &[(usize, Put)],
    ) -> std::result::Result<(), (Error, usize)> {
        self.keys.clear();
        self.ends.clear();
        let mut wanted = Vec::new();
        for (turn, (target, put)) in puts.iter().enumerate() {
            let target = &self.targets[*target];
            let start = self.keys.len();
            write_prefix(space::DOCUMENT, target.table.id, &mut self.keys);
            let written = Key::encode_value(put.key, "key", &mut self.keys);
            written.map_err(|error| (error, turn))?;
            self.ends.push(self.keys.len());
            let key = &self.keys[start..];
            if target.table.needs_old() && key <= &target.last[..] {
                write_bytes(&mut wanted, key);
            }
        }
        let read = db.transaction().read_ahead(wanted);
        read.map_err(|error| (error, 0))
    }
}
