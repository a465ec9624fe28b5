//! The B-tree: a redb file (or memory) with the entries and the number of the last commit in
//! it, which are always written in one redb transaction.

use std::fs::OpenOptions;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use redb::{
    Builder, Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, StorageBackend,
    TableDefinition, WriteTransaction,
};

use super::file::{Seal, SealedFile};
use super::press::Keys;
use super::value::{self, Compression};
use super::{Direction, Snapshot, StoreFailure, pack};

/// The entries; `value.rs` has the bytes of the values.
const ENTRIES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("values");
/// Where format 1 had the entries, values as they are.
const OLD_ENTRIES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("entries");
const STATE: TableDefinition<&str, u64> = TableDefinition::new("state");
const VERSION: &str = "version";
const COMPRESSED_VALUES: &str = "compressed values";
const COMPRESSED_BEFORE: &str = "compressed values: bytes before";
const COMPRESSED_AFTER: &str = "compressed values: bytes after";

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
    /// Whether there is anything that a crash would take away.
    unsynced: bool,
    seal: Seal,
}

/// A value, and what it is to be stored as in its place.
pub(super) struct Pressed {
    pub(super) key: Vec<u8>,
    pub(super) plain: Vec<u8>,
    pub(super) stored: Vec<u8>,
}

/// What a transaction changes of the figures of compression.
#[derive(Default)]
struct Change {
    values: i64,
    before: i64,
    after: i64,
}

impl Change {
    /// Counts a stored value that comes (1) or goes (-1).
    fn count(&mut self, stored: &[u8], sign: i64) {
        if let Some(before) = value::compressed_from(stored) {
            self.values += sign;
            self.before += sign * before as i64;
            self.after += sign * stored.len() as i64;
        }
    }

    fn write(&self, transaction: &WriteTransaction) -> Result<(), StoreFailure> {
        if self.values == 0 && self.before == 0 && self.after == 0 {
            return Ok(());
        }
        let mut state = transaction.open_table(STATE)?;
        for (name, change) in [
            (COMPRESSED_VALUES, self.values),
            (COMPRESSED_BEFORE, self.before),
            (COMPRESSED_AFTER, self.after),
        ] {
            let was = state.get(name)?.map_or(0, |count| count.value());
            state.insert(name, was.saturating_add_signed(change))?;
        }
        Ok(())
    }
}

/// A commit that shows nowhere yet; dropping it takes it back.
pub(super) struct Prepared {
    transaction: WriteTransaction,
    version: u64,
    /// The keys of values that are worth compressing.
    pub(super) large: Keys,
}

impl Tree {
    /// Makes the file of an empty tree.
    pub(super) fn create(path: &Path, cache_bytes: usize) -> Result<Self, StoreFailure> {
        Self::from_database(Builder::new().set_cache_size(cache_bytes).create(path)?)
    }

    /// Opens the file of a tree.
    pub(super) fn open(path: &Path, cache_bytes: usize) -> Result<Self, StoreFailure> {
        let seal = Seal::default();
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut tree = Self::with_backend(SealedFile::new(file, seal.clone())?, cache_bytes)?;
        tree.seal = seal;
        Ok(tree)
    }

