//! `require`: libraries and modules that are kept in the database, each run once in a call.
//!
//! There are no files here: a name is that of a library, or of a member of `_home.modules`.

use std::ffi::c_int;

use mlua::ffi;

use super::context::{Context, enter, misuse, slot};
use super::external;
use super::stack::{Kind, REGISTRY, Stack, lua_State};
use crate::error::Result;

/// The table with the modules, as `_home` shows it.
const MODULES: &str = "modules";

/// The key, which no script can make, under which the registry keeps what the call has required, by name. While a
/// module runs, the table itself stands in its place.
static REQUIRED: u8 = 0;
/// Likewise, the metatable of a guard.
static GUARD: u8 = 0;

/// Forgets what a call has required.
pub(super) fn forget(stack: Stack) {
    stack.push_nil();
    stack.raw_set_pointer(REGISTRY, &raw const REQUIRED as *const _);
}

/// `require`.
pub(super) unsafe extern "C-unwind" fn require(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    if enter(state, find) == 1 {
        return 1;
    }
    // On the stack: the name, what was required, the guard, and the function.
    // SAFETY: the guard has a `__close`. It clears the place of a module that failed, so that whoever catches
    // the error may try again.
    unsafe { ffi::lua_toclose(state, 3) };
    stack.copy(1);
    stack.call(1, 1);
    if stack.is_nil(-1) {
        stack.pop(1);
        stack.push_bool(true);
    }
    stack.copy(1);
    stack.copy(-2);
    stack.raw_set(2);
    1
}

/// Pushes the result and tells so, or pushes what it takes to run the module.
fn find(stack: Stack, context: &Context) -> Result<c_int> {
    let name = stack
        .to_bytes(1)
        .ok_or_else(|| misuse("require needs the name of a module, which is a string"))?;
    stack.set_top(1);
    let shown = String::from_utf8_lossy(name);
    push_required(stack);
    stack.copy(1);
    stack.raw_get(2);
    if stack.raw_equal(2, 3) {
        return Err(misuse(format!(
            "module '{shown}' is required while it is being loaded; it may not require itself, through others neither"
        )));
    }
    if !stack.is_nil(3) {
        return Ok(1);
    }
    stack.set_top(2);
    stack.raw_get_integer(REGISTRY, slot::PERMANENTS);
    stack.copy(1);
    stack.raw_get(-2);
    if stack.is_table(-1) {
        return Ok(1);
    }
    stack.set_top(2);
    push_kept(stack, context)?;
    let module = stack.top();
    match stack.kind(module) {
        Kind::Nil => Err(misuse(format!(
            "module '{shown}' not found: it is no library, and _home.{MODULES} has no member of that name; persist a function as '{shown}' in the table '{MODULES}', or assign a table to it"
        ))),
        Kind::Function => {
            push_guard(stack);
            stack.replace(3);
            stack.copy(1);
            stack.copy(2);
            stack.raw_set(2);
            stack.copy(module);
            stack.replace(4);
            stack.set_top(4);
            Ok(2)
        }
        _ => {
            stack.copy(1);
            stack.copy(module);
            stack.raw_set(2);
            Ok(1)
        }
    }
}

/// Pushes the table of what the call has required.
fn push_required(stack: Stack) {
    stack.raw_get_pointer(REGISTRY, &raw const REQUIRED as *const _);
    if stack.is_nil(-1) {
        stack.pop(1);
        stack.create_table(0, 2);
        stack.copy(-1);
        stack.raw_set_pointer(REGISTRY, &raw const REQUIRED as *const _);
    }
}

/// Pushes `_home`, and the member of `_home.modules` that the first argument names, or nil.
fn push_kept(stack: Stack, context: &Context) -> Result<()> {
    stack.raw_get_integer(REGISTRY, slot::HOME);
    let home = external::view_bytes(stack, context, -1).unwrap_or_default();
    stack.push_bytes(MODULES.as_bytes());
    external::push_member(stack, context, home, stack.top())?;
    match external::view_bytes(stack, context, -1) {
        Some(modules) => external::push_member(stack, context, modules, 1),
        None => {
            stack.push_nil();
            Ok(())
        }
    }
}

/// Pushes what sees to it that the name, which is at 1, is not taken for one that runs when its module failed.
fn push_guard(stack: Stack) {
    stack.create_table(1, 0);
    stack.copy(1);
    stack.raw_set_integer(-2, 1);
    stack.raw_get_pointer(REGISTRY, &raw const GUARD as *const _);
    if stack.is_nil(-1) {
        stack.pop(1);
        stack.create_table(0, 1);
        stack.set_native(-1, "__close", close);
        stack.copy(-1);
        stack.raw_set_pointer(REGISTRY, &raw const GUARD as *const _);
    }
    stack.set_metatable(-2);
}

/// The end of a module's run: the guard is the argument.
unsafe extern "C-unwind" fn close(state: *mut lua_State) -> c_int {
    enter(state, |stack, _| {
        stack.set_top(1);
        push_required(stack);
        stack.raw_get_integer(1, 1);
        stack.copy(3);
        stack.raw_get(2);
        if stack.raw_equal(2, 4) {
            stack.copy(3);
            stack.push_nil();
            stack.raw_set(2);
        }
        Ok(0)
    })
}
