//! From Lua to the store: what closures and tables hold now, compared with what the store has of them.
//!
//! A walk begins at functions that were assigned, or, at the end of a call, at everything that the call has got
//! hold of, and goes on to whatever can be reached. What differs is written, new objects included; nothing is if the walk
//! fails.

use std::ffi::c_int;

use super::count;
use super::heap::{self, Heap, Kind, push_value, slot_of_cell, slot_of_value};
use super::object::{Function, Object};
use super::persist::{self, Wish};
use super::prototype::Chunk;
use crate::error::{Error, Limit, Result};
use crate::lua::context::{Context, slot};
use crate::lua::decode::push_scalar;
use crate::lua::encode::{step_of, write_map_key, write_scalar};
use crate::lua::external::{push_view, view_bytes};
use crate::lua::stack::{self, REGISTRY, Stack};
use crate::value::{
    Item, MAX_DEPTH, MAX_SIZE, write_array_head, write_function, write_head, write_library,
    write_map_head, write_null, write_view,
};

/// Members of a table that are written between two looks at the budget.
const STEP: usize = 1024;

/// A walk, and what it will write.
pub(crate) struct Saver<'a> {
    stack: Stack,
    context: &'a Context,
    /// Slots from here on are this walk's own.
    first: usize,
    /// The number of the walk.
    walk: u32,
    steps: Vec<Step>,
    writes: Vec<(usize, Vec<u8>)>,
    bindings: Vec<Binding>,
    /// Where the walk begins, for messages; empty if that is nowhere in particular.
    place: String,
    /// The stack index of the value that is being assigned, in which the walk begins.
    pub(crate) assigned: Option<c_int>,
    /// The stack index of a table that tells the place in the store where each of the tables is going that are being
    /// assigned; none if nothing is.
    pub(crate) destinations: Option<c_int>,
    /// Whether the function that is persisted is all of its source.
    pub(super) is_whole: bool,
    done: bool,
}

/// An object on the walk, and how it was reached.
struct Step {
    slot: usize,
    from: Option<usize>,
    via: Via,
}

/// How an object is reached from the one before.
#[derive(Clone, Copy)]
enum Via {
    Root,
    Upvalue(c_int),
    Field,
    Metatable,
}

impl Drop for Saver<'_> {
    fn drop(&mut self) {
        if !self.done {
            heap::undo(self.stack, self.context, self.first);
        }
    }
}

