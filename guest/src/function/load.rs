//! From the store to Lua: closures and tables, joined by the cells that they share.

use std::ffi::c_int;

use super::count;
use super::heap::{self, Kind, push_value, slot_of_id, touch};
use super::object::{Function, Object, reference};
use super::source::Source;
use crate::error::{Error, Problem, Result};
use crate::lua::base::set_plain_metatable;
use crate::lua::context::{Context, slot};
use crate::lua::decode::{mark, push_scalar};
use crate::lua::external::{is_readable, push_view};
use crate::lua::stack::{REGISTRY, Stack};
use crate::value::{Item, entries};

/// Objects made by functions that need objects made by functions, at the most.
const MAX_DEPTH: usize = 16;

/// Pushes an object, loaded if it is not yet.
///
/// # Errors
/// `Corrupt` if it can't be read, `UnknownFunction` for what the standard library does not have any more, and
/// what a function of `__persist` raises.
pub(crate) fn push(stack: Stack, context: &Context, id: u64) -> Result<()> {
    let id = super::number(id)?;
    let place = match slot_of_id(stack, id) {
        Some(place) => place,
        None => load(stack, context, id)?,
    };
    touch(context, place);
    push_value(stack, place);
    Ok(())
}

/// Pushes something of the standard library.
///
/// # Errors
/// `UnknownFunction`.
pub(crate) fn push_library(stack: Stack, name: &str) -> Result<()> {
    stack.raw_get_integer(REGISTRY, slot::PERMANENTS);
    stack.raw_get_field(-1, name);
    stack.remove(-2);
    if stack.is_nil(-1) {
        stack.pop(1);
        return Err(Error::UnknownFunction(Problem {
            place: name.to_string(),
            message: "a persisted function needs it, and the standard library does not have it; use the version of Cu that has it, or register it".to_string(),
        }));
    }
    Ok(())
}

fn corrupt() -> Error {
    Error::corrupt(
        "store",
        "a persisted function does not fit its code; restore it from a backup, or persist it again",
    )
}

fn load(stack: Stack, context: &Context, id: u32) -> Result<usize> {
    let first = context.heap.borrow().entries.len();
    let top = stack.top();
    let mut loader = Loader {
        stack,
        context,
        waiting: Vec::new(),
        depth: 0,
    };
    let result = loader
        .object(id)
        .and_then(|place| loader.fill_all().map(|()| place));
    stack.set_top(top);
    if result.is_err() {
        heap::undo(stack, context, first);
    }
    result
}

struct Loader<'a> {
    stack: Stack,
    context: &'a Context,
    /// Cells and tables that are there, and empty.
    waiting: Vec<usize>,
    depth: usize,
}

