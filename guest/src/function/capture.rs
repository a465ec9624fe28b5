//! From closures to a record: which functions belong together, and what their variables hold.

use std::ffi::{c_int, c_void};

use super::prototype::Chunk;
use super::record::{Cell, Inner, Record, Upvalue};
use crate::error::{Error, Result};
use crate::lua::context::{Context, slot};
use crate::lua::encode::write_value;
use crate::lua::external::view_bytes;
use crate::lua::stack::{Kind, REGISTRY, Stack};

/// What a record's source compiles to.
pub(super) fn compile(stack: Stack, record: &Record) -> Result<Chunk> {
    let text = if record.is_expression {
        super::expression(&record.source)
    } else {
        record.source.clone()
    };
    let name = crate::lua::chunk_name(&super::chunk_name(&record.table, &record.name));
    let status = stack.load_text(text.as_bytes(), &name);
    if status != mlua::ffi::LUA_OK {
        let error = crate::lua::load_error(stack, status);
        stack.pop(1);
        return Err(error);
    }
    let chunk = stack.dump();
    stack.pop(1);
    Chunk::parse(chunk)
        .ok_or_else(|| Error::corrupt("source", "Lua's binary form is not as expected"))
}

/// Writes the functions of a record down, beginning with the one on the top, and returns its cells. The function
/// is popped.
///
/// # Errors
/// `Unstorable`, with the variable whose value can't be kept.
pub(super) fn capture(
    stack: Stack,
    context: &Context,
    record: &mut Record,
) -> Result<Vec<Vec<u8>>> {
    let chunk = compile(stack, record)?;
    let function = stack.top();
    stack.create_table(1, 0);
    let mut capture = Capture {
        stack,
        context,
        chunk,
        list: stack.top(),
        identities: Vec::new(),
        functions: Vec::new(),
        cells: Vec::new(),
        contents: Vec::new(),
    };
    let result = capture.all(function);
    record.functions = std::mem::take(&mut capture.functions);
    let contents = std::mem::take(&mut capture.contents);
    stack.set_top(function - 1);
    result.map(|()| contents)
}

struct Capture<'a> {
    stack: Stack,
    context: &'a Context,
    chunk: Chunk,
    /// The stack index of the list of functions.
    list: c_int,
    identities: Vec<*const c_void>,
    functions: Vec<Inner>,
    /// The identities of the cells, and what they hold.
    cells: Vec<*mut c_void>,
    contents: Vec<Vec<u8>>,
}

impl Capture<'_> {
    fn all(&mut self, main: c_int) -> Result<()> {
        self.add(main)?.ok_or_else(|| {
            Error::unstorable(
                "source",
                "the function was not made by this source itself, but by load or another function; persist it from its own text",
            )
        })?;
        let mut next = 0;
        while next < self.functions.len() {
            self.upvalues(next)?;
            next += 1;
        }
        Ok(())
    }

    /// Takes a function of the chunk in and tells its place; none if it is not of the chunk.
    ///
    /// # Errors
    /// `LimitExceeded` once that was done too often.
    fn add(&mut self, index: c_int) -> Result<Option<usize>> {
        let identity = self.stack.pointer(index);
        if let Some(place) = self.identities.iter().position(|known| *known == identity) {
            return Ok(Some(place));
        }
        self.stack.copy(index);
        let dump = self.stack.dump();
        // A script may have chained up any number of closures, and this is done for each.
        let steps = self.identities.len() + self.cells.len() + dump.len();
        if let Err(error) = self
            .context
            .charge(i64::try_from(steps).unwrap_or(i64::MAX))
        {
            self.stack.pop(1);
            return Err(error);
        }
        let dump = Chunk::parse(dump);
        let prototype = dump.and_then(|dump| self.chunk.find(dump.body()));
        let Some(prototype) = prototype else {
            self.stack.pop(1);
            return Ok(None);
        };
        self.identities.push(identity);
        self.functions.push(Inner {
            prototype,
            upvalues: Vec::new(),
        });
        let place = self.identities.len();
        self.stack.raw_set_integer(self.list, place as i64);
        Ok(Some(place - 1))
    }

    fn upvalues(&mut self, place: usize) -> Result<()> {
        let stack = self.stack;
        stack.raw_get_integer(self.list, place as i64 + 1);
        let function = stack.top();
        for number in 1.. {
            let Some(name) = stack.push_upvalue(function, number) else {
                break;
            };
            let name = name.to_string_lossy().into_owned();
            let cell = if name == "_ENV" {
                None
            } else {
                Some(self.cell(stack.upvalue_id(function, number), &name)?)
            };
            stack.pop(1);
            self.functions[place].upvalues.push(Upvalue { name, cell });
        }
        stack.pop(1);
        Ok(())
    }

    /// The number of a cell, whose value is on the top.
    fn cell(&mut self, identity: *mut c_void, name: &str) -> Result<u32> {
        let known = self.cells.iter().position(|known| *known == identity);
        let place = match known {
            Some(place) => place,
            None => {
                self.cells.push(identity);
                self.contents.push(Vec::new());
                let value = self.stack.top();
                let content = content(self.stack, self.context, value, name, |index| {
                    self.add(index)
                })?;
                let place = self.cells.len() - 1;
                self.contents[place] = content;
                place
            }
        };
        u32::try_from(place)
            .map_err(|_| Error::unstorable("source", "the function has too many variables"))
    }
}

/// What a cell holds whose value is at an index. `inner` finds the place of a function of the same source.
///
/// # Errors
/// `Unstorable`.
pub(super) fn content(
    stack: Stack,
    context: &Context,
    index: c_int,
    name: &str,
    inner: impl FnOnce(c_int) -> Result<Option<usize>>,
) -> Result<Vec<u8>> {
    let kind = stack.kind(index);
    if let Some(view) = view_bytes(stack, context, index) {
        return Ok(Cell::External(view).to_bytes());
    }
    if matches!(kind, Kind::Table | Kind::Function) {
        stack.raw_get_integer(REGISTRY, slot::PERMANENTS);
        stack.copy(index);
        stack.raw_get(-2);
        let library = stack
            .to_bytes(-1)
            .and_then(|name| std::str::from_utf8(name).ok())
            .map(|name| Cell::Library(name).to_bytes());
        stack.pop(2);
        if let Some(library) = library {
            return Ok(library);
        }
    }
    let place = format!("upvalue '{name}'");
    if kind == Kind::Function {
        if !stack.is_native(index)
            && let Some(inner) = inner(index)?
        {
            return Ok(Cell::Inner(inner).to_bytes());
        }
        return Err(Error::unstorable(
            place,
            "only functions of the same source and of the standard library can be kept in a variable; look others up when they are called",
        ));
    }
    let mut out = Vec::new();
    write_value(stack, context, index, 0, &place, &mut out)?;
    Ok(out)
}
