//! Lua's inner functions that the component's build puts behind ours: `--wrap` of the linker sends their callers
//! to `__wrap_NAME`, and `__real_NAME` is Lua's own.
//!
//! They are where work happens that no instruction stands for: the loops of Lua's libraries, values that
//! are copied by the thousand, and calls that begin. So it is counted there, and there a call can end.
//! `scripts/lib/guest.sh` has the list for the linker. Natively nothing is wrapped; the hook sees less.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};

use mlua::ffi;

use super::budget::countdown::{running, spend, spend_or_raise, stop};
use super::context::{HANDLER_DEPTH, context, enter};
use super::memory::BYTES_PER_INSTRUCTION;
use super::stack::{Stack, lua_State};
use crate::limits::Setting;

/// So many values that are moved count as one instruction.
const VALUES_PER_INSTRUCTION: i64 = 32;
/// Lua's number for the event `__call`.
const CALL: c_int = 23;

/// Calls that are left where a handler had no room: for that of ours, which says so.
const LAST_HANDLER_DEPTH: u64 = 8;

/// Declares Lua's own functions.
macro_rules! real {
    ($($real:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        // SAFETY: the linker makes these names of Lua's, which have these types.
        unsafe extern "C-unwind" {
            $(fn $real(state: *mut lua_State, $($argument: $type),*) $(-> $result)?;)*
        }
    };
}

real! {
    __real_lua_geti(index: c_int, key: i64) -> c_int;
    __real_lua_seti(index: c_int, key: i64);
    __real_lua_compare(left: c_int, right: c_int, operator: c_int) -> c_int;
    __real_lua_checkstack(count: c_int) -> c_int;
    __real_luaT_gettmbyobj(value: *const c_void, event: c_int) -> *const c_void;
    __real_luaT_getvarargs(call: *mut c_void, to: *mut c_void, wanted: c_int);
    __real_luaH_next(table: *mut c_void, key: *mut c_void) -> c_int;
    __real_luaE_extendCI(raises: c_int) -> *mut c_void;
}

// SAFETY: as above; the last are Lua's and C's own.
unsafe extern "C-unwind" {
    fn __real_luaX_next(lexer: *mut c_void);
    fn __real_lua_load(
        state: *mut lua_State,
        reader: Reader,
        data: *mut c_void,
        name: *const c_char,
        mode: *const c_char,
    ) -> c_int;
    fn __real_luaO_str2num(text: *const c_char, out: *mut c_void) -> usize;
    fn __real_luaC_fullgc(state: *mut lua_State, is_emergency: c_int);
    fn __real_luaE_shrinkCI(state: *mut lua_State);
    fn cu_stack_used(state: *mut lua_State) -> u32;
    fn cu_calls_kept(state: *mut lua_State) -> u32;
    fn memcmp(left: *const c_void, right: *const c_void, size: usize) -> c_int;
}

// The linker gives these the calls of the function of the same name. Where they raise, so may that function.

// SAFETY: the name is the linker's, and the types are those of Lua's function.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn __wrap_lua_geti(
    state: *mut lua_State,
    index: c_int,
    key: i64,
) -> c_int {
    spend_or_raise(state, 1);
    // SAFETY: Lua's own function, with what Lua gave.
    unsafe { __real_lua_geti(state, index, key) }
}

// SAFETY: the name is the linker's, and the types are those of Lua's function.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn __wrap_lua_seti(state: *mut lua_State, index: c_int, key: i64) {
    spend_or_raise(state, 1);
    // SAFETY: Lua's own function, with what Lua gave.
    unsafe { __real_lua_seti(state, index, key) }
}

// SAFETY: the name is the linker's, and the types are those of Lua's function.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn __wrap_lua_compare(
    state: *mut lua_State,
    left: c_int,
    right: c_int,
    operator: c_int,
) -> c_int {
    spend_or_raise(state, 1);
    // SAFETY: Lua's own function, with what Lua gave.
    unsafe { __real_lua_compare(state, left, right, operator) }
}

/// What a C function is about to push.
// SAFETY: the name is the linker's, and the types are those of Lua's function.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn __wrap_lua_checkstack(state: *mut lua_State, count: c_int) -> c_int {
    spend(1 + i64::from(count.max(0)) / VALUES_PER_INSTRUCTION);
    // SAFETY: Lua's own function, with what Lua gave.
    unsafe { __real_lua_checkstack(state, count) }
}

