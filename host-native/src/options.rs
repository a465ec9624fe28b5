//! How one call of Lua runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::raw::{self, DatabaseLimits};

/// How one call of Lua runs. Everything has a default.
///
/// ```
/// use cu_db::{CallOptions, Database};
///
/// let database = Database::in_memory()?;
/// let options = CallOptions::default().seed(1).instructions(1_000_000);
/// let first: i64 = database.eval_with("return math.random(100)", (), &options)?;
/// let again: i64 = database.eval_with("return math.random(100)", (), &options)?;
/// assert_eq!(first, again);
/// # Ok::<(), cu_db::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct CallOptions {
    chunk_name: Option<String>,
    instructions: Option<u64>,
    memory: Option<u64>,
    wall_clock: Option<u64>,
    call_depth: Option<u64>,
    result_size: Option<u64>,
    output_size: Option<u64>,
    transaction_size: Option<u64>,
    seed: Option<u64>,
    time: Option<i64>,
    keep_globals: bool,
}

impl CallOptions {
    /// What a traceback calls the source. Default: `eval`.
    pub fn chunk_name(mut self, name: impl Into<String>) -> Self {
        self.chunk_name = Some(name.into());
        self
    }

    /// At most so many Lua instructions, to within a thousand. Default for this and the limits that follow: the
    /// database's, see [`Limits`].
    pub fn instructions(mut self, instructions: u64) -> Self {
        self.instructions = Some(instructions);
        self
    }

    /// At most so many bytes of Lua memory.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// At most so much time, in whole milliseconds. The database's own limit, [`Builder::time_limit`], holds besides.
    ///
    /// [`Builder::time_limit`]: crate::Builder::time_limit
    pub fn wall_clock(mut self, time: Duration) -> Self {
        self.wall_clock = Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// At most so many calls inside each other.
    pub fn call_depth(mut self, calls: u64) -> Self {
        self.call_depth = Some(calls);
        self
    }

    /// At most so many bytes of results.
    pub fn result_size(mut self, bytes: u64) -> Self {
        self.result_size = Some(bytes);
        self
    }

    /// At most so many bytes printed.
    pub fn output_size(mut self, bytes: u64) -> Self {
        self.output_size = Some(bytes);
        self
    }

    /// At most so many bytes written.
    pub fn transaction_size(mut self, bytes: u64) -> Self {
        self.transaction_size = Some(bytes);
        self
    }

    /// What `math.random` starts from. Default: the host's randomness.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// What `os.time` takes for now, in seconds since 1970. Default: the host's clock.
    pub fn time(mut self, seconds: i64) -> Self {
        self.time = Some(seconds);
        self
    }

    /// Keeps the globals that the code makes for the next call that says so too, in memory
    /// only and at most as long as the database is open. Default: false.
    pub fn keep_globals(mut self, keep: bool) -> Self {
        self.keep_globals = keep;
        self
    }

    pub(crate) fn to_wit(&self) -> raw::CallOptions {
        raw::CallOptions {
            chunk_name: self.chunk_name.clone(),
            instructions: self.instructions,
            memory: self.memory,
            wall_clock: self.wall_clock,
            call_depth: self.call_depth,
            result_size: self.result_size,
            output_size: self.output_size,
            transaction_size: self.transaction_size,
            seed: self.seed,
            time: self.time,
            keep_globals: self.keep_globals,
        }
    }
}

/// The limits of a database's calls, kept in the database; a call's options override them. `None` is the default.
/// What each may be, and how exactly it counts, is in `wit/database.wit`.
///
/// ```
/// use cu_db::{Database, Limits};
///
/// let database = Database::in_memory()?;
/// database.set_limits(&Limits { instructions: Some(100_000), ..Limits::default() })?;
/// assert!(database.eval::<()>("while true do end", ()).is_err());
/// assert_eq!(database.limits()?.memory, Some(64 << 20));
/// # Ok::<(), cu_db::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Limits {
    /// Bytes of Lua memory.
    pub memory: Option<u64>,
    /// Lua instructions.
    pub instructions: Option<u64>,
    /// Milliseconds.
    pub wall_clock: Option<u64>,
    /// Calls inside each other.
    pub call_depth: Option<u64>,
    /// Bytes of results.
    pub result_size: Option<u64>,
    /// Bytes printed.
    pub output_size: Option<u64>,
    /// Bytes written by a transaction.
    pub transaction_size: Option<u64>,
    /// Bytes of a persisted function's bytecode.
    pub function_size: Option<u64>,
    /// Bytes of the results of queries that an instance keeps; 0 for none.
    pub cache_size: Option<u64>,
}

/// Turns one record of the same members into another.
macro_rules! same_members {
    ($from:ty => $to:ident) => {
        impl From<$from> for $to {
            fn from(limits: $from) -> Self {
                $to {
                    memory: limits.memory,
                    instructions: limits.instructions,
                    wall_clock: limits.wall_clock,
                    call_depth: limits.call_depth,
                    result_size: limits.result_size,
                    output_size: limits.output_size,
                    transaction_size: limits.transaction_size,
                    function_size: limits.function_size,
                    cache_size: limits.cache_size,
                }
            }
        }
    };
}

same_members!(Limits => DatabaseLimits);
same_members!(DatabaseLimits => Limits);
