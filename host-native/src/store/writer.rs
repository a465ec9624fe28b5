//! What a writer reads from: the newest commit, which the tree's file may not have.

use std::cell::OnceCell;
use std::sync::Arc;

use super::disk::{Shared, State};
use super::transaction::Overlay;
use super::tree::{TreeSnapshot, guard};
use super::{Direction, Point, Snapshot, StoreFailure, merge};

/// The newest commit, as long as there is no later one.
pub(super) struct WriterSnapshot {
    shared: Arc<Shared>,
    point: Point,
    /// The same in the file, once that has it.
    flushed: OnceCell<Arc<TreeSnapshot>>,
}

impl WriterSnapshot {
    pub(super) fn new(shared: &Arc<Shared>, point: Point) -> Self {
        Self {
            shared: Arc::clone(shared),
            point,
            flushed: OnceCell::new(),
        }
    }

    /// Reads what the file has, and what was written above it.
    fn read<T>(
        &self,
        run: impl FnOnce(&TreeSnapshot, &Overlay) -> Result<T, StoreFailure>,
    ) -> Result<T, StoreFailure> {
        if let Some(flushed) = self.flushed.get() {
            return run(flushed, &Overlay::new());
        }
        let mut state = self.shared.lock();
        let State::Open { parts, .. } = &mut *state else {
            // It failed, and takes commits back, or will be opened again.
            return Err(StoreFailure::Conflict);
        };
        let tree = parts.tree_mut();
        if (tree.version(), self.shared.generation()) != (self.point.version, self.point.generation)
        {
            return Err(StoreFailure::Conflict);
        }
        let below = match guard(|| tree.below()) {
            Ok(below) => below,
            Err(error) => return Err(self.shared.fail(&mut state, error)),
        };
        if tree.recent().version().is_some() {
            return run(&below, tree.recent().newest());
        }
        drop(state);
        run(self.flushed.get_or_init(|| below), &Overlay::new())
    }
}

impl Snapshot for WriterSnapshot {
    fn version(&self) -> u64 {
        self.point.version
    }

    fn generation(&self) -> u64 {
        self.point.generation
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFailure> {
        self.read(|below, overlay| match overlay.get(key) {
            Some(written) => Ok(written.as_deref().map(<[u8]>::to_vec)),
            None => below.get(key),
        })
    }

    fn get_many(&self, keys: &[u8]) -> Result<Vec<u8>, StoreFailure> {
        self.read(|below, overlay| match overlay.is_empty() {
            true => below.get_many(keys),
            false => merge::get_many(below, overlay, keys, |_| ()),
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
        self.read(|below, overlay| {
            if overlay.is_empty() {
                return below.scan(start, end, direction, max_entries, max_bytes);
            }
            let limits = (max_entries.max(1) as usize, max_bytes as usize);
            merge::scan(below, overlay, start, end, direction, limits).map(|page| page.entries)
        })
    }

    fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreFailure> {
        self.read(|below, overlay| merge::count(below, overlay, start, end))
    }
}
