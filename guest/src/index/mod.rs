//! Indexes: entries in the key space, kept in step with the documents.

mod computed;
mod definition;
mod entry;

use std::rc::Rc;

pub(crate) use computed::{check_functions, computed_by, computed_path, read_mark};
pub use definition::Definition;
pub(crate) use entry::{ELEMENT, WHOLE, hash, write_component};

use crate::catalog::{Index, Table};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::key::{Key, PREFIX_SIZE, prefix, space};
use crate::name::check_index;
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
    // Entries are in order, so that those of both are found by halving, however many there are.
    let kept: Vec<_> = deleted
        .iter()
        .map(|entry| added.binary_search(entry).is_ok())
        .collect();
    added.retain(|entry| deleted.binary_search(entry).is_err());
    let mut kept = kept.into_iter();
    deleted.retain(|_| kept.next() == Some(false));
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

/// Makes an index, and the table if it is absent.
///
/// # Errors
/// `AlreadyExists` if another index has the name, or if two documents have the same values in an index that is
/// unique; `LimitExceeded` if a document can't be indexed.
pub fn create(db: &mut Database, table_name: &str, definition: Definition) -> Result<Rc<Index>> {
    let table = db.ensure_table(table_name)?;
    let Definition(mut definition) = definition;
    if let Some(function) = &mut definition.function {
        *function = function.marked(db)?;
    }
    let mut indexes = table.indexes.clone();
    let at = indexes.partition_point(|there| there.name < definition.name);
    if let Some(there) = indexes
        .get(at)
        .filter(|there| there.name == definition.name)
    {
        let wanted = Index {
            id: there.id,
            ..definition
        };
        if **there == wanted {
            return Ok(there.clone());
        }
        return Err(Error::already_exists(
            "definition.name",
            format!(
                "table '{table_name}' has another index '{}'; drop it first, or choose another name",
                wanted.name
            ),
        ));
    }
    let index = Rc::new(Index {
        id: db.next_id()?,
        ..definition
    });
    let mut cursor = db
        .transaction()
        .prefix(&prefix(space::DOCUMENT, table.id))
        .eager();
    while let Some((store_key, document)) = cursor.next(db.transaction())? {
        let key = &store_key[PREFIX_SIZE..];
        let change = change(db, &index, key, None, Some(document));
        change
            .map_err(|error| match error {
                Error::AlreadyExists(_) => error.under("definition.unique"),
                other => other,
            })?
            .write(db.transaction_mut())?;
    }
    indexes.insert(at, index.clone());
    db.set_table(
        table_name,
        Table {
            indexes,
            ..Table::clone(&table)
        },
    )?;
    Ok(index)
}

/// Removes an index. False if there is none of that name.
///
/// # Errors
/// As the store fails.
pub fn remove(db: &mut Database, table_name: &str, name: &str) -> Result<bool> {
    check_index(name, "name")?;
    let Some(table) = db.table(table_name)? else {
        return Ok(false);
    };
    let Some(index) = table.indexes.iter().find(|index| index.name == name) else {
        return Ok(false);
    };
    db.transaction_mut()
        .delete_prefix(&prefix(space::INDEX, index.id))?;
    let mut indexes = table.indexes.clone();
    indexes.retain(|index| index.name != name);
    db.set_table(
        table_name,
        Table {
            indexes,
            ..Table::clone(&table)
        },
    )?;
    Ok(true)
}
