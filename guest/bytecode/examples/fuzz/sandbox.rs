//! Runs a chunk in a Lua of its own: nothing from outside, so much memory, so many instructions.

use std::cell::Cell;

use mlua::chunk::ChunkMode;
use mlua::{Lua, LuaOptions, MultiValue, StdLib, Value, ffi};

const MEMORY_BYTES: usize = 4 << 20;
const INSTRUCTIONS: u32 = 4000;
const HOOK_EVERY: u32 = 50;

/// A Lua without what reaches outside of it and without a loader, since no verifier stands before that.
pub fn lua() -> Lua {
    let libraries =
        StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::UTF8 | StdLib::COROUTINE;
    // SAFETY: `debug` is left out. Binary chunks can be loaded, and the caller verifies each of them.
    let lua = unsafe { Lua::unsafe_new_with(libraries, LuaOptions::default()) };
    let globals = lua.globals();
    for name in ["load", "loadfile", "dofile", "require", "warn"] {
        globals
            .raw_set(name, Value::Nil)
            .expect("a global can be removed");
    }
    let silent = lua.create_function(|_, _: MultiValue| Ok(()));
    let silent = silent.expect("a function can be made");
    globals
        .raw_set("print", silent)
        .expect("a global can be set");
    lua
}

/// Loads and runs a verified chunk; whether it came to an end of its own.
///
/// Whatever it returns or raises is no concern of ours. If it is not safe, the process ends here.
pub fn run(chunk: &[u8]) -> bool {
    let exhausted = run_with_hook(chunk);
    if !exhausted {
        // Without a hook, the machine takes other ways: returns are done in place.
        call(&lua(), chunk);
    }
    !exhausted
}

thread_local! {
    /// How often the hook may still be called.
    static LEFT: Cell<u32> = const { Cell::new(0) };
}

fn run_with_hook(chunk: &[u8]) -> bool {
    let lua = lua();
    LEFT.set(INSTRUCTIONS / HOOK_EVERY);
    // mlua's own hooks cut the running function's frame down when they raise an error, which closes
    // variables too early: seen as a failed assertion, for source text as well.
    // SAFETY: the state is valid in here, the hook is a function for hooks, and threads inherit it.
    let hooked = unsafe {
        lua.exec_raw::<()>((), |state| {
            ffi::lua_sethook(state, Some(count), ffi::LUA_MASKCOUNT, HOOK_EVERY as i32);
        })
    };
    hooked.expect("a hook can be set");
    call(&lua, chunk);
    LEFT.get() == 0
}

/// Counts, and raises an error when there is nothing left to count. A coroutine is suspended instead: one
/// that died in a hook calls no hook any more when its variables are closed, which may take forever.
unsafe extern "C-unwind" fn count(state: *mut ffi::lua_State, _: *mut ffi::lua_Debug) {
    match LEFT.get() {
        // SAFETY: Lua calls a hook with a valid state. Nothing here has to be dropped when the error
        // leaves this function.
        0 => unsafe {
            // At every instruction from now on: else a loop around `pcall` may be as long as the distance
            // between two calls of the hook, and the error always be caught.
            ffi::lua_sethook(state, Some(count), ffi::LUA_MASKCOUNT, 1);
            if ffi::lua_isyieldable(state) != 0 {
                ffi::lua_yield(state, 0);
                return;
            }
            ffi::lua_pushstring(state, c"out of instructions".as_ptr());
            ffi::lua_error(state);
        },
        left => LEFT.set(left - 1),
    }
}

fn call(lua: &Lua, chunk: &[u8]) {
    lua.set_memory_limit(lua.used_memory() + MEMORY_BYTES)
        .expect("memory can be limited");
    let loaded = lua.load(chunk).set_mode(ChunkMode::Binary).into_function();
    if let Ok(function) = loaded {
        let arguments = (3, "text", lua.globals());
        let _ = function.call::<MultiValue>(arguments);
        let _ = function.call::<MultiValue>(());
    }
    let _ = lua.gc_collect();
}
