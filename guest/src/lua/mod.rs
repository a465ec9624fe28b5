//! Lua: scripts run in a sandbox, over external tables.
//!
//! A [`Machine`] is one Lua state, which lives as long as its owner; nothing durable is in it. It is
//! written against Lua's C API (`mlua::ffi`), which here is both smaller and quicker than mlua's safe one:
//! documents cross on Lua's stack, and an allocator of our own lets Rust code run without being left by
//! `longjmp`. `stack.rs` has the rules for that, `context.rs` what all C functions share.

pub(crate) mod base;
pub(crate) mod bigint;
mod budget;
mod clock;
pub(crate) mod context;
pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod external;
mod host;
mod library;
mod memory;
mod on_demand;
mod require;
pub(crate) mod sandbox;
mod savepoint;
pub(crate) mod stack;
#[cfg(test)]
pub(crate) mod tests;
mod text;
#[cfg(target_arch = "wasm32")]
mod wrap;

use std::ffi::{CStr, CString, c_char, c_int};
use std::rc::Rc;
use std::time::Instant;

use mlua::ffi;

use crate::database::Database;
use crate::error::{Error, Result, ScriptFailure};
use crate::function::{self, Draft};
use crate::limits::{Limits, Setting};
use context::{Context, context};
use stack::{Kind, Stack, lua_State};

pub(crate) use clock::now;
pub use on_demand::Lua;

/// How deep Lua lets C and Lua call each other.
const C_CALLS: u64 = 200;

/// An empty CBOR array.
const NO_ARGUMENTS: [u8; 1] = [0x80];

unsafe extern "C" {
    /// Lua's own account of itself: `$LuaVersion: Lua 5.4.8  Copyright …`.
    static lua_ident: c_char;
}

/// Where a call's words go while it runs.
pub trait Console {
    /// Takes text that `print` wrote, in order and cut anywhere.
    fn print(&self, text: &[u8]);
}

/// Functions of the host, which scripts find in the table `host`.
pub trait HostFunctions {
    /// Their names.
    fn names(&self) -> Vec<String>;

    /// Calls one. `arguments` is an accepted CBOR array; what it gives is checked.
    ///
    /// # Errors
    /// A text, which becomes an error of the script.
    fn call(&self, name: &str, arguments: &[u8]) -> std::result::Result<Vec<u8>, String>;
}

/// How a call runs; each has a default.
#[derive(Debug, Default, Clone)]
pub struct CallOptions {
    /// What a traceback calls the source; by default `eval`.
    pub chunk_name: Option<String>,
    /// At most so many instructions; by default the database's limit, as for those that follow.
    pub instructions: Option<u64>,
    /// At most so many bytes of Lua memory.
    pub memory: Option<u64>,
    /// At most so many milliseconds.
    pub wall_clock: Option<u64>,
    /// At most so many calls inside each other.
    pub call_depth: Option<u64>,
    /// At most so many bytes of results.
    pub result_size: Option<u64>,
    /// At most so many bytes printed.
    pub output_size: Option<u64>,
    /// At most so many bytes written.
    pub transaction_size: Option<u64>,
    /// What `math.random` starts from; by default the platform's randomness.
    pub seed: Option<u64>,
    /// What `os.time` takes for now, in seconds since 1970; by default the platform's clock.
    pub time: Option<i64>,
    /// Whether globals are kept for the next call that says so too.
    pub keep_globals: bool,
}

impl CallOptions {
    fn limits(&self) -> Limits {
        Limits::default()
            .with(Setting::Instructions, self.instructions)
            .with(Setting::Memory, self.memory)
            .with(Setting::WallClock, self.wall_clock)
            .with(Setting::CallDepth, self.call_depth)
            .with(Setting::ResultSize, self.result_size)
            .with(Setting::OutputSize, self.output_size)
            .with(Setting::TransactionSize, self.transaction_size)
    }
}

/// One Lua state and what it has loaded from the store.
pub struct Machine {
    stack: Stack,
    /// In its place on the heap, where the state's C functions find it. Dropped after the state.
    context: Box<Context>,
}

impl Drop for Machine {
    fn drop(&mut self) {
        // SAFETY: the state is not running, and nobody else has it.
        unsafe { ffi::lua_close(self.stack.state) }
    }
}

