//! A store that lives as long as the process.

use std::sync::Mutex;

use redb::backends::InMemoryBackend;

use super::tree::{SharedSnapshot, Tree};
use super::{Snapshot, Store, StoreFailure, recent};

/// A store in memory: the B-tree of [`DiskStore`](super::DiskStore) without a disk.
pub struct MemoryStore {
    tree: Mutex<Option<Tree>>,
}

impl MemoryStore {
    /// An empty store.
    ///
    /// # Errors
    /// [`StoreFailure::Io`] if there is no memory for it.
    pub fn new() -> Result<Self, StoreFailure> {
        // The pages are in memory already: a large cache would hold them twice.
        let tree = Tree::with_backend(InMemoryBackend::new(), 8 << 20)?;
        Ok(Self {
            tree: Mutex::new(Some(tree)),
        })
    }

    fn with<T>(
        &self,
        run: impl FnOnce(&mut Tree) -> Result<T, StoreFailure>,
    ) -> Result<T, StoreFailure> {
        let mut tree = self
            .tree
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        run(tree
            .as_mut()
            .ok_or_else(|| StoreFailure::Closed("it was closed".to_owned()))?)
    }
}

impl Store for MemoryStore {
    fn open(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        self.with(|tree| {
            Ok(Box::new(SharedSnapshot(tree.snapshot(u64::MAX, 0)?)) as Box<dyn Snapshot>)
        })
    }

    fn commit(&self, snapshot: u64, writes: &[u8]) -> Result<u64, StoreFailure> {
        self.with(|tree| {
            if tree.version() != snapshot {
                return Err(StoreFailure::Conflict);
            }
            recent::check(writes, |_| ())?;
            tree.write(writes);
            tree.flush(tree.version())?;
            Ok(snapshot + 1)
        })
    }

    fn close(&self) -> Result<(), StoreFailure> {
        self.tree
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        Ok(())
    }

    fn verify(&self) -> Result<(), StoreFailure> {
        self.with(|_| Ok(()))
    }

    fn size_on_disk(&self) -> Result<u64, StoreFailure> {
        self.with(|_| Ok(0))
    }
}
