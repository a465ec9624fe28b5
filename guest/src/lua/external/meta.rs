//! Metatables of stored tables: what they say counts for the external tables, too.
//!
//! A list or map in the store that has a metatable keeps it under the key null, which no caller can send. The
//! metatable itself is an object of its own, shared by all that have it.

use std::ffi::c_int;

use mlua::ffi::{LUA_MULTRET, lua_upvalueindex};

use super::caches;
use super::view::{View, view_bytes};
use crate::error::{Error, Result};
use crate::function;
use crate::lua::context::{Context, context, enter, misuse};
use crate::lua::stack::{Kind, Stack, lua_State};
use crate::value::{NULL, entries};

/// The events that a stored metatable answers, with what Lua would say was attempted without it.
pub(super) const EVENTS: &[(&str, &str)] = &[
    ("__add", "perform arithmetic on"),
    ("__sub", "perform arithmetic on"),
    ("__mul", "perform arithmetic on"),
    ("__div", "perform arithmetic on"),
    ("__mod", "perform arithmetic on"),
    ("__pow", "perform arithmetic on"),
    ("__unm", "perform arithmetic on"),
    ("__idiv", "perform arithmetic on"),
    ("__band", "perform bitwise operation on"),
    ("__bor", "perform bitwise operation on"),
    ("__bxor", "perform bitwise operation on"),
    ("__shl", "perform bitwise operation on"),
    ("__shr", "perform bitwise operation on"),
    ("__bnot", "perform bitwise operation on"),
    ("__concat", "concatenate"),
    ("__lt", "compare"),
    ("__le", "compare"),
    ("__call", "call"),
];

/// Pushes the metatable that the store has for the external table at an index and says true, or pushes
/// nothing.
///
/// # Errors
/// As loading it fails.
pub(crate) fn push_metatable(stack: Stack, context: &Context, index: c_int) -> Result<bool> {
    let Some(View::Inside(inside)) = view_bytes(stack, context, index).map(View::parse) else {
        return Ok(false);
    };
    let may_have = context.read_db(|db| {
        let table = db.catalog().table(inside.table);
        Ok(table.is_some_and(|table| table.has_functions))
    })?;
    if !may_have {
        return Ok(false);
    }
    let Some(document) = caches::document(context, &inside)? else {
        return Ok(false);
    };
    let Some(container) = caches::container(context, &document, &inside) else {
        return Ok(false);
    };
    let metatable = entries(&document[container..]).find(|(key, _)| *key == [NULL]);
    let Some((_, metatable)) = metatable else {
        return Ok(false);
    };
    crate::lua::decode::push_value(stack, context, metatable)?;
    if !stack.is_table(-1) {
        return Err(Error::corrupt(
            "store",
            "the metatable of a stored table is none; restore from a backup",
        ));
    }
    Ok(true)
}

/// Pushes a field of the stored metatable of the external table at an index and says true, or pushes nothing. Raising.
pub(crate) fn push_metafield(state: *mut lua_State, index: c_int, event: &str) -> bool {
    let stack = Stack::of(state);
    let index = stack.absolute(index);
    let found = enter(state, |stack, context| {
        stack.reserve(8);
        if !push_metatable(stack, context, index)? {
            return Ok(0);
        }
        stack.raw_get_field(-1, event);
        stack.remove(-2);
        if stack.is_nil(-1) {
            stack.pop(1);
            return Ok(0);
        }
        Ok(1)
    });
    found == 1
}

/// Answers an event with the metatable that one of the operands has in the store. Its upvalues are the event and
/// what is attempted. Raising.
pub(super) unsafe extern "C-unwind" fn answer(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    let count = stack.top();
    for operand in 1..=count.min(2) {
        let event = stack.to_bytes(lua_upvalueindex(1));
        let event = event.and_then(|event| std::str::from_utf8(event).ok());
        let found = super::is_external(stack, context(stack), operand)
            && push_metafield(state, operand, event.unwrap_or_default());
        if found {
            stack.insert(1);
            stack.call(count, LUA_MULTRET);
            return stack.top();
        }
    }
    enter(state, |stack, _| {
        let attempted = stack.to_bytes(lua_upvalueindex(2)).unwrap_or_default();
        Err(misuse(format!(
            "attempt to {} an external table",
            String::from_utf8_lossy(attempted)
        )))
    })
}

/// `__index` for a member that is absent. Raising.
pub(super) fn index_absent(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    stack.set_top(2);
    if !push_metafield(state, 1, "__index") {
        stack.push_nil();
        return 1;
    }
    if stack.kind(-1) == Kind::Function {
        stack.insert(1);
        stack.call(2, 1);
    } else {
        stack.copy(2);
        stack.get_table(-2);
    }
    1
}

/// `__newindex` for a member that is absent: true if it has taken the value. Raising.
pub(super) fn set_absent(state: *mut lua_State) -> bool {
    let stack = Stack::of(state);
    if !push_metafield(state, 1, "__newindex") {
        return false;
    }
    let is_absent = enter(state, |stack, context| {
        let view = view_bytes(stack, context, 1).unwrap_or_default();
        super::push_member(stack, context, view, 2)?;
        let is_absent = stack.is_nil(-1);
        stack.pop(1);
        Ok(c_int::from(is_absent))
    });
    if is_absent == 0 {
        stack.pop(1);
        return false;
    }
    if stack.kind(-1) == Kind::Function {
        stack.insert(1);
        stack.call(3, 0);
    } else {
        stack.copy(2);
        stack.copy(3);
        stack.set_table(-3);
    }
    true
}

/// `setmetatable` of an external table; the metatable, or nil, is at index 2.
///
/// # Errors
/// `Unstorable` for a table directly in `_home`, and for what a metatable can't keep.
pub(crate) fn set(stack: Stack, context: &Context) -> Result<()> {
    let Some(view) = view_bytes(stack, context, 1).map(View::parse) else {
        return Ok(());
    };
    let View::Inside(inside) = &view else {
        return Err(Error::unstorable(
            view.path(),
            "can't have a metatable; give one to a document in it",
        ));
    };
    let mut reference = Vec::new();
    if !stack.is_nil(2) {
        let mut saver = function::Saver::new(stack, context, &view.path());
        saver.write_root(2, &mut reference)?;
        saver.finish()?;
    }
    super::write::set_metatable(context, &view, inside, &reference)
}
