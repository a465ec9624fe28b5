//! `__persist`: how a table tells what is to be kept of it, as in Eris (F. Nücke, "Eris", 2013).
//!
//! In a metatable, `__persist = false` forbids, `true` is the default, and a function is called with the
//! object and returns a function; that one is persisted in the object's place, and called to make the
//! object again.

use std::ffi::c_int;

use mlua::ffi;

use crate::error::{Error, Result};
use crate::lua::context::{Context, misuse};
use crate::lua::stack::{Kind, Stack};

/// What a metatable says.
pub(super) enum Wish {
    /// To be kept as it is.
    AsItIs,
    /// Not to be kept.
    Not,
    /// To be made again by a function.
    Made,
}

/// What the metatable of the object at an index says, without asking its function.
pub(super) fn look(stack: Stack, index: c_int) -> Wish {
    let index = stack.absolute(index);
    if !stack.push_metatable(index) {
        return Wish::AsItIs;
    }
    stack.raw_get_field(-1, "__persist");
    let wish = match stack.kind(-1) {
        Kind::Function => Wish::Made,
        Kind::Boolean if !stack.to_bool(-1) => Wish::Not,
        _ => Wish::AsItIs,
    };
    stack.pop(2);
    wish
}

/// Asks the metatable of the object at an index; the function that is to make it is pushed.
///
/// # Errors
/// What its function raises; `Unstorable` if that gives no function.
pub(super) fn ask(stack: Stack, context: &Context, index: c_int) -> Result<Wish> {
    let index = stack.absolute(index);
    let wish = look(stack, index);
    if matches!(wish, Wish::Made) {
        stack.push_metatable(index);
        stack.raw_get_field(-1, "__persist");
        stack.remove(-2);
        stack.copy(index);
        call(stack, context, 1, "__persist")?;
        if stack.kind(-1) != Kind::Function || stack.is_native(-1) {
            return Err(Error::unstorable(
                "",
                format!(
                    "has a __persist that gives {}; let it return a function that makes the object",
                    stack.kind(-1).name()
                ),
            ));
        }
    }
    Ok(wish)
}

/// Calls a function of the script, which is on the stack below its arguments, for one result. The limits hold
/// meanwhile.
///
/// # Errors
/// What it raises.
pub(super) fn call(stack: Stack, context: &Context, arguments: c_int, what: &str) -> Result<()> {
    let status = context.strict(|| stack.protected_call(arguments, 1, 0));
    context.set_running(stack);
    if status == ffi::LUA_OK {
        return Ok(());
    }
    context.is_uncatchable(stack, status);
    let message = match stack.to_bytes(-1) {
        Some(message) => String::from_utf8_lossy(message).into_owned(),
        None => stack.kind(-1).name().to_string(),
    };
    stack.pop(1);
    Err(misuse(format!("{what} failed: {message}")))
}
