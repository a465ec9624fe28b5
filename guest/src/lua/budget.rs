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

    /// Ends the counting of a call.
    pub(crate) fn finish() {}

    /// Tells which coroutine runs from now on, and returns the one before.
    pub(crate) fn switch(_: *mut lua_State) -> *mut lua_State {
        std::ptr::null_mut()
    }

    /// Patterns are not counted.
    pub(crate) fn set_match_cost(_: i32) -> i32 {
        1
    }

    /// Instructions since the last look.
    pub(super) fn take() -> i64 {
        HOOK_STEP
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

    /// Where `cu_countdown` begins; Lua looks when it is below 0.
    const START: i32 = HOOK_STEP as i32 - 1;

    /// Instructions until Lua calls `cu_count`.
    // SAFETY: nothing else has this name; C sees it as an int.
    #[unsafe(no_mangle)]
    static cu_countdown: AtomicI32 = AtomicI32::new(i32::MAX);

    /// Whether Lua counts by itself.
    static COUNTS: AtomicBool = AtomicBool::new(false);

    /// The coroutine that runs.
    static RUNNING: AtomicPtr<lua_State> = AtomicPtr::new(std::ptr::null_mut());

    /// Finds out, with a new state, whether Lua counts by itself.
    pub(crate) fn probe(stack: Stack) {
        const MANY: c_int = c_int::MAX;
        cu_countdown.store(MANY, Relaxed);
        stack.load_text(b"for _ = 1, 9 do end", c"=probe");
        let before = cu_countdown.load(Relaxed);
        stack.protected_call(0, 0, 0);
        COUNTS.store(cu_countdown.load(Relaxed) < before, Relaxed);
    }

    /// Begins to count for a call.
    pub(crate) fn start(stack: Stack) {
        cu_countdown.store(START, Relaxed);
        if !COUNTS.load(Relaxed) {
            return watch(stack, HOOK_STEP as c_int);
        }
        // SAFETY: the state is not running; a call that was over has left its hook.
        unsafe { ffi::lua_sethook(stack.state, None, 0, 0) };
        RUNNING.store(stack.state, Relaxed);
        set_match_cost(1);
    }

    /// Ends the counting of a call: what Lua does until the next one begins is nobody's.
    pub(crate) fn finish() {
        RUNNING.store(std::ptr::null_mut(), Relaxed);
        cu_countdown.store(i32::MAX, Relaxed);
    }

    /// Tells which coroutine runs from now on, and returns the one before.
    pub(crate) fn switch(state: *mut lua_State) -> *mut lua_State {
        RUNNING.swap(state, Relaxed)
    }

    /// The coroutine that runs.
    pub(crate) fn running() -> *mut lua_State {
        RUNNING.load(Relaxed)
    }

    /// What a step of a pattern counts for.
    // SAFETY: nothing else has this name; C sees it as an int.
    #[unsafe(no_mangle)]
    static cu_match_cost: AtomicI32 = AtomicI32::new(1);

    /// Sets what a step of a pattern counts for from now on, and returns what it was.
    pub(crate) fn set_match_cost(instructions: i32) -> i32 {
        cu_match_cost.swap(instructions, Relaxed)
    }

    /// Counts work that no instruction stands for; Lua looks with its next instruction if it must.
    #[inline]
    pub(crate) fn spend(instructions: i64) {
        let instructions = i32::try_from(instructions).unwrap_or(i32::MAX);
        cu_countdown.store(
            cu_countdown.load(Relaxed).saturating_sub(instructions),
            Relaxed,
        );
    }

    /// Instructions since the last look.
    pub(super) fn take() -> i64 {
        let left = cu_countdown.swap(START, Relaxed);
        let counted = i64::from(START) - i64::from(left);
        if COUNTS.load(Relaxed) {
            counted
        } else {
            counted + HOOK_STEP
        }
    }

    /// Counts work where a C function may raise, and raises if the call is over.
    #[inline]
    pub(crate) fn spend_or_raise(state: *mut lua_State, instructions: i64) {
        spend(instructions);
        // A state that is being made has no coroutine that runs.
        if cu_countdown.load(Relaxed) < 0 && !state.is_null() {
            super::look(state);
        }
    }

    /// From now on, Lua looks before each instruction.
    pub(crate) fn stop() {
        cu_countdown.store(0, Relaxed);
    }

    /// Whether the call is over, for work that needs so many bytes: they are refused then. Much of what goes on without
    /// an instruction, and where nothing may be raised, fills a buffer that grows.
    pub(crate) fn is_over(bytes: usize) -> bool {
        let state = running();
        if state.is_null() {
            return false;
        }
        let context = context(Stack::of(state));
        let has_run_out = cu_countdown.load(Relaxed) < 0 && context.step(take());
        if has_run_out || context.has_no_time_to_fill(bytes) {
            stop();
            return true;
        }
        false
    }

    /// Looks at the budget. Once it is used up, the hook is set, and Lua told to look after it now.
    // SAFETY: nothing else has this name; the build's macro calls it as it is declared here.
    #[unsafe(no_mangle)]
    extern "C" fn cu_count() -> c_int {
        let state = RUNNING.load(Relaxed);
        if state.is_null() {
            cu_countdown.store(i32::MAX, Relaxed);
            return 0;
        }
        let stack = Stack::of(state);
        if !context(stack).step(take()) {
            return 0;
        }
        stop();
        watch(stack, 1);
        1
    }
}

