//! The tree's file, and a way to let go of it without another write.
//!
//! A tree that is closed writes down what it has not yet. When commits are taken back, it must not.

use std::fs::File;
use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend};

/// Ends all writing to a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Seal(Arc<AtomicBool>);

impl Seal {
    /// From here on, writes fail.
    pub(super) fn close(&self) {
        self.0.store(true, SeqCst);
    }
}

#[derive(Debug)]
pub(super) struct SealedFile {
    file: FileBackend,
    seal: Seal,
}

impl SealedFile {
    pub(super) fn new(file: File, seal: Seal) -> Result<Self, DatabaseError> {
        Ok(Self {
            file: FileBackend::new(file)?,
            seal,
        })
    }

    fn check(&self) -> io::Result<()> {
        if self.seal.0.load(SeqCst) {
            return Err(io::Error::other("the file is written no more"));
        }
        Ok(())
    }
}

impl StorageBackend for SealedFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.check()?;
        self.file.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
}
