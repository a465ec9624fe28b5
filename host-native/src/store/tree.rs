//! The B-tree: a redb file (or memory) with the entries and the number of the last commit in
//! it, which are always written in one redb transaction; and the commits that it does not have yet.

use std::fs::OpenOptions;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use redb::{
    Builder, Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, StorageBackend,
    TableDefinition, WriteTransaction,
};

use super::entries;
use super::file::{Seal, SealedFile};
use super::merge::{self, Layer};
use super::recent::Recent;
use super::run::Run;
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

/// A large commit above the file.
struct Pending {
    run: Arc<Run>,
    merging: Option<Merging>,
}

/// A thread that brings a large commit into the file.
struct Merging {
    thread: Option<JoinHandle<Result<(), StoreFailure>>>,
    is_done: Arc<AtomicBool>,
    /// Whether the commit is durable in the file then.
    durable: bool,
}

impl Merging {
    fn join(&mut self) -> Result<(), StoreFailure> {
        let failed = |_| {
            Err(StoreFailure::Io(
                "the tree's thread has panicked".to_owned(),
            ))
        };
        self.thread
            .take()
            .map_or(Ok(()), |thread| thread.join().unwrap_or_else(failed))
    }
}

impl Drop for Merging {
    fn drop(&mut self) {
        // The file must not be opened again before.
        drop(self.join());
    }
}

