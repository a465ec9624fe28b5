//! The B-tree: a redb file (or memory) with the entries and the number of the last commit in
//! it, which are always written in one redb transaction.

use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{
    Builder, Database, Durability, ReadOnlyTable, ReadableDatabase, StorageBackend,
    TableDefinition, WriteTransaction,
};

use super::{Direction, Snapshot, StoreFailure, pack};

const ENTRIES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("entries");
const STATE: TableDefinition<&str, u64> = TableDefinition::new("state");
const VERSION: &str = "version";

/// Runs something that reads pages of the tree: a page that nobody wrote so can make redb panic,
/// which is no more than one more way to say that the file is damaged.
pub(super) fn guard<T>(run: impl FnOnce() -> Result<T, StoreFailure>) -> Result<T, StoreFailure> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("its tree can't be read");
        Err(StoreFailure::Corrupt(what.to_owned()))
    })
}

/// The tree, and the number of the last commit in it.
pub(super) struct Tree {
    database: Database,
    version: u64,
}

/// A commit that shows nowhere yet; dropping it takes it back.
pub(super) struct Prepared {
    transaction: WriteTransaction,
    version: u64,
}

impl Tree {
    /// Makes the file of an empty tree.
    pub(super) fn create(path: &Path, cache_bytes: usize) -> Result<Self, StoreFailure> {
        Self::from_database(Builder::new().set_cache_size(cache_bytes).create(path)?)
    }

    /// Opens the file of a tree.
    pub(super) fn open(path: &Path, cache_bytes: usize) -> Result<Self, StoreFailure> {
        Self::from_database(Builder::new().set_cache_size(cache_bytes).open(path)?)
    }

    /// Opens what a backend keeps.
    pub(super) fn with_backend(
        backend: impl StorageBackend,
        cache_bytes: usize,
    ) -> Result<Self, StoreFailure> {
        Self::from_database(
            Builder::new()
                .set_cache_size(cache_bytes)
                .create_with_backend(backend)?,
        )
    }

    fn from_database(database: Database) -> Result<Self, StoreFailure> {
        let version = match database.begin_read()?.open_table(STATE) {
            Ok(state) => state.get(VERSION)?.map(|version| version.value()),
            Err(redb::TableError::TableDoesNotExist(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(version) = version else {
            // Both tables exist from here on, so that a read never has to ask.
            let transaction = database.begin_write()?;
            transaction.open_table(ENTRIES)?;
            transaction.open_table(STATE)?.insert(VERSION, 0)?;
            transaction.commit()?;
            return Ok(Self {
                database,
                version: 0,
            });
        };
        Ok(Self { database, version })
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Applies packed writes as commit `version`, without showing them.
    ///
    /// # Errors
    /// Also for writes that are malformed or not strictly ascending.
    pub(super) fn prepare(&self, version: u64, writes: &[u8]) -> Result<Prepared, StoreFailure> {
        let mut transaction = self.database.begin_write()?;
        // A durable commit records which pages are free, so that opening after a crash is not
        // a walk through the whole file.
        transaction.set_quick_repair(true);
        {
            let mut entries = transaction.open_table(ENTRIES)?;
            let mut last: Option<&[u8]> = None;
            for entry in pack::entries(writes) {
                let (key, value) = entry.map_err(|_| StoreFailure::malformed("writes"))?;
                if last.is_some_and(|last| last >= key) {
                    return Err(StoreFailure::malformed("writes: keys out of order"));
                }
                last = Some(key);
                match value {
                    Some(value) => drop(entries.insert(key, value)?),
                    None => drop(entries.remove(key)?),
                }
            }
            transaction.open_table(STATE)?.insert(VERSION, version)?;
        }
        Ok(Prepared {
            transaction,
            version,
        })
    }

    /// Shows a prepared commit to every later snapshot. Unless it is `durable`, it is lost with the
    /// process, and stays lost until a later durable one.
    pub(super) fn commit(&mut self, prepared: Prepared, durable: bool) -> Result<(), StoreFailure> {
        let Prepared {
            mut transaction,
            version,
        } = prepared;
        if !durable {
            transaction.set_quick_repair(false);
            transaction
                .set_durability(Durability::None)
                .map_err(|error| StoreFailure::Io(error.to_string()))?;
        }
        transaction.commit()?;
        self.version = version;
        Ok(())
    }

    /// Makes every commit so far durable.
    pub(super) fn sync(&self) -> Result<(), StoreFailure> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_quick_repair(true);
        transaction.commit()?;
        Ok(())
    }

    /// Checks all checksums. False if something had to be repaired.
    pub(super) fn verify(&mut self) -> Result<bool, StoreFailure> {
        Ok(self.database.check_integrity()?)
    }

    /// Closes the file; snapshots that are still open fail from here on.
    pub(super) fn close(self) -> Result<(), StoreFailure> {
        Ok(self.database.close()?)
    }

    pub(super) fn snapshot(&self) -> Result<TreeSnapshot, StoreFailure> {
        let transaction = self.database.begin_read()?;
        Ok(TreeSnapshot {
            entries: transaction.open_table(ENTRIES)?,
            version: self.version,
        })
    }
}

/// The entries of a range.
type Entries = redb::Range<'static, &'static [u8], &'static [u8]>;

/// The tree at one moment.
pub(super) struct TreeSnapshot {
    entries: ReadOnlyTable<&'static [u8], &'static [u8]>,
    version: u64,
}

impl TreeSnapshot {
    /// The entries of a range, or nothing where it is empty or reversed.
    fn range(&self, start: &[u8], end: &[u8]) -> Result<Option<Entries>, StoreFailure> {
        if !end.is_empty() && start >= end {
            return Ok(None);
        }
        let end = if end.is_empty() {
            Bound::Unbounded
        } else {
            Bound::Excluded(end)
        };
        Ok(Some(
            self.entries.range::<&[u8]>((Bound::Included(start), end))?,
        ))
    }
}

impl Snapshot for TreeSnapshot {
    fn version(&self) -> u64 {
        self.version
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFailure> {
        guard(|| Ok(self.entries.get(key)?.map(|value| value.value().to_vec())))
    }

    fn get_many(&self, keys: &[u8]) -> Result<Vec<u8>, StoreFailure> {
        guard(|| {
            let mut values = Vec::new();
            for key in pack::keys(keys) {
                let key = key.map_err(|_| StoreFailure::malformed("keys"))?;
                let value = self.entries.get(key)?;
                pack::put_optional(&mut values, value.as_ref().map(|value| value.value()));
            }
            Ok(values)
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
        guard(|| {
            let mut page = Vec::new();
            let Some(mut range) = self.range(start, end)? else {
                return Ok(page);
            };
            for _ in 0..max_entries.max(1) {
                let entry = match direction {
                    Direction::Forward => range.next(),
                    Direction::Backward => range.next_back(),
                };
                let Some(entry) = entry else { break };
                let (key, value) = entry?;
                pack::put_entry(&mut page, key.value(), Some(value.value()));
                if page.len() >= max_bytes as usize {
                    break;
                }
            }
            Ok(page)
        })
    }

    fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreFailure> {
        guard(|| {
            let Some(range) = self.range(start, end)? else {
                return Ok(0);
            };
            let mut count = 0;
            for entry in range {
                entry?;
                count += 1;
            }
            Ok(count)
        })
    }
}
