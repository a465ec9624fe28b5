//! How one call of Lua runs.

use crate::raw;

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

    /// At most so many Lua instructions, to within a thousand. Default: 1,000,000,000.
    pub fn instructions(mut self, instructions: u64) -> Self {
        self.instructions = Some(instructions);
        self
    }

    /// At most so many bytes of Lua memory. Default: 64 MiB.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
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
            seed: self.seed,
            time: self.time,
            keep_globals: self.keep_globals,
        }
    }
}