/// The tree, above it the commits that it has not yet, and the number of the last one.
pub(super) struct Tree {
    /// What is above the file, and above a large commit that is.
    recent: Recent,
    pending: Option<Pending>,
    /// The file's entries, as somebody has opened them, for all who do until the next write to it: opening takes as long as a
    /// read does. That write lets go of it, since pages that a snapshot sees are not used again. It has to go before the database does.
    below: Option<Arc<TreeSnapshot>>,
    database: Arc<Database>,
    /// The last commit that snapshots of the tree can have: the file's, or the large one above it.
    flushed: u64,
    /// Whether the file has anything that a crash would take away.
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
                recent: Recent::default(),
                pending: None,
                below: None,
                database: Arc::new(database),
                flushed: 0,
                unsynced: false,
                seal: Seal::default(),
            });
        };
        Ok(Self {
            recent: Recent::default(),
            pending: None,
            below: None,
            database: Arc::new(database),
            flushed: version,
            unsynced: false,
            seal: Seal::default(),
        })
    }

    /// The number of the newest commit.
    pub(super) fn version(&self) -> u64 {
        self.recent.version().unwrap_or(self.flushed)
    }

    /// The newest commit that snapshots can show no longer without those before it.
    pub(super) fn flushed(&self) -> u64 {
        self.flushed
    }

    /// The commits that are not in the file.
    pub(super) fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Adds packed writes that were [checked](super::recent::check) as the next commit. The file gets them later: see
    /// [`flush`](Tree::flush).
    pub(super) fn write(&mut self, writes: &[u8]) {
        self.recent.push(self.version() + 1, writes);
    }

    /// As [`write`](Tree::write), and the file has it at once, with all before it.
    pub(super) fn write_through(&mut self, writes: &[u8]) -> Result<(), StoreFailure> {
        self.bring(self.version() + 1, Some(writes), false)
    }

    /// As [`write`](Tree::write), for a commit that is on the disk when this returns, with all before it.
    pub(super) fn write_synced(&mut self, writes: &[u8]) -> Result<(), StoreFailure> {
        self.bring(self.version() + 1, Some(writes), true)
    }

    /// Brings all commits up to one into the file. They are lost with the process, and stay lost until a later
    /// [`sync`](Tree::sync).
    ///
    /// # Errors
    /// After one, the tree has to be opened again.
    pub(super) fn flush(&mut self, version: u64) -> Result<(), StoreFailure> {
        if version <= self.flushed || self.recent.version().is_none() {
            return Ok(());
        }
        self.bring(version.min(self.version()), None, false)
    }

    /// Makes every commit so far durable.
    pub(super) fn sync(&mut self) -> Result<(), StoreFailure> {
        self.bring(self.version(), None, true)
    }

    /// Adds a large commit as the next one, which the file gets later, by [`merge`](Tree::merge). All commits before are in the file.
    pub(super) fn hold(&mut self, run: Arc<Run>) {
        debug_assert!(self.pending.is_none() && self.recent.version().is_none());
        self.below = None;
        self.flushed = run.version;
        self.pending = Some(Pending { run, merging: None });
    }

    /// The number of a large commit that is above the file, and not on its way into it yet.
    pub(super) fn held(&self) -> Option<u64> {
        let pending = self.pending.as_ref()?;
        pending.merging.is_none().then_some(pending.run.version)
    }

    /// Begins to bring a large commit that is [held](Tree::held) into the file, beside all else; `durable`, if the log has it durably. Then
    /// `merged` is called.
    pub(super) fn merge(&mut self, durable: bool, merged: impl FnOnce() + Send + 'static) {
        let Some(Pending {
            run,
            merging: merging @ None,
        }) = &mut self.pending
        else {
            return;
        };
        let (database, run) = (Arc::clone(&self.database), Arc::clone(run));
        let is_done = Arc::new(AtomicBool::new(false));
        let tells = Arc::clone(&is_done);
        let work = move || {
            let done = guard(|| {
                let entries = run.entries().map(Ok);
                write(&database, entries, run.version, durable)
            });
            drop(database);
            tells.store(true, Ordering::Release);
            merged();
            done
        };
        // Without a thread it is done when somebody needs it.
        let thread = thread::Builder::new().name("cu-store".to_owned());
        *merging = thread.spawn(work).ok().map(|thread| Merging {
            thread: Some(thread),
            is_done,
            durable,
        });
    }

    /// Whether a large commit is above the file, and not through.
    pub(super) fn is_merging(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| {
            let merging = pending.merging.as_ref();
            merging.is_none_or(|merging| !merging.is_done.load(Ordering::Acquire))
        })
    }

    /// Takes note of a large commit that has come into the file, and waits for one that has not if `wait` is set.
    ///
    /// # Errors
    /// After one, the tree has to be opened again.
    pub(super) fn merged(&mut self, wait: bool) -> Result<(), StoreFailure> {
        if self.pending.is_none() || !wait && self.is_merging() {
            return Ok(());
        }
        let Some(Pending { run, merging }) = self.pending.take() else {
            return Ok(());
        };
        self.below = None;
        let durable = match merging {
            Some(mut merging) => {
                merging.join()?;
                merging.durable
            }
            None => {
                write(&self.database, run.entries().map(Ok), run.version, false)?;
                false
            }
        };
        // A durable transaction makes those before it so, too.
        self.unsynced = !durable;
        Ok(())
    }

    /// Brings the recent commits up to one into the file, and then the writes of one that is not among them.
    fn bring(
        &mut self,
        version: u64,
        writes: Option<&[u8]>,
        durable: bool,
    ) -> Result<(), StoreFailure> {
        self.merged(true)?;
        // It goes first, so that the pages that only it sees are free.
        self.below = None;
        let recent = self.recent.merged(version).map(Ok);
        let writes = pack::entries(writes.unwrap_or_default());
        write(&self.database, recent.chain(writes), version, durable)?;
        self.flushed = version;
        self.recent.forget(version);
        self.unsynced = !durable;
        Ok(())
    }

    /// Whether there is anything that a crash would take away.
    pub(super) fn is_unsynced(&self) -> bool {
        self.unsynced || self.pending.is_some() || self.recent.version().is_some()
    }

    /// Stores values in another form, where they are still what they were; nothing that can be read changes.
    /// It is lost with the process, as a commit that is not durable.
    pub(super) fn press(&mut self, values: &[Pressed]) -> Result<(), StoreFailure> {
        self.merged(true)?;
        self.below = None;
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

    /// What compression has saved in the file.
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
    ///
    /// # Errors
    /// Also while something reads the tree, which is as it was then. A large commit has to be [merged](Tree::merged).
    pub(super) fn verify(&mut self) -> Result<bool, StoreFailure> {
        self.below = None;
        // The thread that had it, too, is through.
        let database = Arc::get_mut(&mut self.database);
        let database = database.ok_or_else(|| StoreFailure::Io("the tree is in use".to_owned()))?;
        Ok(database.check_integrity()?)
    }

    /// Closes the file; snapshots that are still open fail from here on.
    pub(super) fn close(mut self) -> Result<(), StoreFailure> {
        self.merged(true)?;
        self.below = None;
        match Arc::try_unwrap(self.database) {
            Ok(database) => Ok(database.close()?),
            Err(_) => Err(StoreFailure::Io("the tree is in use".to_owned())),
        }
    }

    /// The tree as of commit `version`, or as of the last one that is [`flushed`](Tree::flushed) if that is later.
    pub(super) fn snapshot(
        &mut self,
        version: u64,
        generation: u64,
    ) -> Result<Arc<TreeSnapshot>, StoreFailure> {
        self.flush(version)?;
        self.merged(false)?;
        if let Some(there) = &self.below
            && there.generation() == generation
        {
            return Ok(Arc::clone(there));
        }
        // A large commit that comes into the file just now may be there or not, and is above it either way.
        let above = self
            .pending
            .as_ref()
            .map(|pending| Arc::clone(&pending.run));
        let transaction = self.database.begin_read()?;
        let opened = Arc::new(TreeSnapshot {
            file: FileSnapshot {
                entries: transaction.open_table(ENTRIES)?,
                version: self.flushed,
                generation,
            },
            above,
        });
        self.below = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// What is below the recent commits, until one of them is flushed.
    pub(super) fn below(&mut self) -> Result<Arc<TreeSnapshot>, StoreFailure> {
        self.merged(false)?;
        match &self.below {
            Some(below) => Ok(Arc::clone(below)),
            None => self.snapshot(self.flushed, 0),
        }
    }
}

/// Writes entries in one transaction of the file, as the commits up to one.
fn write<'a>(
    database: &Database,
    writes: impl Iterator<Item = Result<pack::Entry<'a>, pack::Malformed>>,
    version: u64,
    durable: bool,
) -> Result<(), StoreFailure> {
    let mut transaction = database.begin_write()?;
    if durable {
        // It records which pages are free, so that opening after a crash is not a walk through the whole file.
        transaction.set_quick_repair(true);
    } else {
        transaction
            .set_durability(Durability::None)
            .map_err(|error| StoreFailure::Io(error.to_string()))?;
    }
    let mut change = Change::default();
    {
        let mut entries = transaction.open_table(ENTRIES)?;
        let mut stored = Vec::new();
        for entry in writes {
            let (key, value) = entry.map_err(|_| StoreFailure::malformed("writes"))?;
            let old = match value {
                Some(value) => {
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
    Ok(transaction.commit()?)
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

/// The tree at one moment.
pub(super) struct TreeSnapshot {
    file: FileSnapshot,
    /// A large commit that the file may not have.
    above: Option<Arc<Run>>,
}

/// The tree's file at one moment.
struct FileSnapshot {
    entries: ReadOnlyTable<&'static [u8], &'static [u8]>,
    version: u64,
    generation: u64,
}

impl TreeSnapshot {
    /// The value of a key, if it is large and not compressed.
    pub(super) fn plain(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFailure> {
        guard(|| {
            let Some(stored) = self.file.entries.get(key)? else {
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
}

/// The tree at one moment, for many readers.
pub(super) struct SharedSnapshot(pub(super) Arc<TreeSnapshot>);

impl Snapshot for SharedSnapshot {
    fn version(&self) -> u64 {
        self.0.version()
    }

    fn generation(&self) -> u64 {
        self.0.generation()
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
        self.file.version
    }

    fn generation(&self) -> u64 {
        self.file.generation
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFailure> {
        match self.above.as_ref().and_then(|run| run.get(key)) {
            Some(written) => Ok(written.map(<[u8]>::to_vec)),
            None => self.file.get(key),
        }
    }

    fn get_many(&self, keys: &[u8]) -> Result<Vec<u8>, StoreFailure> {
        match &self.above {
            Some(run) => merge::get_many(&self.file, &**run, keys, |_| ()),
            None => self.file.get_many(keys),
        }
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        max_entries: u32,
        max_bytes: u32,
    ) -> Result<Vec<u8>, StoreFailure> {
        let Some(run) = &self.above else {
            return self
                .file
                .scan(start, end, direction, max_entries, max_bytes);
        };
        let limits = (max_entries.max(1) as usize, max_bytes as usize);
        let page = merge::scan(&self.file, &**run, start, end, direction, limits)?;
        Ok(page.entries)
    }

    fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreFailure> {
        match &self.above {
            Some(run) => merge::count(&self.file, &**run, start, end),
            None => self.file.count(start, end),
        }
    }
}

impl Snapshot for FileSnapshot {
    fn version(&self) -> u64 {
        self.version
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFailure> {
        guard(|| entries::get(&self.entries, key))
    }

    fn get_many(&self, keys: &[u8]) -> Result<Vec<u8>, StoreFailure> {
        guard(|| entries::get_many(&self.entries, keys))
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        max_entries: u32,
        max_bytes: u32,
    ) -> Result<Vec<u8>, StoreFailure> {
        let limits = (max_entries, max_bytes);
        guard(|| entries::scan(&self.entries, start, end, direction, limits))
    }

    fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreFailure> {
        guard(|| entries::count(&self.entries, start, end))
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
