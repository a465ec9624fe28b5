//! What the entries of an archive must be: each for itself, and all of them together.
//!
//! Whatever passes here is what the engine itself could have written, so that no code behind it meets
//! anything that it would not meet in a database of its own.

use std::borrow::Cow;

use crate::bytes::sort;
use crate::catalog;
use crate::changes::check_settings;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::format::{self, Format};
use crate::function;
use crate::index;
use crate::key::{Key, PREFIX_SIZE, space};
use crate::value::{Item, NULL, accept, accept_stored, has_objects};

/// Checks one entry for itself.
///
/// # Errors
/// `Corrupt`, with `key` or `value` and the path in it; `UnsupportedFormat` for a record of another format.
pub(super) fn check_entry(key: &[u8], value: &[u8]) -> Result<()> {
    match key {
        space::FORMAT => match format::parse(value)? {
            Format::Complete => Ok(()),
            _ => Err(Error::corrupt(
                "value",
                "the database was not whole when it was archived",
            )),
        },
        space::NEXT_ID => catalog::check_next_id(value),
        space::LIMITS => catalog::check_limits(value),
        space::FEED_SETTINGS => check_settings(value),
        [0x01, 0x01, name @ ..] => catalog::check_record(name, value),
        [space::DOCUMENT, _, _, _, _, key @ ..] => {
            check_key(key).and_then(|()| check_document(value))
        }
        [space::OBJECT, _, _, _, _] => function::check_object(value),
        [space::COUNT, _, _, _, _] => check_count(value),
        _ => Err(Error::corrupt("key", "no archive has such a key")),
    }
    .map_err(as_corrupt)
}

/// Checks that all entries fit together: no number is twice there or still free, every document is in a table,
/// every function in its document.
///
/// # Errors
/// `Corrupt`.
pub(super) fn check_all(db: &Database) -> Result<()> {
    let contradiction = |what: &str| Error::corrupt("store", what);
    let tables = db.all_tables();
    let free = catalog::free_id(db.transaction())?;
    let mut ids: Vec<Vec<u8>> = tables
        .iter()
        .flat_map(|table| {
            let indexes = table.indexes.iter().map(|index| index.id);
            std::iter::once(table.id).chain(indexes)
        })
        .map(|id| id.to_be_bytes().to_vec())
        .collect();
    sort(&mut ids);
    let is_free = |id: &Vec<u8>| id[..] >= free.to_be_bytes()[..];
    if ids.last().is_some_and(is_free) || ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(contradiction(
            "two things have one number, or a number that is free",
        ));
    }

    let mut documents = db.transaction().prefix(&[space::DOCUMENT]).eager();
    while let Some((key, document)) = super::next(&mut documents, db.transaction())? {
        let start = &key[..PREFIX_SIZE];
        let at = tables.partition_point(|table| table.id.to_be_bytes()[..] < start[1..]);
        let table = tables
            .get(at)
            .filter(|table| table.id.to_be_bytes()[..] == start[1..])
            .ok_or_else(|| contradiction("a document is in no table"))?;
        if has_objects(document) && !table.has_functions {
            return Err(contradiction("a function is where none can be"));
        }
    }
    function::check_all(db, free)?;
    index::check_functions(db).map_err(as_corrupt)
}

/// A number of references.
fn check_count(value: &[u8]) -> Result<()> {
    if matches!(accept(value, "value")?, Cow::Borrowed(_))
        && matches!(Item::of(value), Item::Int(_))
    {
        return Ok(());
    }
    Err(Error::corrupt("value", "a number of references is none"))
}

/// The bytes of a document's key are those that the key is written with.
fn check_key(bytes: &[u8]) -> Result<()> {
    let key = Key::decode(bytes)?;
    let same = match &key {
        Key::Integer(_) => true,
        Key::Text(text) => Key::string(text.as_bytes(), "key")? == key,
        Key::Bytes(bytes) => Key::string(bytes, "key")? == key,
    };
    if same {
        Ok(())
    } else {
        Err(Error::corrupt(
            "key",
            "the key is bytes, and would be a text",
        ))
    }
}

/// A document is a value and not null, with functions and metatables in it or without.
fn check_document(value: &[u8]) -> Result<()> {
    if value == [NULL] {
        return Err(Error::corrupt("value", "the document is null"));
    }
    accept_stored(value, "value")
}

/// What is wrong with an argument elsewhere is damage here.
pub(super) fn as_corrupt(error: Error) -> Error {
    match error {
        Error::InvalidArgument(problem) | Error::InvalidValue(problem) => Error::Corrupt(problem),
        Error::LimitExceeded(excess) => Error::corrupt(excess.place, excess.message),
        Error::Script(failure) => Error::corrupt("store", failure.message),
        error => error,
    }
}
