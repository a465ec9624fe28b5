//! The objects that a machine has in Lua, and which of the store's they are.
//!
//! An object has a number in the store and a slot here. Lua's registry keeps three tables: the values by
//! slot, which also keeps them alive; the slots by value, and of cells by the identity that Lua gives them; and
//! the slots by number. So whatever a script does with a closure, the machine knows it again, and closures that
//! share a variable go on sharing it, however far apart they are persisted.

use std::ffi::c_int;

use super::source::Sources;
use crate::lua::context::{Context, slot};
use crate::lua::stack::{REGISTRY, Stack};

/// Objects that a machine keeps between calls, about.
const KEPT: usize = 20_000;
/// Bytes of source text that it keeps, about.
const KEPT_TEXT: usize = 8 << 20;

/// What an object is in Lua.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Code, by its place among the sources.
    Code(usize),
    /// A closure, and the slots of its cells; none for the sandbox's globals.
    Function(Vec<Option<usize>>),
    /// A variable, by a closure that has it and the number that it has there.
    Cell(usize, c_int),
    /// A table.
    Table,
    /// What a function gave, by that function's slot.
    Made(usize),
    /// Nothing any more.
    Gone,
}

/// An object.
pub(super) struct Entry {
    pub id: u32,
    pub kind: Kind,
    /// Its bytes in the store, as this transaction sees it; empty as long as it is not written.
    pub stored: Vec<u8>,
    /// The walk that has seen it last.
    pub seen: u32,
    /// The call that has got hold of it last.
    touched: u32,
}

/// All objects.
#[derive(Default)]
pub(crate) struct Heap {
    pub(super) entries: Vec<Entry>,
    pub(crate) sources: Sources,
    /// The number of the call.
    call: u32,
    /// Objects that this call has got hold of.
    pub(super) touched: Vec<usize>,
    /// Objects that this call has made.
    new: Vec<usize>,
    /// The number of the last walk.
    pub(super) walk: u32,
    /// Whether the store may have something else meanwhile.
    is_stale: bool,
}

/// Fills the registry of a new state.
pub(crate) fn open(stack: Stack) {
    for table in [slot::OBJECTS, slot::SLOTS, slot::NUMBERED] {
        stack.create_table(0, 0);
        stack.raw_set_integer(REGISTRY, table);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is in the table was a slot"
)]
fn pop_slot(stack: Stack) -> Option<usize> {
    let slot = stack.to_integer(-1).map(|slot| slot as usize);
    stack.pop(2);
    slot
}

/// The slot of a number.
pub(super) fn slot_of_id(stack: Stack, id: u32) -> Option<usize> {
    stack.raw_get_integer(REGISTRY, slot::NUMBERED);
    stack.raw_get_integer(-1, i64::from(id));
    pop_slot(stack)
}

/// The slot of the function or table at an index.
pub(super) fn slot_of_value(stack: Stack, index: c_int) -> Option<usize> {
    let index = stack.absolute(index);
    stack.raw_get_integer(REGISTRY, slot::SLOTS);
    stack.copy(index);
    stack.raw_get(-2);
    pop_slot(stack)
}

/// The slot of a closure's variable.
pub(super) fn slot_of_cell(stack: Stack, closure: c_int, number: c_int) -> Option<usize> {
    let identity = stack.upvalue_id(closure, number);
    stack.raw_get_integer(REGISTRY, slot::SLOTS);
    stack.raw_get_pointer(-1, identity);
    pop_slot(stack)
}

/// Pushes the value in a slot.
pub(super) fn push_value(stack: Stack, place: usize) {
    stack.raw_get_integer(REGISTRY, slot::OBJECTS);
    stack.raw_get_integer(-1, place as i64);
    stack.remove(-2);
}

fn set_numbered(stack: Stack, id: u32, place: Option<usize>) {
    stack.raw_get_integer(REGISTRY, slot::NUMBERED);
    match place {
        Some(place) => stack.push_integer(place as i64),
        None => stack.push_nil(),
    }
    stack.raw_set_integer(-2, i64::from(id));
    stack.pop(1);
}

