//! The budget of instructions, and how Lua comes to look at it.

use std::ffi::c_int;

use mlua::ffi;

use super::context::{HOOK_STEP, context};
use super::stack::{Stack, lua_State};

/// How Lua comes to look at the budget: by its own hook.
#[cfg(not(target_arch = "wasm32"))]
pub(super) mod countdown {
    use super::{HOOK_STEP, Stack, lua_State, watch};

    /// Prepares a new state.
    pub(crate) fn probe(_: Stack) {}

    /// Begins to count for a call. Coroutines inherit the hook.
    pub(crate) fn start(stack: Stack) {
        watch(stack, HOOK_STEP as std::ffi::c_int);
    }

    /// Tells which coroutine runs from now on, and returns the one before.
    pub(crate) fn switch(_: *mut lua_State) -> *mut lua_State {
        std::ptr::null_mut()
    }
}

/// How Lua comes to look at the budget in the component: it counts by itself.
///
/// A hook that counts makes Lua call a function for every instruction, which doubles the time that scripts
/// take. Before each instruction, Lua looks at `luai_unlikely(trap)`, whether a hook waits. The build of the
/// component defines that macro so that it also counts `cu_countdown` down, and calls `cu_count` when
/// it is through. A function call counts as one instruction more. Without that definition, the hook counts.
#[cfg(target_arch = "wasm32")]
pub(super) mod countdown {
    use std::ffi::c_int;
    use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering::Relaxed};

    use super::{HOOK_STEP, Stack, context, ffi, lua_State, watch};

    /// Instructions until Lua calls `cu_count`.
    // SAFETY: nothing else has this name; C sees it as an int.
    #[unsafe(no_mangle)]
    static cu_countdown: AtomicI32 = AtomicI32::new(0);

    /// Whether Lua counts by itself.
    static COUNTS: AtomicBool = AtomicBool::new(false);

    /// The coroutine that runs.
    static RUNNING: AtomicPtr<lua_State> = AtomicPtr::new(std::ptr::null_mut());

    /// Finds out, with a new state, whether Lua counts by itself.
    pub(crate) fn probe(stack: Stack) {
        const MANY: c_int = c_int::MAX;
        cu_countdown.store(MANY, Relaxed);
        stack.load_text(b"for _ = 1, 9 do end", c"=probe");
        stack.protected_call(0, 0, 0);
        COUNTS.store(cu_countdown.load(Relaxed) < MANY, Relaxed);
    }

    /// Begins to count for a call.
    pub(crate) fn start(stack: Stack) {
        if !COUNTS.load(Relaxed) {
            return watch(stack, HOOK_STEP as c_int);
        }
        // SAFETY: the state is not running; a call that was over has left its hook.
        unsafe { ffi::lua_sethook(stack.state, None, 0, 0) };
        RUNNING.store(stack.state, Relaxed);
        cu_countdown.store(HOOK_STEP as c_int - 1, Relaxed);
    }

    /// Tells which coroutine runs from now on, and returns the one before.
    pub(crate) fn switch(state: *mut lua_State) -> *mut lua_State {
        RUNNING.swap(state, Relaxed)
    }

    /// Looks at the budget. Once it is used up, the hook is set, and Lua told to look after it now.
    // SAFETY: nothing else has this name; the build's macro calls it as it is declared here.
    #[unsafe(no_mangle)]
    extern "C" fn cu_count() -> c_int {
        let stack = Stack::of(RUNNING.load(Relaxed));
        if !context(stack).step() {
            cu_countdown.store(HOOK_STEP as c_int - 1, Relaxed);
            return 0;
        }
        cu_countdown.store(0, Relaxed);
        watch(stack, 1);
        1
    }
}

/// Looks at the budget after so many instructions, in this coroutine and those that it makes.
fn watch(stack: Stack, step: c_int) {
    // SAFETY: the hook is a function for hooks.
    unsafe { ffi::lua_sethook(stack.state, Some(count), ffi::LUA_MASKCOUNT, step) }
}

/// The hook. It is called in the midst of a function, where only an error may leave.
unsafe extern "C-unwind" fn count(state: *mut lua_State, _: *mut ffi::lua_Debug) {
    let stack = Stack::of(state);
    let context = context(stack);
    let over = context.relaxed(|| {
        let is_over = context.step();
        if is_over {
            stack.reserve(3);
            stack.push_where(0);
            stack.push_bytes(context.fatal_message().as_bytes());
            stack.concat(2);
        }
        is_over
    });
    if over {
        // A handler of the script that runs on the way out is over with its first instruction.
        watch(stack, 1);
        stack.error();
    }
}
