//! The store of an interactive transaction: a snapshot of the database, and above it what the transaction's calls have committed.
//!
//! Each call commits here, into memory, and the transaction's own commit takes all of it to the database's store as one. What is
//! read of the snapshot is noted, so that this commit can tell whether it would still be read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::history::{History, Watch};
use super::merge;
use super::reads::Reads;
use super::{Direction, Durability, Point, Snapshot, Store, StoreFailure, pack};

/// What was written at a key: a value, or that it is deleted.
pub(super) type Written = Option<Box<[u8]>>;

/// What the calls have written, by key.
pub(super) type Overlay = BTreeMap<Box<[u8]>, Written>;

struct Savepoint {
    id: u64,
    /// How much of the list of what to undo was there.
    undo: usize,
}

struct State {
    base: Box<dyn Snapshot>,
    overlay: Overlay,
    /// Bytes of the overlay's keys and values.
    bytes: u64,
    /// None when nothing will be written, and so nothing can conflict.
    reads: Option<Reads>,
    version: u64,
    savepoints: Vec<Savepoint>,
    /// What the overlay had at a key before each write since the first savepoint.
    undo: Vec<(Box<[u8]>, Option<Written>)>,
    /// Whether a call would have written too much.
    is_exceeded: bool,
}

fn size(key: &[u8], written: &Written) -> u64 {
    (key.len() + written.as_ref().map_or(0, |value| value.len())) as u64
}

impl State {
    /// Puts back or in what is at a key, and gives what was there.
    fn set(&mut self, key: &[u8], written: Option<Written>) -> Option<Written> {
        let was = match written {
            Some(written) => {
                self.bytes += size(key, &written);
                self.overlay.insert(key.into(), written)
            }
            None => self.overlay.remove(key),
        };
        if let Some(was) = &was {
            self.bytes -= size(key, was);
        }
        was
    }
}

/// See the module.
pub(crate) struct Fork {
    history: Option<Arc<History>>,
    /// None when it is known that nothing will be written.
    watch: Mutex<Option<Watch>>,
    base: Point,
    state: Arc<Mutex<Option<State>>>,
    largest: u64,
}

fn lock(state: &Mutex<Option<State>>) -> MutexGuard<'_, Option<State>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ended() -> StoreFailure {
    StoreFailure::Closed("the transaction has ended".to_owned())
}

impl Fork {
    /// A transaction on all that was told as done before. With `writes`, commits are remembered until it ends.
    pub(crate) fn begin(
        history: &Arc<History>,
        writes: bool,
        durability: Durability,
        largest: u64,
    ) -> Result<Self, StoreFailure> {
        let watch = if writes {
            let (watch, newest) = history.watch()?;
            // What comes next sees at least this commit, so that no commit is missed in between. If it is taken back,
            // what was settled before it is the state to begin on.
            drop(history.settle(newest, durability));
            Some(watch)
        } else {
            None
        };
        let base = history.open_settled()?;
        let point = Point {
            version: base.version(),
            generation: base.generation(),
        };
        Ok(Self {
            history: writes.then(|| Arc::clone(history)),
            watch: Mutex::new(watch),
            base: point,
            state: Arc::new(Mutex::new(Some(State {
                base,
                overlay: Overlay::new(),
                bytes: 0,
                reads: writes.then(Reads::default),
                version: point.version,
                savepoints: Vec::new(),
                undo: Vec::new(),
                is_exceeded: false,
            }))),
            largest,
        })
    }

    pub(crate) fn has_ended(&self) -> bool {
        lock(&self.state).is_none()
    }

    /// The most bytes that it may write, if a call has tried to write more since this was last asked.
    pub(crate) fn take_excess(&self) -> Option<u64> {
        let mut state = lock(&self.state);
        let is_exceeded = &mut state.as_mut()?.is_exceeded;
        std::mem::take(is_exceeded).then_some(self.largest)
    }

    /// Ends it with nothing written. False if it had ended.
    pub(crate) fn roll_back(&self) -> bool {
        let had = lock(&self.state).take().is_some();
        self.watch
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        had
    }

    /// Ends it and commits all that was written, if there is anything. The caller has the database's turn.
    pub(crate) fn commit(&self) -> Result<Option<Point>, StoreFailure> {
        let state = lock(&self.state).take().ok_or_else(ended)?;
        let watch = self
            .watch
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let State {
            base,
            overlay,
            reads,
            ..
        } = state;
        // The snapshot goes first, so that the tree may free the pages that only it saw.
        drop(base);
        let (Some(history), Some(reads), false) = (&self.history, reads, overlay.is_empty()) else {
            return Ok(None);
        };
        let mut writes = Vec::new();
        for (key, written) in overlay {
            pack::put_entry(&mut writes, &key, written.as_deref());
        }
        let committed = history.rebase(self.base, &reads, &writes);
        drop(watch);
        committed.map(Some)
    }

