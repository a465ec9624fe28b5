//! How often functions were called from outside, and how long that took.

use std::time::Instant;

/// Functions whose calls are counted, at the most; those of others are not.
const MOST: usize = 4096;

/// The calls of one function since the instance began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallStatistics {
    /// The table that it is in.
    pub table: String,
    /// Its name there.
    pub name: String,
    /// Calls that have ended, well or not.
    pub calls: u64,
    /// Those that have failed.
    pub failures: u64,
    /// Lua instructions of all calls.
    pub instructions: u64,
    /// Nanoseconds of all calls, the commits included.
    pub nanoseconds: u64,
}

/// The calls of all functions, by table and name.
#[derive(Default)]
pub(crate) struct Statistics(Vec<CallStatistics>);

impl Statistics {
    /// Counts a call that began at `started`.
    pub(crate) fn count(
        &mut self,
        table: &str,
        name: &str,
        started: Instant,
        instructions: u64,
        failed: bool,
    ) {
        let found = self
            .0
            .binary_search_by(|known| (&*known.table, &*known.name).cmp(&(table, name)));
        let place = match found {
            Ok(place) => place,
            Err(_) if self.0.len() >= MOST => return,
            Err(place) => {
                let new = CallStatistics {
                    table: table.to_string(),
                    name: name.to_string(),
                    calls: 0,
                    failures: 0,
                    instructions: 0,
                    nanoseconds: 0,
                };
                self.0.insert(place, new);
                place
            }
        };
        let known = &mut self.0[place];
        known.calls += 1;
        known.failures += u64::from(failed);
        known.instructions += instructions;
        known.nanoseconds += u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
    }

    /// All that were counted.
    pub(crate) fn all(&self) -> &[CallStatistics] {
        &self.0
    }
}
