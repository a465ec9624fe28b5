//! Values as text: `tostring` and `print`.

use std::ffi::c_int;

use mlua::ffi;

use super::context::{enter, slot};
use super::stack::{Kind, REGISTRY, Stack, lua_State};

/// Pushes what `tostring` gives. Lua's own shows addresses, which differ from run to run; here, objects
/// are numbered in the order in which they are shown. Raising.
pub(super) fn push_text(stack: Stack, index: c_int) {
    let index = stack.absolute(index);
    let kind = stack.kind(index);
    let has_address = matches!(
        kind,
        Kind::Table | Kind::Function | Kind::Thread | Kind::Userdata
    );
    if kind == Kind::Number && stack.to_number(index).is_nan() {
        // A processor sets the sign of NaN as it likes.
        stack.push_bytes(b"nan");
        return;
    }
    if !has_address {
        // SAFETY: the index is valid.
        unsafe { ffi::luaL_tolstring(stack.state, index, std::ptr::null_mut()) };
        return;
    }
    if stack.push_metafield(index, c"__tostring") {
        stack.pop(1);
        // SAFETY: as above.
        unsafe { ffi::luaL_tolstring(stack.state, index, std::ptr::null_mut()) };
        return;
    }
    enter(stack.state, |stack, context| {
        if context.serial.get() == 0 {
            stack.create_table(0, 4);
            stack.create_table(0, 1);
            stack.push_bytes(b"k");
            stack.raw_set_field(-2, "__mode");
            stack.set_metatable(-2);
            stack.raw_set_integer(REGISTRY, slot::NUMBERS);
        }
        stack.raw_get_integer(REGISTRY, slot::NUMBERS);
        stack.copy(index);
        stack.raw_get(-2);
        let number = stack.to_integer(-1).unwrap_or_else(|| {
            let number = context.serial.get() + 1;
            context.serial.set(number);
            stack.copy(index);
            stack.push_integer(number);
            stack.raw_set(-4);
            number
        });
        stack.pop(2);
        let mut name = match kind {
            Kind::Table => "table",
            Kind::Function => "function",
            Kind::Thread => "thread",
            _ => "userdata",
        };
        let named = stack.push_metafield(index, c"__name");
        if named {
            name = stack
                .to_bytes(-1)
                .and_then(|name| std::str::from_utf8(name).ok())
                .unwrap_or(name);
        }
        stack.push_bytes(format!("{name}: 0x{number:08x}").as_bytes());
        if named {
            stack.remove(-2);
        }
        Ok(1)
    });
}

/// `tostring`.
pub(super) unsafe extern "C-unwind" fn to_string(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    stack.check_any(1);
    push_text(stack, 1);
    1
}

/// `print`, to the caller's console.
pub(super) unsafe extern "C-unwind" fn print(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    let count = stack.top();
    for argument in 1..=count {
        push_text(stack, argument);
        enter(state, |stack, context| {
            context.print(stack.to_bytes(-1).unwrap_or_default())?;
            context.print(if argument == count { b"\n" } else { b"\t" })?;
            Ok(0)
        });
        stack.pop(1);
    }
    if count == 0 {
        enter(state, |_, context| context.print(b"\n").map(|()| 0));
    }
    0
}
