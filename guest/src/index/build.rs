//! Making and removing indexes: at once, or in steps.
//!
//! An index that is made in steps has entries for the documents up to a key. Writes keep those in step, so that
//! what is left to do is always behind that key. Removing goes the same way back: at any moment the entries are
//! those that documents and catalog call for, whoever dies in between.

use std::rc::Rc;

use super::{Definition, change, clear};
use crate::catalog::{Build, Index, Table, write_build};
use crate::database::Database;
use crate::error::{Error, Problem, Result};
use crate::key::{Key, PREFIX_SIZE, prefix, space, successor};
use crate::name::check_index;
use crate::store::{Cursor, Direction};

/// Documents that one step goes through, at the most.
const STEP: u64 = 4096;

/// Bytes that one step writes, about: they are in the guest's memory.
const STEP_BYTES: usize = 4 << 20;

/// How far an index is after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// `building`, `removing`, `ready` or `removed`.
    pub phase: &'static str,
    /// How many documents have been gone through, or are left to go back through.
    pub done: u64,
    /// How many there are, about.
    pub total: u64,
}

impl Progress {
    fn of(phase: &'static str, build: &Build) -> Progress {
        Progress {
            phase,
            done: build.done,
            total: build.total,
        }
    }

    /// Appends it as callers see it.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_build(self.phase, self.done, self.total, out);
    }
}

/// Makes an index, and the table if it is absent; begins to, if it shall be built in steps.
///
/// # Errors
/// `AlreadyExists` if another index has the name, or if two documents have the same values in an index that is
/// unique; `LimitExceeded` if a document can't be indexed.
pub fn create(db: &mut Database, table_name: &str, definition: Definition) -> Result<Rc<Index>> {
    let table = db.ensure_table(table_name)?;
    let mut definition = definition;
    if let Some(function) = &mut definition.0.function {
        *function = function.marked(db)?;
    }
    let in_steps = definition.0.build.is_some();
    let there = find(&table, &definition.0.name);
    if let Some(there) = &there
        && !definition.is_of(there)
    {
        return Err(Error::already_exists(
            "definition.name",
            format!(
                "table '{table_name}' has another index '{}'; drop it first, or choose another name",
                there.name
            ),
        ));
    }
    let mut index = match there {
        Some(there) => there,
        None => {
            let index = Index {
                id: db.next_id()?,
                build: Some(Build {
                    total: if in_steps { count(db, &table)? } else { 0 },
                    ..Build::default()
                }),
                ..definition.0
            };
            forward(db, table_name, &index, in_steps)?
        }
    };
    while !in_steps && !index.is_ready() {
        if is_removing(&index) {
            return Err(Error::already_exists(
                "definition.name",
                format!(
                    "the index '{}' is being removed; drop it until it is gone, and make it then",
                    index.name
                ),
            ));
        }
        index = forward(db, table_name, &index, false)?;
    }
    Ok(index)
}

/// Removes an index, or a part of one that is not ready. False if there is none of that name.
///
/// # Errors
/// As the store fails.
pub fn remove(db: &mut Database, table_name: &str, name: &str) -> Result<bool> {
    check_index(name, "name")?;
    let Some(table) = db.table(table_name)? else {
        return Ok(false);
    };
    let Some(index) = find(&table, name) else {
        return Ok(false);
    };
    if index.is_ready() {
        clear(db.transaction_mut(), &index)?;
        set(db, table_name, name, None)?;
    } else {
        backward(db, table_name, &index)?;
    }
    Ok(true)
}

/// Goes on with an index that is not ready.
///
/// # Errors
/// `UnknownTable`, `UnknownIndex`; as [`create`] fails.
pub fn step(db: &mut Database, table_name: &str, name: &str) -> Result<Progress> {
    let table = db.known_table(table_name)?;
    let index = known(&table, table_name, name)?;
    let Some(build) = &index.build else {
        let documents = count(db, &table)?;
        return Ok(Progress {
            phase: "ready",
            done: documents,
            total: documents,
        });
    };
    if build.removing {
        let left = backward(db, table_name, &index)?;
        let phase = if left.done > 0 { "removing" } else { "removed" };
        return Ok(Progress::of(phase, &left));
    }
    let index = forward(db, table_name, &index, true)?;
    match &index.build {
        Some(build) => Ok(Progress::of("building", build)),
        None => {
            let documents = count(db, &table)?;
            Ok(Progress {
                phase: "ready",
                done: documents,
                total: documents,
            })
        }
    }
}

/// The index of a name, which has to be there.
///
/// # Errors
/// `UnknownIndex`.
pub fn known(table: &Table, table_name: &str, name: &str) -> Result<Rc<Index>> {
    check_index(name, "name")?;
    find(table, name).ok_or_else(|| {
        Error::UnknownIndex(Problem {
            place: "name".to_string(),
            message: format!(
                "table '{table_name}' has no index '{name}'; list shows which there are"
            ),
        })
    })
}

