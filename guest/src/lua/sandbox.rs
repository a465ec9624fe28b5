//! What a script finds: the standard names, read-only, and globals of its own.
//!
//! `io`, `package` and `debug` are never opened, and neither is Lua's `os`, which would bring
//! files and processes into the component: `clock.rs` has the rest of it.

use std::ffi::{CString, c_int};

use mlua::ffi;

use super::context::{Context, enter, slot};
use super::stack::{Kind, Native, REGISTRY, Stack, lua_State};
use super::{base, bigint, clock, external, library};
use crate::error::Error;

/// The libraries whose tables scripts see, but `os`.
const LIBRARIES: &[(&str, unsafe extern "C-unwind" fn(*mut lua_State) -> c_int)] = &[
    ("coroutine", ffi::luaopen_coroutine),
    ("math", ffi::luaopen_math),
    ("string", ffi::luaopen_string),
    ("table", ffi::luaopen_table),
    ("utf8", ffi::luaopen_utf8),
];

/// Where the registry keeps the globals of what is loaded.
const GLOBALS: i64 = ffi::LUA_RIDX_GLOBALS;

/// Fills a new state.
pub(super) fn open(stack: Stack, context: &Context) {
    marks(stack, context);
    external::open(stack, context);
    stack.create_table(0, 64);
    let base = stack.top();
    open_library(stack, "_G", ffi::luaopen_base);
    for name in base::KEPT {
        stack.raw_get_field(-1, name);
        stack.raw_set_field(base, name);
    }
    for (name, function) in base::FUNCTIONS {
        stack.raw_get_field(-1, name);
        stack.push_closure(*function, 1);
        stack.raw_set_field(base, name);
    }
    stack.pop(1);
    for (name, open) in LIBRARIES {
        open_library(stack, name, *open);
        for (_, function, native) in library::FUNCTIONS
            .iter()
            .filter(|(library, ..)| library == name)
        {
            stack.raw_get_field(-1, function);
            stack.push_closure(*native, 1);
            stack.raw_set_field(-2, function);
        }
        match *name {
            "string" => protect_strings(stack),
            "math" => guard_random(stack),
            _ => {}
        }
        push_read_only(stack);
        stack.raw_set_field(base, name);
        stack.pop(1);
    }
    stack.create_table(0, 4);
    for (name, function) in clock::FUNCTIONS {
        stack.set_native(-1, name, *function);
    }
    push_read_only(stack);
    stack.raw_set_field(base, "os");
    stack.pop(1);
    if super::host::push_table(stack, context) {
        push_read_only(stack);
        stack.raw_set_field(base, "host");
        stack.pop(1);
    }
    for name in ["_home", "Memory"] {
        stack.raw_get_integer(REGISTRY, slot::HOME);
        stack.raw_set_field(base, name);
    }
    external::push_database(stack);
    stack.raw_set_field(base, "db");
    bigint::open(stack, context, push_read_only);
    permanents(stack, base);
    // Tracebacks name functions by what is loaded.
    stack.raw_get_field(REGISTRY, "_LOADED");
    stack.copy(base);
    stack.raw_set_field(-2, "_G");
    stack.pop(1);
    stack.raw_set_integer(REGISTRY, slot::BASE);
    stack.load_text(b"return x", c"=environment");
    stack.raw_set_integer(REGISTRY, slot::ENVIRONMENT);
    push_pure(stack);
    crate::function::pure::open(stack);
    push_globals(stack, context);
    set_globals(stack);
    crate::function::open(stack);
}

/// What functions that compute indexes find: all of these names depend on their arguments only.
const PURE: &[&str] = &[
    "_VERSION",
    "assert",
    "coroutine",
    "error",
    "getmetatable",
    "ipairs",
    "list",
    "map",
    "math",
    "next",
    "pairs",
    "pcall",
    "rawequal",
    "rawget",
    "rawlen",
    "rawset",
    "select",
    "setmetatable",
    "string",
    "table",
    "tonumber",
    "tostring",
    "type",
    "utf8",
    "xpcall",
];

/// Whether something of the standard library depends on its arguments only, by its name.
pub(crate) fn is_pure_name(name: &str) -> bool {
    let root = name.split('.').next().unwrap_or_default();
    (PURE.contains(&root) || root == bigint::NAME) && !name.starts_with("math.random")
}

