//! Runs a chunk in a Lua of its own: nothing from outside, so much memory, so many instructions.
//!
//! What harm a chunk does must not go unnoticed. So this Lua is as touchy as it can be made: its memory is
//! spoiled when it is given back, its collector may run wherever it may run, and the stack above each frame
//! is full of values whose use ends the process.

use std::cell::Cell;
use std::ffi::{CStr, c_int, c_void};
use std::{process, ptr, slice};

use mlua::ffi;

use super::memory::{Budget, allocate};
use super::model::Chunk;

const MEMORY_BYTES: usize = 4 << 20;
const INSTRUCTIONS: u32 = 4000;
const HOOK_EVERY: u32 = 50;

/// More values than there are registers in a frame.
const REMAINS: c_int = 260;
/// Fewer where it is done often.
const REMAINS_IN_HOOK: c_int = 60;

/// Results that are looked at, and called if they are functions.
const RESULTS: c_int = 8;

/// Says that the verifier has let something through, by the death of this process.
pub fn die(what: &str) -> ! {
    eprintln!("{what}");
    process::abort()
}

/// When garbage is collected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Collector {
    /// As ever, which is rarely in a short life.
    Patient,
    /// All of it, wherever any may be collected.
    Greedy,
    Generational,
}

/// Loads and runs a verified chunk; whether it came to an end of its own.
///
/// Whatever it returns or raises is no concern of ours. If it is not safe, the process ends here.
pub fn run(chunk: &[u8]) -> bool {
    let sum = chunk.iter().fold(0u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add((*byte).into())
    });
    let collector = match sum % 8 {
        0 => Collector::Greedy,
        1 => Collector::Generational,
        _ => Collector::Patient,
    };
    let mut sandbox = Sandbox::new();
    sandbox.set_collector(collector);
    LEFT.set(INSTRUCTIONS / HOOK_EVERY);
    // SAFETY: the state is valid, the hook is one, and threads inherit it.
    unsafe {
        ffi::lua_sethook(
            sandbox.state,
            Some(count),
            ffi::LUA_MASKCOUNT,
            HOOK_EVERY as i32,
        )
    };
    sandbox.try_out(chunk);
    // Finalizers and variables to be closed run until then.
    drop(sandbox);
    let exhausted = LEFT.get() == 0;
    if !exhausted {
        // Without a hook, the machine takes other ways: returns are done in place.
        let mut sandbox = Sandbox::new();
        sandbox.set_collector(collector);
        sandbox.try_out(chunk);
    }
    !exhausted
}

/// Compiles a program.
pub fn compile(source: &str, strip: bool) -> Result<Vec<u8>, String> {
    let sandbox = Sandbox::new();
    // SAFETY: the state is valid and has room, the pointers are those of a string.
    let status = unsafe {
        ffi::luaL_loadbufferx(
            sandbox.state,
            source.as_ptr().cast(),
            source.len(),
            c"=program".as_ptr(),
            c"t".as_ptr(),
        )
    };
    match status {
        ffi::LUA_OK => Ok(sandbox.dump(strip)),
        _ => Err(sandbox.message()),
    }
}

/// A Lua without what reaches outside of it and without a loader, since no verifier stands before that.
struct Sandbox {
    state: *mut ffi::lua_State,
    budget: Box<Cell<Budget>>,
}

impl Sandbox {
    fn new() -> Self {
        let budget = Box::new(Cell::new(Budget {
            used: 0,
            limit: usize::MAX,
        }));
        // SAFETY: the allocator is one, and the budget lives as long as the state does.
        let state = unsafe { ffi::lua_newstate(allocate, budget.as_ptr().cast()) };
        assert!(!state.is_null(), "there is memory for a state");
        let libraries: [(&CStr, ffi::lua_CFunction); 6] = [
            (c"_G", ffi::luaopen_base),
            (c"table", ffi::luaopen_table),
            (c"string", ffi::luaopen_string),
            (c"math", ffi::luaopen_math),
            (c"utf8", ffi::luaopen_utf8),
            (c"coroutine", ffi::luaopen_coroutine),
        ];
        // SAFETY: the state is new, nothing is refused to it yet, and the stack is left as it was.
        unsafe {
            for (name, open) in libraries {
                ffi::luaL_requiref(state, name.as_ptr(), open, 1);
                ffi::lua_settop(state, 0);
            }
            for name in [c"load", c"loadfile", c"dofile", c"require", c"warn"] {
                ffi::lua_pushnil(state);
                ffi::lua_setglobal(state, name.as_ptr());
            }
            ffi::lua_pushcclosure(state, print, 0);
            ffi::lua_setglobal(state, c"print".as_ptr());
            watch_remains(state);
        }
        Sandbox { state, budget }
    }

