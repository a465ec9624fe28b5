//! `transaction(function() … end)`: a part of a call that takes place as a whole or not at all.

use std::ffi::c_int;

use mlua::ffi;

use super::context::{Context, context, enter, misuse};
use super::explain;
use super::stack::{Kind, Stack, lua_State};
use crate::error::Result;
use crate::function;

/// Parts inside each other, at the most.
const MAX_OPEN: usize = 64;

/// Calls its first argument with the others, and returns what that returns. An error takes back what was written
/// since, and is raised again.
pub(super) unsafe extern "C-unwind" fn transaction(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    enter(state, |stack, context| {
        if stack.kind(1) != Kind::Function {
            return Err(misuse(format!(
                "transaction takes a function, not {}",
                stack.kind(1).name()
            )));
        }
        begin(stack, context).map(|()| 0)
    });
    let arguments = stack.top() - 1;
    stack.push_native(explain);
    stack.insert(1);
    let status = stack.protected_call(arguments, ffi::LUA_MULTRET, 1);
    enter(state, |stack, context| {
        end(stack, context, status == ffi::LUA_OK).map(|()| 0)
    });
    if status == ffi::LUA_OK {
        return stack.top() - 1;
    }
    context(stack).is_raised_again.set(true);
    stack.error()
}

fn begin(stack: Stack, context: &Context) -> Result<()> {
    if context.savepoints.borrow().len() >= MAX_OPEN {
        return Err(misuse(format!(
            "more than {MAX_OPEN} transactions are inside each other"
        )));
    }
    // What variables hold now is what they will hold again if it fails.
    function::save_changed(stack, context)?;
    let savepoint = context.with_db(|db| Ok(db.savepoint()))?;
    context.savepoints.borrow_mut().push(savepoint);
    Ok(())
}

fn end(stack: Stack, context: &Context, is_done: bool) -> Result<()> {
    let Some(savepoint) = context.savepoints.borrow_mut().pop() else {
        return Ok(());
    };
    if !stack.reserve(8) {
        return Err(misuse("Lua's stack is full; call less deeply"));
    }
    context.with_db(|db| {
        if is_done {
            db.release(savepoint);
        } else {
            db.roll_back(savepoint);
        }
        Ok(())
    })
}