    /// Makes a savepoint and gives its number, which no other one has.
    pub(crate) fn savepoint(&self) -> Option<u64> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut state = lock(&self.state);
        let state = state.as_mut()?;
        let id = NEXT.fetch_add(1, Relaxed);
        let undo = state.undo.len();
        state.savepoints.push(Savepoint { id, undo });
        Some(id)
    }

    /// Forgets a savepoint and those after it. False if it is none.
    pub(crate) fn release(&self, id: u64) -> bool {
        let mut state = lock(&self.state);
        let Some(state) = state.as_mut() else {
            return false;
        };
        let Some(index) = state.savepoints.iter().position(|point| point.id == id) else {
            return false;
        };
        state.savepoints.truncate(index);
        if state.savepoints.is_empty() {
            state.undo.clear();
        }
        true
    }

    /// Undoes what was written since a savepoint, and forgets those after it. False if it is none.
    pub(crate) fn roll_back_to(&self, id: u64) -> bool {
        let mut state = lock(&self.state);
        let Some(state) = state.as_mut() else {
            return false;
        };
        let Some(index) = state.savepoints.iter().position(|point| point.id == id) else {
            return false;
        };
        let keep = state.savepoints[index].undo;
        state.savepoints.truncate(index + 1);
        for (key, was) in state.undo.split_off(keep).into_iter().rev() {
            state.set(&key, was);
        }
        // A new number: the instance may remember what it saw under the one before.
        state.version += 1;
        true
    }
}

impl Store for Fork {
    fn open(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        let version = lock(&self.state).as_ref().ok_or_else(ended)?.version;
        Ok(Box::new(ForkSnapshot {
            state: Arc::clone(&self.state),
            version,
        }))
    }

    fn commit(&self, snapshot: u64, writes: &[u8]) -> Result<u64, StoreFailure> {
        let mut state = lock(&self.state);
        let state = state.as_mut().ok_or_else(ended)?;
        if self.history.is_none() {
            return Err(StoreFailure::ReadOnly);
        }
        if state.version != snapshot {
            return Err(StoreFailure::Conflict);
        }
        let entries: Vec<_> = pack::entries(writes)
            .collect::<Result<_, _>>()
            .map_err(|_| StoreFailure::malformed("writes"))?;
        let more: u64 = entries
            .iter()
            .map(|(key, value)| (key.len() + value.map_or(0, <[u8]>::len)) as u64)
            .sum();
        let replaced: u64 = entries
            .iter()
            .filter_map(|(key, _)| Some(size(key, state.overlay.get(*key)?)))
            .sum();
        if state.bytes - replaced + more > self.largest {
            state.is_exceeded = true;
            return Err(StoreFailure::Full("the transaction".to_owned()));
        }
        let undoes = !state.savepoints.is_empty();
        for (key, value) in entries {
            let was = state.set(key, Some(value.map(Into::into)));
            if undoes {
                state.undo.push((key.into(), was));
            }
        }
        state.version += 1;
        Ok(state.version)
    }

    fn close(&self) -> Result<(), StoreFailure> {
        self.roll_back();
        Ok(())
    }

    fn verify(&self) -> Result<(), StoreFailure> {
        Err(StoreFailure::ReadOnly)
    }

    fn size_on_disk(&self) -> Result<u64, StoreFailure> {
        Ok(0)
    }
}

/// The transaction's state before or between its commits.
struct ForkSnapshot {
    state: Arc<Mutex<Option<State>>>,
    version: u64,
}

impl ForkSnapshot {
    fn with<T>(
        &self,
        run: impl FnOnce(&dyn Snapshot, &Overlay, Option<&mut Reads>) -> Result<T, StoreFailure>,
    ) -> Result<T, StoreFailure> {
        let mut state = lock(&self.state);
        let state = state.as_mut().ok_or_else(ended)?;
        if state.version != self.version {
            // Calls take turns, so that none outlives the state on which it began.
            return Err(StoreFailure::Conflict);
        }
        run(&*state.base, &state.overlay, state.reads.as_mut())
    }
}

impl Snapshot for ForkSnapshot {
    fn version(&self) -> u64 {
        self.version
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFailure> {
        self.with(|base, overlay, reads| match overlay.get(key) {
            Some(written) => Ok(written.as_deref().map(<[u8]>::to_vec)),
            None => {
                if let Some(reads) = reads {
                    reads.key(key);
                }
                base.get(key)
            }
        })
    }

    fn get_many(&self, keys: &[u8]) -> Result<Vec<u8>, StoreFailure> {
        self.with(|base, overlay, mut reads| {
            merge::get_many(base, overlay, keys, |key| {
                if let Some(reads) = &mut reads {
                    reads.key(key);
                }
            })
        })
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        max_entries: u32,
        max_bytes: u32,
    ) -> Result<Vec<u8>, StoreFailure> {
        self.with(|base, overlay, reads| {
            let limits = (max_entries.max(1) as usize, max_bytes as usize);
            let page = merge::scan(base, overlay, start, end, direction, limits)?;
            if let Some(reads) = reads {
                match (direction, page.last) {
                    (_, None) => reads.range(start, end),
                    (Direction::Forward, Some(last)) => {
                        reads.range(start, &merge::successor(&last))
                    }
                    (Direction::Backward, Some(last)) => reads.range(&last, end),
                }
            }
            Ok(page.entries)
        })
    }

    fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreFailure> {
        self.with(|base, overlay, reads| {
            let count = merge::count(base, overlay, start, end)?;
            if let Some(reads) = reads {
                reads.range(start, end);
            }
            Ok(count)
        })
    }

    /// All calls share the number of the transaction's commit, which is the next one only if nobody else commits.
    fn reserve(&self) -> Result<u64, StoreFailure> {
        self.with(|base, _, reads| {
            if let Some(reads) = reads {
                reads.range(&[], &[]);
            }
            Ok(base.version() + 1)
        })
    }
}

#[cfg(test)]
#[path = "transaction_tests.rs"]
mod tests;