    fn set_collector(&mut self, collector: Collector) {
        // SAFETY: the state is valid, and these are the arguments of these two modes.
        unsafe {
            match collector {
                Collector::Patient => {}
                // The next cycle begins at once, and each step takes it to its end.
                Collector::Greedy => {
                    ffi::lua_gc(
                        self.state,
                        ffi::LUA_GCINC,
                        1 as c_int,
                        1000 as c_int,
                        100 as c_int,
                    );
                }
                Collector::Generational => {
                    ffi::lua_gc(self.state, ffi::LUA_GCGEN, 1 as c_int, 10 as c_int);
                }
            }
        }
    }

    fn try_out(&mut self, chunk: &[u8]) {
        let budget = self.budget.get_mut();
        budget.limit = budget.used + MEMORY_BYTES;
        // SAFETY: the state is valid, its stack has room for what is pushed, and errors are caught.
        unsafe {
            let status = ffi::luaL_loadbufferx(
                self.state,
                chunk.as_ptr().cast(),
                chunk.len(),
                c"=chunk".as_ptr(),
                c"b".as_ptr(),
            );
            match status {
                ffi::LUA_OK => self.compare_with_dump(chunk),
                ffi::LUA_ERRMEM => return,
                _ => die(&format!("accepted, but not by Lua: {}", self.message())),
            }
            ffi::lua_pushvalue(self.state, 1);
            ffi::lua_pushinteger(self.state, 3);
            ffi::lua_pushstring(self.state, c"text".as_ptr());
            ffi::lua_pushvalue(self.state, ffi::LUA_REGISTRYINDEX);
            ffi::lua_rawgeti(self.state, -1, ffi::LUA_RIDX_GLOBALS);
            ffi::lua_remove(self.state, -2);
            self.call(3);
            ffi::lua_settop(self.state, 1);
            self.call(0);
            ffi::lua_settop(self.state, 0);
            ffi::lua_gc(self.state, ffi::LUA_GCCOLLECT);
        }
    }

    /// Calls a function with so many arguments, and then the functions among its results.
    ///
    /// # Safety
    ///
    /// The function and its arguments are on the stack.
    unsafe fn call(&mut self, arguments: c_int) {
        // SAFETY: the caller says what is on the stack, and that it holds no more than some results is seen to.
        unsafe {
            let below = ffi::lua_gettop(self.state) - arguments - 1;
            litter(self.state, REMAINS);
            if ffi::lua_pcall(self.state, arguments, RESULTS, 0) != ffi::LUA_OK {
                return;
            }
            litter(self.state, REMAINS);
            for result in below + 1..=below + RESULTS {
                match ffi::lua_type(self.state, result) {
                    ffi::LUA_TLIGHTUSERDATA => die("remains of another call were returned"),
                    ffi::LUA_TFUNCTION => {
                        ffi::lua_pushvalue(self.state, result);
                        ffi::lua_pushinteger(self.state, 2);
                        ffi::lua_pcall(self.state, 1, 0, 0);
                        ffi::lua_settop(self.state, below + RESULTS);
                    }
                    _ => {}
                }
            }
        }
    }

