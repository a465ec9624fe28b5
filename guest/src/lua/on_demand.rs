//! Lua for whatever in the database is decided by persisted functions: conditions, and operations of a batch.
//!
//! Most calls of a host need none. So the machine is made when it is first needed, and its call begins with the
//! first function that is asked.

use std::cell::{OnceCell, RefCell};
use std::ffi::c_int;
use std::rc::Rc;
use std::time::Instant;

use mlua::ffi;

use super::context::{Context, slot};
use super::external::push_document;
use super::stack::{REGISTRY, Stack};
use super::{CallOptions, Console, HostFunctions, Machine, budget, explain};
use super::{decode, encode};
use crate::catalog::Function as IndexFunction;
use crate::database::Database;
use crate::error::{Error, Limit, Result};
use crate::function::{self, Statistics, pure};
use crate::key::write_encoded_key;
use crate::limits::Setting;
use crate::query::Subject;

/// Instructions that a function may run which computes an index, for each document.
const COMPUTING: i64 = 1_000_000;

/// Predicates that ask each other's queries, at the most.
const MAX_NESTED: u32 = 16;

/// The machine of an engine, made when it is first needed.
pub struct Lua {
    console: Rc<dyn Console>,
    functions: Option<Rc<dyn HostFunctions>>,
    machine: OnceCell<Machine>,
    /// The calls of functions by the host.
    pub(crate) statistics: RefCell<Statistics>,
}

impl Lua {
    /// Nothing is made yet.
    #[must_use]
    pub fn new(console: Rc<dyn Console>, functions: Option<Rc<dyn HostFunctions>>) -> Rc<Lua> {
        Rc::new(Lua {
            console,
            functions,
            machine: OnceCell::new(),
            statistics: RefCell::default(),
        })
    }

    /// The same, with functions of the host that scripts may call.
    #[must_use]
    pub fn with_functions(&self, functions: Rc<dyn HostFunctions>) -> Rc<Lua> {
        Lua::new(self.console.clone(), Some(functions))
    }

    /// The machine, if it was needed already.
    #[must_use]
    pub fn made(&self) -> Option<&Machine> {
        self.machine.get()
    }

    /// The machine.
    ///
    /// # Errors
    /// As [`Machine::new`].
    pub fn machine(&self) -> Result<&Machine> {
        if self.machine.get().is_none() {
            let machine = Machine::new(self.console.clone(), self.functions.clone())?;
            // It is empty: nothing above looks for it.
            let _ = self.machine.set(machine);
        }
        self.machine
            .get()
            .ok_or_else(|| Error::limit(Limit::Memory, 0, "", "there is no memory for Lua"))
    }

    /// Calls a persisted function in the midst of a batch, and gives its first result.
    ///
    /// # Errors
    /// `UnknownFunction`; what the function raises; what can't be returned.
    pub(crate) fn call_in(
        &self,
        db: &mut Database,
        table: &str,
        name: &str,
        arguments: &[u8],
    ) -> Result<Vec<u8>> {
        let machine = self.machine()?;
        let Some(function) = function::find(db, table, name)? else {
            return Err(Error::unknown_function(table, name));
        };
        machine.open(db)?;
        let (started, before) = (Instant::now(), machine.instructions_run());
        let result = machine.call_in(db, &function, arguments);
        let instructions = machine.instructions_run().saturating_sub(before);
        self.statistics
            .borrow_mut()
            .count(table, name, started, instructions, result.is_err());
        result
    }

    /// Ends the call that functions were asked in, if any was.
    ///
    /// # Errors
    /// What ends a call, unless it is known to have failed.
    pub fn close(&self, db: &Database, has_failed: bool) -> Result<()> {
        match self.made() {
            Some(machine) if machine.context.is_open.get() => machine.close(db, has_failed),
            _ => Ok(()),
        }
    }