/// The name of a chunk, as Lua takes it.
pub(crate) fn chunk_name(name: &str) -> CString {
    CString::new(format!("={}", name.replace('\0', "?"))).unwrap_or_default()
}

impl Machine {
    /// Makes a state.
    ///
    /// # Errors
    /// `LimitExceeded` if there is no memory for one.
    pub fn new(
        console: Rc<dyn Console>,
        functions: Option<Rc<dyn HostFunctions>>,
    ) -> Result<Machine> {
        let context = Box::new(Context::new(console, functions));
        let Some(stack) = context.new_state() else {
            return Err(Error::limit(
                crate::error::Limit::Memory,
                0,
                "",
                "there is no memory for Lua",
            ));
        };
        let machine = Machine { stack, context };
        sandbox::open(stack, &machine.context);
        budget::countdown::probe(stack);
        stack.set_top(0);
        Ok(machine)
    }

    /// The release of Lua that scripts run on, as `Lua 5.4.8`.
    #[must_use]
    pub fn release() -> &'static str {
        // SAFETY: Lua defines it as a text that ends with a zero byte.
        let ident = unsafe { CStr::from_ptr(&raw const lua_ident) };
        let ident = ident.to_str().unwrap_or_default();
        let release = ident.strip_prefix("$LuaVersion: ").unwrap_or(ident);
        release
            .split_once("  ")
            .map_or(release, |(release, _)| release)
    }

    /// Runs a chunk within the transaction. `arguments` and the result are accepted CBOR arrays.
    ///
    /// After an error the transaction must not be committed.
    ///
    /// # Errors
    /// `Syntax`, `Script`, `Unstorable`, `LimitExceeded`, and whatever the database found wrong.
    pub fn eval(
        &self,
        db: Database,
        source: &str,
        arguments: &[u8],
        options: &CallOptions,
    ) -> (Database, Result<Vec<u8>>) {
        let name = chunk_name(options.chunk_name.as_deref().unwrap_or("eval"));
        self.run(db, options, arguments, |stack, context| {
            match stack.load_text(source.as_bytes(), &name) {
                ffi::LUA_OK => {
                    let sources = &mut context.heap.borrow_mut().sources;
                    sources.add(&name, source, false);
                    Ok(())
                }
                status => Err(load_error(stack, status)),
            }
        })
    }

    /// Keeps a function under a name.
    ///
    /// # Errors
    /// `Syntax`, `Script` or `Unstorable`, and as [`Machine::eval`].
    pub fn persist(
        &self,
        db: Database,
        table: &str,
        name: &str,
        source: &str,
        options: &CallOptions,
    ) -> (Database, Result<()>) {
        let draft = match Draft::new(table, name)
            .and_then(|draft| function::check_source(source, db.function_size()).map(|()| draft))
        {
            Ok(draft) => draft,
            Err(error) => return (db, Err(error)),
        };
        let name = chunk_name(&function::chunk_name(table, name));
        self.within(db, options, |machine| {
            machine.execute(&NO_ARGUMENTS, |stack, context| {
                let is_expression = function::load_source(stack, source, &name)?;
                let sources = &mut context.heap.borrow_mut().sources;
                sources.add(&name, source, is_expression);
                Ok(())
            })?;
            machine.keep(&draft)
        })
    }

    /// Keeps the function of a binary chunk under a name. Its variables hold nil, but for the globals.
    ///
    /// # Errors
    /// `InvalidArgument` if the verifier refuses the chunk, and as [`Machine::persist`].
    pub fn persist_bytecode(
        &self,
        db: Database,
        table: &str,
        name: &str,
        bytecode: &[u8],
        options: &CallOptions,
    ) -> (Database, Result<()>) {
        let draft = match Draft::new(table, name) {
            Ok(draft) => draft,
            Err(error) => return (db, Err(error)),
        };
        let name = chunk_name(&function::chunk_name(table, name));
        self.within(db, options, |machine| {
            machine.context.relaxed(|| {
                machine.stack.push_nil();
                function::load_bytecode(machine.stack, bytecode, &name)
            })?;
            machine.keep(&draft)
        })
    }

    fn keep(&self, draft: &Draft<'_>) -> Result<()> {
        let (stack, context) = (self.stack, &*self.context);
        context.relaxed(|| {
            function::store(stack, context, draft)?;
            function::save_changed(stack, context)
        })
    }

    /// Calls a persisted function, as [`Machine::eval`] runs a chunk.
    ///
    /// # Errors
    /// `UnknownFunction` if there is none, and as [`Machine::eval`].
    pub fn call(
        &self,
        db: Database,
        table: &str,
        name: &str,
        arguments: &[u8],
        options: &CallOptions,
    ) -> (Database, Result<Vec<u8>>) {
        let function = match function::find(&db, table, name) {
            Ok(Some(function)) => function,
            Ok(None) => return (db, Err(Error::unknown_function(table, name))),
            Err(error) => return (db, Err(error)),
        };
        self.run(db, options, arguments, |stack, context| {
            decode::push_value(stack, context, &function)
        })
    }

    /// Lua instructions of the last call, to within a thousand.
    #[must_use]
    pub fn instructions_run(&self) -> u64 {
        u64::try_from(self.context.instructions_run()).unwrap_or(0)
    }

    /// When the last call began; nothing if that was asked before.
    pub(crate) fn take_begun(&self) -> Option<Instant> {
        self.context.take_begun()
    }

    /// Tells that somebody else has committed, or that a call was rolled back: what was loaded from the store may
    /// be something else now.
    pub fn forget(&self) {
        let keep = sandbox::has_kept(self.stack);
        self.context.relaxed(|| {
            function::forget(self.stack, &self.context, keep);
            function::pure::clear(self.stack, &self.context);
        });
    }

    /// Tells that the last call was committed, and which objects of the store that has deleted.
    pub fn committed(&self, freed: &[u32]) {
        self.context
            .relaxed(|| function::committed(self.stack, &self.context, freed));
    }

    fn run(
        &self,
        db: Database,
        options: &CallOptions,
        arguments: &[u8],
        load: impl FnOnce(Stack, &Context) -> Result<()>,
    ) -> (Database, Result<Vec<u8>>) {
        self.within(db, options, |machine| {
            machine.execute(arguments, load)?;
            machine.context.relaxed(|| {
                let results = encode::write_results(machine.stack, &machine.context, 2)?;
                // They may have left no room on Lua's stack.
                machine.stack.set_top(1);
                function::save_changed(machine.stack, &machine.context)?;
                Ok(results)
            })
        })
    }

    /// One call: from its limits to what it leaves behind.
    fn within<T>(
        &self,
        mut db: Database,
        options: &CallOptions,
        body: impl FnOnce(&Machine) -> Result<T>,
    ) -> (Database, Result<T>) {
        let context = &*self.context;
        let limits = options.limits();
        if let Err(error) = limits.check("options") {
            return (db, Err(error));
        }
        let limits = db.limits().under(&limits);
        db.transaction_mut()
            .limit_writes(limits.get(Setting::TransactionSize));
        let result = context.lent(&mut db, || {
            let mut result = self.begin(limits, options).and_then(|()| body(self));
            if result.is_ok()
                && let Err(error) = self.check_computed()
            {
                result = Err(error);
            }
            self.finish(result)
        });
        (db, result)
    }

    /// Begins a call, with the limits that it has.
    #[inline(never)]
    fn begin(&self, limits: Limits, options: &CallOptions) -> Result<()> {
        let (stack, context) = (self.stack, &*self.context);
        context.time.set(options.time);
        context.started.set(None);
        context.seed.set(options.seed);
        context.seeded.set(false);
        context.relaxed(|| {
            stack.set_top(0);
            sandbox::enter_globals(stack, context, options.keep_globals);
        });
        context.begin(stack, limits);
        context.relaxed(|| function::begin(stack, context, options.keep_globals))
    }

    /// Ends a call, and tells what came of it.
    fn finish<T>(&self, result: Result<T>) -> Result<T> {
        match self.end(result.is_err()) {
            Some(fatal) => Err(fatal),
            None => result,
        }
    }

    /// Ends a call, and tells what has ended it, if anything has.
    #[inline(never)]
    fn end(&self, has_failed: bool) -> Option<Error> {
        let (stack, context) = (self.stack, &*self.context);
        let fatal = context.take_fatal();
        context.relaxed(|| {
            stack.set_top(0);
            context.external.clear();
            require::forget(stack);
            let keep = sandbox::has_kept(stack);
            if has_failed || fatal.is_some() {
                function::forget(stack, context, keep);
                function::pure::clear(stack, context);
            }
            function::end(stack, context, keep);
        });
        context.end(stack, fatal.is_some());
        fatal
    }

    /// Loads a function and calls it. What it returns is on the stack, above the handler of errors.
    fn execute(
        &self,
        arguments: &[u8],
        load: impl FnOnce(Stack, &Context) -> Result<()>,
    ) -> Result<()> {
        let (stack, context) = (self.stack, &*self.context);
        stack.push_native(explain);
        let count = context.relaxed(|| {
            load(stack, context)?;
            let count = decode::push_all(stack, context, arguments)?;
            sandbox::enter_io(stack, (count > 0).then_some(3));
            Ok::<_, Error>(count)
        })?;
        let status = stack.protected_call(count, ffi::LUA_MULTRET, 1);
        if status == ffi::LUA_OK {
            return Ok(());
        }
        context.is_uncatchable(stack, status);
        context.relaxed(|| Err(self.failure(stack, status)))
    }

    /// What the call failed with; the error's value is on the top.
    fn failure(&self, stack: Stack, status: c_int) -> Error {
        let context = &*self.context;
        let message = stack.to_bytes(-1).unwrap_or_default();
        if let Some(error) = context.take_raised(&String::from_utf8_lossy(message)) {
            return error;
        }
        // Lua's own limits: of calls that C makes, and of places on its stack.
        if message.ends_with(b"C stack overflow") || status == ffi::LUA_ERRERR {
            return context.depth_error(C_CALLS);
        }
        if message.ends_with(b"stack overflow") {
            return context.depth_error(context.limit(Setting::CallDepth));
        }
        Error::Script(context.failure.take().unwrap_or_else(|| ScriptFailure {
            message: text_of(stack, -1),
            traceback: String::new(),
        }))
    }
}

