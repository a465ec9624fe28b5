//! How a database is opened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::host::{Host, Program, Role, Settings};
use crate::store::{DiskOptions, DiskStore, Durability, History, MemoryStore, Store};
use crate::{Database, Error, Value, cbor};

/// Ten years: longer limits mean none, and would not fit the clocks.
pub(crate) const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Settings of a database that is about to be opened. See [`Database::builder`].
///
/// ```
/// use std::time::Duration;
/// use cu_db::{Database, Durability};
///
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("cities.cu");
/// let database = Database::builder()
///     .durability(Durability::Relaxed)
///     .time_limit(Duration::from_secs(2))
///     .on_print(|text| print!("{}", String::from_utf8_lossy(text)))
///     .open(path)?;
/// # Ok::<(), cu_db::Error>(())
/// ```
#[must_use]
pub struct Builder {
    disk: DiskOptions,
    component: Option<PathBuf>,
    time_limit: Duration,
    memory_limit: usize,
    readers: usize,
    print: Option<crate::host::Print>,
    functions: BTreeMap<String, crate::host::HostFunction>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            disk: DiskOptions::default(),
            component: None,
            time_limit: Duration::from_secs(60),
            memory_limit: 1 << 30,
            readers: std::thread::available_parallelism().map_or(4, Into::into),
            print: None,
            functions: BTreeMap::new(),
        }
    }
}

impl Builder {
    /// Opens without changing anything; several processes may do so at once. Default: false.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.disk.read_only = read_only;
        self
    }

    /// When a commit counts as done. Default: strict.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.disk.durability = durability;
        self
    }

    /// Bytes of memory for parts of the store. Default: 256 MiB.
    pub fn cache(mut self, bytes: usize) -> Self {
        self.disk.cache_bytes = bytes;
        self
    }

    /// Bytes of the log at which it begins anew. Default: 32 MiB.
    pub fn log(mut self, bytes: u64) -> Self {
        self.disk.log_bytes = bytes;
        self
    }

    /// The time that one call may take, whatever it does, to about 10 ms; [`Error::LimitExceeded`] with
    /// `wall-clock` after that. It is the second fence: Lua itself looks at the clock for the limit of the call, which
    /// is 30 s by default, and then keeps what it has loaded. Default: 60 s.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit.min(LONGEST);
        self
    }

    /// Bytes of memory that each instance of the component may take, Lua's own limit apart; [`Error::LimitExceeded`]
    /// with `memory` beyond that. Default: 1 GiB.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// How many calls may read at the same time; others wait for one of them. Each needs an instance of the component, of some 2 MB and what
    /// its calls took, which is made when it is first needed and kept. Default: as many as the machine has processors.
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers.max(1);
        self
    }

    /// Takes what Lua's `print` writes, while the call runs and before it returns. Chunks may be cut
    /// anywhere, also within a character. Default: it goes nowhere.
    ///
    /// The function must not call the database: the call would wait for itself.
    pub fn on_print(mut self, print: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        self.print = Some(Arc::new(print));
        self
    }

    /// Lets Lua call a function of yours as `host.name(…)`, with any number of arguments, for one value. An error is
    /// a Lua error with that text. What the function does is not undone when the call fails.
    ///
    /// Functions that persist under a variable which holds it are kept with its name; a database that is opened without it says
    /// so when they are loaded. The function must not call the database: the call would wait for itself.
    ///
    /// ```
    /// use cu_db::{Database, Value};
    ///
    /// let database = Database::builder()
    ///     .function("double", |arguments: Vec<i64>| match arguments[..] {
    ///         [number] => Ok(Value::from(2 * number)),
    ///         _ => Err("a number was expected".to_owned()),
    ///     })
    ///     .in_memory()?;
    /// let doubled: i64 = database.eval("return host.double(21)", ())?;
    /// assert_eq!(doubled, 42);
    /// # Ok::<(), cu_db::Error>(())
    /// ```
    pub fn function<A: DeserializeOwned>(
        mut self,
        name: impl Into<String>,
        function: impl Fn(A) -> Result<Value, String> + Send + Sync + 'static,
    ) -> Self {
        let called = move |arguments: &[u8]| {
            let arguments = cbor::decode(arguments).map_err(|error| error.to_string())?;
            cbor::encode(&function(arguments)?).map_err(|error| error.to_string())
        };
        self.functions.insert(name.into(), Arc::new(called));
        self
    }

    /// Another component than the one that is part of this crate.
    pub fn component(mut self, path: impl Into<PathBuf>) -> Self {
        self.component = Some(path.into());
        self
    }

    /// Opens the database in the directory `path`, and makes it if nothing is there.
    ///
    /// # Errors
    /// [`Error::Open`] or [`Error::Component`]; what was committed before is as it was.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Database, Error> {
        let program = self.program()?;
        let store = DiskStore::open(path, self.disk.clone())?;
        Ok(self.finish(program, Arc::new(store)))
    }

    /// Makes an empty database that lives no longer than its handle.
    ///
    /// # Errors
    /// [`Error::Store`] or [`Error::Component`].
    pub fn in_memory(self) -> Result<Database, Error> {
        let program = self.program()?;
        Ok(self.finish(program, Arc::new(MemoryStore::new()?)))
    }

    /// Opens the database that a store of the caller's holds.
    ///
    /// # Errors
    /// [`Error::Component`].
    pub fn with_store(self, store: impl Store + 'static) -> Result<Database, Error> {
        let program = self.program()?;
        Ok(self.finish(program, Arc::new(store)))
    }

    fn program(&self) -> Result<Arc<Program>, Error> {
        match &self.component {
            Some(path) => Program::from_file(path),
            None => Program::embedded(),
        }
    }

    fn finish(self, program: Arc<Program>, store: Arc<dyn Store>) -> Database {
        let history = Arc::new(History::new(store));
        Database::new(Host::new(
            program,
            Settings {
                store: Arc::clone(&history) as Arc<dyn Store>,
                role: Role::Database(history),
                print: self.print,
                functions: Arc::new(self.functions),
                wall_clock: self.time_limit,
                memory: self.memory_limit,
                memory_of_all: Arc::default(),
                durability: self.disk.durability,
                readers: self.readers,
            },
        ))
    }
}
