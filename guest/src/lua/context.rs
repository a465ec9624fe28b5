//! What the C functions of a machine share: the transaction, the limits, and what went wrong.

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::ptr::NonNull;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use mlua::ffi;

use super::external::Caches;
use super::memory::{self, Memory, allocate};
use super::stack::{Stack, lua_State};
use super::{Console, HostFunctions};
use crate::database::{Database, Savepoint};
use crate::error::{Error, Limit, Result, ScriptFailure};
use crate::function::Heap;
use crate::limits::{Limits, Setting};

/// How many instructions run between two looks at the budget.
pub(crate) const HOOK_STEP: i64 = 1000;
/// How many instructions run between two looks at the clock, which are calls of the host.
const CLOCK_STEP: i64 = 64 * HOOK_STEP;
/// What an access to the database counts for.
const ACCESS: i64 = 16;
/// Calls beyond the limit that are left for a handler of errors.
#[cfg(target_arch = "wasm32")]
pub(super) const HANDLER_DEPTH: u64 = 50;
/// `print` waits for so many bytes before it crosses to the host.
const OUTPUT_BUFFER: usize = 4096;
/// Longer texts cross in pieces.
const OUTPUT_CHUNK: usize = 1 << 16;

/// Places in the registry, which is a list from 4 on (Lua has 1 and 2, its auxiliary library 3).
pub(crate) mod slot {
    /// The metatable of lists.
    pub const LIST: i64 = 4;
    /// The metatable of maps that would pass for lists.
    pub const MAP: i64 = 5;
    /// The metatable of external tables.
    pub const EXTERNAL: i64 = 6;
    /// The standard names, read-only for scripts.
    pub const BASE: i64 = 7;
    /// The globals of calls that keep them.
    pub const KEPT: i64 = 8;
    /// A function whose only upvalue is the `_ENV` of everything that was loaded from the store.
    pub const ENVIRONMENT: i64 = 9;
    /// Functions and tables that are objects of the store, by slot.
    pub const OBJECTS: i64 = 10;
    /// The names of what the standard library holds, by value, and the values by name.
    pub const PERMANENTS: i64 = 11;
    /// What `tostring` shows instead of an address.
    pub const NUMBERS: i64 = 12;
    /// The external root.
    pub const HOME: i64 = 13;
    /// The slots of objects by value, and of cells by their identity.
    pub const SLOTS: i64 = 14;
    /// The slots of objects by their number in the store.
    pub const NUMBERED: i64 = 15;
    /// The methods of tables of `db`, by name.
    pub const METHODS: i64 = 16;
    /// Functions that compute indexes, by their marks. Behind it, these have places of their own for what is at
    /// `OBJECTS`, `SLOTS`, `NUMBERED` and `ENVIRONMENT`.
    pub const PURE: i64 = 17;
}

/// Identities of the metatables that mean something here.
#[derive(Default)]
pub(crate) struct Marks {
    pub list: Cell<*const c_void>,
    pub map: Cell<*const c_void>,
    pub external: Cell<*const c_void>,
    pub globals: Cell<*const c_void>,
    pub bigint: Cell<*const c_void>,
}