    /// Tells that writes of the transaction were taken back.
    pub(crate) fn rolled_back(&self, db: &Database) {
        let Some(machine) = self.made() else { return };
        let (stack, context) = (machine.context.running(), &*machine.context);
        if !context.is_open.get() {
            return machine.forget();
        }
        if context.is_fatal() && !context.is_lent() {
            // What comes next has a call of its own.
            machine.end(true);
            return;
        }
        context.external.clear();
        context.reading(db, || {
            context.relaxed(|| {
                pure::clear(stack, context);
                function::roll_back(stack, context);
            });
        });
    }
}

impl Machine {
    /// Begins a call under the limits of the database, unless one is under way.
    fn open(&self, db: &Database) -> Result<()> {
        if self.context.is_open.get() {
            return Ok(());
        }
        self.context
            .reading(db, || self.begin(*db.limits(), &CallOptions::default()))
    }

    fn close(&self, db: &Database, has_failed: bool) -> Result<()> {
        let (stack, context) = (self.stack, &*self.context);
        // What a predicate has left in its variables stays nowhere.
        let is_as_stored = context.reading(db, || {
            context.relaxed(|| function::save_changed(stack, context).is_ok())
        });
        let computed = context.reading(db, || self.check_computed());
        let fatal = self.end(has_failed || computed.is_err());
        if !is_as_stored {
            self.forget();
        }
        match fatal {
            _ if has_failed => Ok(()),
            Some(fatal) => Err(fatal),
            None => computed,
        }
    }

    /// Begins to test documents.
    ///
    /// # Errors
    /// As the store fails.
    pub(crate) fn begin_tests(&self, db: &Database) -> Result<()> {
        self.open(db)?;
        self.context.external.forget_documents();
        Ok(())
    }

    /// Whether a predicate, given by the reference to it, says yes to a document.
    ///
    /// # Errors
    /// What it raises, with the place of the condition.
    pub(crate) fn is_met(
        &self,
        subject: &Subject<'_>,
        function: &[u8],
        arguments: &[u8],
        place: &str,
    ) -> Result<bool> {
        self.open(subject.db)?;
        let mut is_met = false;
        self.context.reading(subject.db, || {
            self.call_from_rust(
                place,
                &mut |stack, context| {
                    decode::push_value(stack, context, function)?;
                    if subject.is_whole {
                        push_document(stack, context, subject)?;
                    } else {
                        decode::push_value(stack, context, subject.value)?;
                    }
                    let mut key = Vec::with_capacity(16);
                    write_encoded_key(subject.key, &mut key)?;
                    decode::push_value(stack, context, &key)?;
                    decode::push_all(stack, context, arguments).map(|count| count + 2)
                },
                &mut |stack, _| {
                    is_met = stack.to_bool(-1);
                    Ok(())
                },
            )
        })?;
        Ok(is_met)
    }

    /// Calls a function in a call that is [open](Machine::open).
    fn call_in(&self, db: &mut Database, function: &[u8], arguments: &[u8]) -> Result<Vec<u8>> {
        let context = &*self.context;
        context.external.forget_documents();
        let mut value = Vec::new();
        let result = context.lent(db, || {
            self.call_from_rust(
                "",
                &mut |stack, context| {
                    decode::push_value(stack, context, function)?;
                    decode::push_all(stack, context, arguments)
                },
                &mut |stack, context| {
                    let maximum = context.limit(Setting::ResultSize);
                    encode::write_value(stack, context, -1, 0, "result[1]", None, &mut value)?;
                    if value.len() as u64 > maximum {
                        return Err(encode::results_too_large(maximum, 1));
                    }
                    // Whatever comes next in the batch sees what is in the variables now.
                    function::save_changed(stack, context)
                },
            )
        });
        context.external.forget_documents();
        result.map(|()| value)
    }

