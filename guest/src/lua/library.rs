//! The functions of the standard library that are guarded or replaced.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;

use mlua::ffi::{self, lua_upvalueindex};

use super::base::original;
use super::budget::countdown;
use super::context::{HOOK_STEP, context, enter};
use super::external;
use super::memory::BYTES_PER_INSTRUCTION;
use super::stack::{Kind, Native, Stack, lua_State};
use super::text::push_text;

/// Replacements by library. Each closure's first upvalue is Lua's own function.
pub(super) const FUNCTIONS: &[(&str, &str, Native)] = &[
    ("coroutine", "close", close),
    ("coroutine", "create", create),
    ("coroutine", "resume", resume),
    ("coroutine", "wrap", wrap),
    ("string", "find", find),
    ("string", "format", format),
    ("string", "gmatch", gmatch),
    ("string", "gsub", search),
    ("string", "match", search),
    ("string", "pack", pack),
    ("string", "packsize", unpack),
    ("string", "rep", repeat),
    ("string", "unpack", unpack),
    ("table", "concat", concat),
    ("table", "insert", insert),
    ("table", "move", move_elements),
    ("table", "remove", remove),
    ("table", "sort", sort),
    ("utf8", "len", utf8_length),
    ("utf8", "offset", utf8_offset),
];

fn charge(state: *mut lua_State, instructions: i64) {
    enter(state, |_, context| context.charge(instructions).map(|()| 0));
}

// Coroutines.

/// What a coroutine runs after the last look at the budget is never seen, so it is paid in advance.
unsafe extern "C-unwind" fn create(state: *mut lua_State) -> c_int {
    charge(state, HOOK_STEP);
    original(state)
}

unsafe extern "C-unwind" fn resume(state: *mut lua_State) -> c_int {
    let coroutine = Stack::of(state).to_thread(1);
    if coroutine.is_null() {
        // Which says what was expected.
        return original(state);
    }
    let resumed_by = countdown::switch(coroutine);
    let count = original(state);
    countdown::switch(resumed_by);
    pass_on(state, coroutine, count)
}

unsafe extern "C-unwind" fn wrap(state: *mut lua_State) -> c_int {
    charge(state, HOOK_STEP);
    let stack = Stack::of(state);
    // SAFETY: the function moves from the one stack to the other, which is new.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TFUNCTION);
        let coroutine = ffi::lua_newthread(state);
        stack.copy(1);
        ffi::lua_xmove(state, coroutine, 1);
    }
    stack.push_closure(wrapped, 1);
    1
}

/// The function that `coroutine.wrap` gives. Lua's own closes a coroutine that fails, which runs handlers of the
/// script, while hooks are off if the error came from one; here, nothing runs after what ends the call.
unsafe extern "C-unwind" fn wrapped(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    let coroutine = stack.to_thread(lua_upvalueindex(1));
    let given = stack.top();
    let other = Stack::of(coroutine);
    if !other.reserve(given) {
        stack.raise(c"too many arguments for the coroutine");
    }
    let mut count = 0;
    // SAFETY: both stacks have room, and the coroutine is anchored in the closure.
    let status = unsafe {
        ffi::lua_xmove(state, coroutine, given);
        let resumed_by = countdown::switch(coroutine);
        let status = ffi::lua_resume(coroutine, state, given, &raw mut count);
        countdown::switch(resumed_by);
        status
    };
    if status == ffi::LUA_OK || status == ffi::LUA_YIELD {
        if !stack.reserve(count + 1) {
            other.pop(count);
            stack.raise(c"too many results of the coroutine");
        }
        // SAFETY: as above.
        unsafe { ffi::lua_xmove(coroutine, state, count) };
        return count;
    }
    // SAFETY: the error's value is on the top. A coroutine that could not be resumed has no error to close with.
    unsafe {
        let failed = !matches!(ffi::lua_status(coroutine), ffi::LUA_OK | ffi::LUA_YIELD);
        if failed && !context(stack).is_uncatchable(other, status) {
            let resumed_by = countdown::switch(coroutine);
            ffi::lua_closethread(coroutine, state);
            countdown::switch(resumed_by);
        }
        ffi::lua_xmove(coroutine, state, 1);
    }
    if stack.kind(-1) == Kind::String && !context(stack).is_fatal() {
        stack.push_where(1);
        stack.insert(-2);
        stack.concat(2);
    }
    stack.error()
}