impl<'a> Saver<'a> {
    pub(crate) fn new(stack: Stack, context: &'a Context, place: &str) -> Saver<'a> {
        let heap = &mut *context.heap.borrow_mut();
        heap.walk += 1;
        Saver {
            stack,
            context,
            first: heap.entries.len(),
            walk: heap.walk,
            steps: Vec::new(),
            writes: Vec::new(),
            bindings: Vec::new(),
            assigned: None,
            place: place.to_string(),
            destinations: None,
            is_whole: false,
            done: false,
        }
    }

    /// Whether the walk has found anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Appends the reference to a function, or to a table that is an object of its own, and begins the walk there.
    ///
    /// # Errors
    /// `Unstorable`, `LimitExceeded`.
    pub(crate) fn write_root(&mut self, index: c_int, out: &mut Vec<u8>) -> Result<()> {
        if let Some(name) = library_name(self.stack, index) {
            write_library(out, name);
            return Ok(());
        }
        let slot = self.object(index)?;
        heap::touch(self.context, slot);
        let id = self.heap(|heap| heap.entries[slot].id);
        write_function(out, u64::from(id));
        self.go(slot, None, Via::Root);
        Ok(())
    }

    /// Appends the reference to what the table at an index is made by, if its metatable says so, and tells whether
    /// it does.
    ///
    /// # Errors
    /// `Unstorable` if the metatable says that the table is not to be kept, and what its function raises.
    pub(crate) fn write_made(&mut self, index: c_int, out: &mut Vec<u8>) -> Result<bool> {
        let is_made = slot_of_value(self.stack, index)
            .is_some_and(|slot| self.heap(|heap| matches!(heap.entries[slot].kind, Kind::Made(_))));
        match persist::look(self.stack, index) {
            Wish::Not => return Err(not_to_be_kept()),
            Wish::AsItIs if !is_made => return Ok(false),
            _ => {}
        }
        self.write_root(index, out)?;
        Ok(true)
    }

    fn heap<T>(&self, work: impl FnOnce(&mut Heap) -> T) -> T {
        work(&mut self.context.heap.borrow_mut())
    }

    fn go(&mut self, slot: usize, from: Option<usize>, via: Via) {
        let walk = self.walk;
        if self.heap(|heap| std::mem::replace(&mut heap.entries[slot].seen, walk)) != walk {
            self.steps.push(Step { slot, from, via });
        }
    }

    /// Walks, and writes what differs.
    ///
    /// # Errors
    /// `Unstorable`, with the path to the culprit; `LimitExceeded`.
    pub(crate) fn finish(mut self) -> Result<Vec<Binding>> {
        let mut next = 0;
        while next < self.steps.len() {
            self.visit(next)?;
            next += 1;
        }
        for (slot, bytes) in std::mem::take(&mut self.writes) {
            let (id, old) = self.heap(|heap| {
                let entry = &mut heap.entries[slot];
                (
                    entry.id,
                    std::mem::replace(&mut entry.stored, bytes.clone()),
                )
            });
            self.context
                .with_db(|db| count::write(db, id, &old, &bytes))?;
        }
        self.done = true;
        Ok(std::mem::take(&mut self.bindings))
    }

    fn visit(&mut self, at: usize) -> Result<()> {
        let slot = self.steps[at].slot;
        let kind = self.heap(|heap| heap.entries[slot].kind.clone());
        let top = self.stack.top();
        self.stack.reserve(24);
        self.context.charge(1)?;
        match kind {
            Kind::Function(cells) => self.function(at, slot, &cells)?,
            Kind::Table => self.table(at, slot)?,
            Kind::Made(maker) => self.made(at, slot, maker)?,
            Kind::Cell(owner, number) => {
                self.steps[at].slot = owner;
                self.cell(at, owner, number, slot)?;
            }
            Kind::Code(_) | Kind::Gone => {}
        }
        self.stack.set_top(top);
        Ok(())
    }

    fn differs(&mut self, slot: usize, bytes: Vec<u8>) {
        if self.heap(|heap| heap.entries[slot].stored != bytes) {
            self.writes.push((slot, bytes));
        }
    }

    /// Looks at the variables of a closure.
    fn function(&mut self, at: usize, slot: usize, cells: &[Option<usize>]) -> Result<()> {
        let walk = self.walk;
        for (cell, number) in cells.iter().zip(1..) {
            let Some(cell) = *cell else { continue };
            if self.heap(|heap| std::mem::replace(&mut heap.entries[cell].seen, walk)) != walk {
                self.cell(at, slot, number, cell)?;
            }
        }
        Ok(())
    }

    /// Looks at a variable, by a closure that has it.
    fn cell(&mut self, at: usize, owner: usize, number: c_int, cell: usize) -> Result<()> {
        let stack = self.stack;
        push_value(stack, owner);
        stack.push_upvalue(-1, number);
        let mut bytes = Object::begin_cell();
        let via = Via::Upvalue(number);
        let bound = self.content(at, via, stack.top(), &mut bytes)?;
        if bytes.len() > MAX_SIZE {
            let place = self.place_via(at, via, stack.top());
            return Err(crate::lua::encode::too_large().under(&place));
        }
        if let Some(view) = bound {
            self.bindings.push(Binding {
                slot: owner,
                part: Part::Upvalue(number),
                view,
            });
        }
        stack.pop(2);
        self.differs(cell, bytes);
        Ok(())
    }

    /// Looks at the entries of a table.
    fn table(&mut self, at: usize, slot: usize) -> Result<()> {
        let stack = self.stack;
        push_value(stack, slot);
        let table = stack.top();
        let mut rows = Vec::new();
        let mut size = 0;
        stack.push_nil();
        while stack.next(table) {
            let value = stack.top();
            let mut row = Vec::new();
            if !write_map_key(stack, value - 1, &mut row) {
                let place = self.place_of(at);
                return Err(Error::unstorable(
                    place,
                    format!(
                        "{} can't be a key of a stored table; use strings, numbers or booleans",
                        stack.kind(value - 1).name()
                    ),
                ));
            }
            let key_size = row.len();
            if let Some(view) = self.content(at, Via::Field, value, &mut row)? {
                let part = Part::Field(row[..key_size].to_vec());
                self.bindings.push(Binding { slot, part, view });
            }
            stack.pop(1);
            size += row.len();
            if size > MAX_SIZE {
                return Err(crate::lua::encode::too_large().under(&self.place_of(at)));
            }
            rows.push(row);
            if rows.len().is_multiple_of(STEP) {
                self.context.charge(STEP as i64)?;
            }
        }
        // No key is the beginning of another: whole entries are in the order of their keys.
        self.context.sort(&mut rows)?;
        let mut bytes = Vec::with_capacity(size + 16);
        // As `Object::Table` has them.
        write_array_head(&mut bytes, 3);
        write_head(&mut bytes, 0, 3);
        self.metatable(at, table, &mut bytes)?;
        write_map_head(&mut bytes, rows.len());
        rows.iter().for_each(|row| bytes.extend_from_slice(row));
        self.differs(slot, bytes);
        Ok(())
    }

    fn metatable(&mut self, at: usize, table: c_int, out: &mut Vec<u8>) -> Result<()> {
        let marks = &self.context.marks;
        let identity = self.stack.metatable(table);
        if identity.is_null() {
            write_null(out);
        } else if identity == marks.list.get() {
            write_head(out, 0, 0);
        } else if identity == marks.map.get() {
            write_head(out, 0, 1);
        } else {
            self.stack.push_metatable(table);
            self.content(at, Via::Metatable, self.stack.top(), out)?;
            self.stack.pop(1);
        }
        Ok(())
    }

    /// Asks an object how it is to be made, and sees whether that is still the way it is made.
    fn made(&mut self, at: usize, slot: usize, maker: usize) -> Result<()> {
        let stack = self.stack;
        push_value(stack, slot);
        let fault = |saver: &Self, error: Error| error.under(&saver.place_of(at));
        let wish =
            persist::ask(stack, self.context, stack.top()).map_err(|error| fault(self, error))?;
        match wish {
            Wish::Made => {}
            Wish::Not => return Err(fault(self, not_to_be_kept())),
            // Its metatable says nothing any more.
            Wish::AsItIs => {
                self.go(maker, Some(at), Via::Root);
                return Ok(());
            }
        }
        let new = stack.top();
        let same = slot_of_value(stack, new) == Some(maker) || self.same(at, maker, new)?;
        let maker = if same { maker } else { self.object(new)? };
        self.go(maker, Some(at), Via::Root);
        self.heap(|heap| heap.entries[slot].kind = Kind::Made(maker));
        let id = self.heap(|heap| heap.entries[maker].id);
        self.differs(slot, Object::Made(id).to_bytes());
        Ok(())
    }

    /// Whether a new closure is what the store has of an old one: the same prototype, with the same in its variables.
    fn same(&mut self, at: usize, old: usize, new: c_int) -> Result<bool> {
        let stack = self.stack;
        let Kind::Function(cells) = self.heap(|heap| heap.entries[old].kind.clone()) else {
            return Ok(false);
        };
        push_value(stack, old);
        let old_dump = stack.dump();
        stack.pop(1);
        stack.copy(new);
        let new_dump = stack.dump();
        stack.pop(1);
        if old_dump != new_dump {
            return Ok(false);
        }
        for (cell, number) in cells.iter().zip(1..) {
            let Some(cell) = *cell else { continue };
            stack.push_upvalue(new, number);
            let mut bytes = Object::begin_cell();
            self.content(at, Via::Upvalue(number), stack.top(), &mut bytes)?;
            stack.pop(1);
            if self.heap(|heap| heap.entries[cell].stored != bytes) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Appends what stands for the value at an index, and goes there if it is an object. Gives a view if the value is
    /// a table that is being assigned: the variable or field that holds it is going to hold an external table of
    /// the place that it is assigned to.
    fn content(
        &mut self,
        at: usize,
        via: Via,
        index: c_int,
        out: &mut Vec<u8>,
    ) -> Result<Option<Vec<u8>>> {
        let stack = self.stack;
        if write_scalar(stack, index, out) {
            return Ok(None);
        }
        if let Some(view) = view_bytes(stack, self.context, index) {
            write_view(out, view);
            return Ok(None);
        }
        if let Some(name) = library_name(stack, index) {
            write_library(out, name);
            return Ok(None);
        }
        if let Some(destinations) = self.destinations
            && stack.is_table(index)
        {
            stack.copy(index);
            stack.raw_get(destinations);
            let view = stack.to_bytes(-1).map(<[u8]>::to_vec);
            stack.pop(1);
            if let Some(view) = view {
                write_view(out, &view);
                return Ok(Some(view));
            }
        }
        let slot = match self.object(index) {
            Ok(slot) => slot,
            Err(Error::Unstorable(problem)) => {
                let place = self.place_via(at, via, index);
                return Err(Error::unstorable(place + &problem.place, problem.message));
            }
            Err(Error::LimitExceeded(mut excess)) if excess.limit == Limit::FunctionSize => {
                excess.place.insert_str(0, &self.place_via(at, via, index));
                return Err(Error::LimitExceeded(excess));
            }
            Err(error) => return Err(error),
        };
        let id = self.heap(|heap| heap.entries[slot].id);
        write_function(out, u64::from(id));
        self.go(slot, Some(at), via);
        Ok(None)
    }

    /// The slot of the function or table at an index, which may be new.
    ///
    /// # Errors
    /// `Unstorable` for anything else.
    fn object(&mut self, index: c_int) -> Result<usize> {
        let (stack, context) = (self.stack, self.context);
        let index = stack.absolute(index);
        let kind = stack.kind(index);
        if !matches!(kind, stack::Kind::Function | stack::Kind::Table) {
            return Err(Error::unstorable(
                "",
                format!(
                    "is {}, which can't be stored; use nil, booleans, numbers, strings, tables and functions",
                    kind.name()
                ),
            ));
        }
        if let Some(slot) = slot_of_value(stack, index) {
            return Ok(slot);
        }
        context.check_memory()?;
        stack.reserve(24);
        if kind == stack::Kind::Function {
            if stack.is_native(index) {
                return Err(Error::unstorable(
                    "",
                    "is a function of the standard library that has no name there, such as an iterator; store what it is made from",
                ));
            }
            return self.closure(index);
        }
        let metatable = stack.metatable(index);
        if !metatable.is_null() && metatable == context.marks.globals.get() {
            return Err(Error::unstorable(
                "",
                "is the table of globals, which belongs to the call; keep a table of your own",
            ));
        }
        let top = stack.top();
        let kind = match persist::ask(stack, context, index)? {
            Wish::Not => return Err(not_to_be_kept()),
            Wish::AsItIs => Kind::Table,
            Wish::Made => Kind::Made(self.object(-1)?),
        };
        let id = new_id(context)?;
        stack.copy(index);
        let slot = heap::add(stack, context, id, kind, &[]);
        stack.set_top(top);
        Ok(slot)
    }

    /// Takes a closure in: its code and its cells, too, if they are new.
    fn closure(&mut self, index: c_int) -> Result<usize> {
        let (stack, context) = (self.stack, self.context);
        stack.copy(index);
        let dump = stack.dump();
        stack.pop(1);
        let maximum = context.read_db(|db| Ok(db.function_size()))?;
        if dump.len() as u64 > maximum {
            return Err(Error::limit(
                Limit::FunctionSize,
                maximum,
                "",
                format!(
                    "the function has {} bytes of bytecode, at most {maximum} are allowed; keep data in documents, or allow more",
                    dump.len()
                ),
            ));
        }
        context.charge(i64::try_from(dump.len() / 8).unwrap_or(i64::MAX))?;
        let names = cu_bytecode::names(&dump).unwrap_or_default();
        let chunk = Chunk::parse(dump)
            .ok_or_else(|| Error::corrupt("source", "Lua's binary form is not as expected"))?;
        let lines = chunk.lines();
        let (source, prototype) = self.heap(|heap| heap.sources.of(stack, context, chunk))?;
        let is_whole = self.is_whole || prototype.is_empty();
        self.is_whole = false;
        let code = self.code(source)?;
        let id = new_id(context)?;
        stack.copy(index);
        let slot = heap::add(stack, context, id, Kind::Function(Vec::new()), &[]);
        let mut upvalues = Vec::new();
        let mut cells = Vec::new();
        for number in 1.. {
            let Some(name) = stack.push_upvalue(index, number) else {
                break;
            };
            let name = name.to_string_lossy();
            // Bytecode may have been stripped of its names.
            let is_globals = matches!(&*name, "_ENV" | "(no name)") && self.is_globals(-1);
            stack.pop(1);
            if is_globals {
                // It follows whoever calls, as after it is loaded.
                stack.raw_get_integer(REGISTRY, slot::ENVIRONMENT);
                stack.upvalue_join(index, number, stack.top(), 1);
                stack.pop(1);
            }
            let cell = match slot_of_cell(stack, index, number) {
                _ if is_globals => None,
                Some(cell) => Some(cell),
                None => {
                    let id = new_id(context)?;
                    Some(heap::add(stack, context, id, Kind::Cell(slot, number), &[]))
                }
            };
            cells.push(cell);
            upvalues.push((
                name,
                cell.map(|cell| self.heap(|heap| heap.entries[cell].id)),
            ));
        }
        stack.pop(1);
        self.heap(|heap| heap.entries[slot].kind = Kind::Function(cells));
        let function = Function {
            code,
            prototype,
            upvalues: upvalues
                .iter()
                .map(|(name, cell)| (&**name, *cell))
                .collect(),
            lines: (!is_whole).then_some(lines),
            stored: crate::lua::now(context),
            names: names.iter().map(String::as_str).collect(),
        };
        self.writes
            .push((slot, Object::Function(function).to_bytes()));
        Ok(slot)
    }

    /// The number of the code at a place among the sources, which may be new.
    fn code(&mut self, source: usize) -> Result<u32> {
        if let Some(slot) = self.heap(|heap| heap.sources.code(source).slot) {
            return Ok(self.heap(|heap| heap.entries[slot].id));
        }
        let id = new_id(self.context)?;
        let slot = heap::add(self.stack, self.context, id, Kind::Code(source), &[]);
        let bytes = self.heap(|heap| {
            let source = heap.sources.code(source);
            let name = source.name.to_string_lossy();
            Object::Code {
                name: &name,
                text: source.text(),
            }
            .to_bytes()
        });
        self.writes.push((slot, bytes));
        Ok(id)
    }

    fn is_globals(&self, index: c_int) -> bool {
        let marks = &self.context.marks;
        self.stack.is_table(index) && self.stack.metatable(index) == marks.globals.get()
    }

    /// The place of a step, for messages.
    fn place_of(&self, at: usize) -> String {
        let step = &self.steps[at];
        self.stack.reserve(8);
        push_value(self.stack, step.slot);
        let Some(from) = step.from else {
            let path = self
                .assigned
                .and_then(|assigned| path_to(self.stack, assigned, self.stack.top(), MAX_DEPTH));
            self.stack.pop(1);
            return self.place.clone() + &path.unwrap_or_default();
        };
        let place = self.place_via(from, step.via, self.stack.top());
        self.stack.pop(1);
        place
    }

    /// The place of the value at an index, which was found at a step.
    fn place_via(&self, at: usize, via: Via, value: c_int) -> String {
        let place = self.place_of(at);
        let stack = self.stack;
        let value = stack.absolute(value);
        stack.reserve(8);
        let within = |name: &str| {
            if place.is_empty() {
                name.to_string()
            } else {
                format!("{place}: {name}")
            }
        };
        match via {
            Via::Root => place,
            Via::Metatable => within("metatable"),
            Via::Upvalue(number) => {
                push_value(stack, self.steps[at].slot);
                let name = stack
                    .push_upvalue(-1, number)
                    .map(|name| name.to_string_lossy().into_owned());
                stack.pop(if name.is_some() { 2 } else { 1 });
                within(&format!("upvalue '{}'", name.unwrap_or_default()))
            }
            Via::Field => {
                push_value(stack, self.steps[at].slot);
                let table = stack.top();
                let mut step = String::new();
                stack.push_nil();
                while stack.next(table) {
                    if stack.raw_equal(-1, value) {
                        step = step_of(stack, -2);
                        break;
                    }
                    stack.pop(1);
                }
                stack.set_top(table - 1);
                place + &step
            }
        }
    }
}

/// The steps from a table to a value inside of it.
fn path_to(stack: Stack, table: c_int, value: c_int, depth: usize) -> Option<String> {
    if stack.raw_equal(table, value) {
        return Some(String::new());
    }
    if !stack.is_table(table) || depth == 0 || !stack.reserve(8) {
        return None;
    }
    let table = stack.absolute(table);
    if stack.push_metatable(table) {
        let is_metatable = stack.raw_equal(-1, value);
        stack.pop(1);
        if is_metatable {
            return Some(": metatable".to_string());
        }
    }
    stack.push_nil();
    while stack.next(table) {
        if let Some(path) = path_to(stack, stack.top(), value, depth - 1) {
            let path = step_of(stack, -2) + &path;
            stack.pop(2);
            return Some(path);
        }
        stack.pop(1);
    }
    None
}

/// A variable or field that is going to hold an external table instead of a table that was assigned.
pub(crate) struct Binding {
    slot: usize,
    part: Part,
    view: Vec<u8>,
}

enum Part {
    Upvalue(c_int),
    Field(Vec<u8>),
}

/// Binds, once what was assigned is in its place.
pub(crate) fn bind(stack: Stack, bindings: &[Binding]) {
    stack.reserve(8);
    for Binding { slot, part, view } in bindings {
        push_value(stack, *slot);
        match part {
            Part::Upvalue(number) => {
                push_view(stack, view);
                stack.set_upvalue(-2, *number);
            }
            Part::Field(key) => {
                push_scalar(stack, Item::of(key));
                push_view(stack, view);
                stack.raw_set(-3);
            }
        }
        stack.pop(1);
    }
}

fn not_to_be_kept() -> Error {
    Error::unstorable(
        "",
        "is not to be stored, as the __persist of its metatable says",
    )
}

fn new_id(context: &Context) -> Result<u32> {
    context.with_db(|db| {
        let id = db.next_id()?;
        count::create(db, id)?;
        Ok(id)
    })
}

/// The name of the function or table at an index in the standard library.
pub(crate) fn library_name<'n>(stack: Stack, index: c_int) -> Option<&'n str> {
    let index = stack.absolute(index);
    if !stack.is_reference(index) {
        return None;
    }
    stack.raw_get_integer(REGISTRY, slot::PERMANENTS);
    stack.copy(index);
    stack.raw_get(-2);
    let name = stack
        .to_bytes(-1)
        .and_then(|name| std::str::from_utf8(name).ok());
    stack.pop(2);
    name
}

/// Writes what the call has left, so far, in the variables of functions that it may have called.
///
/// # Errors
/// `Unstorable`, with the variable whose value can't be kept.
pub(crate) fn save_changed(stack: Stack, context: &Context) -> Result<()> {
    let touched = context.heap.borrow().touched.clone();
    if touched.is_empty() {
        return Ok(());
    }
    let mut saver = Saver::new(stack, context, "");
    for slot in &touched {
        saver.go(*slot, None, Via::Root);
    }
    saver.finish().map(|_| ())
}