/// Shared by the C functions of one machine.
pub(crate) struct Context {
    memory: Memory,
    /// The transaction of the call, lent to it by [`Context::lent`].
    db: RefCell<Option<NonNull<Database>>>,
    /// The transaction that code of Rust's is reading which has called Lua, by [`Context::reading`]: it must not be
    /// written meanwhile.
    read: Cell<Option<NonNull<Database>>>,
    /// Savepoints of `transaction`, the last one innermost.
    pub savepoints: RefCell<Vec<Savepoint>>,
    /// Whether a call is under way.
    pub is_open: Cell<bool>,
    /// Lua memory before the call.
    pub used_before: Cell<usize>,
    /// How many functions that Rust code has called are under way.
    pub nested: Cell<u32>,
    /// The coroutine in which Rust code was entered last.
    running: Cell<*mut lua_State>,
    /// Whether the error on its way was raised again, after [`Context::failure`] was noted where it came from.
    pub is_raised_again: Cell<bool>,
    /// What ends the call, whatever the script makes of it.
    fatal: RefCell<Option<Error>>,
    /// The database's last error that a script could catch, by its message.
    raised: RefCell<Option<(String, Error)>>,
    /// Whether a call has left much garbage.
    has_garbage: Cell<bool>,
    /// Message and traceback of the error that nobody caught.
    pub failure: RefCell<Option<ScriptFailure>>,
    instructions: Cell<i64>,
    limits: Cell<Limits>,
    /// How many instructions are left when the clock is looked at next.
    clock_at: Cell<i64>,
    /// When the call began.
    begun: Cell<Option<Instant>>,
    /// When the call is over; never for one that takes longer than clocks go.
    deadline: Cell<Option<Instant>>,
    /// Whether calls were nested too deep in this call.
    pub(super) too_deep: Cell<bool>,
    /// Whether, since an error was caught, a handler of errors has had no room for its calls either.
    pub(super) no_room: Cell<bool>,
    console: Rc<dyn Console>,
    pub host: Option<Rc<dyn HostFunctions>>,
    output: RefCell<Vec<u8>>,
    printed: Cell<u64>,
    /// What `os.time` takes for now.
    pub time: Cell<Option<i64>>,
    /// When the call asked `os.clock` first.
    pub started: Cell<Option<SystemTime>>,
    /// What `math.random` starts from; by default the platform's randomness.
    pub seed: Cell<Option<u64>>,
    /// Whether it has started in this call.
    pub seeded: Cell<bool>,
    /// The last number that `tostring` gave.
    pub serial: Cell<i64>,
    pub marks: Marks,
    pub external: Caches,
    pub heap: RefCell<Heap>,
    /// The objects of functions that compute indexes.
    pub pure: RefCell<Heap>,
    /// Whether one of these functions runs.
    pub is_pure: Cell<bool>,
}

impl Context {
    pub(crate) fn new(console: Rc<dyn Console>, host: Option<Rc<dyn HostFunctions>>) -> Context {
        let memory = Memory::default();
        memory.limit.set(usize::MAX);
        Context {
            memory,
            db: RefCell::default(),
            read: Cell::default(),
            savepoints: RefCell::default(),
            is_open: Cell::default(),
            used_before: Cell::default(),
            nested: Cell::default(),
            running: Cell::new(std::ptr::null_mut()),
            is_raised_again: Cell::default(),
            fatal: RefCell::default(),
            raised: RefCell::default(),
            has_garbage: Cell::default(),
            failure: RefCell::default(),
            instructions: Cell::default(),
            limits: Cell::default(),
            clock_at: Cell::default(),
            begun: Cell::default(),
            deadline: Cell::default(),
            too_deep: Cell::default(),
            no_room: Cell::default(),
            console,
            host,
            output: RefCell::default(),
            printed: Cell::default(),
            time: Cell::default(),
            started: Cell::default(),
            seed: Cell::default(),
            seeded: Cell::default(),
            serial: Cell::default(),
            marks: Marks::default(),
            external: Caches::default(),
            heap: RefCell::default(),
            pure: RefCell::default(),
            is_pure: Cell::default(),
        }
    }

    /// A new Lua state that finds this context; it must outlive the state and stay in its place.
    pub(crate) fn new_state(&self) -> Option<Stack> {
        let memory: *const Memory = &raw const self.memory;
        // SAFETY: the allocator keeps Lua's contract, and its context outlives the state.
        let state = unsafe { ffi::lua_newstate(allocate, memory.cast_mut().cast()) };
        if state.is_null() {
            return None;
        }
        // SAFETY: the extra space holds a pointer; Lua copies it into every coroutine.
        unsafe { *ffi::lua_getextraspace(state).cast::<*const Context>() = self };
        Some(Stack::of(state))
    }