unsafe extern "C-unwind" fn close(state: *mut lua_State) -> c_int {
    let coroutine = Stack::of(state).to_thread(1);
    // SAFETY: it is a coroutine.
    if coroutine.is_null() || unsafe { ffi::lua_status(coroutine) } == ffi::LUA_OK {
        // It has nothing to close. Lua's own may raise, and then nothing would switch back.
        return original(state);
    }
    let resumed_by = countdown::switch(coroutine);
    let count = original(state);
    countdown::switch(resumed_by);
    pass_on(state, coroutine, count)
}

/// Raises again what a coroutine may not keep to itself.
fn pass_on(state: *mut lua_State, coroutine: *mut lua_State, count: c_int) -> c_int {
    let stack = Stack::of(state);
    if count == 2 && !stack.to_bool(-2) {
        // SAFETY: the library has checked that it is a coroutine; it is still the first argument.
        let status = unsafe { ffi::lua_status(coroutine) };
        if context(stack).is_uncatchable(stack, status) {
            stack.error();
        }
    }
    count
}

// Strings.

/// So many bytes of UTF-8 that are looked at count as one instruction.
const BYTES_PER_UTF8: i64 = 16;

/// As Lua's own, which shows addresses for `%p`, and for `%s` of a table.
unsafe extern "C-unwind" fn format(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    let mut argument = 1;
    let mut rest = stack.to_bytes(1).unwrap_or_default();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        rest = &rest[at + 1..];
        let Some(end) = rest
            .iter()
            .position(|byte| byte.is_ascii_alphabetic() || *byte == b'%')
        else {
            break;
        };
        match rest[end] {
            b'%' => {}
            b'p' => stack.raise(c"'%p' is not available: addresses differ from run to run"),
            conversion => {
                argument += 1;
                if b"aAeEfFgG".contains(&conversion) {
                    quiet_nan(stack, argument);
                }
                let shown = matches!(
                    stack.kind(argument),
                    Kind::Table | Kind::Function | Kind::Thread
                );
                if conversion == b's' && shown {
                    push_text(stack, argument);
                    stack.replace(argument);
                }
            }
        }
        rest = &rest[end + 1..];
    }
    original(state)
}

/// As Lua's own, which shows the sign of NaN, which a processor sets as it likes.
unsafe extern "C-unwind" fn pack(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    check_pack_format(stack);
    for argument in 2..=stack.top() {
        quiet_nan(stack, argument);
    }
    original(state)
}

fn quiet_nan(stack: Stack, argument: c_int) {
    if stack.kind(argument) == Kind::Number && stack.to_number(argument).is_nan() {
        stack.push_number(f64::NAN);
        stack.replace(argument);
    }
}

/// What a step of a pattern may take, in instructions: it may look at each character of a set, or, for `%b`, at all
/// of the text behind it.
fn match_cost(text: &[u8], pattern: &[u8]) -> usize {
    const LONG: usize = 1 << 10;
    const SET_PER_INSTRUCTION: usize = 64;
    const PLACES_PER_INSTRUCTION: usize = 256;
    let mut cost = 1;
    if pattern.contains(&b'[') {
        cost += pattern.len() / SET_PER_INSTRUCTION;
    }
    if text.len() > LONG {
        for balanced in pattern.windows(3).filter(|item| item.starts_with(b"%b")) {
            let places = text.iter().filter(|byte| **byte == balanced[2]).count();
            cost += places / PLACES_PER_INSTRUCTION;
        }
    }
    cost
}

fn cost_of_arguments(stack: Stack) -> usize {
    match_cost(
        stack.to_bytes(1).unwrap_or_default(),
        stack.to_bytes(2).unwrap_or_default(),
    )
}