/// Pushes the globals of functions that compute indexes.
fn push_pure(stack: Stack) {
    stack.create_table(0, 0);
    stack.create_table(0, 3);
    stack.set_native(-1, "__index", pure_index);
    stack.set_native(-1, "__newindex", base::refuse);
    stack.push_bytes(b"read-only table");
    stack.raw_set_field(-2, "__metatable");
    stack.set_metatable(-2);
}

unsafe extern "C-unwind" fn pure_index(state: *mut lua_State) -> c_int {
    enter(state, |stack, _| {
        stack.raw_get_integer(REGISTRY, slot::BASE);
        stack.copy(2);
        stack.raw_get(-2);
        let name = stack.to_bytes(2).map(std::str::from_utf8);
        if let Some(Ok(name)) = name
            && !stack.is_nil(-1)
            && !PURE.contains(&name)
        {
            return Err(Error::argument(
                "",
                format!(
                    "a function that computes an index can't use '{name}'; it has the document, and what depends on nothing else"
                ),
            ));
        }
        Ok(1)
    })
}

/// Pushes a library's own table, which scripts never see.
fn open_library(stack: Stack, name: &str, open: Native) {
    let name = CString::new(name).unwrap_or_default();
    // SAFETY: the state is new and has room.
    unsafe { ffi::luaL_requiref(stack.state, name.as_ptr(), open, 0) }
}

fn marks(stack: Stack, context: &Context) {
    for (name, place, mark) in [
        ("list", slot::LIST, &context.marks.list),
        ("map", slot::MAP, &context.marks.map),
    ] {
        stack.create_table(0, 1);
        stack.push_bytes(name.as_bytes());
        stack.raw_set_field(-2, "__metatable");
        mark.set(stack.pointer(-1));
        stack.raw_set_integer(REGISTRY, place);
    }
}

/// Pushes a metatable that shows the table on the top, and no way to it.
fn push_metatable_over(stack: Stack, name: &str) {
    stack.create_table(0, 5);
    stack.copy(-2);
    stack.raw_set_field(-2, "__index");
    stack.copy(-2);
    stack.raw_set_pointer(-2, (&raw const base::BEHIND).cast());
    stack.push_bytes(name.as_bytes());
    stack.raw_set_field(-2, "__metatable");
}

/// Pushes a table that shows the one on the top and can't be written.
fn push_read_only(stack: Stack) {
    stack.create_table(0, 0);
    stack.copy(-2);
    push_metatable_over(stack, "read-only table");
    stack.set_native(-1, "__newindex", base::refuse);
    stack.remove(-2);
    stack.set_metatable(-2);
}

/// The metatable of strings: methods stay, the way to it goes. `dump` makes what `load` refuses.
fn protect_strings(stack: Stack) {
    stack.push_nil();
    stack.raw_set_field(-2, "dump");
    stack.push_bytes(b"");
    if stack.push_metatable(-1) {
        stack.push_bytes(b"string");
        stack.raw_set_field(-2, "__metatable");
        stack.pop(1);
    }
    stack.pop(1);
}

/// Replaces `math.random` and `math.randomseed` by functions over the same generator.
fn guard_random(stack: Stack) {
    let math = stack.top();
    for (name, function, more) in [
        ("random", library::random as Native, true),
        ("randomseed", library::random_seed as Native, false),
    ] {
        stack.raw_get_field(math, name);
        stack.push_upvalue(-1, 1);
        stack.insert(-2);
        if more {
            stack.raw_get_field(math, "randomseed");
        }
        stack.push_closure(function, if more { 3 } else { 2 });
        stack.raw_set_field(math, name);
    }
}

/// Writes down the names of what the standard library holds: persisted functions keep it by name.
fn permanents(stack: Stack, base: c_int) {
    stack.create_table(0, 256);
    let permanents = stack.top();
    add_permanents(stack, base, permanents, "");
    // What is no global, and only `require` gives.
    stack.create_table(0, 1);
    bigint::push_module(stack);
    stack.raw_set_field(-2, bigint::NAME);
    add_permanents(stack, stack.top(), permanents, "");
    stack.pop(1);
    stack.raw_get_integer(REGISTRY, slot::METHODS);
    add_permanents(stack, stack.top(), permanents, "db.");
    stack.pop(1);
    stack.raw_set_integer(REGISTRY, slot::PERMANENTS);
}