/// What compiling failed with; the message is on the top.
pub(crate) fn load_error(stack: Stack, status: c_int) -> Error {
    let message = text_of(stack, -1);
    if message.ends_with("C stack overflow") {
        return context(stack).depth_error(C_CALLS);
    }
    if status == ffi::LUA_ERRSYNTAX {
        return Error::Syntax(ScriptFailure {
            message,
            traceback: String::new(),
        });
    }
    context(stack).is_uncatchable(stack, status);
    Error::Script(ScriptFailure {
        message,
        traceback: String::new(),
    })
}

/// The text of an error's value that no metamethod explains.
fn text_of(stack: Stack, index: c_int) -> String {
    match stack.kind(index) {
        Kind::String => {
            String::from_utf8_lossy(stack.to_bytes(index).unwrap_or_default()).into_owned()
        }
        Kind::Number => stack.number_text(index),
        kind => format!("(the error is {}, without __tostring)", kind.name()),
    }
}

/// The handler of errors that nobody catches: notes message and traceback where the stack still stands.
unsafe extern "C-unwind" fn explain(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    if context(stack).is_fatal() {
        // What ends a call is told without them; and the stack may be deep.
        return 1;
    }
    let has_text = stack.push_metafield(1, c"__tostring");
    if has_text {
        stack.copy(1);
        // An error inside of `__tostring` leaves its own message.
        stack.protected_call(1, 1, 0);
    } else {
        stack.copy(1);
    }
    let context = context(stack);
    context.relaxed(|| {
        let message = text_of(stack, -1);
        if context.is_raised_again.take()
            && let Some(failure) = &*context.failure.borrow()
            && failure.message == message
        {
            // It tells where the error came from.
            return;
        }
        stack.push_traceback(1);
        let traceback = String::from_utf8_lossy(stack.to_bytes(-1).unwrap_or_default())
            .lines()
            .skip(1)
            .map(str::trim_start)
            .collect::<Vec<_>>()
            .join("\n");
        context
            .failure
            .replace(Some(ScriptFailure { message, traceback }));
    });
    stack.set_top(1);
    1
}