/// Looks at the budget after so many instructions, in this coroutine and those that it makes.
fn watch(stack: Stack, step: c_int) {
    // Setting the hook walks all frames, which may be many; and each handler's handler of an error comes here.
    // SAFETY: the state is running.
    if unsafe { ffi::lua_gethookcount(stack.state) } == step {
        return;
    }
    // SAFETY: the hook is a function for hooks.
    unsafe { ffi::lua_sethook(stack.state, Some(count), ffi::LUA_MASKCOUNT, step) }
}

/// The hook. It is called in the midst of a function, where only an error may leave.
unsafe extern "C-unwind" fn count(state: *mut lua_State, _: *mut ffi::lua_Debug) {
    let stack = Stack::of(state);
    if context(stack).step(countdown::take()) {
        leave(stack);
    }
    #[cfg(not(target_arch = "wasm32"))]
    depth::check(stack);
}

/// As the hook, where a C function runs. Nothing is raised over Rust's values.
#[cfg(target_arch = "wasm32")]
#[cold]
fn look(state: *mut lua_State) {
    let stack = Stack::of(state);
    let context = context(stack);
    if !context.is_relaxed() && context.step(countdown::take()) {
        countdown::stop();
        leave(stack);
    }
}

/// Raises what ends the call.
fn leave(stack: Stack) -> ! {
    let context = context(stack);
    context.relaxed(|| {
        stack.reserve(3);
        stack.push_where(0);
        stack.push_bytes(context.fatal_message().as_bytes());
        stack.concat(2);
    });
    // A handler of the script that runs on the way out is over with its first instruction.
    watch(stack, 1);
    stack.error()
}

/// How deep calls are nested, natively: as the hook sees it.
#[cfg(not(target_arch = "wasm32"))]
mod depth {
    use super::super::context::enter;
    use super::{HOOK_STEP, Stack, c_int, context, ffi};
    use crate::limits::Setting;

    pub(super) fn check(stack: Stack) {
        /// A limit from here on is looked at every so many steps, since looking takes as long as the stack is deep.
        const HIGH: u64 = 20_000;
        const STEPS: i64 = 16;
        let maximum = context(stack).limit(Setting::CallDepth);
        let step = context(stack).instructions_run() / HOOK_STEP;
        if maximum >= HIGH && step % STEPS != 0 {
            return;
        }
        // SAFETY: all zeros is a record that Lua fills.
        let mut record = unsafe { std::mem::zeroed::<ffi::lua_Debug>() };
        let level = c_int::try_from(maximum).unwrap_or(c_int::MAX);
        // SAFETY: the state is running.
        if unsafe { ffi::lua_getstack(stack.state, level, &raw mut record) } != 0 {
            enter(stack.state, |_, context| Err(context.depth_error(maximum)));
        }
    }
}
