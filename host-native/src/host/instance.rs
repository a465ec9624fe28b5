//! One instance of the component, its limits, and what happens when it traps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, StoreContextMut, Trap, UpdateDeadline};

use super::component::Program;
use super::generated::Database;
use super::ticker::TICK;
use super::{WasmStore, wit};
use crate::Error;
use crate::store::{Durability, Fork, History, Point, Store};

/// Takes what Lua prints.
pub(crate) type Print = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// A function that Lua may call: a CBOR array of arguments in, a CBOR value or a text for an error out.
pub(crate) type HostFunction = Arc<dyn Fn(&[u8]) -> Result<Vec<u8>, String> + Send + Sync>;

/// The functions that Lua may call, by name.
pub(crate) type HostFunctions = Arc<BTreeMap<String, HostFunction>>;

/// What an instance may do, and whom it talks to.
pub(crate) struct Settings {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) print: Option<Print>,
    pub(crate) functions: HostFunctions,
    /// The time that one call may take.
    pub(crate) wall_clock: Duration,
    /// Bytes of memory that the whole instance may take.
    pub(crate) memory: usize,
    /// Bytes of memory that all instances have now.
    pub(crate) memory_of_all: Arc<AtomicUsize>,
    /// When a commit counts as done, unless the call says otherwise.
    pub(crate) durability: Durability,
    /// How many calls may read at the same time.
    pub(crate) readers: usize,
    pub(crate) role: Role,
}

/// What the store of a host is.
pub(crate) enum Role {
    /// The database's own, on which transactions can be begun.
    Database(Arc<History>),
    /// That of one transaction: all its calls take turns.
    Transaction(Arc<Fork>),
    /// Any other.
    Aside,
}

/// What the imports of one instance work on.
pub(crate) struct State {
    pub(super) store: Arc<dyn Store>,
    pub(super) print: Option<Print>,
    pub(super) functions: HostFunctions,
    pub(super) table: ResourceTable,
    pub(super) access: Access,
    /// The state of the store that the call saw, or made.
    pub(super) seen: Option<Point>,
    /// The generation of the store that the instance's caches are of.
    pub(super) generation: Option<u64>,
    /// Whether the store has another generation by now.
    pub(super) stale: bool,
    /// Whether the call that runs has committed.
    pub(super) committed: bool,
    deadline: Instant,
    memory: usize,
    memory_used: usize,
    memory_of_all: Arc<AtomicUsize>,
    memory_refused: bool,
}

impl Drop for State {
    fn drop(&mut self) {
        self.memory_of_all.fetch_sub(self.memory_used, Relaxed);
    }
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= self.memory;
        self.memory_refused |= !allowed;
        if allowed {
            let more = desired.saturating_sub(self.memory_used);
            self.memory_of_all.fetch_add(more, Relaxed);
            self.memory_used += more;
        }
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= 1 << 20)
    }
}

/// Why the ticker ended a call.
#[derive(Debug, thiserror::Error)]
#[error("the call took too long")]
struct TookTooLong;

/// What a call may do with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reads what is settled; commits are refused.
    Read,
    /// Reads the newest commit, settled or not, and commits upon it.
    Write,
}

/// The component, ready to be called.
pub(super) struct Instance {
    store: WasmStore,
    exports: Database,
}

/// What has come of a call.
pub(super) struct Outcome<T> {
    pub(super) result: Result<T, Error>,
    /// The instance, unless it trapped or what it remembers of the store is void.
    pub(super) instance: Option<Instance>,
    /// The state of the store that it saw, or made.
    pub(super) seen: Option<Point>,
    /// Whether it has committed.
    pub(super) committed: bool,
    /// The store has taken back what the instance remembers. The call had no effect.
    pub(super) stale: bool,
}

impl Instance {
    pub(super) fn new(program: &Program, settings: &Settings) -> Result<Self, Error> {
        let state = State {
            store: Arc::clone(&settings.store),
            print: settings.print.clone(),
            functions: Arc::clone(&settings.functions),
            table: ResourceTable::new(),
            access: Access::Read,
            seen: None,
            generation: None,
            stale: false,
            committed: false,
            deadline: Instant::now() + settings.wall_clock,
            memory: settings.memory,
            memory_used: 0,
            memory_of_all: Arc::clone(&settings.memory_of_all),
            memory_refused: false,
        };
        let mut store = WasmStore::new(&program.runtime.engine, state);
        store.limiter(|state| state);
        store.epoch_deadline_callback(at_deadline);
        store.set_epoch_deadline(ticks(settings.wall_clock));
        let exports = program
            .linked
            .instantiate(&mut store)
            .map_err(|error| Self::explain(settings, &error, store.data()))?;
        Ok(Self { store, exports })
    }

    /// Runs one exported function.
    pub(super) fn run<T>(
        mut self,
        program: &Program,
        settings: &Settings,
        access: Access,
        run: &impl Fn(&Database, &mut WasmStore) -> wasmtime::Result<Result<T, wit::Error>>,
    ) -> Outcome<T> {
        let state = self.store.data_mut();
        state.access = access;
        state.seen = None;
        state.committed = false;
        state.memory_refused = false;
        state.deadline = Instant::now() + settings.wall_clock;
        self.store.set_epoch_deadline(ticks(settings.wall_clock));

        let running = program.runtime.ticker.run();
        let result = run(&self.exports, &mut self.store);
        drop(running);
        let state = self.store.data();
        let (seen, committed, stale) = (state.seen, state.committed, state.stale);
        match result {
            Ok(result) => Outcome {
                result: result.map_err(Error::from),
                instance: (!stale).then_some(self),
                seen,
                committed,
                stale,
            },
            Err(error) => Outcome {
                result: Err(Self::explain(settings, &error, state)),
                instance: None,
                seen,
                committed,
                stale: false,
            },
        }
    }

    /// What a trap means to the caller.
    fn explain(settings: &Settings, error: &wasmtime::Error, state: &State) -> Error {
        let excess = |limit, maximum, message: &str| {
            Error::LimitExceeded(crate::Excess {
                limit,
                maximum,
                place: String::new(),
                message: message.to_owned(),
            })
        };
        if error.is::<TookTooLong>() {
            return excess(
                wit::Limit::WallClock,
                settings.wall_clock.as_millis() as u64,
                "the call took longer than it may and was ended; nothing was written. Split the \
                 work, use an index, or open the database with a longer time limit",
            );
        }
        if state.memory_refused {
            return excess(
                wit::Limit::Memory,
                settings.memory as u64,
                "the call needed more memory than the database may take; nothing was written. \
                 Split the work, or open the database with a higher memory limit",
            );
        }
        let what = match error.downcast_ref::<Trap>() {
            Some(trap) => trap.to_string(),
            None => format!("{error:#}"),
        };
        Error::Trapped {
            what,
            committed: state.committed,
        }
    }
}

fn ticks(time: Duration) -> u64 {
    // One more, since the next tick may come at once.
    (time.as_millis() / TICK.as_millis()) as u64 + 1
}

/// Ends the call, unless it has committed: then its caller must hear of that, and there is
/// nothing left to do but to return.
fn at_deadline(context: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    let state = context.data();
    if state.committed {
        return Ok(UpdateDeadline::Continue(100));
    }
    let left = state.deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(TookTooLong.into());
    }
    Ok(UpdateDeadline::Continue(ticks(left)))
}
