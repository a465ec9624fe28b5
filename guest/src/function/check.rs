//! Objects as they come from outside, in an archive.

use super::bytecode;
use super::object::{Object, Text};
use crate::bytes::sort;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::key::{PREFIX_SIZE, space};
use crate::lua::external::is_readable;
use crate::value::{
    Item, accept_stored, elements, entries, has_objects, references, write_function,
};

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

/// What may be referred to at a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Code,
    Cell,
    Function,
    Table,
    /// What a variable or a field may hold.
    Content,
    /// What a document may have in it.
    Member,
}

fn is_wanted(db: &Database, id: u32, wanted: Wanted) -> Result<bool> {
    let Some(bytes) = super::count::read(db, id)? else {
        return Ok(false);
    };
    Ok(match Object::parse(&bytes)? {
        Object::Code { .. } => wanted == Wanted::Code,
        Object::Cell(_) => wanted == Wanted::Cell,
        Object::Function(_) => {
            matches!(wanted, Wanted::Function | Wanted::Content | Wanted::Member)
        }
        Object::Table { .. } => matches!(wanted, Wanted::Table | Wanted::Content),
        Object::Made(_) => matches!(wanted, Wanted::Content | Wanted::Member),
    })
}

fn check_reference(db: &Database, value: &[u8], wanted: Wanted) -> Result<()> {
    match Item::of(value) {
        Item::Function(id) if !is_wanted(db, super::number(id)?, wanted)? => Err(Error::corrupt(
            "store",
            "something refers to an object of another kind, or to one that is not there",
        )),
        _ => Ok(()),
    }
}

/// Checks what an object refers to.
fn check_references(db: &Database, object: &[u8]) -> Result<()> {
    let reference = |id: u32| {
        let mut bytes = Vec::new();
        write_function(&mut bytes, u64::from(id));
        bytes
    };
    match Object::parse(object)? {
        Object::Code { .. } => Ok(()),
        Object::Function(function) => {
            check_reference(db, &reference(function.code), Wanted::Code)?;
            let cells = function.upvalues.iter().filter_map(|(_, cell)| *cell);
            cells
                .map(reference)
                .try_for_each(|cell| check_reference(db, &cell, Wanted::Cell))
        }
        Object::Cell(value) => check_reference(db, value, Wanted::Content),
        Object::Made(function) => check_reference(db, &reference(function), Wanted::Function),
        Object::Table {
            metatable,
            entries: content,
        } => {
            check_reference(db, metatable, Wanted::Table)?;
            entries(content).try_for_each(|(_, value)| check_reference(db, value, Wanted::Content))
        }
    }
}

/// Checks what a document refers to. Its depth is that of a value.
fn check_members(db: &Database, value: &[u8]) -> Result<()> {
    if !has_objects(value) {
        return Ok(());
    }
    for (key, member) in entries(value) {
        if Item::of(key) == Item::Null {
            check_reference(db, member, Wanted::Table)?;
        } else {
            check_members(db, member)?;
        }
    }
    elements(value).try_for_each(|element| check_members(db, element))?;
    check_reference(db, value, Wanted::Member)
}

/// Checks that all objects are there that are referred to, and no others, each as often as is counted, and each of
/// the kind that it is referred to for.
pub(crate) fn check_all(db: &Database, free: u32) -> Result<()> {
    let contradiction = |message: &str| Error::corrupt("store", message);
    let mut all: Vec<Vec<u8>> = Vec::new();
    // Objects that documents refer to, and then those that these refer to.
    let mut waiting: Vec<u32> = Vec::new();
    for part in [space::DOCUMENT, space::OBJECT] {
        let mut cursor = db.transaction().prefix(&[part]).eager();
        while let Some((_, value)) = cursor.next(db.transaction())? {
            if part == space::DOCUMENT {
                check_members(db, value)?;
            } else {
                check_references(db, value)?;
            }
            for id in references(value) {
                let id = super::number(id)?;
                all.push(id.to_be_bytes().to_vec());
                if part == space::DOCUMENT {
                    waiting.push(id);
                }
            }
        }
    }
    sort(&mut all);
    let mut counted = 0;
    let mut rest = &all[..];
    let mut ids: Vec<u32> = Vec::new();
    let mut objects = db.transaction().prefix(&[space::OBJECT]).eager();
    while let Some((key, _)) = objects.next(db.transaction())? {
        let id = &key[1..];
        let count = rest.iter().take_while(|other| **other == id).count();
        ids.push(id.iter().fold(0, |id, byte| (id << 8) | u32::from(*byte)));
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
    let mut led_to = vec![false; ids.len()];
    while let Some(id) = waiting.pop() {
        if let Ok(place) = ids.binary_search(&id)
            && !std::mem::replace(&mut led_to[place], true)
            && let Some(object) = super::count::read(db, id)?
        {
            for id in references(&object) {
                waiting.push(super::number(id)?);
            }
        }
    }
    if led_to.contains(&false) {
        return Err(contradiction("no document leads to an object"));
    }
    Ok(())
}