    /// Leaves the file as the last durable commit left it, whatever was committed since: nothing is written to it any more.
    pub(super) fn seal(&self) {
        self.seal.close();
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
        upgrade(&database)?;
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
                unsynced: false,
                seal: Seal::default(),
            });
        };
        Ok(Self {
            database,
            version,
            unsynced: false,
            seal: Seal::default(),
        })
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
        let mut large = Keys::new();
        let mut change = Change::default();
        {
            let mut entries = transaction.open_table(ENTRIES)?;
            let mut stored = Vec::new();
            let mut last: Option<&[u8]> = None;
            for entry in pack::entries(writes) {
                let (key, value) = entry.map_err(|_| StoreFailure::malformed("writes"))?;
                if last.is_some_and(|last| last >= key) {
                    return Err(StoreFailure::malformed("writes: keys out of order"));
                }
                last = Some(key);
                let old = match value {
                    Some(value) => {
                        if value.len() >= value::LEAST {
                            large.insert(key.to_vec());
                        }
                        value::put_plain(value, &mut stored);
                        entries.insert(key, &stored[..])?
                    }
                    None => entries.remove(key)?,
                };
                if let Some(old) = old {
                    change.count(old.value(), -1);
                }
            }
            transaction.open_table(STATE)?.insert(VERSION, version)?;
        }
        change.write(&transaction)?;
        Ok(Prepared {
            transaction,
            version,
            large,
        })
    }

    /// Shows a prepared commit to every later snapshot. Unless it is `durable`, it is lost with the
    /// process, and stays lost until a later durable one.
    pub(super) fn commit(&mut self, prepared: Prepared, durable: bool) -> Result<(), StoreFailure> {
        let Prepared {
            mut transaction,
            version,
            large: _,
        } = prepared;
        if !durable {
            transaction.set_quick_repair(false);
            transaction
                .set_durability(Durability::None)
                .map_err(|error| StoreFailure::Io(error.to_string()))?;
        }
        transaction.commit()?;
        self.version = version;
        self.unsynced = !durable;
        Ok(())
    }

    /// Makes every commit so far durable.
    pub(super) fn sync(&mut self) -> Result<(), StoreFailure> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_quick_repair(true);
        transaction.commit()?;
        self.unsynced = false;
        Ok(())
    }

    /// Whether there is anything that a crash would take away.
    pub(super) fn is_unsynced(&self) -> bool {
        self.unsynced
    }

    /// Stores values in another form, where they are still what they were; nothing that can be read changes.
    /// It is lost with the process, as a commit that is not durable.
    pub(super) fn press(&mut self, values: &[Pressed]) -> Result<(), StoreFailure> {
        let mut transaction = self.database.begin_write()?;
        transaction
            .set_durability(Durability::None)
            .map_err(|error| StoreFailure::Io(error.to_string()))?;
        let mut change = Change::default();
        {
            let mut entries = transaction.open_table(ENTRIES)?;
            let mut plain = Vec::new();
            for pressed in values {
                value::put_plain(&pressed.plain, &mut plain);
                let key = &pressed.key[..];
                if entries
                    .get(key)?
                    .is_some_and(|there| there.value() == plain)
                {
                    entries.insert(key, &pressed.stored[..])?;
                    change.count(&pressed.stored, 1);
                }
            }
        }
        change.write(&transaction)?;
        transaction.commit()?;
        self.unsynced = true;
        Ok(())
    }

    /// What compression has saved.
    pub(super) fn compression(&self) -> Result<Compression, StoreFailure> {
        let state = self.database.begin_read()?.open_table(STATE)?;
        let get = |name| -> Result<u64, StoreFailure> {
            Ok(state.get(name)?.map_or(0, |count| count.value()))
        };
        Ok(Compression {
            values: get(COMPRESSED_VALUES)?,
            before: get(COMPRESSED_BEFORE)?,
            after: get(COMPRESSED_AFTER)?,
        })
    }

    /// Checks all checksums. False if something had to be repaired.
    pub(super) fn verify(&mut self) -> Result<bool, StoreFailure> {
        Ok(self.database.check_integrity()?)
    }

    /// Closes the file; snapshots that are still open fail from here on.
    pub(super) fn close(self) -> Result<(), StoreFailure> {
        Ok(self.database.close()?)
    }

    pub(super) fn snapshot(&self, generation: u64) -> Result<TreeSnapshot, StoreFailure> {
        let transaction = self.database.begin_read()?;
        Ok(TreeSnapshot {
            entries: transaction.open_table(ENTRIES)?,
            version: self.version,
            generation,
        })
    }
}

/// Brings the tree of format 1 into this one's, as a whole or not at all.
fn upgrade(database: &Database) -> Result<(), StoreFailure> {
    match database.begin_read()?.open_table(OLD_ENTRIES) {
        Ok(_) => {}
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    {
        let old = transaction.open_table(OLD_ENTRIES)?;
        let mut entries = transaction.open_table(ENTRIES)?;
        let mut stored = Vec::new();
        for entry in old.iter()? {
            let (key, value) = entry?;
            value::put_plain(value.value(), &mut stored);
            entries.insert(key.value(), &stored[..])?;
        }
    }
    transaction.delete_table(OLD_ENTRIES)?;
    transaction.commit()?;
    Ok(())
}

/// The entries of a range.
type Entries = redb::Range<'static, &'static [u8], &'static [u8]>;

/// The tree at one moment.
pub(super) struct TreeSnapshot {
    entries: ReadOnlyTable<&'static [u8], &'static [u8]>,
    pub(super) version: u64,
    pub(super) generation: u64,
}

impl TreeSnapshot {
    /// The value of a key, if it is large and not compressed.
    pub(super) fn plain(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFailure> {
        guard(|| {
            let Some(stored) = self.entries.get(key)? else {
                return Ok(None);
            };
            let stored = stored.value();
            if value::compressed_from(stored).is_some() {
                return Ok(None);
            }
            let value = value::open(stored)?;
            Ok((value.len() >= value::LEAST).then(|| value.into_owned()))
        })
    }

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

/// The tree at one moment, for many readers.
pub(super) struct SharedSnapshot(pub(super) Arc<TreeSnapshot>);

impl Snapshot for SharedSnapshot {
    fn version(&self) -> u64 {
        self.0.version
    }

    fn generation(&self) -> u64 {
        self.0.generation
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFailure> {
        self.0.get(key)
    }

    fn get_many(&self, keys: &[u8]) -> Result<Vec<u8>, StoreFailure> {
        self.0.get_many(keys)
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        max_entries: u32,
        max_bytes: u32,
    ) -> Result<Vec<u8>, StoreFailure> {
        self.0.scan(start, end, direction, max_entries, max_bytes)
    }

    fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreFailure> {
        self.0.count(start, end)
    }
}

impl Snapshot for TreeSnapshot {
    fn version(&self) -> u64 {
        self.version
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFailure> {
        guard(|| match self.entries.get(key)? {
            Some(stored) => Ok(Some(value::open(stored.value())?.into_owned())),
            None => Ok(None),
        })
    }

    fn get_many(&self, keys: &[u8]) -> Result<Vec<u8>, StoreFailure> {
        guard(|| {
            let mut values = Vec::new();
            for key in pack::keys(keys) {
                let key = key.map_err(|_| StoreFailure::malformed("keys"))?;
                match self.entries.get(key)? {
                    Some(stored) => {
                        pack::put_optional(&mut values, Some(&value::open(stored.value())?));
                    }
                    None => pack::put_optional(&mut values, None),
                }
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
                pack::put_entry(&mut page, key.value(), Some(&value::open(value.value())?));
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
