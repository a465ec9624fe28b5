//! Batches: many operations on documents in one transaction.

use crate::database::Database;
use crate::error::{Error, Limit, Result};
use crate::key::{Key, document_key};
use crate::value::{
    Item, MAX_SIZE, NULL, elements, entries, write_array_head, write_bool, write_null,
};

/// Operations of one batch, at the most.
pub const MAX_OPERATIONS: usize = 1_000_000;

/// The old values of so many operations are read in one call of the host.
const READ_AHEAD: usize = 1024;

enum Operation<'a> {
    Put(&'a str, Key, &'a [u8]),
    Get(&'a str, Key),
    Delete(&'a str, Key),
}

impl<'a> Operation<'a> {
    fn parse(operation: &'a [u8]) -> Result<Self> {
        if !matches!(Item::of(operation), Item::Map(..)) {
            return Err(Error::argument(
                "",
                "the operation is no map; send for example {\"op\": \"put\", \"table\": …, \"key\": …, \"value\": …}",
            ));
        }
        let (mut op, mut table, mut key, mut value) = (None, None, None, None);
        for (member, content) in entries(operation) {
            match Item::of(member) {
                Item::Text("op") => op = Some(content),
                Item::Text("table") => table = Some(content),
                Item::Text("key") => key = Some(content),
                Item::Text("value") => value = Some(content),
                Item::Text(other) => {
                    return Err(Error::argument(
                        other,
                        "an operation has the members op, table, key and value",
                    ));
                }
                _ => return Err(Error::argument("", "a member's name is no text")),
            }
        }
        let op = match op.map(Item::of) {
            Some(Item::Text(op @ ("put" | "get" | "delete"))) => op,
            Some(Item::Text(other)) => {
                return Err(Error::argument(
                    "op",
                    format!("the operation '{other}' is unknown; use put, get or delete"),
                ));
            }
            Some(_) => return Err(Error::argument("op", "the operation's name is no text")),
            None => return Err(Error::argument("op", "the operation's name is missing")),
        };
        let table = match table.map(Item::of) {
            Some(Item::Text(table)) => table,
            Some(_) => return Err(Error::argument("table", "the table's name is no text")),
            None => return Err(Error::argument("table", "the table's name is missing")),
        };
        let key = key.ok_or_else(|| Error::argument("key", "the key is missing"))?;
        let key = Key::of_value(key, "key")?;
        match (op, value) {
            ("put", Some(value)) => {
                check_document(value)?;
                Ok(Operation::Put(table, key, value))
            }
            ("put", None) => Err(Error::argument("value", "the value is missing")),
            (_, Some(_)) => Err(Error::argument(
                "value",
                format!("'{op}' takes no value; leave it out"),
            )),
            ("get", None) => Ok(Operation::Get(table, key)),
            (_, None) => Ok(Operation::Delete(table, key)),
        }
    }

    /// The store key whose old value will be asked for.
    fn needs_old(&self, db: &Database) -> Option<Vec<u8>> {
        let (table, key, always) = match self {
            Operation::Put(table, key, _) => (table, key, false),
            Operation::Get(table, key) | Operation::Delete(table, key) => (table, key, true),
        };
        let table = db.catalog().table(table)?;
        (always || table.needs_old()).then(|| document_key(table.id, key))
    }

    fn run(self, db: &mut Database, results: &mut Vec<u8>) -> Result<()> {
        match self {
            Operation::Put(table, key, value) => {
                db.put(table, &key, value)?;
                write_null(results);
            }
            Operation::Get(table, key) => match db.get(table, &key)? {
                Some(document) => results.extend_from_slice(&document),
                None => write_null(results),
            },
            Operation::Delete(table, key) => {
                let there = db.delete(table, &key)?;
                write_bool(results, there);
            }
        }
        Ok(())
    }
}

/// Checks that an accepted value may be a document.
///
/// # Errors
/// `InvalidValue` for null, `LimitExceeded` for one that is too large.
pub fn check_document(value: &[u8]) -> Result<()> {
    if value == [NULL] {
        return Err(Error::value(
            "value",
            "null is no document; delete the document instead",
        ));
    }
    if value.len() > MAX_SIZE {
        return Err(Error::limit(
            Limit::ValueSize,
            MAX_SIZE as u64,
            "value",
            format!(
                "the value has {} bytes, at most {MAX_SIZE} are allowed; split it into several documents",
                value.len()
            ),
        ));
    }
    Ok(())
}

/// Runs an accepted array of operations and returns the array of their results.
///
/// # Errors
/// That of the first operation that fails, with its number in the place.
pub fn apply(db: &mut Database, operations: &[u8]) -> Result<Vec<u8>> {
    let Item::List(count, _) = Item::of(operations) else {
        return Err(Error::argument("operations", "the operations are no array"));
    };
    if count > MAX_OPERATIONS {
        return Err(Error::limit(
            Limit::BatchSize,
            MAX_OPERATIONS as u64,
            "operations",
            format!(
                "the batch has {count} operations, at most {MAX_OPERATIONS} are allowed; send several"
            ),
        ));
    }
    let mut results = Vec::with_capacity(count + 9);
    write_array_head(&mut results, count);
    let mut rest = elements(operations);
    let mut number = 0;
    loop {
        let mut chunk = Vec::with_capacity(READ_AHEAD.min(count));
        for operation in rest.by_ref().take(READ_AHEAD) {
            let parsed = Operation::parse(operation);
            chunk
                .push(parsed.map_err(|error| error.under(&format!("[{}]", number + chunk.len())))?);
        }
        if chunk.is_empty() {
            return Ok(results);
        }
        let wanted: Vec<_> = chunk
            .iter()
            .filter_map(|operation| operation.needs_old(db))
            .collect();
        db.transaction().read_ahead(&wanted)?;
        for operation in chunk {
            operation
                .run(db, &mut results)
                .map_err(|error| error.under(&format!("[{number}]")))?;
            number += 1;
        }
    }
}
