//! Functions of the host, in the table `host`.

use std::ffi::c_int;

use mlua::ffi::lua_upvalueindex;

use super::context::{Context, enter, misuse};
use super::decode::push_value;
use super::encode::write_value;
use super::stack::{Stack, lua_State};
use crate::error::Error;
use crate::value::{accept, write_array_head};

/// Pushes a table of what the host has registered and says true, or pushes nothing.
pub(super) fn push_table(stack: Stack, context: &Context) -> bool {
    let names = match &context.host {
        Some(host) => host.names(),
        None => return false,
    };
    if names.is_empty() {
        return false;
    }
    stack.create_table(0, c_int::try_from(names.len()).unwrap_or(0));
    for name in names {
        stack.push_bytes(name.as_bytes());
        stack.push_closure(call, 1);
        stack.raw_set_field(-2, &name);
    }
    true
}

/// Calls the function whose name is the first upvalue.
unsafe extern "C-unwind" fn call(state: *mut lua_State) -> c_int {
    enter(state, |stack, context| {
        let name = stack.to_bytes(lua_upvalueindex(1)).unwrap_or_default();
        let name = std::str::from_utf8(name).unwrap_or_default();
        let count = stack.top();
        let mut arguments = Vec::with_capacity(64);
        write_array_head(&mut arguments, usize::try_from(count).unwrap_or(0));
        for index in 1..=count {
            let place = format!("argument[{index}]");
            write_value(stack, context, index, 0, &place, None, &mut arguments)?;
        }
        let Some(host) = &context.host else {
            return Err(misuse("the host has no functions"));
        };
        let result = host.call(name, &arguments).map_err(misuse)?;
        let value = accept(&result, "result").map_err(|error: Error| {
            misuse(format!("host.{name} gave what is no value: {error}"))
        })?;
        push_value(stack, context, &value)?;
        Ok(1)
    })
}
