//! The basic functions, where they differ from Lua's own.

use std::ffi::{CStr, c_int};

use mlua::ffi::{self, lua_upvalueindex};

use super::context::{HOOK_STEP, context, enter, misuse, slot};
use super::decode::mark;
use super::external;
use super::memory::BYTES_PER_INSTRUCTION;
use super::require::require;
use super::savepoint;
use super::stack::{Native, Stack, lua_State};
use super::text;

/// The key, which no script can make, under which a metatable of a read-only table keeps what is behind it.
pub(super) static BEHIND: u8 = 0;

/// Replacements. Each closure's first upvalue is Lua's own function, if there is one of the name.
pub(super) const FUNCTIONS: &[(&str, Native)] = &[
    ("collectgarbage", collect_garbage),
    ("getmetatable", get_metatable),
    ("list", list),
    ("load", load),
    ("map", map),
    ("next", next),
    ("pairs", pairs),
    ("pcall", pcall),
    ("print", text::print),
    ("rawequal", raw_equal),
    ("rawget", raw_get),
    ("rawlen", raw_len),
    ("rawset", raw_set),
    ("require", require),
    ("setmetatable", set_metatable),
    ("tonumber", to_number),
    ("tostring", text::to_string),
    ("transaction", savepoint::transaction),
    ("xpcall", xpcall),
];

/// What is taken as it is.
pub(super) const KEPT: &[&str] = &["_VERSION", "assert", "error", "ipairs", "select", "type"];

/// Runs Lua's own function, which is the running closure's first upvalue, in its place. Raising as it does.
pub(super) fn original(state: *mut lua_State) -> c_int {
    match Stack::of(state).native(lua_upvalueindex(1)) {
        // SAFETY: it is a C function of Lua and finds the arguments as its own.
        Some(function) => unsafe { function(state) },
        None => 0,
    }
}

// Errors: nothing catches what ends the call.

/// The end of `pcall` and `xpcall`, whether or not a coroutine was left in between.
unsafe extern "C-unwind" fn finish(state: *mut lua_State, status: c_int, extra: isize) -> c_int {
    let stack = Stack::of(state);
    if status == ffi::LUA_OK || status == ffi::LUA_YIELD {
        return stack.top() - c_int::try_from(extra).unwrap_or(0);
    }
    let context = context(stack);
    if context.is_uncatchable(stack, status) {
        stack.error();
    }
    #[cfg(target_arch = "wasm32")]
    if context.too_deep.get() {
        super::wrap::leave_depth(stack);
    }
    stack.push_bool(false);
    stack.copy(-2);
    2
}

unsafe extern "C-unwind" fn pcall(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    stack.check_any(1);
    let arguments = stack.top() - 1;
    stack.push_bool(true);
    // `true`, the function and its arguments are to be on the top. Copying is quicker than moving what is there.
    let below = if arguments == 0 {
        stack.copy(1);
        1
    } else {
        stack.insert(1);
        0
    };
    // SAFETY: the function and its arguments are on the stack, above `true`.
    unsafe {
        let context = below as isize;
        let status = ffi::lua_pcallk(state, arguments, ffi::LUA_MULTRET, 0, context, Some(finish));
        finish(state, status, context)
    }
}

unsafe extern "C-unwind" fn xpcall(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    let given = stack.top();
    // SAFETY: as in Lua's own: `f, handler, true, f, arguments`.
    unsafe {
        ffi::luaL_checktype(state, 2, ffi::LUA_TFUNCTION);
        stack.copy(2);
        stack.push_closure(handle, 1);
        stack.replace(2);
        stack.push_bool(true);
        stack.copy(1);
        ffi::lua_rotate(state, 3, 2);
        let status = ffi::lua_pcallk(state, given - 2, ffi::LUA_MULTRET, 2, 2, Some(finish));
        finish(state, status, 2)
    }
}

/// The handler of `xpcall`, around the script's. An error that the hook raises finds it while hooks are off,
/// so the script's must not run then: nothing would end it.
unsafe extern "C-unwind" fn handle(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    let context = context(stack);
    if context.is_fatal() || context.no_room.get() {
        return 1;
    }
    stack.copy(lua_upvalueindex(1));
    stack.insert(1);
    stack.call(1, 1);
    1
}

/// As Lua's own, which looks at each digit.
unsafe extern "C-unwind" fn to_number(state: *mut lua_State) -> c_int {
    charge_bytes(state, 1);
    original(state)
}

/// Takes from the budget what it takes to go through a string. Raising.
fn charge_bytes(state: *mut lua_State, argument: c_int) {
    let length = Stack::of(state).to_bytes(argument).map_or(0, <[u8]>::len);
    if length > BYTES_PER_INSTRUCTION {
        let instructions = (length / BYTES_PER_INSTRUCTION) as i64;
        enter(state, |_, context| context.charge(instructions).map(|()| 0));
    }
}

