//! External tables: Lua tables that are views of the store.
//!
//! `_home` is the root. Its members are tables and single values, a table's members are documents, and
//! lists and maps inside of documents are external tables again. Reading walks the stored bytes and
//! decodes only scalars; writing goes through to the transaction at once.
//!
//! An external table holds a path and nothing of what is there: it always shows what stands at
//! the path now. Once its document is gone, it reads as empty, and writing to it is an error.

mod caches;
mod copy;
pub(crate) mod meta;
mod methods;
mod read;
mod view;
mod write;

use std::ffi::c_int;

pub(crate) use caches::Caches;
pub(crate) use copy::write_copy;
pub(crate) use read::{length, push_document, push_member, push_next};
pub(crate) use view::{is_external, is_readable, push_database, push_root, push_view, view_bytes};
pub(crate) use write::assign;

use view::View;

use super::context::{Context, context, enter, slot};
use super::stack::{REGISTRY, Stack, lua_State};
use crate::error::{Error, Result};

/// Makes the metatable of external tables, and the root.
pub(crate) fn open(stack: Stack, context: &Context) {
    stack.create_table(0, 8);
    stack.set_native(-1, "__index", index);
    stack.set_native(-1, "__newindex", new_index);
    stack.set_native(-1, "__len", len);
    stack.set_native(-1, "__eq", equal);
    stack.set_native(-1, "__tostring", to_string);
    for (event, attempted) in meta::EVENTS {
        stack.push_bytes(event.as_bytes());
        stack.push_bytes(attempted.as_bytes());
        stack.push_closure(meta::answer, 2);
        stack.raw_set_field(-2, event);
    }
    stack.push_bytes(b"external table");
    stack.raw_set_field(-2, "__metatable");
    context.marks.external.set(stack.pointer(-1));
    stack.raw_set_integer(REGISTRY, slot::EXTERNAL);
    push_root(stack);
    stack.raw_set_integer(REGISTRY, slot::HOME);
    methods::open(stack);
}

fn this<'a>(stack: Stack, context: &Context) -> Result<&'a [u8]> {
    view_bytes(stack, context, 1)
        .ok_or_else(|| Error::argument("", "an external table was expected"))
}

unsafe extern "C-unwind" fn index(state: *mut lua_State) -> c_int {
    let count = enter(state, |stack, context| {
        push_member(stack, context, this(stack, context)?, 2)?;
        Ok(1)
    });
    if Stack::of(state).is_nil(-1) {
        return meta::index_absent(state);
    }
    count
}

unsafe extern "C-unwind" fn new_index(state: *mut lua_State) -> c_int {
    if meta::set_absent(state) {
        return 0;
    }
    enter(state, |stack, context| {
        assign(stack, context, this(stack, context)?, 2, 3)?;
        Ok(0)
    })
}

unsafe extern "C-unwind" fn len(state: *mut lua_State) -> c_int {
    if meta::push_metafield(state, 1, "__len") {
        let stack = Stack::of(state);
        stack.copy(1);
        stack.call(1, 1);
        return 1;
    }
    enter(state, |stack, context| {
        stack.push_integer(length(context, this(stack, context)?)?);
        Ok(1)
    })
}

unsafe extern "C-unwind" fn equal(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    if same(stack, context(stack), 1, 2) {
        stack.push_bool(true);
        return 1;
    }
    for operand in 1..=2 {
        if is_external(stack, context(stack), operand)
            && meta::push_metafield(state, operand, "__eq")
        {
            stack.copy(1);
            stack.copy(2);
            stack.call(2, 1);
            return 1;
        }
    }
    stack.push_bool(false);
    1
}

/// Whether two values are external tables of the same place.
pub(crate) fn same(stack: Stack, context: &Context, left: c_int, right: c_int) -> bool {
    let left = view_bytes(stack, context, left);
    left.is_some() && left == view_bytes(stack, context, right)
}

unsafe extern "C-unwind" fn to_string(state: *mut lua_State) -> c_int {
    if meta::push_metafield(state, 1, "__tostring") {
        let stack = Stack::of(state);
        stack.copy(1);
        stack.call(1, 1);
        return 1;
    }
    enter(state, |stack, context| {
        let path = View::parse(this(stack, context)?).path();
        stack.push_bytes(format!("external table: {path}").as_bytes());
        Ok(1)
    })
}

/// Replaces an external table on the top by a copy that is none. Raising.
pub(crate) fn detach(state: *mut lua_State) {
    enter(state, |stack, context| {
        if is_external(stack, context, -1) {
            let mut value = Vec::new();
            write_copy(stack, context, -1, 0, true, &mut value)?;
            stack.pop(1);
            super::decode::push_value(stack, context, &value)?;
        }
        Ok(0)
    });
}

/// `table.sort` of an external table: a copy is sorted, since swapping two views would copy one of them over
/// the other. Raising.
pub(crate) fn sort(state: *mut lua_State, upvalue: c_int) -> c_int {
    let stack = Stack::of(state);
    let length = stack.length(1);
    stack.set_top(2);
    stack.create_table(0, 0);
    for position in 1..=length {
        stack.get_integer(1, position);
        detach(state);
        stack.raw_set_integer(3, position);
    }
    stack.copy(upvalue);
    stack.copy(3);
    stack.copy(2);
    let arguments = if stack.is_nil(2) { 1 } else { 2 };
    stack.set_top(4 + arguments);
    stack.call(arguments, 0);
    enter(state, |stack, context| {
        let bytes = this(stack, context)?;
        let view = View::parse(bytes);
        if let View::Inside(inside) = &view
            && let Some(document) = caches::document(context, inside)?
            && let Some(container) = caches::container(context, &document, inside)
            && document[container] >> 5 == 4
        {
            write::replace_sorted(stack, context, &view, inside, 3)?;
            return Ok(0);
        }
        for position in 1..=length {
            stack.raw_get_integer(3, position);
            let value = stack.top();
            write::assign_position(stack, context, bytes, position, value)?;
            stack.pop(1);
        }
        Ok(0)
    })
}