    /// Sets the limits of a call. What stands in memory from before does not count.
    pub(crate) fn begin(&self, stack: Stack, limits: Limits) {
        self.limits.set(limits);
        let instructions = self.limit(Setting::Instructions);
        let instructions = i64::try_from(instructions).unwrap_or(i64::MAX);
        self.instructions.set(instructions);
        self.clock_at.set(instructions - CLOCK_STEP);
        let time = Duration::from_millis(self.limit(Setting::WallClock));
        // Each look at the clock asks the host.
        let begun = Instant::now();
        self.begun.set(Some(begun));
        self.deadline.set(begun.checked_add(time));
        let (deadline, milliseconds) = (self.deadline.get(), self.limit(Setting::WallClock));
        if self.db.borrow().is_some() {
            // It is there, and nobody reads it yet.
            let _ = self.with_db(|db| {
                db.transaction_mut().end_at(deadline, milliseconds);
                Ok(())
            });
        }
        if self.has_garbage.take() {
            // SAFETY: the state is not running anything.
            unsafe { ffi::lua_gc(stack.state, ffi::LUA_GCCOLLECT) };
        }
        self.savepoints.borrow_mut().clear();
        self.is_raised_again.set(false);
        self.nested.set(0);
        self.running.set(stack.state);
        self.used_before.set(self.used());
        self.is_open.set(true);
        self.too_deep.set(false);
        self.no_room.set(false);
        let memory = self.limit(Setting::Memory);
        // The limit is meant for the component's pointers of 32 bits. Where they are longer, so are
        // Lua's objects, and the same scripts have to pass.
        let room = usize::try_from(memory)
            .unwrap_or(usize::MAX)
            .saturating_mul(size_of::<usize>() / size_of::<u32>());
        self.memory
            .limit
            .set(self.memory.used.get().saturating_add(room));
        self.memory.refused.set(false);
        self.fatal.take();
        self.raised.take();
        self.failure.take();
        self.printed.set(0);
        self.serial.set(0);
        super::budget::countdown::start(stack);
    }

    /// Ends a call: what waits is printed, and much garbage is collected; by the next call, where this one has no time left.
    pub(crate) fn end(&self, stack: Stack, is_killed: bool) {
        const GARBAGE: usize = 1 << 20;
        self.is_open.set(false);
        let used_before = self.used_before.get();
        self.flush();
        #[cfg(target_arch = "wasm32")]
        super::wrap::forget_deep_calls(stack.state);
        self.memory.limit.set(usize::MAX);
        super::budget::countdown::finish();
        if self.memory.used.get() > used_before.saturating_add(GARBAGE) {
            if is_killed {
                self.has_garbage.set(true);
                return;
            }
            // SAFETY: the state is not running anything.
            unsafe { ffi::lua_gc(stack.state, ffi::LUA_GCCOLLECT) };
        }
    }

    /// A limit of the call.
    pub(crate) fn limit(&self, setting: Setting) -> u64 {
        self.limits.get().get(setting)
    }

    /// Counts work that no instruction stands for.
    pub(crate) fn spend(&self, instructions: i64) {
        self.memory.spend(instructions);
    }

    /// Bytes that Lua has.
    pub(crate) fn used(&self) -> usize {
        self.memory.used.get()
    }

    /// Runs Rust code that works on the stack. Lua's allocator refuses nothing meanwhile, so that nothing
    /// is raised over values that have to be dropped; the limit holds again with Lua's next own step.
    pub(crate) fn relaxed<T>(&self, body: impl FnOnce() -> T) -> T {
        self.memory.relaxed.set(self.memory.relaxed.get() + 1);
        let result = body();
        self.memory.relaxed.set(self.memory.relaxed.get() - 1);
        result
    }

    /// Within relaxed work, runs code of the script under its limits. What it raises must be caught in `body`.
    pub(crate) fn strict<T>(&self, body: impl FnOnce() -> T) -> T {
        let relaxed = self.memory.relaxed.replace(0);
        let result = body();
        self.memory.relaxed.set(relaxed);
        result
    }

    /// Whether Rust code works on the stack, over which nothing may be raised.
    #[cfg(target_arch = "wasm32")]
    pub(super) fn is_relaxed(&self) -> bool {
        self.memory.relaxed.get() > 0
    }

    /// Whether relaxed work has taken so much that it must end.
    pub(crate) fn check_memory(&self) -> Result<()> {
        if self.memory.used.get() > self.memory.limit.get() {
            self.memory.refused.set(true);
            return Err(self.memory_error());
        }
        Ok(())
    }