/// A value that is no function is called: its handler goes below the arguments, which move. The handler may
/// be such a value again, without an end and without an instruction.
// SAFETY: the name is the linker's, and the types are those of Lua's function.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn __wrap_luaT_gettmbyobj(
    state: *mut lua_State,
    value: *const c_void,
    event: c_int,
) -> *const c_void {
    if event == CALL {
        let moved = i64::from(Stack::of(state).top());
        spend_or_raise(state, 1 + moved / VALUES_PER_INSTRUCTION);
    }
    // SAFETY: Lua's own function, with what Lua gave.
    unsafe { __real_luaT_gettmbyobj(state, value, event) }
}

/// `...`: as many values are copied as there are.
// SAFETY: the name is the linker's, and the types are those of Lua's function.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn __wrap_luaT_getvarargs(
    state: *mut lua_State,
    call: *mut c_void,
    to: *mut c_void,
    wanted: c_int,
) {
    // SAFETY: Lua's own function, with what Lua gave.
    unsafe { __real_luaT_getvarargs(state, call, to, wanted) };
    spend(i64::from(Stack::of(state).top()) / VALUES_PER_INSTRUCTION);
}

/// A token of source text.
// SAFETY: the name is the linker's, and the types are those of Lua's function.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn __wrap_luaX_next(lexer: *mut c_void) {
    spend_or_raise(running(), 1);
    // SAFETY: Lua's own function, with what Lua gave.
    unsafe { __real_luaX_next(lexer) }
}

/// A string becomes a number, or not.
// SAFETY: the name is the linker's, and the types are those of Lua's function.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn __wrap_luaO_str2num(text: *const c_char, out: *mut c_void) -> usize {
    /// Each digit of a longer one would be looked at twice.
    const LONGEST: usize = 1 << 20;
    // SAFETY: Lua's strings end with a zero byte.
    let length = unsafe { CStr::from_ptr(text) }.count_bytes();
    spend_bytes(length);
    if length > LONGEST {
        return 0;
    }
    // SAFETY: Lua's own function, with what Lua gave.
    unsafe { __real_luaO_str2num(text, out) }
}

/// The next entry of a table. Those that were deleted are gone through as well, and there may be nothing else. A
/// loop goes through each once; whoever asks again from another key may go through all.
// SAFETY: the name is the linker's, and the types are those of Lua's function.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn __wrap_luaH_next(
    state: *mut lua_State,
    table: *mut c_void,
    key: *mut c_void,
) -> c_int {
    const MANY: i64 = 4096;
    const PLACES_PER_INSTRUCTION: i64 = 256;
    thread_local! {
        /// The last key that a large table gave: the table, the key's value, its type.
        static LAST: Cell<(usize, u64, u8)> = const { Cell::new((0, 0, 0)) };
    }
    // SAFETY: Lua's table has the logarithm of its hash part behind its header, and then its list part's
    // size; a value is eight bytes, and then its type.
    let places = unsafe {
        let header = table.cast::<u8>();
        (1 << header.add(7).read()) + i64::from(header.add(8).cast::<u32>().read())
    };
    if places <= MANY {
        // SAFETY: Lua's own function, with what Lua gave.
        return unsafe { __real_luaH_next(state, table, key) };
    }
    // SAFETY: as above.
    let read = || unsafe {
        (
            table.addr(),
            key.cast::<u64>().read(),
            key.cast::<u8>().add(8).read(),
        )
    };
    if LAST.get() != read() {
        spend(places / PLACES_PER_INSTRUCTION);
    }
    // SAFETY: Lua's own function, with what Lua gave.
    let found = unsafe { __real_luaH_next(state, table, key) };
    if found != 0 {
        LAST.set(read());
    }
    found
}

/// C's `strcoll`, without a locale.
// SAFETY: the build gives Lua's C sources this name for C's function of the same types.
#[unsafe(no_mangle)]
unsafe extern "C" fn cu_strcoll(left: *const c_char, right: *const c_char) -> c_int {
    let mut at = 0;
    // SAFETY: both end with a zero byte, and nothing behind one is read.
    unsafe {
        while *left.add(at) == *right.add(at) && *left.add(at) != 0 {
            at += 1;
        }
        spend_bytes(at);
        c_int::from(*left.add(at).cast::<u8>()) - c_int::from(*right.add(at).cast::<u8>())
    }
}

