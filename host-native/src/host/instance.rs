//! One instance of the component, its limits, and what happens when it traps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, StoreContextMut, Trap, UpdateDeadline};

use super::commits::Commits;
use super::component::Program;
use super::generated::Database;
use super::ticker::TICK;
use super::{WasmStore, wit};
use crate::Error;
use crate::builder::LONGEST;
use crate::store::Store;

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
}

/// What the imports of one instance work on.
pub(crate) struct State {
    pub(super) store: Arc<dyn Store>,
    pub(super) print: Option<Print>,
    pub(super) functions: HostFunctions,
    pub(super) table: ResourceTable,
    /// Whether the call that runs has committed.
    pub(super) committed: bool,
    deadline: Instant,
    memory: usize,
    memory_used: usize,
    memory_refused: bool,
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
            self.memory_used = desired;
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

struct Instance {
    store: WasmStore,
    exports: Database,
}

/// The component with a store behind it. Calls wait for each other.
pub(crate) struct Host {
    program: Arc<Program>,
    settings: Settings,
    instance: Mutex<Option<Instance>>,
    commits: Arc<Commits>,
}

impl Host {
    pub(crate) fn new(program: Arc<Program>, settings: Settings) -> Self {
        Self {
            program,
            settings,
            instance: Mutex::new(None),
            commits: Arc::default(),
        }
    }

    /// Where the commits of this database are heard of.
    pub(crate) fn commits(&self) -> &Arc<Commits> {
        &self.commits
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.settings.store
    }

    pub(crate) fn shared_store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.settings.store)
    }

    /// Another instance of the component, over this store, for work of the host's own: it prints nothing,
    /// and no call of it takes too long.
    pub(crate) fn beside(&self, store: Arc<dyn Store>) -> Self {
        let settings = Settings {
            store,
            print: None,
            functions: HostFunctions::default(),
            wall_clock: LONGEST,
            memory: self.settings.memory,
        };
        Self {
            commits: Arc::clone(&self.commits),
            ..Self::new(Arc::clone(&self.program), settings)
        }
    }

    /// Runs one exported function. If it traps, the instance is gone and the next call gets a new one.
    pub(crate) fn call<T>(
        &self,
        run: impl FnOnce(&Database, &mut WasmStore) -> wasmtime::Result<Result<T, wit::Error>>,
    ) -> Result<T, Error> {
        let mut slot = self.instance.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out for the call: a panic of the host's own leaves no half-used instance behind.
        let mut instance = match slot.take() {
            Some(instance) => instance,
            None => self.instantiate()?,
        };
        let state = instance.store.data_mut();
        state.committed = false;
        state.memory_refused = false;
        state.deadline = Instant::now() + self.settings.wall_clock;
        instance
            .store
            .set_epoch_deadline(ticks(self.settings.wall_clock));

        let running = self.program.runtime.ticker.run();
        let result = run(&instance.exports, &mut instance.store);
        drop(running);
        if instance.store.data().committed {
            self.commits.announce();
        }
        match result {
            Ok(result) => {
                *slot = Some(instance);
                Ok(result?)
            }
            Err(error) => Err(self.explain(&error, instance.store.data())),
        }
    }

    /// Bytes of memory that the instance has; 0 if there is none.
    pub(crate) fn memory(&self) -> usize {
        let slot = self.instance.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref()
            .map_or(0, |instance| instance.store.data().memory_used)
    }

    /// Lets go of the instance and everything that Lua kept in it.
    pub(crate) fn discard(&self) {
        self.instance
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    fn instantiate(&self) -> Result<Instance, Error> {
        let state = State {
            store: Arc::clone(&self.settings.store),
            print: self.settings.print.clone(),
            functions: Arc::clone(&self.settings.functions),
            table: ResourceTable::new(),
            committed: false,
            deadline: Instant::now() + self.settings.wall_clock,
            memory: self.settings.memory,
            memory_used: 0,
            memory_refused: false,
        };
        let mut store = WasmStore::new(&self.program.runtime.engine, state);
        store.limiter(|state| state);
        store.epoch_deadline_callback(at_deadline);
        store.set_epoch_deadline(ticks(self.settings.wall_clock));
        let exports = self
            .program
            .linked
            .instantiate(&mut store)
            .map_err(|error| self.explain(&error, store.data()))?;
        Ok(Instance { store, exports })
    }

    /// What a trap means to the caller.
    fn explain(&self, error: &wasmtime::Error, state: &State) -> Error {
        let excess = |limit, maximum, message: &str| {
            Error::LimitExceeded(wit::Excess {
                limit,
                maximum,
                place: String::new(),
                message: message.to_owned(),
            })
        };
        if error.is::<TookTooLong>() {
            return excess(
                wit::Limit::WallClock,
                self.settings.wall_clock.as_millis() as u64,
                "the call took longer than it may and was ended; nothing was written. Split the \
                 work, use an index, or open the database with a longer time limit",
            );
        }
        if state.memory_refused {
            return excess(
                wit::Limit::Memory,
                self.settings.memory as u64,
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