fn find(table: &Table, name: &str) -> Option<Rc<Index>> {
    let index = table.indexes.iter().find(|index| index.name == name);
    index.cloned()
}

fn is_removing(index: &Index) -> bool {
    index.build.as_ref().is_some_and(|build| build.removing)
}

fn count(db: &Database, table: &Table) -> Result<u64> {
    let documents = prefix(space::DOCUMENT, table.id);
    db.transaction().count(&documents, &successor(&documents))
}

/// Puts an index in the place of the one of its name, or nothing.
fn set(db: &mut Database, table_name: &str, name: &str, index: Option<Rc<Index>>) -> Result<()> {
    let table = db.known_table(table_name)?;
    let mut indexes = table.indexes.clone();
    indexes.retain(|index| index.name != name);
    if let Some(index) = index {
        let at = indexes.partition_point(|there| there.name < index.name);
        indexes.insert(at, index);
    }
    db.set_table(
        table_name,
        Table {
            indexes,
            ..Table::clone(&table)
        },
    )
    .map(|_| ())
}

/// Adds the entries of the documents that have none yet: of all, or of as many as a step takes.
fn forward(
    db: &mut Database,
    table_name: &str,
    index: &Index,
    one_step: bool,
) -> Result<Rc<Index>> {
    let table = db.known_table(table_name)?;
    let mut build = index.build.clone().unwrap_or_default();
    // The documents that are added are not covered yet.
    let whole = Index {
        build: None,
        ..index.clone()
    };
    let documents = prefix(space::DOCUMENT, table.id);
    let mut start = documents.clone();
    if !build.last.is_empty() {
        start.extend_from_slice(&build.last);
        start.push(0);
    }
    let before = db.transaction().written();
    let (mut here, mut is_through) = (0, true);
    let mut cursor = Cursor::new(start, successor(&documents), Direction::Forward).eager();
    while let Some((store_key, document)) = cursor.next(db.transaction())? {
        if one_step && (here >= STEP || db.transaction().written() - before >= STEP_BYTES) {
            is_through = false;
            break;
        }
        let key = &store_key[PREFIX_SIZE..];
        let change = change(db, &whole, key, None, Some(document));
        change
            .map_err(|error| with_document(error, &whole, key))?
            .write(db.transaction_mut())?;
        build.last.clear();
        build.last.extend_from_slice(key);
        here += 1;
    }
    build.done += here;
    let index = Rc::new(Index {
        build: (!is_through).then_some(build),
        ..whole
    });
    set(db, table_name, &index.name, Some(index.clone()))?;
    Ok(index)
}

/// Deletes the entries of as many documents as a step takes, from the last one that has any back, and in the end
/// the index. Gives what is left.
fn backward(db: &mut Database, table_name: &str, index: &Index) -> Result<Build> {
    let table = db.known_table(table_name)?;
    let mut build = index.build.clone().unwrap_or_default();
    build.removing = true;
    let documents = prefix(space::DOCUMENT, table.id);
    let end = [documents.as_slice(), &build.last, &[0]].concat();
    let before = db.transaction().written();
    let (mut here, mut last) = (0, None);
    let mut cursor = Cursor::new(documents, end, Direction::Backward).eager();
    while !build.last.is_empty()
        && let Some((store_key, document)) = cursor.next(db.transaction())?
    {
        let key = &store_key[PREFIX_SIZE..];
        if here >= STEP || db.transaction().written() - before >= STEP_BYTES {
            last = Some(key.to_vec());
            break;
        }
        change(db, index, key, Some(document), None)?.write(db.transaction_mut())?;
        here += 1;
    }
    match last {
        Some(last) => {
            // What was written in the meantime may make it another number; it is left until it is 0.
            build.done = build.done.saturating_sub(here).max(1);
            build.last = last;
            let index = Index {
                build: Some(build.clone()),
                ..index.clone()
            };
            set(db, table_name, &index.name, Some(Rc::new(index.clone())))?;
        }
        None => {
            build.done = 0;
            set(db, table_name, &index.name, None)?;
        }
    }
    Ok(build)
}

/// The error for a document that can't be indexed, with its key.
fn with_document(error: Error, index: &Index, key: &[u8]) -> Error {
    let key = Key::decode(key).map_or_else(|_| "?".to_string(), |key| key.to_string());
    match error {
        Error::AlreadyExists(problem) => Error::already_exists(
            "definition.unique",
            format!(
                "document '{key}' can't be in index '{}': {}",
                index.name, problem.message
            ),
        ),
        Error::LimitExceeded(mut excess) => {
            excess.message = format!("document '{key}': {}", excess.message);
            Error::LimitExceeded(excess)
        }
        other => other,
    }
}