    /// What a function that computes an index gives for a document.
    ///
    /// # Errors
    /// What it raises; `LimitExceeded` if it takes longer than one may.
    pub(crate) fn compute(
        &self,
        db: &Database,
        function: &IndexFunction,
        document: &[u8],
        key: &[u8],
    ) -> Result<Vec<u8>> {
        let is_script = self.context.is_lent();
        self.open(db)?;
        let context = &*self.context;
        let stack = context.running();
        let top = stack.top();
        if !stack.reserve(8) {
            return Err(context.depth_error(context.limit(Setting::CallDepth)));
        }
        let left = context.set_instructions(COMPUTING.min(context.instructions_left()));
        let own = COMPUTING.min(left);
        let serial = context.serial.replace(0);
        stack.raw_get_integer(REGISTRY, slot::NUMBERS);
        let is_pure = context.is_pure.get();
        let mut value = Vec::new();
        let result = context.reading(db, || {
            self.call_from_rust(
                "",
                &mut |stack, context| {
                    pure::push(stack, context, &function.mark, || {
                        let found = function::find(db, &function.table, &function.name)?;
                        found
                            .ok_or_else(|| Error::unknown_function(&function.table, &function.name))
                    })?;
                    context.is_pure.set(true);
                    decode::push_value(stack, context, document)?;
                    let mut encoded = Vec::with_capacity(16);
                    write_encoded_key(key, &mut encoded)?;
                    decode::push_value(stack, context, &encoded)?;
                    Ok(2)
                },
                &mut |stack, context| {
                    encode::write_value(stack, context, -1, 0, "", None, &mut value)
                },
            )
        });
        context.is_pure.set(is_pure);
        stack.set_top(top + 1);
        stack.raw_set_integer(REGISTRY, slot::NUMBERS);
        context.serial.set(serial);
        let ran = own - context.instructions_left();
        // What a host writes is not counted together: each document has its own budget.
        context.set_instructions(if is_script { left - ran } else { left });
        match result {
            Err(Error::LimitExceeded(excess))
                if excess.limit == Limit::Instructions && own == COMPUTING =>
            {
                // It is this function that is over, and not the call.
                context.take_fatal();
                budget::countdown::start(stack);
                Err(Error::limit(
                    Limit::Instructions,
                    COMPUTING.unsigned_abs(),
                    "",
                    format!("its function ran more than {COMPUTING} instructions; let it do less"),
                ))
            }
            result => result.map(|()| value),
        }
    }

    /// Checks that functions which compute indexes have changed nothing.
    ///
    /// # Errors
    /// `InvalidArgument` if one has.
    pub(super) fn check_computed(&self) -> Result<()> {
        let context = &*self.context;
        if !pure::is_used(context) {
            return Ok(());
        }
        context.read_db(|db| {
            context.reading(db, || {
                context.relaxed(|| pure::check_unchanged(self.stack, context))
            })
        })
    }

    /// Calls the function that `push` pushes below its arguments, and reads its first result, which is on the top.
    #[inline(never)]
    fn call_from_rust(
        &self,
        place: &str,
        push: &mut dyn FnMut(Stack, &Context) -> Result<c_int>,
        read: &mut dyn FnMut(Stack, &Context) -> Result<()>,
    ) -> Result<()> {
        let context = &*self.context;
        let stack = context.running();
        let top = stack.top();
        let nested = context.nested.get();
        if nested >= MAX_NESTED {
            return Err(Error::limit(
                Limit::CallDepth,
                u64::from(MAX_NESTED),
                place,
                format!(
                    "more than {MAX_NESTED} predicates ask queries inside each other; let them ask less"
                ),
            ));
        }
        context.nested.set(nested + 1);
        let result = context.relaxed(|| {
            if !stack.reserve(8) {
                return Err(context.depth_error(context.limit(Setting::CallDepth)));
            }
            stack.push_native(explain);
            let count = push(stack, context)?;
            let status = context.strict(|| stack.protected_call(count, 1, top + 1));
            context.set_running(stack);
            if status == ffi::LUA_OK {
                return read(stack, context);
            }
            if context.is_uncatchable(stack, status)
                && let Some(fatal) = context.fatal()
            {
                return Err(fatal);
            }
            Err(self.failure(stack, status))
        });
        context.nested.set(nested);
        stack.set_top(top);
        result.map_err(|error| match error {
            Error::Script(mut failure) if !place.is_empty() => {
                failure.message = format!("{place}: {}", failure.message);
                Error::Script(failure)
            }
            error if place.is_empty() => error,
            error => error.under(place),
        })
    }
}