unsafe extern "C-unwind" fn load(state: *mut lua_State) -> c_int {
    charge_bytes(state, 1);
    let stack = Stack::of(state);
    if stack.to_bytes(3).is_some_and(|mode| !mode.contains(&b't')) {
        stack.push_nil();
        stack.push_bytes(b"only text can be loaded (mode has no 't')");
        return 2;
    }
    stack.set_top(stack.top().clamp(3, 4));
    stack.push_bytes(b"t");
    stack.replace(3);
    let count = original(state);
    // A reader's error comes back as a message.
    if count == 2 && context(stack).is_uncatchable(stack, ffi::LUA_OK) {
        stack.error();
    }
    if count == 1 {
        enter(state, |stack, context| {
            remember_text(stack, context);
            Ok(0)
        });
    }
    count
}

/// Remembers what `load` has compiled, if it came in one piece: functions of it may be persisted.
fn remember_text(stack: Stack, context: &super::context::Context) {
    let Some(Ok(text)) = stack.to_bytes(1).map(std::str::from_utf8) else {
        return;
    };
    let name = stack.to_bytes(2).unwrap_or(text.as_bytes());
    if let Ok(name) = std::ffi::CString::new(name) {
        context.heap.borrow_mut().sources.add(&name, text, false);
    }
}

// Tables: what stands behind external and read-only tables is theirs.

/// Pushes what is behind a read-only table and says true, or pushes nothing.
fn push_behind(stack: Stack, index: c_int) -> bool {
    let index = stack.absolute(index);
    if !stack.push_metatable(index) {
        return false;
    }
    stack.raw_get_pointer(-1, (&raw const BEHIND).cast());
    stack.remove(-2);
    if stack.is_table(-1) {
        return true;
    }
    stack.pop(1);
    false
}

unsafe extern "C-unwind" fn next(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    stack.check_table(1);
    stack.set_top(2);
    let metatable = stack.metatable(1);
    if !metatable.is_null() {
        let context = context(stack);
        if metatable == context.marks.external.get() {
            return enter(state, |stack, context| {
                let view = external::view_bytes(stack, context, 1).unwrap_or_default();
                external::push_next(stack, context, view, 2)
            });
        }
        if push_behind(stack, 1) {
            return next_behind(stack);
        }
    }
    found(stack, stack.next(1))
}

fn found(stack: Stack, found: bool) -> c_int {
    if found {
        return 2;
    }
    stack.push_nil();
    1
}

/// The next entry of a table and then of the one behind it, which is on the top.
fn next_behind(stack: Stack) -> c_int {
    let is_in = |table: c_int, key: c_int| {
        stack.copy(key);
        stack.raw_get(table);
        let there = !stack.is_nil(-1);
        stack.pop(1);
        there
    };
    let is_own = |key: c_int| is_in(1, stack.absolute(key));
    // A key of neither was the table's own until the loop deleted it.
    if stack.is_nil(2) || is_own(2) || !is_in(3, 2) {
        stack.copy(2);
        if stack.next(1) {
            return 2;
        }
        stack.push_nil();
    } else {
        stack.copy(2);
    }
    while stack.next(3) {
        if !is_own(-2) {
            return 2;
        }
        stack.pop(1);
    }
    stack.push_nil();
    1
}

unsafe extern "C-unwind" fn pairs(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    if stack.push_metafield(1, c"__pairs") {
        stack.pop(1);
        return original(state);
    }
    if external::is_external(stack, context(stack), 1)
        && external::meta::push_metafield(state, 1, "__pairs")
    {
        stack.copy(1);
        stack.call(1, 3);
        return 3;
    }
    stack.check_table(1);
    stack.push_native(next);
    stack.copy(1);
    stack.push_nil();
    3
}

unsafe extern "C-unwind" fn raw_get(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    stack.check_table(1);
    stack.check_any(2);
    stack.set_top(2);
    if external::is_external(stack, context(stack), 1) {
        return enter(state, |stack, context| {
            let view = external::view_bytes(stack, context, 1).unwrap_or_default();
            external::push_member(stack, context, view, 2)?;
            Ok(1)
        });
    }
    let behind = push_behind(stack, 1);
    stack.copy(2);
    stack.raw_get(1);
    if behind && stack.is_nil(-1) {
        stack.copy(2);
        stack.raw_get(3);
    }
    1
}

unsafe extern "C-unwind" fn raw_set(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    stack.check_table(1);
    stack.check_any(2);
    stack.check_any(3);
    stack.set_top(3);
    let context = context(stack);
    if external::is_external(stack, context, 1) {
        return enter(state, |stack, context| {
            let view = external::view_bytes(stack, context, 1).unwrap_or_default();
            external::assign(stack, context, view, 2, 3)?;
            stack.copy(1);
            Ok(1)
        });
    }
    if stack.metatable(1) != context.marks.globals.get() && push_behind(stack, 1) {
        stack.raise(READ_ONLY);
    }
    stack.set_top(3);
    original(state)
}

unsafe extern "C-unwind" fn raw_len(state: *mut lua_State) -> c_int {
    if external::is_external(Stack::of(state), context(Stack::of(state)), 1) {
        return enter(state, |stack, context| {
            let view = external::view_bytes(stack, context, 1).unwrap_or_default();
            stack.push_integer(external::length(context, view)?);
            Ok(1)
        });
    }
    original(state)
}

