//! Batches: many operations on documents in one transaction.

mod changes;
mod edit;
mod operation;
mod puts;
mod run;

use crate::database::Database;
use crate::error::{Error, Limit, Result};
use crate::members::Members;
use crate::value::{Item, MAX_SIZE, NULL, elements, write_array_head, write_map_head, write_text};
use operation::Operation;
use puts::Puts;

/// Operations of one batch, at the most.
pub const MAX_OPERATIONS: usize = 1_000_000;

/// The old values of so many operations are read in one call of the host.
const READ_AHEAD: usize = 1024;

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

/// Runs an accepted batch and returns the array of its results.
///
/// # Errors
/// That of the first operation that fails, with its number in the place; where the batch says that each
/// stands for itself, only what ends a transaction.
pub fn apply(db: &mut Database, batch: &[u8]) -> Result<Vec<u8>> {
    let (operations, is_atomic) = parse_mode(batch)?;
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
    let mut puts = Puts::default();
    loop {
        let read: Vec<_> = rest.by_ref().take(READ_AHEAD).collect();
        if read.is_empty() {
            return Ok(results);
        }
        if is_atomic && puts.run(db, &read, number, &mut results)? {
            number += read.len();
            continue;
        }
        // What comes now may read what the puts have written, and change what is known of their tables.
        puts = Puts::default();
        db.transaction_mut().settle();
        let mut chunk = Vec::with_capacity(read.len());
        for operation in read {
            let parsed = Operation::parse(operation);
            if is_atomic && let Err(error) = parsed {
                return Err(error.under(&format!("[{}]", number + chunk.len())));
            }
            chunk.push(parsed);
        }
        let mut wanted = Vec::new();
        for operation in chunk.iter().flatten() {
            operation.add_wanted(db, &mut wanted);
        }
        db.transaction().read_ahead(wanted)?;
        for operation in chunk {
            if is_atomic {
                let done = operation.and_then(|operation| operation.run(db, &mut results));
                done.map_err(|error| error.under(&format!("[{number}]")))?;
            } else {
                attempt(db, operation, &mut results)
                    .map_err(|error| error.under(&format!("[{number}]")))?;
            }
            number += 1;
        }
    }
}

/// Runs an accepted operation alone, and returns its result.
///
/// # Errors
/// As [`apply`], without a number in the place.
pub(crate) fn run_one(db: &mut Database, operation: &[u8]) -> Result<Vec<u8>> {
    let operation = Operation::parse(operation)?;
    let mut result = Vec::new();
    let savepoint = db.savepoint();
    match operation.run(db, &mut result) {
        Ok(()) => {
            db.release(savepoint);
            Ok(result)
        }
        Err(error) => {
            // A call of a function is no operation of its own.
            db.undo(savepoint);
            Err(error)
        }
    }
}

/// The error for a document that is to be inserted and is there.
pub(crate) fn there_is_one() -> Error {
    Error::already_exists("key", "there is a document of this key; put replaces it")
}

/// The operations of a batch, and whether they take place together or not at all.
fn parse_mode(batch: &[u8]) -> Result<(&[u8], bool)> {
    let Item::Map(..) = Item::of(batch) else {
        return Ok((batch, true));
    };
    let shape = "a batch is an array of operations, or a map with operations and mode";
    let members = Members::read(batch, "", &["operations", "mode"], shape, Error::argument)?;
    let is_atomic = match members.text("mode")? {
        None | Some("atomic") => true,
        Some("best-effort") => false,
        Some(_) => {
            return Err(members.wrong("mode", "the mode is unknown; use atomic or best-effort"));
        }
    };
    Ok((members.need("operations")?, is_atomic))
}

/// Runs an operation that stands for itself: what it did is taken back if it fails, and its error is its result.
fn attempt(db: &mut Database, operation: Result<Operation>, results: &mut Vec<u8>) -> Result<()> {
    let before = results.len();
    write_map_head(results, 1);
    write_text(results, "result");
    let savepoint = db.savepoint();
    let done = operation.and_then(|operation| operation.run(db, results));
    match done {
        Ok(()) => {
            db.release(savepoint);
            Ok(())
        }
        // After these, nothing can be said of what comes next.
        Err(error @ (Error::Store(_) | Error::Corrupt(_) | Error::Cancelled)) => Err(error),
        Err(error) => {
            db.roll_back(savepoint);
            results.truncate(before);
            write_map_head(results, 1);
            write_text(results, "error");
            write_error(error, results);
            Ok(())
        }
    }
}

fn write_error(error: Error, out: &mut Vec<u8>) {
    let code = error.code();
    let (place, message) = error.into_parts();
    write_map_head(out, 3);
    for (name, text) in [("code", code), ("place", &place), ("message", &message)] {
        write_text(out, name);
        write_text(out, text);
    }
}
