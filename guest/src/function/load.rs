//! From records to closures, and back to the store what calls have left in their variables.

use std::ffi::{c_int, c_void};

use super::capture::{capture, compile, content};
use super::record::{self, Cell, Record, cell_key};
use crate::error::{Error, Result};
use crate::key::{prefix, space};
use crate::lua::context::{Context, slot};
use crate::lua::decode::push_value;
use crate::lua::external::{is_readable, push_view};
use crate::lua::stack::{REGISTRY, Stack};

/// The functions that a machine has loaded, in the order of their numbers.
pub(crate) type Loaded = Vec<Function>;

/// A loaded function. Its closures, and those of the functions in its variables, are in Lua's registry.
pub(crate) struct Function {
    id: u32,
    record: Record,
    /// What the store holds of each cell.
    cells: Vec<Vec<u8>>,
    /// Where each cell can be reached: which function of the record, which upvalue of it.
    owners: Vec<(usize, c_int)>,
    /// The identities of the record's functions.
    identities: Vec<*const c_void>,
    /// Whether this call may have changed it.
    touched: bool,
}

/// Pushes a function, loaded if it is not yet.
///
/// # Errors
/// `Corrupt` if its record can't be read or compiled.
pub(crate) fn push(stack: Stack, context: &Context, id: u64) -> Result<()> {
    let id = super::number(id)?;
    let known = {
        let functions = &mut *context.functions.borrow_mut();
        let place = functions.binary_search_by_key(&id, |function| function.id);
        place.map(|place| functions[place].touched = true)
    };
    if let Err(place) = known {
        // Loading one function loads no other.
        let function = load(stack, context, id)?;
        context.functions.borrow_mut().insert(place, function);
    }
    stack.raw_get_integer(REGISTRY, slot::FUNCTIONS);
    stack.raw_get_integer(-1, i64::from(id));
    stack.raw_get_integer(-1, 1);
    stack.insert(-3);
    stack.pop(2);
    Ok(())
}

fn corrupt() -> Error {
    Error::corrupt(
        "store",
        "a persisted function does not fit its source; persist it again",
    )
}

fn load(stack: Stack, context: &Context, id: u32) -> Result<Function> {
    let (record, cells) = context.with_db(|db| {
        let record = record::read(db.transaction(), id)?;
        let cells = record::read_cells(db.transaction(), id, &record)?;
        Ok((record, cells))
    })?;
    if !stack.reserve(16) {
        return Err(Error::argument("", "Lua's stack is full; call less deeply"));
    }
    let top = stack.top();
    let chunk = compile(stack, &record)?;
    stack.create_table(c_int::try_from(record.functions.len()).unwrap_or(0), 0);
    let list = stack.top();
    let name = crate::lua::chunk_name(&super::chunk_name(&record.table, &record.name));
    let mut identities = Vec::with_capacity(record.functions.len());
    for (function, number) in record.functions.iter().zip(1..) {
        let binary = chunk.cut(&function.prototype).ok_or_else(corrupt)?;
        let status = stack.load_binary(&binary, &name);
        if status != mlua::ffi::LUA_OK {
            stack.set_top(top);
            return Err(corrupt());
        }
        identities.push(stack.pointer(-1));
        stack.raw_set_integer(list, number);
    }
    let owners = join(stack, context, list, &record, &cells);
    if owners.is_ok() {
        stack.raw_get_integer(REGISTRY, slot::FUNCTIONS);
        stack.copy(list);
        stack.raw_set_integer(-2, i64::from(id));
    }
    stack.set_top(top);
    Ok(Function {
        id,
        owners: owners?,
        record,
        cells,
        identities,
        touched: true,
    })
}

/// Gives the functions of a list their variables, and tells where each cell can be reached.
fn join(
    stack: Stack,
    context: &Context,
    list: c_int,
    record: &Record,
    cells: &[Vec<u8>],
) -> Result<Vec<(usize, c_int)>> {
    let mut owners: Vec<Option<(usize, c_int)>> = vec![None; cells.len()];
    stack.raw_get_integer(REGISTRY, slot::ENVIRONMENT);
    let environment = stack.top();
    for (function, place) in record.functions.iter().zip(0usize..) {
        stack.raw_get_integer(list, place as i64 + 1);
        let closure = stack.top();
        for (upvalue, number) in function.upvalues.iter().zip(1..) {
            // A source that compiles to fewer upvalues than the record knows is not its source.
            if stack.push_upvalue(closure, number).is_none() {
                return Err(corrupt());
            }
            stack.pop(1);
            let Some(cell) = upvalue.cell else {
                stack.upvalue_join(closure, number, environment, 1);
                continue;
            };
            match &mut owners[cell as usize] {
                Some((owner, owner_number)) => {
                    stack.raw_get_integer(list, *owner as i64 + 1);
                    stack.upvalue_join(closure, number, stack.top(), *owner_number);
                    stack.pop(1);
                }
                owner => {
                    *owner = Some((place, number));
                    push_cell(stack, context, list, &cells[cell as usize])?;
                    stack.set_upvalue(closure, number);
                }
            }
        }
        stack.pop(1);
    }
    stack.pop(1);
    owners
        .into_iter()
        .map(|owner| owner.ok_or_else(corrupt))
        .collect()
}