unsafe extern "C-unwind" fn raw_equal(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    if stack.top() >= 2 && external::same(stack, context(stack), 1, 2) {
        stack.push_bool(true);
        return 1;
    }
    original(state)
}

const READ_ONLY: &CStr =
    c"the standard library is read-only; keep your own functions in a table of your own";

/// `__newindex` of read-only tables.
pub(super) unsafe extern "C-unwind" fn refuse(state: *mut lua_State) -> c_int {
    Stack::of(state).raise(READ_ONLY)
}

/// As Lua's own, but that it sees the metatable which an external table has in the store.
unsafe extern "C-unwind" fn get_metatable(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    if external::is_external(stack, context(stack), 1) {
        if external::meta::push_metafield(state, 1, "__metatable") {
            return 1;
        }
        let found = enter(state, |stack, context| {
            external::meta::push_metatable(stack, context, 1).map(c_int::from)
        });
        if found == 1 {
            return 1;
        }
    }
    original(state)
}

/// As Lua's own, but that a list or map may get a metatable of the script's own instead of its mark, and
/// that `__gc` has no effect: a finalizer would run at any time, even after its call.
unsafe extern "C-unwind" fn set_metatable(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    stack.check_table(1);
    if !(stack.top() >= 2 && (stack.is_nil(2) || stack.is_table(2))) {
        // Which says what was expected.
        return original(state);
    }
    stack.set_top(2);
    let marks = &context(stack).marks;
    let there = stack.metatable(1);
    if there == marks.external.get() {
        if external::meta::push_metafield(state, 1, "__metatable") {
            stack.raise(c"cannot change a protected metatable");
        }
        return enter(state, |stack, context| {
            external::meta::set(stack, context)?;
            stack.copy(1);
            Ok(1)
        });
    }
    let is_marked = there == marks.list.get() || there == marks.map.get();
    if !there.is_null() && !is_marked && stack.push_metafield(1, c"__metatable") {
        stack.raise(c"cannot change a protected metatable");
    }
    stack.copy(2);
    stack.copy(1);
    stack.insert(-2);
    set_plain_metatable(stack);
    1
}

/// Pops a table or nil and makes it the metatable of the table below it, without its finalizer.
pub(crate) fn set_plain_metatable(stack: Stack) {
    let metatable = stack.top();
    // Lua looks for the finalizer just when the metatable is set.
    let has_finalizer = stack.is_table(metatable) && {
        stack.raw_get_field(metatable, "__gc");
        !stack.is_nil(-1)
    };
    if has_finalizer {
        stack.push_nil();
        stack.raw_set_field(metatable, "__gc");
    }
    stack.copy(metatable);
    stack.set_metatable(metatable - 1);
    if has_finalizer {
        stack.raw_set_field(metatable, "__gc");
    }
    stack.set_top(metatable - 1);
}

/// Marks the first argument, or a new table, as a list or map.
fn marked(state: *mut lua_State, metatable: i64) -> c_int {
    let stack = Stack::of(state);
    if stack.is_nil(1) {
        stack.create_table(0, 0);
    } else {
        stack.check_table(1);
        stack.set_top(1);
        let there = stack.metatable(1);
        let marks = &context(stack).marks;
        if there == marks.external.get() {
            stack.raise(c"an external table is a list or map already");
        }
        if !there.is_null() && there != marks.list.get() && there != marks.map.get() {
            stack.raise(c"the table has a metatable; mark it before it gets one");
        }
    }
    mark(stack, metatable);
    1
}

unsafe extern "C-unwind" fn list(state: *mut lua_State) -> c_int {
    marked(state, slot::LIST)
}

unsafe extern "C-unwind" fn map(state: *mut lua_State) -> c_int {
    marked(state, slot::MAP)
}

unsafe extern "C-unwind" fn collect_garbage(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    // What a collection takes grows with what there is.
    let work = (context(stack).used() / (4 * BYTES_PER_INSTRUCTION)) as i64;
    enter(state, |_, context| {
        context.charge(HOOK_STEP + work).map(|()| 0)
    });
    let option = if stack.is_nil(1) {
        b"collect"
    } else {
        stack.to_bytes(1).unwrap_or_default()
    };
    let result = match option {
        b"count" => {
            #[expect(clippy::cast_precision_loss, reason = "a number of bytes")]
            stack.push_number(context(stack).used() as f64 / 1024.0);
            return 1;
        }
        // SAFETY: no finalizer is running, since there are none.
        b"collect" => unsafe { ffi::lua_gc(state, ffi::LUA_GCCOLLECT) },
        b"step" => {
            // SAFETY: as above.
            let done = unsafe { ffi::lua_gc(state, ffi::LUA_GCSTEP, 0 as c_int) };
            stack.push_bool(done != 0);
            return 1;
        }
        _ => {
            return enter(state, |_, _| {
                Err(misuse("only 'collect', 'step' and 'count' are available"))
            });
        }
    };
    stack.push_integer(i64::from(result));
    1
}