fn add_permanents(stack: Stack, table: c_int, permanents: c_int, before: &str) {
    stack.push_nil();
    while stack.next(table) {
        let name = stack
            .to_bytes(-2)
            .and_then(|name| std::str::from_utf8(name).ok());
        let name = format!("{before}{}", name.unwrap_or_default());
        let kind = stack.kind(-1);
        if matches!(kind, Kind::Function | Kind::Table)
            && !matches!(name.as_str(), "_home" | "Memory" | "db")
        {
            stack.copy(-1);
            stack.push_bytes(name.as_bytes());
            stack.raw_set(permanents);
            stack.push_bytes(name.as_bytes());
            stack.copy(-2);
            stack.raw_set(permanents);
        }
        if kind == Kind::Table && before.is_empty() && stack.push_metatable(-1) {
            stack.raw_get_pointer(-1, (&raw const base::BEHIND).cast());
            if stack.is_table(-1) {
                add_permanents(stack, stack.top(), permanents, &format!("{name}."));
            }
            stack.pop(2);
        }
        stack.pop(1);
    }
}

/// Pushes a new table of globals.
fn push_globals(stack: Stack, context: &Context) {
    stack.create_table(0, 0);
    if context.marks.globals.get().is_null() {
        stack.raw_get_integer(REGISTRY, slot::BASE);
        push_metatable_over(stack, "globals");
        stack.remove(-2);
        context.marks.globals.set(stack.pointer(-1));
        // The registry keeps the metatable alive.
        stack.copy(-1);
        stack.raw_set_pointer(REGISTRY, (&raw const base::BEHIND).cast());
    } else {
        stack.raw_get_pointer(REGISTRY, (&raw const base::BEHIND).cast());
    }
    stack.set_metatable(-2);
}

/// Whether globals were kept for calls that ask for them.
pub(super) fn has_kept(stack: Stack) -> bool {
    stack.raw_get_integer(REGISTRY, slot::KEPT);
    let has_kept = stack.is_table(-1);
    stack.pop(1);
    has_kept
}

/// Sets the globals that a call starts with: none, or those that are kept.
pub(super) fn enter_globals(stack: Stack, context: &Context, keep: bool) {
    stack.raw_get_integer(REGISTRY, slot::KEPT);
    let has_kept = stack.is_table(-1);
    stack.raw_get_integer(REGISTRY, GLOBALS);
    let is_kept = has_kept && stack.raw_equal(-1, -2);
    if keep {
        stack.pop(1);
        if !has_kept {
            stack.pop(1);
            push_globals(stack, context);
            stack.copy(-1);
            stack.raw_set_integer(REGISTRY, slot::KEPT);
        }
    } else {
        stack.remove(-2);
        stack.push_nil();
        let is_used = stack.next(-2);
        if is_used {
            stack.pop(2);
        }
        if !is_used && !is_kept {
            // The globals of the last call, which used none.
            stack.pop(1);
            return;
        }
        stack.pop(1);
        push_globals(stack, context);
    }
    set_globals(stack);
}

/// Pops a table and makes it the globals of all that is loaded from now on, and of all that was loaded from the
/// store.
fn set_globals(stack: Stack) {
    stack.copy(-1);
    stack.raw_set_integer(REGISTRY, GLOBALS);
    stack.raw_get_integer(REGISTRY, slot::ENVIRONMENT);
    stack.copy(-2);
    stack.set_upvalue(-2, 1);
    stack.pop(1);
    stack.raw_get_integer(REGISTRY, slot::BASE);
    stack.insert(-2);
    stack.raw_set_field(-2, "_G");
    stack.pop(1);
}

/// Makes `_io` for a call; the first argument is at `input`, if there is one.
pub(super) fn enter_io(stack: Stack, input: Option<c_int>) {
    let input = input.map(|index| stack.absolute(index));
    stack.raw_get_integer(REGISTRY, slot::BASE);
    stack.create_table(0, 1);
    if let Some(input) = input {
        stack.copy(input);
        stack.raw_set_field(-2, "input");
    }
    stack.raw_set_field(-2, "_io");
    stack.pop(1);
}
