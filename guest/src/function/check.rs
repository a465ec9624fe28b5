//! Objects as they come from outside, in an archive.

use super::bytecode;
use super::object::{Object, Text};
use crate::bytes::sort;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::key::{PREFIX_SIZE, space};
use crate::lua::external::is_readable;
use crate::value::{Item, accept_stored, entries, references};

fn corrupt(message: &str) -> Error {
    Error::corrupt("value", message)
}

/// Checks an object for itself: it is written as such an object is, and its bytecode, if it has any, passes the
/// verifier.
///
/// # Errors
/// `Corrupt`, and `InvalidArgument` for bytecode; so do the others.
pub(crate) fn check_object(value: &[u8]) -> Result<()> {
    accept_stored(value, "value")?;
    let object = Object::parse(value)?;
    if object.to_bytes() != value {
        return Err(corrupt("an object is not written as objects are"));
    }
    match object {
        Object::Code { name, text } => {
            if name.contains('\0') {
                return Err(corrupt("the name of a chunk has a zero byte"));
            }
            match text {
                Text::Source(..) => Ok(()),
                Text::Bytecode(chunk) => bytecode::check(chunk),
            }
        }
        Object::Function(_) | Object::Made(_) => Ok(()),
        Object::Cell(value) => check_content(value),
        Object::Table {
            metatable,
            entries: content,
        } => {
            match Item::of(metatable) {
                Item::Null | Item::Int(0 | 1) | Item::Function(_) | Item::Library(_) => {}
                _ => return Err(corrupt("a metatable is none")),
            }
            if !matches!(Item::of(content), Item::Map(..)) {
                return Err(corrupt("a table is no map"));
            }
            entries(content).try_for_each(|(key, value)| {
                if Item::of(key) == Item::Null {
                    return Err(corrupt("a table has a key that no table has"));
                }
                check_content(value)
            })
        }
    }
}

/// What a variable or a field holds.
fn check_content(value: &[u8]) -> Result<()> {
    match Item::of(value) {
        Item::List(..) | Item::Map(..) => Err(corrupt("a variable holds what no variable holds")),
        Item::View(view) if !is_readable(view) => Err(corrupt("an external table is none")),
        _ => Ok(()),
    }
}

/// Checks that all objects are there that are referred to, and no others, each as often as is counted.
pub(crate) fn check_all(db: &Database, free: u32) -> Result<()> {
    let contradiction = |message: &str| Error::corrupt("store", message);
    let mut all: Vec<Vec<u8>> = Vec::new();
    for space in [space::DOCUMENT, space::OBJECT] {
        let mut cursor = db.transaction().prefix(&[space]).eager();
        while let Some((_, value)) = cursor.next(db.transaction())? {
            for id in references(value) {
                all.push(super::number(id)?.to_be_bytes().to_vec());
            }
        }
    }
    sort(&mut all);
    let mut counted = 0;
    let mut rest = &all[..];
    let mut objects = db.transaction().prefix(&[space::OBJECT]).eager();
    while let Some((key, _)) = objects.next(db.transaction())? {
        let id = &key[1..];
        let count = rest.iter().take_while(|other| **other == id).count();
        if count == 0 {
            return Err(contradiction(
                "nothing refers to an object, or something to one that is not there",
            ));
        }
        if id >= &free.to_be_bytes()[..] {
            return Err(contradiction("an object has a number that is free"));
        }
        let mut count_key = vec![space::COUNT];
        count_key.extend_from_slice(&key[1..PREFIX_SIZE]);
        let stored = match db.transaction().get(&count_key)? {
            Some(bytes) => {
                counted += 1;
                match Item::of(&bytes) {
                    // One is what is not written.
                    Item::Int(count) if count > 1 => usize::try_from(count).ok(),
                    _ => None,
                }
            }
            None => Some(1),
        };
        if stored != Some(count) {
            return Err(contradiction(
                "the number of references to an object is not that of its references",
            ));
        }
        rest = &rest[count..];
    }
    if !rest.is_empty()
        || db
            .transaction()
            .count(&[space::COUNT], &[space::COUNT + 1])?
            != counted
    {
        return Err(contradiction(
            "something refers to an object that is not there",
        ));
    }
    Ok(())
}
