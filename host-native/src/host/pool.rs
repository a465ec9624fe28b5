//! The instances of a database: one that writes, and as many that read as are needed at the same time.
//!
//! What an instance keeps for its caller (globals of Lua, the statistics of functions) is kept by the one that writes. The others
//! keep nothing but caches, so that it does not matter which of them serves a call.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::commits::Commits;
use super::component::Program;
use super::generated::Database;
use super::instance::{Access, HostFunctions, Instance, Outcome, Role, Settings};
use super::line::Line;
use super::{WasmStore, wit};
use crate::Error;
use crate::builder::LONGEST;
use crate::store::{Durability, Store, StoreFailure};

#[path = "transaction.rs"]
mod transaction;

/// How often a call is run again that met a store which had just taken commits back.
const ATTEMPTS: usize = 3;

pub(super) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The component with a store behind it.
pub(crate) struct Host {
    program: Arc<Program>,
    settings: Settings,
    /// Whoever has it is the only one that may commit.
    pub(super) turn: Arc<Mutex<()>>,
    /// Locked within the turn.
    pub(super) writer: Mutex<Option<Instance>>,
    pub(super) line: Line,
    readers: Mutex<Readers>,
    reader_is_free: Condvar,
    commits: Arc<Commits>,
}

#[derive(Default)]
struct Readers {
    idle: Vec<Instance>,
    running: usize,
    waiting: usize,
}

/// A place among the readers that run.
struct Place<'a>(&'a Host);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut readers = lock(&self.0.readers);
        readers.running -= 1;
        // Telling nobody is a call of the system all the same.
        if readers.waiting > 0 {
            self.0.reader_is_free.notify_one();
        }
    }
}

impl Host {
    pub(crate) fn new(program: Arc<Program>, settings: Settings) -> Self {
        Self::with_turn(program, settings, Arc::default())
    }

    fn with_turn(program: Arc<Program>, settings: Settings, turn: Arc<Mutex<()>>) -> Self {
        Self {
            program,
            settings,
            turn,
            writer: Mutex::default(),
            line: Line::default(),
            readers: Mutex::default(),
            reader_is_free: Condvar::new(),
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

    pub(crate) fn durability(&self) -> Durability {
        self.settings.durability
    }

    /// Other instances of the component for work of the host's own: they print nothing,
    /// and no call of them takes too long. Over the same store, they take turns with this host; or over another one.
    pub(crate) fn beside(&self, store: Option<Arc<dyn Store>>) -> Self {
        let turn = match &store {
            None => Arc::clone(&self.turn),
            Some(_) => Arc::default(),
        };
        let settings = Settings {
            store: store.unwrap_or_else(|| Arc::clone(&self.settings.store)),
            print: None,
            functions: HostFunctions::default(),
            wall_clock: LONGEST,
            memory: self.settings.memory,
            memory_of_all: Arc::new(AtomicUsize::new(0)),
            durability: self.settings.durability,
            readers: 1,
            role: Role::Aside,
        };
        Self {
            commits: Arc::clone(&self.commits),
            ..Self::with_turn(Arc::clone(&self.program), settings, turn)
        }
    }

    /// Runs one exported function, when nobody else writes. What it did, and what it has seen, is as durable as asked for when this
    /// returns; those who write next do not wait for that. If it traps, the instance is gone and the next call gets a new one.
    pub(crate) fn write<T>(
        &self,
        durability: Durability,
        run: impl Fn(&Database, &mut WasmStore) -> wasmtime::Result<Result<T, wit::Error>>,
    ) -> Result<T, Error> {
        let turn = lock(&self.turn);
        self.check_open()?;
        // Taken out for the call: a panic of the host's own leaves no half-used instance behind.
        let mut writer = lock(&self.writer);
        let outcome = self.attempt(|| writer.take(), Access::Write, &run)?;
        *writer = outcome.instance;
        drop(writer);
        let result = self.explain_excess(outcome.result);
        drop(turn);
        if let Some(point) = outcome.seen {
            // Also for a call that has failed: it may tell of what it saw.
            self.settings.store.settle(point, durability)?;
        }
        if outcome.committed {
            self.commits.announce();
        }
        result
    }

    /// Runs one exported function on what is settled, beside whoever writes. A commit fails with `read-only`.
    pub(crate) fn read<T>(
        &self,
        run: impl Fn(&Database, &mut WasmStore) -> wasmtime::Result<Result<T, wit::Error>>,
    ) -> Result<T, Error> {
        if let Role::Transaction(_) = self.settings.role {
            return self.read_in_turn(&run);
        }
        let mut readers = lock(&self.readers);
        while readers.running >= self.settings.readers.max(1) {
            readers.waiting += 1;
            readers = self
                .reader_is_free
                .wait(readers)
                .unwrap_or_else(PoisonError::into_inner);
            readers.waiting -= 1;
        }
        readers.running += 1;
        drop(readers);
        let place = Place(self);
        let outcome = self.attempt(|| lock(&self.readers).idle.pop(), Access::Read, &run)?;
        if let Some(instance) = outcome.instance {
            lock(&self.readers).idle.push(instance);
        }
        drop(place);
        outcome.result
    }

    /// Tells those who wait for commits.
    pub(super) fn announce(&self) {
        self.commits.announce();
    }

    pub(super) fn attempt<T>(
        &self,
        mut take: impl FnMut() -> Option<Instance>,
        access: Access,
        run: &impl Fn(&Database, &mut WasmStore) -> wasmtime::Result<Result<T, wit::Error>>,
    ) -> Result<Outcome<T>, Error> {
        for _ in 0..ATTEMPTS {
            let instance = match take() {
                Some(instance) => instance,
                None => Instance::new(&self.program, &self.settings)?,
            };
            let outcome = instance.run(&self.program, &self.settings, access, run);
            if !outcome.stale {
                return Ok(outcome);
            }
        }
        Err(StoreFailure::Conflict.into())
    }

    /// Bytes of memory that the instances have; 0 if there are none.
    pub(crate) fn memory(&self) -> usize {
        self.settings.memory_of_all.load(Relaxed)
    }

    /// Lets go of the instances and everything that Lua kept in them.
    pub(crate) fn discard(&self) {
        lock(&self.writer).take();
        lock(&self.readers).idle.clear();
    }
}