    /// The transaction of the call, to write.
    ///
    /// # Errors
    /// `InvalidArgument` while it may only be read, and outside of calls; what `body` fails with.
    pub(crate) fn with_db<T>(&self, body: impl FnOnce(&mut Database) -> Result<T>) -> Result<T> {
        if self.read.get().is_some() {
            return Err(only_reads());
        }
        match self.db.try_borrow_mut().as_deref_mut() {
            Ok(Some(db)) => {
                // SAFETY: `lent` has the only reference to it, and lives longer; the cell's borrow keeps others off.
                let db = unsafe { db.as_mut() };
                let before = db.transaction().accesses();
                let result = body(db);
                let after = db.transaction().accesses();
                self.count_accesses(before, after);
                result
            }
            _ => Err(no_database()),
        }
    }

    /// The transaction of the call, to read.
    ///
    /// # Errors
    /// `InvalidArgument` outside of calls; what `body` fails with.
    pub(crate) fn read_db<T>(&self, body: impl FnOnce(&Database) -> Result<T>) -> Result<T> {
        let lent;
        let db = match self.read.get() {
            // SAFETY: `reading` has a shared reference to it, and lives longer.
            Some(db) => unsafe { db.as_ref() },
            None => {
                lent = self.db.try_borrow();
                match lent.as_deref() {
                    // SAFETY: `lent` has the only reference to it, and lives longer; the cell's borrow keeps writers off.
                    Ok(Some(db)) => unsafe { db.as_ref() },
                    _ => return Err(no_database()),
                }
            }
        };
        let before = db.transaction().accesses();
        let result = body(db);
        self.count_accesses(before, db.transaction().accesses());
        result
    }

    #[inline(never)]
    fn count_accesses(&self, before: u32, after: u32) {
        self.memory
            .spend(ACCESS * (1 + i64::from(after.wrapping_sub(before))));
    }

    /// Lends the transaction to the call for as long as `body` runs.
    pub(crate) fn lent<T>(&self, db: &mut Database, body: impl FnOnce() -> T) -> T {
        let before = self.db.replace(Some(NonNull::from(db)));
        let read = self.read.take();
        let result = body();
        self.read.set(read);
        self.db.replace(before);
        result
    }

    /// Whether a transaction is lent to the call.
    pub(crate) fn is_lent(&self) -> bool {
        self.db.try_borrow().map_or(true, |db| db.is_some())
    }

    /// While `body` runs Lua code, that can read this transaction, and write none.
    pub(crate) fn reading<T>(&self, db: &Database, body: impl FnOnce() -> T) -> T {
        let before = self.read.replace(Some(NonNull::from(db)));
        let result = body();
        self.read.set(before);
        result
    }

    /// The stack of the coroutine in which Rust code was entered last.
    pub(crate) fn running(&self) -> Stack {
        Stack::of(self.running.get())
    }

    /// Tells which coroutine Rust code runs in.
    #[inline]
    pub(crate) fn set_running(&self, stack: Stack) {
        self.running.set(stack.state);
    }

    fn memory_error(&self) -> Error {
        let maximum = self.limit(Setting::Memory);
        Error::limit(
            Limit::Memory,
            maximum,
            "",
            format!(
                "the call needs more than {maximum} bytes of Lua memory; keep less at a time, or allow more"
            ),
        )
    }

    /// What the call fails with when calls are nested deeper than `maximum`.
    #[cold]
    pub(super) fn depth_error(&self, maximum: u64) -> Error {
        Error::limit(
            Limit::CallDepth,
            maximum,
            "",
            format!(
                "calls are nested deeper than {maximum} (stack overflow); use a loop, or allow more"
            ),
        )
    }

    /// Takes instructions from the budget, and looks at the clock now and then.
    pub(crate) fn charge(&self, instructions: i64) -> Result<()> {
        let left = self.instructions.get().saturating_sub(instructions);
        self.instructions.set(left);
        if left >= 0 {
            if left > self.clock_at.get() {
                return Ok(());
            }
            return self.look_at_clock(left);
        }
        let maximum = self.limit(Setting::Instructions);
        Err(Error::limit(
            Limit::Instructions,
            maximum,
            "",
            format!(
                "the call ran more than {maximum} instructions; do less in one call, or allow more"
            ),
        ))
    }