/// C's `memcmp`. Most memory differs at once.
// SAFETY: the build gives Lua's C sources this name for C's function of the same types.
#[unsafe(no_mangle)]
unsafe extern "C" fn cu_memcmp(left: *const c_void, right: *const c_void, size: usize) -> c_int {
    // SAFETY: both have the size.
    unsafe {
        if size > BYTES_PER_INSTRUCTION {
            let first = memcmp(left, right, BYTES_PER_INSTRUCTION);
            if first != 0 {
                return first;
            }
            spend_bytes(size);
        }
        memcmp(left, right, size)
    }
}

/// All garbage is collected, because a script asks for that or memory is short.
// SAFETY: the name is the linker's, and the types are those of Lua's function.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn __wrap_luaC_fullgc(state: *mut lua_State, is_emergency: c_int) {
    if !running().is_null() && context(Stack::of(state)).has_no_time_to_collect() {
        stop();
        return;
    }
    // SAFETY: Lua's own function, with what Lua gave.
    unsafe { __real_luaC_fullgc(state, is_emergency) }
}

/// `lua_Reader`: gives a piece of a chunk, and its length; null at the end.
type Reader = unsafe extern "C-unwind" fn(*mut lua_State, *mut c_void, *mut usize) -> *const c_char;

/// A reader whose pieces are handed on in smaller ones.
struct Pieces {
    reader: Reader,
    data: *mut c_void,
    rest: *const c_char,
    length: usize,
}

/// A token may be as long as the text, and a text may have no token: so the compiler is given it in pieces.
// SAFETY: the name is the linker's, and the types are those of Lua's function.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn __wrap_lua_load(
    state: *mut lua_State,
    reader: Reader,
    data: *mut c_void,
    name: *const c_char,
    mode: *const c_char,
) -> c_int {
    let mut pieces = Pieces {
        reader,
        data,
        rest: std::ptr::null(),
        length: 0,
    };
    let data = (&raw mut pieces).cast();
    // SAFETY: Lua's own function, with what Lua gave, and `read_piece` with what it expects.
    unsafe { __real_lua_load(state, read_piece, data, name, mode) }
}

unsafe extern "C-unwind" fn read_piece(
    state: *mut lua_State,
    pieces: *mut c_void,
    length: *mut usize,
) -> *const c_char {
    /// Bytes of a piece at the most.
    const PIECE: usize = 64 << 10;
    /// Bytes that the compiler reads while it runs one instruction, about.
    const READ_PER_INSTRUCTION: usize = 4;
    // SAFETY: `__wrap_lua_load` passes its own, which is there until Lua's function is through; what the reader gave
    // stays until it is asked again.
    unsafe {
        let pieces = &mut *pieces.cast::<Pieces>();
        if pieces.length == 0 {
            pieces.rest = (pieces.reader)(state, pieces.data, &raw mut pieces.length);
            if pieces.rest.is_null() {
                pieces.length = 0;
            }
        }
        let taken = pieces.length.min(PIECE);
        let piece = pieces.rest;
        if taken > 0 {
            pieces.rest = piece.add(taken);
        }
        pieces.length -= taken;
        *length = taken;
        spend_or_raise(state, (taken / READ_PER_INSTRUCTION) as i64);
        piece
    }
}

fn spend_bytes(bytes: usize) {
    spend(i64::try_from(bytes / BYTES_PER_INSTRUCTION).unwrap_or(i64::MAX));
}

// Depth. Lua keeps the records of calls in a list, and makes one only for a call that is deeper than any
// before. So no other call has to be looked at.

/// The newest record that had to be looked at, whose it is, and how deep it was when it was made.
struct Newest {
    state: Cell<*mut lua_State>,
    call: Cell<*mut c_void>,
    depth: Cell<u64>,
    /// How deep any was since the last call of a script.
    deepest: Cell<u64>,
}

thread_local! {
    static NEWEST: Newest = const {
        Newest {
            state: Cell::new(std::ptr::null_mut()),
            call: Cell::new(std::ptr::null_mut()),
            depth: Cell::new(0),
            deepest: Cell::new(0),
        }
    };
}

