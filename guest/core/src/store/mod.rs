//! The seam to the host: an ordered map from bytes to bytes.
//!
//! [`Store`] and [`Snapshot`] say in Rust what `wit/store.wit` says of the interface `store`; that
//! file is the contract. The component layer implements them over the imports, [`MemoryStore`]
//! in memory.

mod cursor;
mod memory;
mod overlay;
mod transaction;

pub use cursor::Cursor;
pub use memory::MemoryStore;
pub(crate) use overlay::Overlay;
pub use transaction::{Mark, Transaction, VisitStored};

use crate::error::StoreFailure;

/// The side of a range that comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Backward,
}

/// A store that snapshots can be opened of.
pub trait Store {
    /// Opens a snapshot of the newest commit.
    ///
    /// # Errors
    /// As the platform fails.
    fn open(&self) -> Result<Box<dyn Snapshot>, StoreFailure>;

    /// The number of the newest commit, and the value that a key has at it.
    ///
    /// # Errors
    /// As the platform fails.
    fn peek(&self, key: &[u8]) -> Result<(u64, Option<Vec<u8>>), StoreFailure> {
        let snapshot = self.open()?;
        Ok((snapshot.version(), snapshot.get(key)?))
    }
}

/// The store at one moment.
#[expect(
    clippy::missing_errors_doc,
    reason = "every method fails as the platform does"
)]
pub trait Snapshot {
    /// The number of the newest commit that this snapshot sees.
    fn version(&self) -> u64;

    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFailure>;

    /// The values of packed keys, packed, in their order.
    fn get_many(&self, keys: &[u8]) -> Result<Vec<u8>, StoreFailure>;

    /// A page of the entries with `start <= key < end`, packed; an empty `end` is no bound.
    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        max_entries: u32,
        max_bytes: u32,
    ) -> Result<Vec<u8>, StoreFailure>;

    /// How many keys are in the range.
    fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreFailure>;

    /// The number that a commit of this snapshot will have.
    fn reserve(&self) -> Result<u64, StoreFailure> {
        Ok(self.version() + 1)
    }

    /// Applies packed entries, in ascending order of their keys, as one atomic commit.
    fn commit(self: Box<Self>, writes: &[u8]) -> Result<u64, StoreFailure>;
}
