//! How often objects are referred to, and which of them nothing needs any more.
//!
//! Documents and objects refer to objects; each reference counts, and what is counted is in the store. An object
//! that no document leads to goes, in the commit that took the last way to it. Counts alone do not see that of
//! a function that refers to itself, or of two that refer to each other. So where a count has fallen, what can be
//! reached from the object is looked at: whatever in there is referred to from outside of it stays, with all
//! that it leads to, and the rest goes. (It is the local search of D. F. Bacon and V. T. Rajan, "Concurrent
//! Cycle Collection in Reference Counted Systems", 2001, done at once.)

use std::rc::Rc;

use crate::database::Database;
use crate::error::{Error, Result};
use crate::key::{prefix, space};
use crate::value::{Item, references, write_int};

fn number(id: u64) -> Result<u32> {
    u32::try_from(id).map_err(|_| Error::corrupt("store", "an object's number can't be right"))
}

fn count(db: &Database, id: u32) -> Result<i64> {
    match db.transaction().get(&prefix(space::COUNT, id))? {
        None => Ok(1),
        Some(count) => match Item::of(&count) {
            Item::Int(count) => Ok(count),
            _ => Err(Error::corrupt(
                "store",
                "a number of references can't be read; restore from a backup",
            )),
        },
    }
}

fn set_count(db: &mut Database, id: u32, count: i64) -> Result<()> {
    let key = prefix(space::COUNT, id);
    if count == 1 {
        return db.transaction_mut().delete(&key);
    }
    let mut bytes = Vec::new();
    write_int(&mut bytes, count);
    db.transaction_mut().put(&key, &bytes)
}

/// The bytes of an object; none if it is gone.
///
/// # Errors
/// As the store fails; so do all here.
pub(super) fn read(db: &Database, id: u32) -> Result<Option<Rc<[u8]>>> {
    db.transaction().get(&prefix(space::OBJECT, id))
}

/// Puts an object, which does not refer to others yet and is not referred to.
pub(super) fn create(db: &mut Database, id: u32) -> Result<()> {
    set_count(db, id, 0)?;
    db.doubt(id);
    Ok(())
}

/// Writes an object in place of what it was.
pub(super) fn write(db: &mut Database, id: u32, old: &[u8], new: &[u8]) -> Result<()> {
    retain(db, new)?;
    release(db, old)?;
    db.transaction_mut().put(&prefix(space::OBJECT, id), new)
}

/// Counts the references in a document or an object that is going to be there.
///
/// # Errors
/// As the store fails.
pub fn retain(db: &mut Database, value: &[u8]) -> Result<()> {
    for id in references(value) {
        let id = number(id)?;
        let count = count(db, id)?;
        set_count(db, id, count + 1)?;
    }
    Ok(())
}

/// Counts the references in a document or an object that goes.
///
/// # Errors
/// As the store fails.
pub fn release(db: &mut Database, value: &[u8]) -> Result<()> {
    for id in references(value) {
        let id = number(id)?;
        let count = count(db, id)?;
        set_count(db, id, count - 1)?;
        db.doubt(id);
    }
    Ok(())
}

/// An object that can be reached from one whose count has fallen.
struct Reached {
    id: u32,
    bytes: Rc<[u8]>,
    /// References that do not come from what was reached.
    outside: i64,
    stays: bool,
}

/// Ends a call for objects: deletes those that nothing leads to any more, and tells which.
///
/// # Errors
/// As the store fails; `InvalidArgument` if an index needs one that is gone or has changed.
#[inline(never)]
pub fn collect(db: &mut Database) -> Result<Vec<u32>> {
    let freed = free(db)?;
    if db
        .transaction()
        .has_written(&[space::OBJECT], &[space::COUNT + 1])
    {
        db.transaction_mut().settle();
        crate::index::check_functions(db)?;
    }
    Ok(freed)
}

fn free(db: &mut Database) -> Result<Vec<u32>> {
    let mut waiting = db.take_doubts();
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    // In the order of their numbers.
    let mut reached: Vec<Reached> = Vec::new();
    while let Some(id) = waiting.pop() {
        let Err(place) = find(&reached, id) else {
            continue;
        };
        let Some(bytes) = read(db, id)? else {
            set_count(db, id, 1)?;
            continue;
        };
        for id in references(&bytes) {
            waiting.push(number(id)?);
        }
        let outside = count(db, id)?;
        let object = Reached {
            id,
            bytes,
            outside,
            stays: false,
        };
        reached.insert(place, object);
    }
    for place in 0..reached.len() {
        let bytes = reached[place].bytes.clone();
        for id in references(&bytes) {
            if let Ok(place) = find(&reached, number(id)?) {
                reached[place].outside -= 1;
            }
        }
    }
    let mut waiting: Vec<usize> = (0..reached.len())
        .filter(|place| reached[*place].outside > 0)
        .collect();
    while let Some(place) = waiting.pop() {
        if std::mem::replace(&mut reached[place].stays, true) {
            continue;
        }
        let bytes = reached[place].bytes.clone();
        for id in references(&bytes) {
            waiting.extend(find(&reached, number(id)?));
        }
    }
    let mut freed = Vec::new();
    for object in reached.iter().filter(|object| !object.stays) {
        release(db, &object.bytes)?;
        freed.push(object.id);
    }
    for id in &freed {
        db.transaction_mut().delete(&prefix(space::OBJECT, *id))?;
        set_count(db, *id, 1)?;
    }
    // What was freed is referred to only by what stays or is freed too: nothing is left in doubt.
    db.take_doubts();
    Ok(freed)
}

fn find(reached: &[Reached], id: u32) -> std::result::Result<usize, usize> {
    reached.binary_search_by_key(&id, |object| object.id)
}