impl Loader<'_> {
    fn record(&self, id: u32) -> Result<std::rc::Rc<[u8]>> {
        self.context
            .read_db(|db| count::read(db, id))?
            .ok_or_else(corrupt)
    }

    /// The slot of an object, which may have to be filled yet.
    fn object(&mut self, id: u32) -> Result<usize> {
        if let Some(place) = slot_of_id(self.stack, id) {
            return Ok(place);
        }
        self.context.check_memory()?;
        if !self.stack.reserve(16) {
            return Err(Error::argument("", "Lua's stack is full; call less deeply"));
        }
        let record = self.record(id)?;
        let place = match Object::parse(&record)? {
            Object::Function(function) => return self.function(id, &record, &function),
            Object::Table { .. } => {
                self.stack.create_table(0, 0);
                let place = heap::add(self.stack, self.context, id, Kind::Table, &record);
                self.waiting.push(place);
                place
            }
            Object::Made(function) => self.make(id, &record, function)?,
            // Documents refer to neither.
            Object::Code { .. } | Object::Cell(_) => return Err(corrupt()),
        };
        self.stack.pop(1);
        Ok(place)
    }

    /// The place of code among the sources.
    fn code(&mut self, id: u32) -> Result<usize> {
        let known = slot_of_id(self.stack, id);
        if let Some(place) = known {
            return match self.context.heap.borrow().entries[place].kind {
                Kind::Code(source) => Ok(source),
                _ => Err(corrupt()),
            };
        }
        let record = self.record(id)?;
        let Object::Code { name, text } = Object::parse(&record)? else {
            return Err(corrupt());
        };
        let name = std::ffi::CString::new(name).map_err(|_| corrupt())?;
        let source = Source::new(&name, text);
        let source = self.context.heap.borrow_mut().sources.push(source);
        heap::add(self.stack, self.context, id, Kind::Code(source), &record);
        Ok(source)
    }

    fn function(&mut self, id: u32, record: &[u8], function: &Function<'_>) -> Result<usize> {
        let (stack, context) = (self.stack, self.context);
        let source = self.code(function.code)?;
        let status = {
            let heap = &mut *context.heap.borrow_mut();
            let source = heap.sources.code(source);
            let chunk = source.chunk(stack, context)?;
            let binary = chunk.cut(&function.prototype).ok_or_else(corrupt)?;
            stack.load_binary(&binary, &source.name)
        };
        if status != mlua::ffi::LUA_OK {
            stack.pop(1);
            return Err(corrupt());
        }
        let closure = stack.top();
        for number in 1..=function.upvalues.len() {
            // A source that compiles to other upvalues than the function has is not its source.
            if stack.push_upvalue(closure, count_of(number)).is_none() {
                return Err(corrupt());
            }
            stack.pop(1);
        }
        let place = heap::add(
            stack,
            context,
            id,
            Kind::Function(vec![None; function.upvalues.len()]),
            record,
        );
        for ((_, cell), number) in function.upvalues.iter().zip(1..) {
            let cell = match cell {
                Some(cell) => Some(self.join(closure, place, number, *cell)?),
                None => {
                    stack.raw_get_integer(REGISTRY, slot::ENVIRONMENT);
                    stack.upvalue_join(closure, number, stack.top(), 1);
                    stack.pop(1);
                    None
                }
            };
            let entry = &mut context.heap.borrow_mut().entries[place];
            if let Kind::Function(cells) = &mut entry.kind {
                cells[number as usize - 1] = cell;
            }
        }
        stack.pop(1);
        Ok(place)
    }

    /// Gives a closure one of its variables.
    fn join(&mut self, closure: c_int, place: usize, number: c_int, cell: u32) -> Result<usize> {
        let (stack, context) = (self.stack, self.context);
        if let Some(known) = slot_of_id(stack, cell) {
            let kind = context.heap.borrow().entries[known].kind.clone();
            let Kind::Cell(owner, owner_number) = kind else {
                return Err(corrupt());
            };
            push_value(stack, owner);
            stack.upvalue_join(closure, number, stack.top(), owner_number);
            stack.pop(1);
            return Ok(known);
        }
        let record = self.record(cell)?;
        if !matches!(Object::parse(&record)?, Object::Cell(_)) {
            return Err(corrupt());
        }
        let known = heap::add(stack, context, cell, Kind::Cell(place, number), &record);
        self.waiting.push(known);
        Ok(known)
    }

    /// Calls the function that makes an object, and pushes what it gives.
    fn make(&mut self, id: u32, record: &[u8], function: u32) -> Result<usize> {
        let (stack, context) = (self.stack, self.context);
        if self.depth >= MAX_DEPTH {
            return Err(Error::argument(
                "__persist",
                "the functions that make objects need each other's objects; let one of them look the other's up when it is used",
            ));
        }
        self.depth += 1;
        let maker = self.object(function)?;
        self.fill_all()?;
        self.depth -= 1;
        push_value(stack, maker);
        super::persist::call(stack, context, 0, "the function that __persist returned")?;
        if stack.is_nil(-1) {
            return Err(Error::argument(
                "__persist",
                "the function that it returned gave nil; let it give the object",
            ));
        }
        Ok(heap::add(stack, context, id, Kind::Made(maker), record))
    }

    fn fill_all(&mut self) -> Result<()> {
        while let Some(place) = self.waiting.pop() {
            self.fill(place)?;
        }
        Ok(())
    }

    /// Puts into a cell or table what it holds.
    fn fill(&mut self, place: usize) -> Result<()> {
        let (stack, context) = (self.stack, self.context);
        let (kind, record) = {
            let entry = &context.heap.borrow().entries[place];
            (entry.kind.clone(), entry.stored.clone())
        };
        stack.reserve(16);
        match (kind, Object::parse(&record)?) {
            (Kind::Cell(owner, number), Object::Cell(value)) => {
                push_value(stack, owner);
                self.push(value)?;
                stack.set_upvalue(-2, number);
            }
            (Kind::Table, Object::Table { metatable, entries }) => {
                push_value(stack, place);
                self.fill_table(metatable, entries)?;
            }
            _ => return Err(corrupt()),
        }
        stack.pop(1);
        context.check_memory()
    }

    /// Fills the table on the top.
    fn fill_table(&mut self, metatable: &[u8], content: &[u8]) -> Result<()> {
        let stack = self.stack;
        for (key, value) in entries(content) {
            match Item::of(key) {
                Item::Float(float) if float.is_nan() => return Err(corrupt()),
                Item::Null => return Err(corrupt()),
                key => push_scalar(stack, key),
            }
            if stack.is_nil(-1) {
                return Err(corrupt());
            }
            self.push(value)?;
            stack.raw_set(-3);
        }
        match Item::of(metatable) {
            Item::Null => {}
            Item::Int(0) => mark(stack, slot::LIST),
            Item::Int(1) => mark(stack, slot::MAP),
            _ => {
                let metatable = self.object(reference(metatable)?)?;
                push_value(stack, metatable);
                if !stack.is_table(-1) {
                    return Err(corrupt());
                }
                set_plain_metatable(stack);
            }
        }
        Ok(())
    }

    /// Pushes what a variable or a table holds.
    fn push(&mut self, value: &[u8]) -> Result<()> {
        match Item::of(value) {
            Item::Function(id) => {
                let place = self.object(super::number(id)?)?;
                push_value(self.stack, place);
            }
            Item::Library(name) => push_library(self.stack, name)?,
            Item::View(view) if is_readable(view) => push_view(self.stack, view),
            Item::View(_) | Item::List(..) | Item::Map(..) => return Err(corrupt()),
            scalar => push_scalar(self.stack, scalar),
        }
        Ok(())
    }
}

