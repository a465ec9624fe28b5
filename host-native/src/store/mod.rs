//! The store behind the component: an ordered map from bytes to bytes, with snapshot reads
//! and one atomic commit.
//!
//! [`Store`] and [`Snapshot`] are `cu:db/store` of the contract as Rust traits; the same packed
//! bytes pass through both (see [`pack`]). [`DiskStore`] keeps the map in one directory: a
//! B-tree that is synced now and then, and in front of it a log that is synced with each
//! commit. [`MemoryStore`] keeps it in memory. A program can bring its own.
//!
//! This module knows nothing of Wasm, tables or documents.

mod directory;
mod disk;
mod entries;
mod failure;
mod file;
mod history;
mod log;
mod memory;
mod merge;
mod overlay;
pub mod pack;
mod press;
mod progress;
mod reads;
mod recent;
mod run;
mod transaction;
mod tree;
mod value;
mod writer;

pub use directory::OpenError;
pub use disk::{DiskOptions, DiskStore};
pub use failure::StoreFailure;
pub(crate) use history::History;
pub use memory::MemoryStore;
pub(crate) use transaction::Fork;
pub use value::Compression;

/// Which end of a range comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the first key of the range to the last one.
    Forward,
    /// From the last key of the range to the first one.
    Backward,
}

/// When a commit counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A commit returns when it is on the disk: neither the end of the process nor of the
    /// machine's power takes it back.
    #[default]
    Strict,
    /// A commit returns when the operating system has it. The end of the process doesn't take it
    /// back; a crash of the machine may take back the last commits, in the order in which they
    /// were made and never a part of one.
    Relaxed,
}

/// A state of a store: what all commits up to one have left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// The number of the newest commit.
    pub version: u64,
    /// Another one after each time that commits which had been [applied](Store::apply) were taken back, since their numbers
    /// are given to others then. What was remembered of another generation is void.
    pub generation: u64,
}

/// An ordered map from bytes to bytes. One commit at a time, any number of snapshots.
///
/// A commit can be made in two steps, so that callers which wait for the disk wait for it together:
/// [`apply`](Store::apply) shows it to the writers that follow, and [`settle`](Store::settle) waits until it may
/// be told as done, and shows it to readers. A store that does not bring them has all of it in [`commit`](Store::commit).
pub trait Store: Send + Sync {
    /// Opens a snapshot of the newest commit, settled or not: for writers.
    ///
    /// # Errors
    /// [`StoreFailure::Closed`] after [`close`](Store::close), or what the platform reports.
    fn open(&self) -> Result<Box<dyn Snapshot>, StoreFailure>;

    /// Opens a snapshot of the newest commit that is settled: for readers. They do not wait for writers.
    ///
    /// # Errors
    /// As [`open`](Store::open).
    fn open_settled(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        self.open()
    }

    /// As [`open`](Store::open), for who is the only one that commits as long as it is open, and quicker in a row of
    /// commits. After a commit, what is read from it is [`StoreFailure::Conflict`].
    ///
    /// # Errors
    /// As [`open`](Store::open).
    fn open_to_write(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        self.open()
    }

    /// As [`commit`](Store::commit), without waiting for anything: the commit shows in each snapshot that is [opened](Store::open) from now
    /// on, and can still be lost until it is [settled](Store::settle). `base` is what the writer read from.
    ///
    /// # Errors
    /// As [`commit`](Store::commit).
    fn apply(&self, base: Point, writes: &[u8]) -> Result<Point, StoreFailure> {
        let version = self.commit(base.version, writes)?;
        Ok(Point {
            version,
            generation: base.generation,
        })
    }

    /// Waits until all commits up to `point` are as durable as the caller asks for. From then on they show in
    /// [`open_settled`](Store::open_settled).
    ///
    /// # Errors
    /// What the platform reports, if a commit up to `point` could not be made durable: then it was taken back, and so was
    /// all that was applied after it. [`StoreFailure::Closed`] if not even that is sure.
    fn settle(&self, point: Point, durability: Durability) -> Result<(), StoreFailure> {
        let _ = (point, durability);
        Ok(())
    }

    /// Applies packed entries, in strictly ascending order of their keys, as one atomic commit, and
    /// returns its number. `snapshot` is the version that the writer read from.
    ///
    /// # Errors
    /// [`StoreFailure::Conflict`] if another commit was made since `snapshot`. After every
    /// error but [`StoreFailure::Closed`] the store holds what the last successful commit left.
    fn commit(&self, snapshot: u64, writes: &[u8]) -> Result<u64, StoreFailure>;

    /// Brings everything to where it stays, and lets go of it. Later calls fail with
    /// [`StoreFailure::Closed`]. Closing twice is no error.
    ///
    /// # Errors
    /// What the platform reports. Commits that were acknowledged are kept all the same.
    fn close(&self) -> Result<(), StoreFailure>;

    /// Reads everything and checks every checksum.
    ///
    /// # Errors
    /// [`StoreFailure::Corrupt`] for what can't be read; [`StoreFailure::ReadOnly`] from a store
    /// that can only be checked when it is open for writing.
    fn verify(&self) -> Result<(), StoreFailure>;

    /// Bytes that the store takes on the disk; 0 for a store that isn't on one.
    ///
    /// # Errors
    /// What the platform reports.
    fn size_on_disk(&self) -> Result<u64, StoreFailure>;

    /// What compression has saved; nothing in a store that does not compress.
    ///
    /// # Errors
    /// What the platform reports.
    fn compression(&self) -> Result<Compression, StoreFailure> {
        Ok(Compression::default())
    }
}

/// The store at one moment. Later commits do not show.
pub trait Snapshot: Send {
    /// The number of the newest commit that this snapshot sees; 0 for a store that was never written.
    fn version(&self) -> u64;

    /// See [`Point`].
    fn generation(&self) -> u64 {
        0
    }

    /// The value of a key.
    ///
    /// # Errors
    /// What the store reports, as for all methods of this trait.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFailure>;

    /// The values of packed keys, as packed values in the same order.
    ///
    /// # Errors
    /// As for [`get`](Snapshot::get), and [`StoreFailure::Io`] for keys that are not packed well.
    fn get_many(&self, keys: &[u8]) -> Result<Vec<u8>, StoreFailure>;

    /// A page of the entries with `start <= key < end`, packed; an empty `end` is no bound. The
    /// page ends after `max_entries` entries, or with the entry that makes it `max_bytes` or longer.
    ///
    /// # Errors
    /// As for [`get`](Snapshot::get).
    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        max_entries: u32,
        max_bytes: u32,
    ) -> Result<Vec<u8>, StoreFailure>;

    /// How many keys are in the range, as [`scan`](Snapshot::scan) understands it.
    ///
    /// # Errors
    /// As for [`get`](Snapshot::get).
    fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreFailure>;

    /// The number of the commit that is made from this snapshot. One writer commits at a time, so it is the next one, or
    /// there is a conflict.
    ///
    /// # Errors
    /// As for [`get`](Snapshot::get).
    fn reserve(&self) -> Result<u64, StoreFailure> {
        Ok(self.version() + 1)
    }
}