/// As Lua's own functions for patterns, whose steps are counted by Lua itself. Natively they are not; there, what
/// they take at the worst is charged where it would be noticed.
unsafe extern "C-unwind" fn search(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    let cost = cost_of_arguments(stack);
    if cfg!(not(target_arch = "wasm32")) {
        const UNNOTICED: usize = 1 << 24;
        let most = cost.saturating_mul(stack.to_bytes(1).unwrap_or_default().len());
        if most > UNNOTICED {
            charge(state, i64::try_from(most).unwrap_or(i64::MAX));
        }
    }
    let before = countdown::set_match_cost(i32::try_from(cost).unwrap_or(i32::MAX));
    let count = original(state);
    countdown::set_match_cost(before);
    count
}

/// As Lua's own. Its loop goes on after it has returned, so the steps of all patterns cost what its do.
unsafe extern "C-unwind" fn gmatch(state: *mut lua_State) -> c_int {
    let cost = i32::try_from(cost_of_arguments(Stack::of(state))).unwrap_or(i32::MAX);
    let before = countdown::set_match_cost(cost);
    countdown::set_match_cost(before.max(cost));
    original(state)
}

/// As Lua's own, whose search for a plain text takes the product of both lengths at the worst, all at once.
unsafe extern "C-unwind" fn find(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    let (Some(text), Some(pattern)) = (stack.to_bytes(1), stack.to_bytes(2)) else {
        // SAFETY: it finds the arguments as its own.
        return unsafe { search(state) };
    };
    let is_plain = stack.to_bool(4) || !pattern.iter().any(|byte| b"^$*+?.([%-".contains(byte));
    if !is_plain || pattern.is_empty() {
        // SAFETY: it finds the arguments as its own.
        return unsafe { search(state) };
    }
    let start = if stack.is_nil(3) {
        1
    } else {
        stack.check_integer(3)
    };
    let start = match usize::try_from(start) {
        Ok(start) => start.saturating_sub(1),
        Err(_) => {
            let back = usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX);
            text.len().saturating_sub(back)
        }
    };
    let Some(found) = find_plain(state, text, pattern, start) else {
        stack.push_nil();
        return 1;
    };
    let last = found + pattern.len();
    stack.push_integer(i64::try_from(found + 1).unwrap_or(i64::MAX));
    stack.push_integer(i64::try_from(last).unwrap_or(i64::MAX));
    2
}

/// C's own search for a byte, which takes many at once.
fn find_byte(bytes: &[u8], byte: u8) -> Option<usize> {
    // SAFETY: C's contract.
    unsafe extern "C" {
        fn memchr(bytes: *const c_void, byte: c_int, size: usize) -> *const c_void;
    }
    let start = bytes.as_ptr();
    // SAFETY: the size is that of the bytes.
    let found = unsafe { memchr(start.cast(), c_int::from(byte), bytes.len()) };
    (!found.is_null()).then(|| found.addr() - start.addr())
}

/// Where a text begins that is not empty. Raising when it takes too long.
fn find_plain(state: *mut lua_State, text: &[u8], pattern: &[u8], start: usize) -> Option<usize> {
    /// Bytes that are looked at between two looks at the budget.
    const WORK: usize = 1 << 16;
    let last = text.len().checked_sub(pattern.len())?;
    let mut work = 0;
    let mut at = start;
    while at <= last {
        if work > WORK {
            charge(state, (work / BYTES_PER_INSTRUCTION) as i64);
            work = 0;
        }
        let window = &text[at..=last.min(at.saturating_add(WORK))];
        let Some(skipped) = find_byte(window, pattern[0]) else {
            at += window.len();
            work += window.len();
            continue;
        };
        at += skipped;
        let same = text[at..]
            .iter()
            .zip(pattern)
            .take_while(|(left, right)| left == right)
            .count();
        if same == pattern.len() {
            charge(state, (work / BYTES_PER_INSTRUCTION) as i64);
            return Some(at);
        }
        work += skipped + same;
        at += 1;
    }
    charge(state, (work / BYTES_PER_INSTRUCTION) as i64);
    None
}

/// As Lua's own, which looks at each byte between two places.
unsafe extern "C-unwind" fn utf8_length(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    let length = stack.to_bytes(1).map_or(0, <[u8]>::len) as i64;
    let place = |argument, otherwise| match stack.to_number(argument) as i64 {
        _ if stack.is_nil(argument) => otherwise,
        place if place < 0 => place.saturating_add(length + 1),
        place => place.min(length),
    };
    let bytes = place(3, length).saturating_sub(place(2, 1));
    charge(state, bytes.clamp(0, length) / BYTES_PER_UTF8);
    original(state)
}