fn count_of(number: usize) -> c_int {
    c_int::try_from(number).unwrap_or(c_int::MAX)
}

/// Brings all objects to what the store has: some may have been changed by somebody else, or by a call that was
/// rolled back.
pub(super) fn refresh(stack: Stack, context: &Context) -> Result<()> {
    let mut loader = Loader {
        stack,
        context,
        waiting: Vec::new(),
        depth: 0,
    };
    let count = context.heap.borrow().entries.len();
    let mut gone = Vec::new();
    for place in 0..count {
        let (id, kind) = {
            let entry = &context.heap.borrow().entries[place];
            (entry.id, entry.kind.clone())
        };
        if kind == Kind::Gone {
            continue;
        }
        let record = context.read_db(|db| count::read(db, id))?;
        let entry = &mut context.heap.borrow_mut().entries[place];
        match (kind, record) {
            (Kind::Cell(..) | Kind::Table, Some(record)) => {
                entry.stored = record.to_vec();
                loader.waiting.push(place);
            }
            (_, Some(record)) if *record == *entry.stored => {}
            _ => gone.push(place),
        }
    }
    heap::remove(stack, context, &gone);
    loader.waiting.retain(|place| {
        let kind = context.heap.borrow().entries[*place].kind.clone();
        if kind == Kind::Table {
            push_value(stack, *place);
            clear_table(stack);
            stack.pop(1);
        }
        kind != Kind::Gone
    });
    loader.fill_all()
}

/// Empties the table on the top.
fn clear_table(stack: Stack) {
    let table = stack.top();
    stack.push_nil();
    stack.set_metatable(table);
    stack.push_nil();
    while stack.next(table) {
        stack.pop(1);
        stack.copy(-1);
        stack.push_nil();
        stack.raw_set(table);
    }
}
