//! Writing the changes of a transaction down, from what it is about to commit.

use std::rc::Rc;

use super::{State, state::change_key, tidy};
use crate::catalog::{Catalog, Table};
use crate::database::Database;
use crate::error::Result;
use crate::key::{PREFIX_SIZE, prefix, space, successor};
use crate::name::HOME;
use crate::store::Transaction;
use crate::value::{NULL, elements, without_metatables, write_array_head, write_null};

/// So many documents are compared at once.
const CHUNK: usize = 256;

/// What a transaction has to know of its beginning.
#[derive(Default)]
pub(crate) struct Recorder {
    /// The tables as they were.
    origin: Rc<Catalog>,
    /// The tables as they were when changes were last recorded in this transaction; none if they never were.
    recorded: Option<Rc<Catalog>>,
}

impl Recorder {
    pub fn new(origin: &Rc<Catalog>) -> Self {
        Recorder {
            origin: origin.clone(),
            recorded: None,
        }
    }
}

fn named(catalog: &Catalog) -> impl Iterator<Item = (&str, &Rc<Table>)> {
    let home = catalog.table(HOME).map(|table| (HOME, table));
    home.into_iter().chain(catalog.tables())
}

/// Followed tables of a catalog, those that pass a test.
#[inline(never)]
fn chosen(
    db: &Database,
    catalog: &Catalog,
    is_meant: &dyn Fn(&str, &Table) -> bool,
) -> Vec<(String, Rc<Table>)> {
    let follows = |name: &str| db.catalog().feed().is_some_and(|feed| feed.follows(name));
    named(catalog)
        .filter(|(name, table)| follows(name) && is_meant(name, table))
        .map(|(name, table)| (name.to_string(), table.clone()))
        .collect()
}

impl Database {
    /// Adds to the writes what they change, if the feed is on. It can be called again for what was written since,
    /// also when the store has the writes by then.
    ///
    /// # Errors
    /// As the store fails, and as a write does.
    #[inline(never)]
    pub(crate) fn record_changes(&mut self) -> Result<()> {
        if self.catalog().feed().is_none() {
            return Ok(());
        }
        let now = self.catalog().clone();
        let Recorder { origin, recorded } = std::mem::take(self.recorder());
        let is_gone =
            |name: &str, table: &Table| now.table(name).is_none_or(|now| now.id != table.id);
        let dropped = if Rc::ptr_eq(&origin, &now) {
            Vec::new()
        } else {
            chosen(self, &origin, &is_gone)
        };
        let forgotten = match &recorded {
            Some(recorded) => chosen(self, recorded, &is_gone),
            None => Vec::new(),
        };
        let transaction = self.transaction();
        let written = chosen(self, &now, &|_, table| {
            let start = prefix(space::DOCUMENT, table.id);
            transaction.has_written(&start, &successor(&start))
        });
        *self.recorder() = Recorder {
            origin,
            recorded: recorded.clone(),
        };
        if dropped.is_empty() && forgotten.is_empty() && written.is_empty() {
            return Ok(());
        }
        let sequence = self.transaction().reserve()?;
        let transaction = self.transaction_mut();
        // Calls of a transaction of several share its number: what the ones before have told is there.
        let is_shared = sequence <= transaction.version();
        for (name, _) in &forgotten {
            transaction.delete_prefix(&table_key(sequence, name))?;
        }
        for (name, _) in &dropped {
            if is_shared {
                transaction.delete_prefix(&table_key(sequence, name))?;
            }
            let mut change = Vec::new();
            write_array_head(&mut change, 0);
            transaction.put(&table_key(sequence, name), &change)?;
        }
        for (name, table) in &written {
            record_table(
                transaction,
                sequence,
                name,
                table,
                is_shared || recorded.is_some(),
            )?;
        }
        self.recorder().recorded = Some(now);
        self.tidy_changes(sequence)
    }

    fn tidy_changes(&mut self, sequence: u64) -> Result<()> {
        let Some(settings) = self.catalog().feed().cloned() else {
            return Ok(());
        };
        match State::read(self.transaction())? {
            Some(state) => tidy::tidy(self.transaction_mut(), state, &settings, sequence),
            None => Ok(()),
        }
    }
}

/// The beginning of the keys of a table's changes in a commit; the whole key where the table was dropped.
fn table_key(sequence: u64, name: &str) -> Vec<u8> {
    let mut key = change_key(sequence, name.as_bytes());
    key.push(0);
    key
}

fn record_table(
    transaction: &mut Transaction,
    sequence: u64,
    name: &str,
    table: &Table,
    is_again: bool,
) -> Result<()> {
    let mut start = prefix(space::DOCUMENT, table.id);
    let end = successor(&start);
    loop {
        let keys = transaction.written_keys(&start, &end, CHUNK);
        let Some(last) = keys.last() else {
            return Ok(());
        };
        start.clear();
        start.extend_from_slice(last);
        start.push(0);
        let before = transaction.before(&keys)?;
        for (key, before) in keys.iter().zip(before) {
            let mut change_key = table_key(sequence, name);
            change_key.extend_from_slice(&key[PREFIX_SIZE..]);
            let recorded = if is_again {
                transaction.get(&change_key)?
            } else {
                None
            };
            let before = match &recorded {
                Some(change) => elements(change).next().unwrap_or_default().to_vec(),
                None => outward(table, before.as_deref()),
            };
            let after = outward(table, transaction.get(key)?.as_deref());
            if before != after {
                let mut change = Vec::with_capacity(before.len() + after.len() + 1);
                write_array_head(&mut change, 2);
                change.extend_from_slice(&before);
                change.extend_from_slice(&after);
                transaction.put(&change_key, &change)?;
            } else if recorded.is_some() {
                transaction.delete(&change_key)?;
            }
        }
    }
}

/// A document as callers get it, or null for none.
fn outward(table: &Table, document: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    match document {
        None => write_null(&mut out),
        Some(document) if table.has_functions => without_metatables(document, &mut out),
        Some(document) => out.extend_from_slice(document),
    }
    debug_assert!(document.is_some() || out == [NULL]);
    out
}
