//! What the C functions of a machine share: the transaction, the limits, and what went wrong.

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::rc::Rc;
use std::time::SystemTime;

use mlua::ffi;

use super::external::Caches;
use super::memory::{Memory, allocate};
use super::stack::{Stack, lua_State};
use super::{Console, HostFunctions};
use crate::database::Database;
use crate::error::{Error, Limit, Result, ScriptFailure};
use crate::function::Heap;

/// Bytes of Lua memory of one call, by default.
pub const DEFAULT_MEMORY: u64 = 64 << 20;
/// Lua instructions of one call, by default.
pub const DEFAULT_INSTRUCTIONS: u64 = 1_000_000_000;
/// How many instructions run between two looks at the budget.
pub(crate) const HOOK_STEP: i64 = 1000;
/// Bytes printed by one call, at the most.
pub const MAX_OUTPUT: u64 = 64 << 20;
/// `print` waits for so many bytes before it crosses to the host.
const OUTPUT_BUFFER: usize = 4096;

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
    /// The transaction of the call.
    pub db: RefCell<Option<Database>>,
    /// What ends the call, whatever the script makes of it.
    fatal: RefCell<Option<Error>>,
    /// The database's last error that a script could catch, by its message.
    raised: RefCell<Option<(String, Error)>>,
    /// Message and traceback of the error that nobody caught.
    pub failure: RefCell<Option<ScriptFailure>>,
    instructions: Cell<i64>,
    instruction_limit: Cell<u64>,
    memory_limit: Cell<u64>,
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
}

impl Context {
    pub(crate) fn new(console: Rc<dyn Console>, host: Option<Rc<dyn HostFunctions>>) -> Context {
        let memory = Memory::default();
        memory.limit.set(usize::MAX);
        Context {
            memory,
            db: RefCell::default(),
            fatal: RefCell::default(),
            raised: RefCell::default(),
            failure: RefCell::default(),
            instructions: Cell::default(),
            instruction_limit: Cell::default(),
            memory_limit: Cell::default(),
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
    pub(crate) fn begin(&self, stack: Stack, instructions: Option<u64>, memory: Option<u64>) {
        let instructions = instructions.unwrap_or(DEFAULT_INSTRUCTIONS);
        let memory = memory.unwrap_or(DEFAULT_MEMORY);
        self.instruction_limit.set(instructions);
        self.instructions
            .set(i64::try_from(instructions).unwrap_or(i64::MAX));
        self.memory_limit.set(memory);
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

    /// Ends a call: what waits is printed, and much garbage is collected.
    pub(crate) fn end(&self, stack: Stack, used_before: usize) {
        const GARBAGE: usize = 1 << 20;
        self.flush();
        self.memory.limit.set(usize::MAX);
        if self.memory.used.get() > used_before.saturating_add(GARBAGE) {
            // SAFETY: the state is not running anything.
            unsafe { ffi::lua_gc(stack.state, ffi::LUA_GCCOLLECT) };
        }
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

    /// Whether relaxed work has taken so much that it must end.
    pub(crate) fn check_memory(&self) -> Result<()> {
        if self.memory.used.get() > self.memory.limit.get() {
            self.memory.refused.set(true);
            return Err(self.memory_error());
        }
        Ok(())
    }

    /// The transaction of the call.
    pub(crate) fn with_db<T>(&self, body: impl FnOnce(&mut Database) -> Result<T>) -> Result<T> {
        match self.db.borrow_mut().as_mut() {
            Some(db) => body(db),
            None => Err(Error::argument(
                "",
                "the database can be used only within a call",
            )),
        }
    }

    fn memory_error(&self) -> Error {
        Error::limit(
            Limit::Memory,
            self.memory_limit.get(),
            "",
            format!(
                "the call needs more than {} bytes of Lua memory; keep less at a time, or allow more",
                self.memory_limit.get()
            ),
        )
    }

    /// Takes instructions from the budget.
    pub(crate) fn charge(&self, instructions: i64) -> Result<()> {
        let left = self.instructions.get().saturating_sub(instructions);
        self.instructions.set(left);
        if left >= 0 {
            return Ok(());
        }
        let maximum = self.instruction_limit.get();
        Err(Error::limit(
            Limit::Instructions,
            maximum,
            "",
            format!(
                "the call ran more than {maximum} instructions; do less in one call, or allow more"
            ),
        ))
    }

    /// Takes a step of the hook from the budget: true if the call is over.
    pub(super) fn step(&self) -> bool {
        if !self.is_fatal()
            && let Err(error) = self.charge(HOOK_STEP)
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

    /// Instructions that have run, to within a step of the hook.
    pub(crate) fn instructions_run(&self) -> i64 {
        i64::try_from(self.instruction_limit.get())
            .unwrap_or(i64::MAX)
            .saturating_sub(self.instructions.get())
    }

    /// What ends the call, if something does.
    pub(crate) fn take_fatal(&self) -> Option<Error> {
        self.fatal.take()
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
    fn remember(&self, error: Error) -> String {
        let message = error.to_string();
        let ends_the_call = match &error {
            Error::Store(_) | Error::Corrupt(_) | Error::Cancelled => true,
            Error::LimitExceeded(excess) => matches!(
                excess.limit,
                Limit::Instructions | Limit::Memory | Limit::TransactionSize | Limit::OutputSize
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
        if self.printed.get() > MAX_OUTPUT {
            return Err(Error::limit(
                Limit::OutputSize,
                MAX_OUTPUT,
                "",
                format!("the call prints more than {MAX_OUTPUT} bytes; return values instead"),
            ));
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