    /// Sorts byte strings, unless the call ends meanwhile.
    pub(crate) fn sort(&self, rows: &mut Vec<Vec<u8>>) -> Result<()> {
        crate::bytes::sort_in_steps(rows, &mut |count| self.charge(count as i64))
    }

    /// Whether the call is over, or would be by far before all garbage is collected, which nothing interrupts: then it
    /// is over now.
    #[cfg(target_arch = "wasm32")]
    pub(super) fn has_no_time_to_collect(&self) -> bool {
        /// What a megabyte of small objects takes, about.
        const PER_MEGABYTE: Duration = Duration::from_micros(1_500);
        self.has_no_time(PER_MEGABYTE, self.memory.used.get())
    }

    /// The same for a block of so many bytes: it may be that of a table, whose keys all move into it.
    #[cfg(target_arch = "wasm32")]
    pub(super) fn has_no_time_to_fill(&self, bytes: usize) -> bool {
        /// What a megabyte of keys takes, about.
        const PER_MEGABYTE: Duration = Duration::from_micros(2_000);
        self.has_no_time(PER_MEGABYTE, bytes)
    }

    #[cfg(target_arch = "wasm32")]
    fn has_no_time(&self, per_megabyte: Duration, bytes: usize) -> bool {
        /// What a call may be late.
        const LATE: Duration = Duration::from_millis(32);
        if self.is_fatal() {
            return true;
        }
        let takes = per_megabyte * u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
        let is_over = takes > LATE
            && self
                .deadline
                .get()
                .is_some_and(|end| Instant::now() + takes > end + LATE);
        if is_over {
            self.remember(Error::time_is_over(self.limit(Setting::WallClock)));
        }
        is_over
    }

    fn look_at_clock(&self, left: i64) -> Result<()> {
        self.clock_at.set(left - CLOCK_STEP);
        if self.deadline.get().is_none_or(|end| Instant::now() < end) {
            return Ok(());
        }
        Err(Error::time_is_over(self.limit(Setting::WallClock)))
    }

    /// How many instructions are left.
    pub(super) fn instructions_left(&self) -> i64 {
        self.instructions.get()
    }

    /// Sets how many instructions are left, and tells how many there were.
    pub(super) fn set_instructions(&self, left: i64) -> i64 {
        self.clock_at.set(left - CLOCK_STEP);
        self.instructions.replace(left)
    }

    /// Takes instructions that have run from the budget: true if the call is over.
    pub(super) fn step(&self, instructions: i64) -> bool {
        if !self.is_fatal()
            && let Err(error) = self.charge(instructions.saturating_add(self.memory.take_work()))
        {
            self.remember(error);
        }
        self.is_fatal()
    }

    pub(super) fn fatal_message(&self) -> String {
        self.fatal
            .borrow()
            .as_ref()
            .map(Error::to_string)
            .unwrap_or_default()
    }

    /// When the last call began; nothing if that was asked before.
    pub(crate) fn take_begun(&self) -> Option<Instant> {
        self.begun.take()
    }

    /// Instructions that have run, to within a step of the hook.
    pub(crate) fn instructions_run(&self) -> i64 {
        i64::try_from(self.limit(Setting::Instructions))
            .unwrap_or(i64::MAX)
            .saturating_sub(self.instructions.get())
    }

    /// What ends the call, if something does.
    pub(crate) fn take_fatal(&self) -> Option<Error> {
        self.fatal.take()
    }

    /// The same, which goes on to end it.
    pub(crate) fn fatal(&self) -> Option<Error> {
        self.fatal.borrow().clone()
    }

    pub(crate) fn is_fatal(&self) -> bool {
        self.fatal.borrow().is_some()
    }

    /// The database's error behind a message that reached the end of the call.
    pub(crate) fn take_raised(&self, message: &str) -> Option<Error> {
        let (text, error) = self.raised.take()?;
        message.ends_with(&text).then_some(error)
    }

