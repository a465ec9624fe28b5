//! Big integers in Lua: the module `bigint`, and what integers beyond 64 bits are to a script.
//!
//! A big integer is a userdata whose block is the value, in CBOR as it is stored. So there is nothing to finalize,
//! Lua's memory limit sees all of it, and the order of numbers is that of every other part. It stays a big integer
//! when it would fit into 64 bits; as a value it is a plain integer then.

mod arithmetic;
mod digits;
mod functions;

use std::ffi::c_int;

use super::context::{Context, context};
use super::stack::{Kind, REGISTRY, Stack};
use crate::value::{Big, write_integer};

/// The keys, which no script can make, under which the registry keeps the metatable and the module.
static METATABLE: u8 = 0;
static MODULE: u8 = 0;

/// What scripts require.
pub(super) const NAME: &str = "bigint";

/// Makes the metatable and the module. `protect` puts a read-only table over the one on the top.
pub(super) fn open(stack: Stack, context: &Context, protect: fn(Stack)) {
    stack.create_table(0, 32);
    let functions = stack.top();
    functions::add(stack, functions);
    stack.create_table(0, 24);
    functions::add_operators(stack, stack.top());
    stack.copy(functions);
    stack.raw_set_field(-2, "__index");
    for name in ["__metatable", "__name"] {
        stack.push_bytes(NAME.as_bytes());
        stack.raw_set_field(-2, name);
    }
    context.marks.bigint.set(stack.pointer(-1));
    stack.raw_set_pointer(REGISTRY, &raw const METATABLE as *const _);
    protect(stack);
    stack.raw_set_pointer(REGISTRY, &raw const MODULE as *const _);
    stack.pop(1);
}

/// Pushes the module.
pub(super) fn push_module(stack: Stack) {
    stack.raw_get_pointer(REGISTRY, &raw const MODULE as *const _);
}

/// The value that a big integer stands for; none for anything else. The bytes live as long as it does.
pub(crate) fn value<'a>(stack: Stack, index: c_int) -> Option<&'a [u8]> {
    let is_big = stack.kind(index) == Kind::Userdata
        && stack.metatable(index) == context(stack).marks.bigint.get();
    is_big.then(|| stack.block(index))
}

/// Pushes an integer beyond 64 bits.
pub(crate) fn push(stack: Stack, big: Big<'_>) {
    let mut value = Vec::with_capacity(big.bytes.len() + 4);
    write_integer(&mut value, big.negative, big.bytes);
    push_encoded(stack, &value);
}

/// Pushes any integer as a big one.
fn push_encoded(stack: Stack, value: &[u8]) {
    stack.push_block(value);
    stack.raw_get_pointer(REGISTRY, &raw const METATABLE as *const _);
    stack.set_metatable(-2);
}

/// A word with an article for what is at an index, for messages.
pub(crate) fn kind_name(stack: Stack, index: c_int) -> &'static str {
    match value(stack, index) {
        Some(_) => "a big integer",
        None => stack.kind(index).name(),
    }
}
