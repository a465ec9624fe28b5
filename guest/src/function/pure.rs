//! Functions that compute the values of indexes: what they may be made of, so that they give the same for the same
//! document for as long as the index is there.

use std::rc::Rc;

use super::count;
use super::heap::Heap;
use super::object::Object;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::index::hash;
use crate::lua::context::{Context, slot};
use crate::lua::sandbox::is_pure_name;
use crate::lua::stack::{REGISTRY, Stack};
use crate::value::{Item, entries, references};

/// Objects that such a function may consist of.
const MAX_OBJECTS: usize = 4096;

/// A hash of all that a function consists of, itself included: another hash is another function.
///
/// # Errors
/// `InvalidArgument` for a function that can't be relied on.
pub(crate) fn mark(db: &Database, reference: &[u8]) -> Result<[u8; 16]> {
    let mut all = Vec::new();
    let mut seen: Vec<u32> = Vec::new();
    let Item::Function(first) = Item::of(reference) else {
        return Err(refused("is one of the standard library"));
    };
    let mut waiting = vec![first];
    while let Some(id) = waiting.pop() {
        let id = super::number(id)?;
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        if seen.len() > MAX_OBJECTS {
            return Err(refused("has more than 4,096 variables and tables"));
        }
        let object = count::read(db, id)?
            .ok_or_else(|| Error::corrupt("store", "a persisted function is not whole"))?;
        check(&object)?;
        all.extend_from_slice(&id.to_be_bytes());
        all.extend_from_slice(&object);
        waiting.extend(references(&object));
    }
    Ok(hash(&all))
}

fn refused(what: &str) -> Error {
    Error::argument(
        "definition.function",
        format!(
            "the function {what}, so that it may give something else for the same document; use the document, and what \
             does not change"
        ),
    )
}

fn check(object: &Rc<[u8]>) -> Result<()> {
    let check_value = |value: &[u8]| match Item::of(value) {
        Item::View(_) => Err(refused("has a table of the database in a variable")),
        Item::Library(name) if !is_pure_name(name) => {
            Err(refused(&format!("has {name} in a variable")))
        }
        _ => Ok(()),
    };
    match Object::parse(object)? {
        Object::Made(_) => Err(refused("has an object that __persist makes in a variable")),
        Object::Cell(value) => check_value(value),
        Object::Table {
            metatable,
            entries: content,
        } => {
            check_value(metatable)?;
            entries(content).try_for_each(|(_, value)| check_value(value))
        }
        Object::Code { .. } | Object::Function(_) => Ok(()),
    }
}

/// Fills the registry of a new state; the environment of these functions is on the top.
pub(crate) fn open(stack: Stack) {
    stack.load_text(b"return x", c"=environment");
    stack.copy(-2);
    stack.set_upvalue(-2, 1);
    stack.raw_set_integer(REGISTRY, slot::PURE + slot::ENVIRONMENT);
    stack.pop(1);
    clear_tables(stack);
}

fn clear_tables(stack: Stack) {
    for table in [slot::OBJECTS, slot::SLOTS, slot::NUMBERED] {
        stack.create_table(0, 0);
        stack.raw_set_integer(REGISTRY, slot::PURE + table);
    }
    stack.create_table(0, 0);
    stack.raw_set_integer(REGISTRY, slot::PURE);
}

/// Puts the objects of these functions in the place of all others, or back: what scripts have loaded and made is
/// theirs alone.
fn swap(stack: Stack, context: &Context) {
    for table in [
        slot::OBJECTS,
        slot::SLOTS,
        slot::NUMBERED,
        slot::ENVIRONMENT,
    ] {
        stack.raw_get_integer(REGISTRY, table);
        stack.raw_get_integer(REGISTRY, slot::PURE + table);
        stack.raw_set_integer(REGISTRY, table);
        stack.raw_set_integer(REGISTRY, slot::PURE + table);
    }
    context.heap.swap(&context.pure);
}

/// Pushes a function by its mark, loaded anew if it is not known.
///
/// # Errors
/// As loading it fails.
pub(crate) fn push(
    stack: Stack,
    context: &Context,
    mark: &[u8; 16],
    find: impl FnOnce() -> Result<Vec<u8>>,
) -> Result<()> {
    /// So many are known at a time, about.
    const KEPT: usize = 64;
    stack.raw_get_integer(REGISTRY, slot::PURE);
    stack.push_bytes(mark);
    stack.raw_get(-2);
    stack.remove(-2);
    if !stack.is_nil(-1) {
        return Ok(());
    }
    stack.pop(1);
    let Item::Function(id) = Item::of(&find()?) else {
        return Err(refused("is none"));
    };
    if context.pure.borrow().touched.len() >= KEPT {
        clear(stack, context);
    }
    swap(stack, context);
    context.heap.borrow_mut().begin();
    // What is there may be older than this function.
    let loaded =
        super::load::refresh(stack, context).and_then(|()| super::load::push(stack, context, id));
    swap(stack, context);
    loaded?;
    stack.raw_get_integer(REGISTRY, slot::PURE);
    stack.push_bytes(mark);
    stack.copy(-3);
    stack.raw_set(-3);
    stack.pop(1);
    Ok(())
}

/// Forgets them all: they may be those of a transaction that was taken back.
pub(crate) fn clear(stack: Stack, context: &Context) {
    if !is_used(context) {
        return;
    }
    *context.pure.borrow_mut() = Heap::default();
    clear_tables(stack);
}

/// Whether any has been loaded.
pub(crate) fn is_used(context: &Context) -> bool {
    !context.pure.borrow().touched.is_empty()
}

/// Checks that none of them has changed its variables. The database can only be read.
///
/// # Errors
/// `InvalidArgument` if one has.
pub(crate) fn check_unchanged(stack: Stack, context: &Context) -> Result<()> {
    swap(stack, context);
    let result = super::save::save_changed(stack, context);
    swap(stack, context);
    result.map_err(|_| {
        clear(stack, context);
        Error::argument(
            "",
            "a function that computes an index has changed its variables, so that it may give something else for the same \
             document; let it only read them",
        )
    })
}
