//! Values to Lua.

use std::ffi::c_int;

use super::bigint;
use super::context::{Context, slot};
use super::stack::{REGISTRY, Stack};
use crate::error::{Error, Result};
use crate::value::{Item, MAX_DEPTH, elements, entries};

/// Elements that are pushed between two looks at the budget.
const STEP: usize = 4096;
/// So many elements take about as long to be pushed as an instruction.
const ELEMENTS_PER_INSTRUCTION: usize = 2;

/// Places on the stack that a value needs while it is built.
const ROOM: c_int = 4 * (MAX_DEPTH as c_int + 4);

/// Pushes a value. The caller is [`relaxed`](Context::relaxed).
///
/// # Errors
/// `LimitExceeded` when the call's memory is used up.
pub(crate) fn push_value(stack: Stack, context: &Context, value: &[u8]) -> Result<()> {
    match Item::of(value) {
        Item::List(..) | Item::Map(..) => {
            if !stack.reserve(ROOM) {
                return Err(no_room());
            }
            push_container(stack, context, value)
        }
        Item::Function(id) => crate::function::push(stack, context, id),
        Item::Library(name) => crate::function::push_library(stack, name),
        item => {
            push_scalar(stack, item);
            Ok(())
        }
    }
}

/// Pushes the elements of a list as so many values, and tells how many.
///
/// # Errors
/// As [`push_value`].
pub(crate) fn push_all(stack: Stack, context: &Context, list: &[u8]) -> Result<c_int> {
    let elements = elements(list);
    let count = c_int::try_from(elements.size_hint().0).map_err(|_| no_room())?;
    if !stack.reserve(count.saturating_add(ROOM)) {
        return Err(no_room());
    }
    for element in elements {
        push_value(stack, context, element)?;
        context.check_memory()?;
    }
    Ok(count)
}

fn no_room() -> Error {
    Error::argument(
        "arguments",
        "there are too many for Lua's stack; send them as one list",
    )
}

/// Pushes what is no list, map or function.
#[inline]
pub(crate) fn push_scalar(stack: Stack, item: Item<'_>) {
    match item {
        Item::Bool(value) => stack.push_bool(value),
        Item::Int(int) => stack.push_integer(int),
        Item::Big(big) => bigint::push(stack, big),
        Item::Float(float) => stack.push_number(float),
        Item::Text(text) => stack.push_bytes(text.as_bytes()),
        Item::Bytes(bytes) => stack.push_bytes(bytes),
        _ => stack.push_nil(),
    }
}

fn size_hint(count: usize) -> c_int {
    c_int::try_from(count).unwrap_or(c_int::MAX)
}

fn push_container(stack: Stack, context: &Context, value: &[u8]) -> Result<()> {
    context.check_memory()?;
    match Item::of(value) {
        Item::List(count, _) => {
            stack.create_table(size_hint(count), 0);
            for (element, position) in elements(value).zip(1..) {
                push_inner(stack, context, element)?;
                stack.raw_set_integer(-2, position);
                look(context, position as usize)?;
            }
            mark(stack, slot::LIST);
        }
        Item::Map(count, _) => {
            stack.create_table(0, size_hint(count));
            let mut shape = Shape::default();
            let mut metatable = None;
            for (key, value) in entries(value) {
                let key = Item::of(key);
                if key == Item::Null {
                    metatable = Some(value);
                    continue;
                }
                shape.add(match key {
                    Item::Int(int) => Some(int),
                    _ => None,
                });
                push_scalar(stack, key);
                push_inner(stack, context, value)?;
                stack.raw_set(-3);
                look(context, shape.count())?;
            }
            if let Some(metatable) = metatable {
                push_value(stack, context, metatable)?;
                if !stack.is_table(-1) {
                    return Err(Error::corrupt(
                        "store",
                        "the metatable of a stored table is none; restore from a backup",
                    ));
                }
                super::base::set_plain_metatable(stack);
            } else if shape.list_length().is_some() {
                mark(stack, slot::MAP);
            }
        }
        _ => {}
    }
    context.check_memory()
}

/// Charges now and then for elements: this is the one with the number.
#[inline]
fn look(context: &Context, number: usize) -> Result<()> {
    if !number.is_multiple_of(STEP) {
        return Ok(());
    }
    context.check_memory()?;
    context.charge((STEP / ELEMENTS_PER_INSTRUCTION) as i64)
}

#[inline]
fn push_inner(stack: Stack, context: &Context, value: &[u8]) -> Result<()> {
    match Item::of(value) {
        Item::List(..) | Item::Map(..) => push_container(stack, context, value),
        Item::Function(_) | Item::Library(_) => push_value(stack, context, value),
        item => {
            push_scalar(stack, item);
            Ok(())
        }
    }
}

/// Gives the table on the top the metatable of lists or maps.
pub(crate) fn mark(stack: Stack, metatable: i64) {
    stack.raw_get_integer(REGISTRY, metatable);
    stack.set_metatable(-2);
}

/// What the keys of a table look like.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    count: usize,
    largest: i64,
    others: bool,
}

impl Shape {
    /// Takes a key into account: an integer, or any other.
    #[inline]
    pub(crate) fn add(&mut self, key: Option<i64>) {
        self.count += 1;
        match key {
            Some(int) if int > 0 => self.largest = self.largest.max(int),
            _ => self.others = true,
        }
    }

    /// How many keys there were.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// How long the list is that a table with these keys stands for; none if it is a map.
    pub(crate) fn list_length(&self) -> Option<usize> {
        let length = usize::try_from(self.largest).ok()?;
        (!self.others && self.count > 0 && length / 2 <= self.count && length <= 2 * self.count)
            .then_some(length)
    }
}