// SAFETY: the name is the linker's, and the types are those of Lua's function.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn __wrap_luaE_extendCI(
    state: *mut lua_State,
    raises: c_int,
) -> *mut c_void {
    let context = context(Stack::of(state));
    let maximum = context.limit(Setting::CallDepth);
    // SAFETY: the state is running.
    let at_most = u64::from(unsafe { cu_stack_used(state) });
    if at_most < maximum {
        // An error takes records away, so that the next call comes here: nothing is walked for it.
        NEWEST.with(|newest| newest.deepest.set(at_most.max(newest.deepest.get())));
        // SAFETY: Lua's own function, with what Lua gave.
        return unsafe { __real_luaE_extendCI(state, raises) };
    }
    let mut deep = 1 + NEWEST.with(|newest| {
        let running = level(state, 0);
        if newest.state.get() == state && newest.call.get() == running {
            newest.depth.get()
        } else {
            depth(state)
        }
    });
    let allowed = match (context.too_deep.get(), context.no_room.get()) {
        (false, _) => maximum,
        (true, false) => maximum + HANDLER_DEPTH,
        (true, true) => maximum + HANDLER_DEPTH + LAST_HANDLER_DEPTH,
    };
    // A record that is older than a collection may be less deep than it was, or another one in its place.
    let is_deep = |calls| !level(state, c_int::try_from(calls - 1).unwrap_or(c_int::MAX)).is_null();
    if deep > allowed && raises != 0 && !context.is_relaxed() {
        spend(allowed as i64 / VALUES_PER_INSTRUCTION);
        if is_deep(allowed) {
            spend_or_raise(state, 0);
            if context.too_deep.replace(true) {
                // A handler has no room left either: no more of them, or each would find out by walking down all calls.
                context.no_room.set(true);
            }
            enter(state, |_, context| Err(context.depth_error(maximum)));
        }
        deep = 1 + depth(state);
    }
    // SAFETY: Lua's own function, with what Lua gave.
    let call = unsafe { __real_luaE_extendCI(state, raises) };
    NEWEST.with(|newest| {
        newest.state.set(state);
        newest.call.set(call);
        newest.depth.set(deep);
        newest.deepest.set(deep.max(newest.deepest.get()));
    });
    call
}

/// After each error, Lua gives up half of the records that no call uses now. Those of a few calls stay: the next error
/// would need them again.
// SAFETY: the name is the linker's, and the types are those of Lua's function.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn __wrap_luaE_shrinkCI(state: *mut lua_State) {
    const FEW: u32 = 32;
    // SAFETY: Lua's own function, with what Lua gave; the state is one of Lua's.
    unsafe {
        if cu_calls_kept(state) > FEW {
            __real_luaE_shrinkCI(state);
        }
    }
}

/// After an error was caught where calls were nested too deep: handlers have no more room of their own than before,
/// unless one is still running.
pub(super) fn leave_depth(stack: Stack) {
    let context = context(stack);
    let maximum = c_int::try_from(context.limit(Setting::CallDepth)).unwrap_or(c_int::MAX);
    context.too_deep.set(!level(stack.state, maximum).is_null());
    context.no_room.set(false);
}

/// The record of a call, counted from the one that runs; null if there is none.
fn level(state: *mut lua_State, level: c_int) -> *mut c_void {
    // SAFETY: all zeros is a record that Lua fills.
    let mut record = unsafe { std::mem::zeroed::<ffi::lua_Debug>() };
    // SAFETY: the state is running.
    if unsafe { ffi::lua_getstack(state, level, &raw mut record) } == 0 {
        return std::ptr::null_mut();
    }
    // Its last member is Lua's own, the address of the record.
    let last = (&raw const record).wrapping_add(1).cast::<*mut c_void>();
    // SAFETY: on a machine of 32 bits, nothing comes behind it.
    unsafe { *last.wrapping_sub(1) }
}

/// How many calls there are inside each other. What it takes to count them is counted, too.
fn depth(state: *mut lua_State) -> u64 {
    let is_there = |at: c_int| {
        spend(i64::from(at) / VALUES_PER_INSTRUCTION);
        !level(state, at).is_null()
    };
    let mut end = 1;
    while is_there(end) {
        end *= 2;
    }
    let mut start = end / 2;
    while start < end {
        let middle = start + (end - start) / 2;
        if is_there(middle) {
            start = middle + 1;
        } else {
            end = middle;
        }
    }
    u64::try_from(start).unwrap_or(0)
}

/// Gives up the records of deep calls: the next call may have a lower limit.
pub(super) fn forget_deep_calls(state: *mut lua_State) {
    const FEW: u64 = 8;
    NEWEST.with(|newest| {
        let mut depth = newest.deepest.replace(0);
        newest.call.set(std::ptr::null_mut());
        while depth > FEW {
            // Each time, half of them go.
            // SAFETY: the state is not running.
            unsafe { __real_luaE_shrinkCI(state) };
            depth /= 2;
        }
    });
}