fn push_cell(stack: Stack, context: &Context, list: c_int, cell: &[u8]) -> Result<()> {
    match Cell::parse(cell)? {
        Cell::Value(value) => push_value(stack, context, value)?,
        Cell::Inner(place) => {
            stack.raw_get_integer(list, place as i64 + 1);
            if stack.is_nil(-1) {
                return Err(corrupt());
            }
        }
        Cell::Library(name) => {
            stack.raw_get_integer(REGISTRY, slot::PERMANENTS);
            stack.raw_get_field(-1, name);
            stack.remove(-2);
            if stack.is_nil(-1) {
                return Err(corrupt());
            }
        }
        Cell::External(view) if is_readable(view) => push_view(stack, view),
        Cell::External(_) => return Err(corrupt()),
    }
    Ok(())
}

/// Writes what the call has left in the variables of functions that it may have called.
///
/// # Errors
/// `Unstorable`, with the variable whose value can't be kept.
pub(crate) fn save_changed(stack: Stack, context: &Context) -> Result<()> {
    let functions = &mut *context.functions.borrow_mut();
    let mut place = 0;
    while let Some(function) = functions.get_mut(place) {
        if function.touched && save(stack, context, function)? {
            drop_closures(stack, function.id);
            functions.remove(place);
        } else {
            place += 1;
        }
    }
    Ok(())
}

/// Writes the cells of one function that differ from the store's. True if the record itself is another one now.
fn save(stack: Stack, context: &Context, function: &mut Function) -> Result<bool> {
    let id = function.id;
    let top = stack.top();
    stack.reserve(16);
    stack.raw_get_integer(REGISTRY, slot::FUNCTIONS);
    stack.raw_get_integer(-1, i64::from(id));
    let list = stack.top();
    let mut changed = Vec::new();
    let mut has_new = false;
    for (cell, number) in function.cells.iter().zip(0usize..) {
        let (owner, upvalue) = function.owners[number];
        stack.raw_get_integer(list, owner as i64 + 1);
        stack.push_upvalue(-1, upvalue);
        let name = &function.record.functions[owner].upvalues
            [usize::try_from(upvalue - 1).unwrap_or(0)]
        .name;
        let value = stack.top();
        let now = content(stack, context, value, name, |index| {
            let identity = stack.pointer(index);
            let known = function
                .identities
                .iter()
                .position(|known| *known == identity);
            // A closure that the call has made: its own variables have to be seen too.
            has_new |= known.is_none();
            Ok(known.or(Some(0)))
        });
        stack.pop(2);
        let now = now?;
        if now != *cell {
            changed.push((number, now));
        }
    }
    let is_changed = has_new || !changed.is_empty();
    // It may have been deleted, or replaced, in this very call.
    let is_there = is_changed
        && context.with_db(|db| {
            Ok(db
                .transaction()
                .get(&prefix(space::FUNCTION, id))?
                .is_some())
        })?;
    if is_there && has_new {
        stack.raw_get_integer(list, 1);
        let cells = capture(stack, context, &mut function.record)?;
        context.with_db(|db| record::write(db, id, &function.record, &cells))?;
    } else if is_there {
        for (number, now) in changed {
            let key = cell_key(id, u32::try_from(number).map_err(|_| corrupt())?);
            context.with_db(|db| db.transaction_mut().put(&key, &now))?;
            function.cells[number] = now;
        }
    }
    stack.set_top(top);
    Ok(has_new || is_changed && !is_there)
}

fn drop_closures(stack: Stack, id: u32) {
    stack.raw_get_integer(REGISTRY, slot::FUNCTIONS);
    stack.push_nil();
    stack.raw_set_integer(-2, i64::from(id));
    stack.pop(1);
}

/// Ends a call: after one that failed, what it may have changed is loaded anew.
pub(crate) fn finish(stack: Stack, context: &Context, succeeded: bool) {
    let functions = &mut *context.functions.borrow_mut();
    functions.retain_mut(|function| {
        let stays = succeeded || !function.touched;
        function.touched = false;
        if !stays {
            drop_closures(stack, function.id);
        }
        stays
    });
}

/// Takes all functions for changed by this call: it may have them in globals that were kept.
pub(crate) fn touch_all(context: &Context) {
    for function in context.functions.borrow_mut().iter_mut() {
        function.touched = true;
    }
}

/// Forgets all functions.
pub(crate) fn forget(stack: Stack, context: &Context) {
    context.functions.borrow_mut().clear();
    stack.create_table(0, 0);
    stack.raw_set_integer(REGISTRY, slot::FUNCTIONS);
}