    /// What Lua has loaded is what was verified: it writes the same again.
    fn compare_with_dump(&self, chunk: &[u8]) {
        if self.dump(false) == chunk || self.dump(true) == chunk {
            return;
        }
        // Lua does not know any more whether upvalues had no names or empty ones.
        let mut parsed = Chunk::parse(chunk);
        if parsed.bytes() != chunk {
            die("accepted, but not written as Lua writes it");
        }
        parsed.main.forget_missing_names();
        let mut dumped = Chunk::parse(&self.dump(false));
        dumped.main.forget_missing_names();
        if parsed.bytes() != dumped.bytes() {
            die("accepted, but Lua has read something else");
        }
    }

    /// The function at the top of the stack as a chunk.
    fn dump(&self, strip: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let sink: *mut Vec<u8> = &mut bytes;
        // SAFETY: the writer is given the vector that it expects, and no more is done with the function.
        unsafe { ffi::lua_dump(self.state, write, sink.cast(), strip.into()) };
        bytes
    }

    /// The error message at the top of the stack.
    fn message(&self) -> String {
        let mut length = 0;
        // SAFETY: the state is valid, and the message is copied while it is on the stack.
        unsafe {
            let text = ffi::lua_tolstring(self.state, -1, &mut length);
            match text.is_null() {
                true => String::new(),
                false => {
                    String::from_utf8_lossy(slice::from_raw_parts(text.cast(), length)).into_owned()
                }
            }
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // SAFETY: the state is valid, and nothing uses it any more.
        unsafe { ffi::lua_close(self.state) };
    }
}

unsafe extern "C-unwind" fn write(
    _: *mut ffi::lua_State,
    bytes: *const c_void,
    length: usize,
    sink: *mut c_void,
) -> c_int {
    // SAFETY: this is the vector that `dump` has handed over, and Lua says how many bytes there are.
    unsafe {
        if length > 0 {
            (*sink.cast::<Vec<u8>>()).extend(slice::from_raw_parts(bytes.cast::<u8>(), length));
        }
    }
    0
}

/// Lets every use of remains end the process. They are pointers, which have nothing in common with what chunks
/// can make.
///
/// # Safety
///
/// The state is valid and nothing is refused to it.
unsafe fn watch_remains(state: *mut ffi::lua_State) {
    let events = [
        c"__index",
        c"__newindex",
        c"__call",
        c"__tostring",
        c"__len",
        c"__close",
        c"__unm",
        c"__bnot",
        c"__add",
        c"__sub",
        c"__mul",
        c"__div",
        c"__mod",
        c"__pow",
        c"__idiv",
        c"__concat",
        c"__band",
        c"__bor",
        c"__bxor",
        c"__shl",
        c"__shr",
        c"__lt",
        c"__le",
        c"__pairs",
    ];
    // SAFETY: the caller says that the state allows it; the stack is left as it was.
    unsafe {
        ffi::lua_pushlightuserdata(state, ptr::null_mut());
        ffi::lua_createtable(state, 0, 0);
        for event in events {
            ffi::lua_pushcclosure(state, remains_used, 0);
            ffi::lua_setfield(state, -2, event.as_ptr());
        }
        ffi::lua_setmetatable(state, -2);
        ffi::lua_settop(state, 0);
    }
}

unsafe extern "C-unwind" fn remains_used(_: *mut ffi::lua_State) -> c_int {
    die("remains of another call were used")
}

/// Leaves remains on the stack above what is in use.
///
/// # Safety
///
/// The state is valid.
unsafe fn litter(state: *mut ffi::lua_State, count: c_int) {
    // SAFETY: there is room, and the stack's top ends where it was.
    unsafe {
        if ffi::lua_checkstack(state, count) != 0 {
            for _ in 0..count {
                ffi::lua_pushlightuserdata(state, ptr::null_mut());
            }
            ffi::lua_settop(state, -count - 1);
        }
    }
}

/// Prints nothing, but leaves remains.
unsafe extern "C-unwind" fn print(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: Lua calls functions with a valid state.
    unsafe { litter(state, REMAINS) };
    0
}

thread_local! {
    /// How often the hook may still be called.
    static LEFT: Cell<u32> = const { Cell::new(0) };
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
        left => {
            LEFT.set(left - 1);
            // SAFETY: Lua calls a hook with a valid state.
            unsafe { litter(state, REMAINS_IN_HOOK) };
        }
    }
}
