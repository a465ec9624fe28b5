//! A store that remembers what recent commits wrote, as long as there are transactions that may have read it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::reads::Reads;
use super::{Compression, Durability, Point, Snapshot, Store, StoreFailure, pack};

/// Bytes of keys that are remembered, at the most. A transaction that began before what is remembered conflicts.
const REMEMBERED: usize = 64 << 20;

struct Commit {
    version: u64,
    /// Packed.
    keys: Vec<u8>,
}

#[derive(Default)]
struct State {
    /// How many transactions are open, by the version on which they began.
    bases: BTreeMap<u64, usize>,
    commits: VecDeque<Commit>,
    /// Bytes of their keys.
    bytes: usize,
    /// All commits behind this one, up to the last, are remembered.
    since: u64,
    last: Point,
}

impl State {
    fn forget(&mut self, up_to: u64) {
        while let Some(first) = self.commits.front()
            && first.version <= up_to
        {
            self.bytes -= first.keys.len();
            self.since = first.version;
            self.commits.pop_front();
        }
    }

    fn remember(&mut self, base: Point, point: Point, writes: &[u8]) {
        if base != self.last || point.generation != base.generation {
            // Others have written, or commits were taken back: what is remembered has a gap.
            self.commits.clear();
            self.bytes = 0;
            self.since = base.version;
        }
        self.last = point;
        let mut keys = Vec::new();
        for (key, _) in pack::entries(writes).flatten() {
            pack::put_bytes(&mut keys, key);
        }
        self.bytes += keys.len();
        self.commits.push_back(Commit {
            version: point.version,
            keys,
        });
        while self.bytes > REMEMBERED
            && let Some(oldest) = self.commits.front().map(|commit| commit.version)
        {
            self.forget(oldest);
        }
    }
}

/// A database's store, with the keys of recent commits.
pub(crate) struct History {
    store: Arc<dyn Store>,
    state: Mutex<State>,
}

/// As long as it lives, what is committed is remembered.
pub(crate) struct Watch {
    history: Arc<History>,
    base: u64,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut state = self.history.lock();
        if let Some(count) = state.bases.get_mut(&self.base) {
            *count -= 1;
            if *count == 0 {
                state.bases.remove(&self.base);
            }
        }
        let oldest = state.bases.keys().next().copied();
        state.forget(oldest.unwrap_or(u64::MAX));
    }
}

impl History {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers all commits behind the newest one, settled or not, which is returned along.
    pub(super) fn watch(self: &Arc<Self>) -> Result<(Watch, Point), StoreFailure> {
        let mut state = self.lock();
        let newest = newest(&*self.store)?;
        if state.bases.is_empty() {
            state.commits.clear();
            state.bytes = 0;
            state.since = newest.version;
            state.last = newest;
        }
        *state.bases.entry(newest.version).or_default() += 1;
        drop(state);
        let watch = Watch {
            history: Arc::clone(self),
            base: newest.version,
        };
        Ok((watch, newest))
    }

    /// Makes a commit of writes that were made on `base`, after all commits since, and gives its place. The caller is the only one
    /// that may commit.
    ///
    /// # Errors
    /// [`StoreFailure::Conflict`] if one of them wrote what was read, or may have.
    pub(super) fn rebase(
        &self,
        base: Point,
        reads: &Reads,
        writes: &[u8],
    ) -> Result<Point, StoreFailure> {
        let newest = newest(&*self.store)?;
        if newest != base {
            let state = self.lock();
            if newest.generation != base.generation
                || newest != state.last
                || base.version < state.since
            {
                return Err(StoreFailure::Conflict);
            }
            let later = |commit: &&Commit| commit.version > base.version;
            for commit in state.commits.iter().filter(later) {
                if pack::keys(&commit.keys).flatten().any(|key| reads.has(key)) {
                    return Err(StoreFailure::Conflict);
                }
            }
        }
        self.apply(newest, writes)
    }
}

fn newest(store: &dyn Store) -> Result<Point, StoreFailure> {
    let snapshot = store.open_to_write()?;
    Ok(Point {
        version: snapshot.version(),
        generation: snapshot.generation(),
    })
}

impl Store for History {
    fn open(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        self.store.open()
    }

    fn open_to_write(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        self.store.open_to_write()
    }

    fn open_settled(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        self.store.open_settled()
    }

    fn apply(&self, base: Point, writes: &[u8]) -> Result<Point, StoreFailure> {
        let mut state = self.lock();
        let point = self.store.apply(base, writes)?;
        if !state.bases.is_empty() {
            state.remember(base, point, writes);
        }
        Ok(point)
    }

    fn settle(&self, point: Point, durability: Durability) -> Result<(), StoreFailure> {
        self.store.settle(point, durability)
    }

    fn commit(&self, snapshot: u64, writes: &[u8]) -> Result<u64, StoreFailure> {
        let base = Point {
            version: snapshot,
            generation: self.store.open_to_write()?.generation(),
        };
        let mut state = self.lock();
        let version = self.store.commit(snapshot, writes)?;
        if !state.bases.is_empty() {
            let point = Point { version, ..base };
            state.remember(base, point, writes);
        }
        Ok(version)
    }

    fn close(&self) -> Result<(), StoreFailure> {
        self.store.close()
    }

    fn verify(&self) -> Result<(), StoreFailure> {
        self.store.verify()
    }

    fn size_on_disk(&self) -> Result<u64, StoreFailure> {
        self.store.size_on_disk()
    }

    fn compression(&self) -> Result<Compression, StoreFailure> {
        self.store.compression()
    }
}