/// Takes an object in whose value, if it has one, is on the top, where it stays. Tells its slot.
pub(super) fn add(stack: Stack, context: &Context, id: u32, kind: Kind, stored: &[u8]) -> usize {
    let place = context.heap.borrow().entries.len();
    set_numbered(stack, id, Some(place));
    stack.reserve(8);
    match &kind {
        Kind::Code(_) | Kind::Gone => {}
        Kind::Cell(owner, number) => {
            push_value(stack, *owner);
            let identity = stack.upvalue_id(-1, *number);
            stack.raw_get_integer(REGISTRY, slot::SLOTS);
            stack.push_integer(place as i64);
            stack.raw_set_pointer(-2, identity);
            stack.pop(2);
        }
        Kind::Function(_) | Kind::Table | Kind::Made(_) => {
            let value = stack.top();
            stack.raw_get_integer(REGISTRY, slot::OBJECTS);
            stack.copy(value);
            stack.raw_set_integer(-2, place as i64);
            stack.pop(1);
            if stack.is_reference(value) {
                stack.raw_get_integer(REGISTRY, slot::SLOTS);
                stack.copy(value);
                stack.push_integer(place as i64);
                stack.raw_set(-3);
                stack.pop(1);
            }
        }
    }
    let heap = &mut *context.heap.borrow_mut();
    if stored.is_empty() {
        heap.new.push(place);
    }
    if let Kind::Code(source) = kind {
        heap.sources.code(source).slot = Some(place);
    }
    heap.entries.push(Entry {
        id,
        kind,
        stored: stored.to_vec(),
        seen: 0,
        touched: 0,
    });
    place
}

/// Takes objects out. Whatever Lua still has of them is the script's own.
pub(super) fn remove(stack: Stack, context: &Context, places: &[usize]) {
    stack.reserve(8);
    // Cells first: what identifies one is found by its closure.
    let is_cell = |place: &&usize| {
        let heap = context.heap.borrow();
        matches!(heap.entries[**place].kind, Kind::Cell(..))
    };
    for place in places.iter().filter(is_cell) {
        remove_one(stack, context, *place);
    }
    for place in places {
        remove_one(stack, context, *place);
    }
}

fn remove_one(stack: Stack, context: &Context, place: usize) {
    let (id, kind) = {
        let entry = &mut context.heap.borrow_mut().entries[place];
        (entry.id, std::mem::replace(&mut entry.kind, Kind::Gone))
    };
    match kind {
        Kind::Gone => return,
        Kind::Code(source) => context.heap.borrow_mut().sources.code(source).slot = None,
        Kind::Cell(owner, number) => {
            push_value(stack, owner);
            if !stack.is_nil(-1) && slot_of_cell(stack, -1, number) == Some(place) {
                let identity = stack.upvalue_id(-1, number);
                stack.raw_get_integer(REGISTRY, slot::SLOTS);
                stack.push_nil();
                stack.raw_set_pointer(-2, identity);
                stack.pop(1);
            }
            stack.pop(1);
        }
        Kind::Function(cells) => {
            let is_needed = hand_over(context, place, &cells);
            remove_value(stack, place, is_needed);
        }
        Kind::Table | Kind::Made(_) => remove_value(stack, place, false),
    }
    if slot_of_id(stack, id) == Some(place) {
        set_numbered(stack, id, None);
    }
}

/// Takes a value out of the tables, though it stays alive if it is needed.
fn remove_value(stack: Stack, place: usize, is_needed: bool) {
    push_value(stack, place);
    if stack.is_reference(-1) && slot_of_value(stack, -1) == Some(place) {
        stack.raw_get_integer(REGISTRY, slot::SLOTS);
        stack.copy(-2);
        stack.push_nil();
        stack.raw_set(-3);
        stack.pop(1);
    }
    stack.pop(1);
    if is_needed {
        return;
    }
    stack.raw_get_integer(REGISTRY, slot::OBJECTS);
    stack.push_nil();
    stack.raw_set_integer(-2, place as i64);
    stack.pop(1);
}