/// As Lua's own, which goes from character to character.
unsafe extern "C-unwind" fn utf8_offset(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    let length = stack.to_bytes(1).map_or(0, <[u8]>::len) as i64;
    let characters = (stack.to_number(2) as i64).saturating_abs();
    charge(state, characters.min(length) / BYTES_PER_UTF8);
    original(state)
}

/// As Lua's own, which takes its time for a billion times nothing, and copies piece by piece.
unsafe extern "C-unwind" fn repeat(state: *mut lua_State) -> c_int {
    const FEW: usize = 1 << 10;
    const MOST: usize = i32::MAX as usize;
    let stack = Stack::of(state);
    let separator = match stack.kind(3) {
        Kind::None | Kind::Nil => Some(&b""[..]),
        _ => stack.to_bytes(3),
    };
    let (Some(text), Some(separator)) = (stack.to_bytes(1), separator) else {
        return original(state);
    };
    let times = usize::try_from(stack.check_integer(2)).unwrap_or(0);
    let piece = text.len() + separator.len();
    if piece == 0 {
        stack.push_bytes(b"");
        return 1;
    }
    let Some(size @ FEW..=MOST) = piece
        .checked_mul(times)
        .and_then(|size| size.checked_sub(separator.len()))
    else {
        return original(state);
    };
    let mut buffer = MaybeUninit::<ffi::luaL_Buffer>::uninit();
    // SAFETY: Lua gives room for the size, and the pieces are not inside of it.
    unsafe {
        let out = ffi::luaL_buffinitsize(state, buffer.as_mut_ptr(), size).cast::<u8>();
        let mut filled = 0;
        for part in [text, separator] {
            let count = part.len().min(size - filled);
            out.add(filled)
                .copy_from_nonoverlapping(part.as_ptr(), count);
            filled += count;
        }
        while filled < size {
            let count = filled.min(size - filled);
            out.add(filled).copy_from_nonoverlapping(out, count);
            filled += count;
        }
        ffi::luaL_pushresultsize(buffer.as_mut_ptr(), size);
    }
    1
}

/// Formats of `string.pack` and its kin that are longer are refused: each letter of one takes its time.
const MAX_PACK_FORMAT: usize = 1 << 16;

unsafe extern "C-unwind" fn unpack(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    check_pack_format(stack);
    original(state)
}

fn check_pack_format(stack: Stack) {
    let length = stack.to_bytes(1).map_or(0, <[u8]>::len);
    if length > MAX_PACK_FORMAT {
        stack.raise(c"the format is longer than 65,536 bytes; pack in parts");
    }
    charge(stack.state, (length / BYTES_PER_INSTRUCTION) as i64);
}

// Tables. The library's loops run unseen by the budget, over any length that `__len` claims, each time
// another one if it likes; and a few keys that double make a plain table that is nearly endless. So what a
// loop will take is charged before it begins, and its length is asked for once.

/// So many elements are really there, where memory is limited.
const MANY: i64 = 1 << 22;

fn has_metatable(stack: Stack) -> bool {
    !stack.metatable(1).is_null()
}

unsafe extern "C-unwind" fn concat(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    // In a plain table, the first element that is missing ends it.
    if stack.is_table(1) && has_metatable(stack) {
        stack.set_top(4);
        if stack.is_nil(4) {
            stack.push_integer(stack.length(1));
            stack.replace(4);
        }
        let first = if stack.is_nil(3) {
            1
        } else {
            stack.check_integer(3)
        };
        let last = stack.check_integer(4);
        charge(state, last.saturating_sub(first).max(0));
    }
    original(state)
}

unsafe extern "C-unwind" fn move_elements(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    let (first, last) = (stack.check_integer(2), stack.check_integer(3));
    charge(state, last.saturating_sub(first).max(0));
    original(state)
}

