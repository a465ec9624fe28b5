//! Indexes: entries in the key space, kept in step with the documents.

mod build;
mod computed;
mod definition;
mod entry;
mod sample;
mod statistics;

pub use build::{Progress, create, known, remove, step};
pub(crate) use computed::{check_functions, computed_by, computed_path, read_mark};
pub use definition::Definition;
pub(crate) use entry::{ELEMENT, WHOLE, hash, write_component};
pub use sample::is_sampled;
pub(crate) use sample::{RELIABLE, SHARE, count as count_sample, sample_key};
pub use statistics::write_statistics;

use crate::catalog::{Index, Table};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::key::{Key, PREFIX_SIZE, prefix, space};
use crate::store::Transaction;

/// Fields of one index, at the most.
pub const MAX_FIELDS: usize = 8;

/// Bytes of a document's values in one entry of a B-tree index, at the most: a store key has to stay small.
pub const MAX_ENTRY_SIZE: usize = 2048;

/// What a document that is put, replaced or deleted changes in an index.
#[derive(Debug, Default)]
pub(crate) struct Change {
    deleted: Vec<Vec<u8>>,
    added: Vec<Vec<u8>>,
    value: Vec<u8>,
    is_sampled: bool,
}

/// Adds a document's entries to all indexes of its table.
///
/// # Errors
/// `LimitExceeded` if it can't be indexed, `Corrupt` if what is unique is there already.
pub(crate) fn add(
    db: &mut Database,
    table: &Table,
    store_key: &[u8],
    document: &[u8],
) -> Result<()> {
    let key = &store_key[PREFIX_SIZE..];
    for index in &table.indexes {
        for entry in index.entries(db, document, key)? {
            let transaction = db.transaction_mut();
            if index.unique && transaction.get(&entry)?.is_some() {
                return Err(Error::corrupt(
                    "store",
                    "two documents have what a unique index has once",
                ));
            }
            transaction.put(&entry, index.entry_value(key))?;
            if is_sampled(key) {
                transaction.put(&sample_key(&entry), index.entry_value(key))?;
            }
        }
    }
    Ok(())
}

/// Finds out what changes, and that it may.
pub(crate) fn change(
    db: &Database,
    index: &Index,
    key: &[u8],
    old: Option<&[u8]>,
    new: Option<&[u8]>,
) -> Result<Change> {
    let entries = |document: Option<&[u8]>| match document {
        Some(document) => index.entries(db, document, key),
        None => Ok(Vec::new()),
    };
    let (mut deleted, mut added) = (entries(old)?, entries(new)?);
    if deleted == added {
        return Ok(Change::default());
    }
    if !deleted.is_empty() && !added.is_empty() {
        // Entries are in order, so that those of both are found by halving, however many there are.
        let kept: Vec<_> = deleted
            .iter()
            .map(|entry| added.binary_search(entry).is_ok())
            .collect();
        added.retain(|entry| deleted.binary_search(entry).is_err());
        let mut kept = kept.into_iter();
        deleted.retain(|_| kept.next() == Some(false));
    }
    if index.unique {
        for entry in &added {
            if let Some(other) = db.transaction().get(entry)? {
                return Err(taken(index, &other));
            }
        }
    }
    Ok(Change {
        deleted,
        added,
        value: index.entry_value(key).to_vec(),
        is_sampled: is_sampled(key),
    })
}

impl Change {
    /// Writes the change.
    pub(crate) fn write(self, transaction: &mut Transaction) -> Result<()> {
        for entry in &self.deleted {
            transaction.delete(entry)?;
        }
        for entry in &self.added {
            transaction.put(entry, &self.value)?;
        }
        if self.is_sampled {
            for entry in &self.deleted {
                transaction.delete(&sample_key(entry))?;
            }
            for entry in &self.added {
                transaction.put(&sample_key(entry), &self.value)?;
            }
        }
        Ok(())
    }
}

/// The error for values that another document has already.
pub(crate) fn taken(index: &Index, other: &[u8]) -> Error {
    let other = Key::decode(other).map_or_else(|_| "?".to_string(), |key| key.to_string());
    Error::already_exists(
        "",
        format!(
            "index '{}' is unique, and document '{other}' has these values already; change one of both",
            index.name
        ),
    )
}

/// Deletes all entries of an index, and its sample.
pub(crate) fn clear(transaction: &mut Transaction, index: &Index) -> Result<()> {
    let all = prefix(space::INDEX, index.id);
    transaction.delete_prefix(&all)?;
    transaction.delete_prefix(&sample_key(&all))
}