    /// Remembers an error on its way into Lua.
    pub(super) fn remember(&self, error: Error) -> String {
        let message = error.to_string();
        let ends_the_call = match &error {
            Error::Store(_) | Error::Corrupt(_) | Error::Cancelled => true,
            // One with a place is that of a function which computes an index.
            Error::LimitExceeded(excess) if excess.limit == Limit::Instructions => {
                excess.place.is_empty() || self.instructions.get() < 0
            }
            Error::LimitExceeded(excess) => matches!(
                excess.limit,
                Limit::Memory | Limit::WallClock | Limit::TransactionSize | Limit::OutputSize
            ),
            _ => false,
        };
        if ends_the_call {
            self.fatal.borrow_mut().get_or_insert(error);
        } else if !matches!(error, Error::Script(_)) {
            self.raised.replace(Some((message.clone(), error)));
        }
        message
    }

    /// Looks at an error that something is about to catch, on the top: true if it must not.
    pub(crate) fn is_uncatchable(&self, stack: Stack, status: c_int) -> bool {
        if self.memory.refused.get() {
            let out_of_memory =
                status == ffi::LUA_ERRMEM || stack.to_bytes(-1) == Some(b"not enough memory");
            if out_of_memory {
                let error = self.memory_error();
                self.fatal.borrow_mut().get_or_insert(error);
            }
        }
        self.is_fatal()
    }

    /// Adds to what is printed.
    pub(crate) fn print(&self, text: &[u8]) -> Result<()> {
        self.printed.set(self.printed.get() + text.len() as u64);
        self.charge((text.len() / memory::BYTES_PER_INSTRUCTION) as i64)?;
        let maximum = self.limit(Setting::OutputSize);
        if self.printed.get() > maximum {
            return Err(Error::limit(
                Limit::OutputSize,
                maximum,
                "",
                format!("the call prints more than {maximum} bytes; return values, or allow more"),
            ));
        }
        if text.len() >= OUTPUT_BUFFER {
            self.flush();
            text.chunks(OUTPUT_CHUNK)
                .for_each(|chunk| self.console.print(chunk));
            return Ok(());
        }
        let full = {
            let mut output = self.output.borrow_mut();
            output.extend_from_slice(text);
            output.len() >= OUTPUT_BUFFER
        };
        if full {
            self.flush();
        }
        Ok(())
    }

    fn flush(&self) {
        let mut output = self.output.borrow_mut();
        if !output.is_empty() {
            self.console.print(&output);
            output.clear();
        }
    }
}

#[cold]
#[inline(never)]
fn only_reads() -> Error {
    Error::argument(
        "",
        "the database can only be read here: a query is asking this function; write when the query is through",
    )
}

#[cold]
#[inline(never)]
fn no_database() -> Error {
    Error::argument("", "the database can be used only within a call")
}

/// The context of the machine that runs.
#[inline]
pub(crate) fn context<'a>(stack: Stack) -> &'a Context {
    // SAFETY: `Context::new_state` put the pointer there, and the context outlives the state.
    unsafe { &**ffi::lua_getextraspace(stack.state).cast::<*const Context>() }
}

/// Runs the Rust part of a C function and raises its error. `body` calls nothing that raises.
#[inline]
pub(crate) fn enter(
    state: *mut lua_State,
    body: impl FnOnce(Stack, &Context) -> Result<c_int>,
) -> c_int {
    let stack = Stack::of(state);
    let context = context(stack);
    context.set_running(stack);
    let count = context.relaxed(|| match body(stack, context) {
        Ok(count) => count,
        Err(error) => {
            push_error(stack, context, error);
            -1
        }
    });
    if count < 0 {
        stack.error();
    }
    count
}

/// What a function of the standard library raises when it is called wrongly: an error of the script.
pub(crate) fn misuse(message: impl Into<String>) -> Error {
    Error::Script(ScriptFailure {
        message: message.into(),
        traceback: String::new(),
    })
}

/// Pushes what Lua gets to see of an error: its message behind the place in the script.
#[cold]
#[inline(never)]
fn push_error(stack: Stack, context: &Context, error: Error) {
    let message = context.remember(error);
    stack.reserve(3);
    stack.push_where(1);
    stack.push_bytes(message.as_bytes());
    stack.concat(2);
}