unsafe extern "C-unwind" fn insert(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    let given = stack.top();
    let appends = given == 2;
    if !stack.is_table(1) || !(appends || given == 3) || appends && !has_metatable(stack) {
        return original(state);
    }
    let end = stack.length(1).wrapping_add(1);
    let position = if appends { end } else { stack.check_integer(2) };
    if position.wrapping_sub(1).cast_unsigned() >= end.cast_unsigned() && !appends {
        stack.raise(c"bad argument #2 to 'insert' (position out of bounds)");
    }
    charge(state, end.saturating_sub(position).max(0));
    let mut free = end;
    while free > position {
        stack.get_integer(1, free - 1);
        stack.set_integer(1, free);
        free -= 1;
    }
    stack.set_integer(1, position);
    0
}

unsafe extern "C-unwind" fn remove(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    let is_last = stack.top() < 2;
    if !stack.is_table(1) || is_last && !has_metatable(stack) {
        return original(state);
    }
    let length = stack.length(1);
    let mut position = if is_last {
        length
    } else {
        stack.check_integer(2)
    };
    if position != length && position.wrapping_sub(1).cast_unsigned() > length.cast_unsigned() {
        stack.raise(c"bad argument #2 to 'remove' (position out of bounds)");
    }
    charge(state, length.saturating_sub(position).max(0));
    stack.get_integer(1, position);
    if external::is_external(stack, context(stack), 1) {
        // What is returned must not be a view of the place that is emptied.
        external::detach(state);
    }
    while position < length {
        stack.get_integer(1, position + 1);
        stack.set_integer(1, position);
        position += 1;
    }
    stack.push_nil();
    stack.set_integer(1, position);
    1
}

unsafe extern "C-unwind" fn sort(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    if !stack.is_table(1) {
        return original(state);
    }
    stack.set_top(2);
    let length = stack.length(1);
    if length > MANY {
        charge(state, length.saturating_mul(32));
    } else if has_metatable(stack) {
        charge(state, length.max(0));
    }
    if external::is_external(stack, context(stack), 1) {
        return external::sort(state, lua_upvalueindex(1));
    }
    if stack.push_metafield(1, c"__len") {
        return sort_copy(stack, length);
    }
    original(state)
}

/// Sorts a copy of the first elements of the table, which says itself how long it is. Raising.
fn sort_copy(stack: Stack, length: i64) -> c_int {
    stack.set_top(2);
    stack.create_table(0, 0);
    for position in 1..=length {
        stack.get_integer(1, position);
        stack.raw_set_integer(3, position);
    }
    stack.copy(lua_upvalueindex(1));
    stack.copy(3);
    stack.copy(2);
    stack.call(2, 0);
    for position in 1..=length {
        stack.raw_get_integer(3, position);
        stack.set_integer(1, position);
    }
    0
}

// Random numbers.

/// `math.random`. Its upvalues are the generator's state, as in Lua's own function, that function, and the
/// library's `randomseed`: the first number that a call asks for seeds the generator.
pub(super) unsafe extern "C-unwind" fn random(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    refuse_chance(stack);
    if !context(stack).seeded.replace(true) {
        stack.copy(lua_upvalueindex(3));
        push_seed(stack);
        stack.call(1, 0);
    }
    with_generator(state)
}

/// `math.randomseed`, with the first two of these upvalues. Without an argument it starts from the call's seed.
pub(super) unsafe extern "C-unwind" fn random_seed(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    refuse_chance(stack);
    context(stack).seeded.set(true);
    if stack.top() == 0 {
        push_seed(stack);
    }
    with_generator(state)
}

/// Raises where chance must not decide.
fn refuse_chance(stack: Stack) {
    if context(stack).is_pure.get() {
        stack.raise(c"a function that computes an index can't use random numbers");
    }
}

fn with_generator(state: *mut lua_State) -> c_int {
    match Stack::of(state).native(lua_upvalueindex(2)) {
        // SAFETY: it is Lua's own function, and finds the generator as its first upvalue.
        Some(function) => unsafe { function(state) },
        None => 0,
    }
}

fn push_seed(stack: Stack) {
    let seed = context(stack).seed.get().unwrap_or_else(random_bits);
    stack.push_integer(seed.cast_signed());
}

/// Bits from the platform, through the keys of a new hasher.
fn random_bits() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