/// The cells that are reached by a closure which goes are reached by another one that has them. Tells whether there is one
/// that only this closure has: the store has it still, for functions that are not loaded.
fn hand_over(context: &Context, closure: usize, cells: &[Option<usize>]) -> bool {
    let heap = &mut *context.heap.borrow_mut();
    let mut is_needed = false;
    for cell in cells.iter().flatten() {
        if !matches!(heap.entries[*cell].kind, Kind::Cell(owner, _) if owner == closure) {
            continue;
        }
        let mut others = (0..heap.entries.len()).zip(&heap.entries);
        let heir = others.find_map(|(place, entry)| match &entry.kind {
            Kind::Function(cells) => {
                let number = cells.iter().position(|other| *other == Some(*cell))?;
                Some(Kind::Cell(place, c_int::try_from(number + 1).ok()?))
            }
            _ => None,
        });
        match heir {
            Some(kind) => heap.entries[*cell].kind = kind,
            None => is_needed = true,
        }
    }
    is_needed
}

/// Takes out what came in from a slot on: it was not to be.
pub(super) fn undo(stack: Stack, context: &Context, first: usize) {
    let last = context.heap.borrow().entries.len();
    let places: Vec<usize> = (first..last).collect();
    remove(stack, context, &places);
    let heap = &mut *context.heap.borrow_mut();
    heap.entries.truncate(first);
    heap.touched.retain(|place| *place < first);
    heap.new.retain(|place| *place < first);
}

/// Begins a call. Objects that are in globals which were kept are brought to what the store has now.
///
/// # Errors
/// As the store fails.
pub(crate) fn begin(stack: Stack, context: &Context, keep: bool) -> crate::error::Result<()> {
    let is_stale = {
        let heap = &mut *context.heap.borrow_mut();
        heap.new.clear();
        heap.touched.clear();
        heap.begin();
        std::mem::take(&mut heap.is_stale)
    };
    if is_stale && let Err(error) = super::load::refresh(stack, context) {
        // Nothing here is known to be what the store has; closures in globals are the script's own from now on.
        clear(stack, context);
        return Err(error);
    }
    if keep {
        let heap = &mut *context.heap.borrow_mut();
        heap.touched.extend((0..heap.entries.len()).filter(
            |place| match heap.entries[*place].kind {
                Kind::Function(_) => true,
                // Only closures of the script's own have it.
                Kind::Cell(owner, _) => heap.entries[owner].kind == Kind::Gone,
                _ => false,
            },
        ));
    }
    Ok(())
}

/// Within a call, a part of what it wrote was taken back: objects are brought to what the transaction has now.
pub(crate) fn roll_back(stack: Stack, context: &Context) {
    if super::load::refresh(stack, context).is_err() {
        // As in `begin`.
        clear(stack, context);
    }
    let Heap {
        entries, touched, ..
    } = &mut *context.heap.borrow_mut();
    touched.retain(|place| entries[*place].kind != Kind::Gone);
}

/// Ends a call.
pub(crate) fn end(stack: Stack, context: &Context, keep: bool) {
    let is_full = {
        let heap = &mut *context.heap.borrow_mut();
        heap.sources.end(keep);
        heap.entries.len() > KEPT || heap.sources.size() > KEPT_TEXT
    };
    if is_full && !keep {
        clear(stack, context);
    }
}

impl Heap {
    /// Begins a call.
    pub(super) fn begin(&mut self) {
        self.call += 1;
    }
}

/// Forgets all objects.
fn clear(stack: Stack, context: &Context) {
    *context.heap.borrow_mut() = Heap::default();
    open(stack);
}

/// The call was rolled back, or somebody else has committed. `keep` tells whether globals were kept, which may hold
/// closures that have to go on being what they are.
pub(crate) fn forget(stack: Stack, context: &Context, keep: bool) {
    if !keep {
        return clear(stack, context);
    }
    let new = {
        let heap = &mut *context.heap.borrow_mut();
        heap.is_stale = true;
        heap.touched.clear();
        std::mem::take(&mut heap.new)
    };
    remove(stack, context, &new);
}

/// The call was committed: its objects are in the store, but for those that are no more.
pub(crate) fn committed(stack: Stack, context: &Context, freed: &[u32]) {
    context.heap.borrow_mut().new.clear();
    let places: Vec<usize> = freed
        .iter()
        .filter_map(|id| slot_of_id(stack, *id))
        .collect();
    remove(stack, context, &places);
}

/// Takes an object for changed by this call.
pub(super) fn touch(context: &Context, place: usize) {
    let heap = &mut *context.heap.borrow_mut();
    let call = heap.call;
    if std::mem::replace(&mut heap.entries[place].touched, call) != call {
        heap.touched.push(place);
    }
}
