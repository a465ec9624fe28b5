//! Persisted functions: closures as objects of the store, with the code that they come from and the variables that they share.
//!
//! `object.rs` has the bytes, `count.rs` who refers to whom. `heap.rs` keeps which Lua values are which objects;
//! `save.rs` is the way from closures to objects and `load.rs` the way back. A function is compiled from its
//! source again, never run again: `source.rs` finds the text that a closure comes from, `prototype.rs` cuts it out of
//! what that compiles to, and `bytecode.rs` guards the road of those that have no text.

mod bytecode;
mod check;
mod count;
mod heap;
mod list;
mod load;
mod object;
mod persist;
mod prototype;
pub(crate) mod pure;
mod save;
mod source;
mod statistics;
#[cfg(test)]
mod tests;

use std::ffi::CStr;

use mlua::ffi::LUA_OK;

use crate::error::{Error, Limit, Result, ScriptFailure};
use crate::key::Key;
use crate::lua::context::Context;
use crate::lua::load_error;
use crate::lua::stack::{Kind, Stack};
use crate::name::{MAX_NAME_SIZE, check_table};

pub(crate) use check::{check_all, check_object};
pub use count::{collect, release, retain};
pub(crate) use heap::{Heap, begin, committed, end, forget, open, roll_back};
pub(crate) use list::find;
pub use list::{FunctionInfo, delete, list, rename, source};
pub(crate) use load::{push, push_library};
pub(crate) use pure::mark;
pub(crate) use save::{Saver, bind, library_name, save_changed};
pub use statistics::CallStatistics;
pub(crate) use statistics::Statistics;

/// Bytes of source text, at the most, for each byte of bytecode that a function may have.
const SOURCE_FOR_BYTECODE: u64 = 8;

/// A function that is about to be persisted.
pub(crate) struct Draft<'a> {
    pub table: &'a str,
    pub key: Key,
}

impl<'a> Draft<'a> {
    /// Checks the names.
    ///
    /// # Errors
    /// `InvalidArgument` or `LimitExceeded`.
    pub(crate) fn new(table: &'a str, name: &str) -> Result<Draft<'a>> {
        check_table(table)?;
        if name.len() > MAX_NAME_SIZE {
            return Err(Error::limit(
                Limit::NameSize,
                MAX_NAME_SIZE as u64,
                "name",
                format!(
                    "the function's name has {} bytes, at most {MAX_NAME_SIZE} are allowed",
                    name.len()
                ),
            ));
        }
        let key = Key::string(name.as_bytes(), "name")?;
        Ok(Draft { table, key })
    }
}

/// Checks that a text is not too long to be a function's source.
///
/// # Errors
/// `LimitExceeded`.
pub(crate) fn check_source(source: &str, function_size: u64) -> Result<()> {
    let maximum = function_size.saturating_mul(SOURCE_FOR_BYTECODE);
    if source.len() as u64 <= maximum {
        return Ok(());
    }
    Err(Error::limit(
        Limit::FunctionSize,
        function_size,
        "source",
        format!(
            "the source has {} bytes, at most {maximum} are allowed for a function of {function_size} bytes of bytecode; keep data in documents",
            source.len()
        ),
    ))
}

/// What tracebacks call a function.
pub(crate) fn chunk_name(table: &str, name: &str) -> String {
    format!("{table}.{name}")
}

/// Compiles a source, which is an expression or a chunk, and pushes the function that gives its value. Says
/// whether it is an expression.
///
/// # Errors
/// `Syntax`.
pub(crate) fn load_source(stack: Stack, source: &str, chunk: &CStr) -> Result<bool> {
    let status = stack.load_text(source::expression(source).as_bytes(), chunk);
    if status == LUA_OK {
        return Ok(true);
    }
    let as_expression = load_error(stack, status);
    stack.pop(1);
    match stack.load_text(source.as_bytes(), chunk) {
        LUA_OK => Ok(false),
        // Of two messages, that which takes the source for what it was meant to be.
        _ if is_expression(source) => Err(as_expression),
        status => Err(load_error(stack, status)),
    }
}

fn is_expression(source: &str) -> bool {
    source
        .trim_start()
        .strip_prefix("function")
        .is_some_and(|rest| rest.trim_start().starts_with('('))
}

/// Pushes the function of a binary chunk, with nothing in its variables but the globals.
///
/// # Errors
/// `InvalidArgument` if the verifier refuses it.
pub(crate) fn load_bytecode(stack: Stack, chunk: &[u8], name: &CStr) -> Result<()> {
    bytecode::check(chunk)?;
    // Lua itself checks nothing but the header, which the verifier has seen.
    match stack.load_binary(chunk, name) {
        LUA_OK => Ok(()),
        status => Err(load_error(stack, status)),
    }
}

/// Keeps the function at stack index 2, which a draft's source has given, as a document.
///
/// # Errors
/// `Syntax` if it is no Lua function, `Unstorable` for what it can't keep.
pub(crate) fn store(stack: Stack, context: &Context, draft: &Draft<'_>) -> Result<()> {
    if stack.kind(2) != Kind::Function || stack.is_native(2) {
        let found = match stack.kind(2) {
            Kind::Function => "a function of the standard library",
            other => other.name(),
        };
        return Err(Error::Syntax(ScriptFailure {
            message: format!(
                "the source gives {found}; write function(…) … end, or a chunk that returns one"
            ),
            traceback: String::new(),
        }));
    }
    stack.set_top(2);
    let mut saver = Saver::new(stack, context, "");
    saver.is_whole = true;
    let mut document = Vec::new();
    saver.write_root(2, &mut document)?;
    saver.finish()?;
    context.with_db(|db| db.put_value(draft.table, &draft.key, &document))
}

fn number(id: u64) -> Result<u32> {
    u32::try_from(id).map_err(|_| Error::corrupt("store", "an object's number can't be right"))
}
