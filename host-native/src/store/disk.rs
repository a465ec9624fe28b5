//! The store on a disk: a log that is synced with each commit, in front of a tree that is
//! synced now and then.
//!
//! A commit is appended to the log, in memory, then it shows to writers, and then the log is written and synced. The tree's own file is only synced by a
//! checkpoint: when the log has grown long, with a commit too large to be worth writing twice,
//! and when the store is closed.
//!
//! The tree keeps new commits in memory (`recent.rs`), where the next writer sees them (`writer.rs`). Its file gets them when a reader
//! needs a snapshot of them, or when they have become many; never before they are settled. If that fails, the tree is opened
//! again: the log has them.
//!
//! A sync is for all that wait at the same time, and nobody else waits for it: see `progress.rs`. When it fails, the
//! log is cut behind what was synced before, durably, and the files are opened again: they hold what was on the disk, and no caller has
//! been told of more. A system that has failed to sync may have dropped what it should have written, so that a second
//! sync that works would prove nothing. If the log can't be cut either, the store closes: whether the commits took place shows
//! when it is opened again.
//!
//! A checkpoint is also the moment from which large values are compressed, in the background: see `press.rs`. A value that is
//! written again and again is compressed once for each time that the log has grown long.
//!
//! The tree stores the number of the last commit in it, so that what a log record is worth is
//! seen by its number alone, and no step between tree and log can leave them in disagreement.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::directory::{Directory, OpenError};
use super::log::{self, Log};
use super::overlay::Overlay;
use super::press::{self, Keys, Press, Work};
use super::progress::{Progress, Turn};
use super::recent;
use super::run::Run;
use super::tree::{SharedSnapshot, Tree, guard};
use super::writer::WriterSnapshot;
use super::{Compression, Durability, Point, Snapshot, Store, StoreFailure};

/// One of this many goes into the tree's file at once, and not through the log: there is not so much memory for it.
const HUGE_COMMIT: usize = 64 << 20;

/// As soon as recent commits have so many bytes, the tree's file gets them.
const MANY: usize = 256 << 10;

/// How to open a [`DiskStore`].
#[derive(Clone, Debug)]
pub struct DiskOptions {
    /// Changes nothing and shares the database with other readers. Default: false.
    pub read_only: bool,
    /// When a commit counts as done. Default: strict.
    pub durability: Durability,
    /// Bytes of memory for parts of the tree. Default: 256 MiB.
    pub cache_bytes: usize,
    /// Bytes of the log at which the tree is synced and the log begins anew. A longer log makes
    /// fewer pauses, and opening after a crash slower. Default: 32 MiB.
    pub log_bytes: u64,
    /// Bytes of a commit that stays in memory as it is until the tree has it, in the background; up to 64 MiB, which
    /// go into the tree at once. Default: 4 MiB.
    pub large_commit_bytes: usize,
}

impl Default for DiskOptions {
    fn default() -> Self {
        Self {
            read_only: false,
            durability: Durability::Strict,
            cache_bytes: 256 << 20,
            log_bytes: 32 << 20,
            large_commit_bytes: 4 << 20,
        }
    }
}

/// A store in a directory of its own.
pub struct DiskStore {
    options: DiskOptions,
    shared: Arc<Shared>,
    press: Press,
}

/// What a test wants to happen in place of a sync.
#[cfg(test)]
type OnSync = Arc<dyn Fn() -> std::io::Result<()> + Send + Sync>;

/// What the thread that compresses works on, too. The state is locked before the progress.
pub(super) struct Shared {
    state: Mutex<State>,
    progress: Progress,
    /// Whether the tree holds a large commit that has to be merged when it is settled.
    has_held: AtomicBool,
    #[cfg(test)]
    on_sync: Mutex<Option<OnSync>>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn generation(&self) -> u64 {
        self.progress.generation()
    }

    fn sync(&self, file: &File) -> std::io::Result<()> {
        #[cfg(test)]
        {
            let on_sync = self.on_sync.lock().unwrap().clone();
            on_sync.map_or(Ok(()), |on_sync| on_sync())?;
        }
        file.sync_data()
    }

    /// Lets go of the tree, so that the next call opens it again.
    pub(super) fn fail(&self, state: &mut State, why: StoreFailure) -> StoreFailure {
        self.progress.forget();
        let was = std::mem::replace(
            state,
            State::Closed {
                why: why.to_string(),
            },
        );
        if let State::Open {
            directory,
            mut parts,
        } = was
        {
            if let StoreFailure::Closed(_) = why {
                return why;
            }
            if let Parts::Writable { log, .. } = &mut parts {
                // What can't be written is missed when the files are opened.
                drop(log.write());
            }
            // The tree's lock on its file goes with it.
            drop(parts);
            *state = State::Failed {
                directory,
                why: why.clone(),
            };
        }
        why
    }
}

impl press::Place for Shared {
    fn on_tree(&self, work: &mut Work<'_>) {
        let mut state = self.lock();
        let State::Open {
            directory,
            parts: Parts::Writable { tree, .. },
        } = &mut *state
        else {
            return;
        };
        if !has_room(directory) {
            return;
        }
        if let Err(error) = guard(|| work(tree)) {
            // Nothing is lost but the compression. The next call opens the tree again.
            drop(self.fail(&mut state, error));
        }
    }
}

pub(super) enum State {
    Open {
        directory: Directory,
        parts: Parts,
    },
    /// The files must be opened anew before anything else: the tree failed in a way from which
    /// it does not recover by itself.
    Failed {
        directory: Directory,
        why: StoreFailure,
    },
    Closed {
        why: String,
    },
}

/// What is open of a directory.
pub(super) enum Parts {
    Writable {
        tree: Tree,
        log: Log,
        /// The large values that are in the log: they are compressed when they leave it.
        large: Keys,
    },
    /// The tree with the log's commits, in memory above the file.
    Readable { tree: Tree, why: StoreFailure },
}

impl Parts {
    fn tree(&self) -> &Tree {
        match self {
            Self::Writable { tree, .. } | Self::Readable { tree, .. } => tree,
        }
    }

    pub(super) fn tree_mut(&mut self) -> &mut Tree {
        match self {
            Self::Writable { tree, .. } | Self::Readable { tree, .. } => tree,
        }
    }
}

impl DiskStore {
    /// Opens the database in the directory `path`, and makes it if nothing is there and it
    /// isn't to be read only. The directory around it must exist.
    ///
    /// # Errors
    /// See [`OpenError`]. A failed call changes nothing that was committed.
    pub fn open(path: impl AsRef<Path>, options: DiskOptions) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let failed = |error| OpenError::Store(path.to_owned(), error);
        let directory = if options.read_only {
            Directory::open_read_only(path)?
        } else {
            Directory::open(path, options.cache_bytes)?
        };
        let parts = open_parts(&directory, &options).map_err(failed)?;
        let store = Self {
            options,
            shared: Arc::new(Shared {
                progress: Progress::default(),
                has_held: AtomicBool::new(false),
                state: Mutex::new(State::Closed { why: String::new() }),
                #[cfg(test)]
                on_sync: Mutex::default(),
            }),
            press: Press::default(),
        };
        store.opened(&parts);
        *store.state() = State::Open { directory, parts };
        Ok(store)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }

    /// What the files hold was opened.
    fn opened(&self, parts: &Parts) {
        // A log that is open for appending was synced.
        let durable_end = match parts {
            Parts::Writable { log, .. } => Some(log.length()),
            Parts::Readable { .. } if self.options.read_only => Some(0),
            Parts::Readable { .. } => None,
        };
        self.shared
            .progress
            .opened(parts.tree().version(), durable_end);
    }

    /// The open parts; opens them again if they failed.
    fn ready<'a>(&self, state: &'a mut State) -> Result<&'a mut Parts, StoreFailure> {
        if let State::Failed { .. } = state {
            let was = std::mem::replace(
                state,
                State::Closed {
                    why: "opening it again failed".to_owned(),
                },
            );
            let State::Failed { directory, why } = was else {
                unreachable!("matched above")
            };
            match open_parts(&directory, &self.options)
                .or_else(|_| open_readable(&directory, &self.options, why.clone()))
            {
                Ok(parts) => {
                    self.opened(&parts);
                    *state = State::Open { directory, parts };
                }
                Err(error) => {
                    *state = State::Failed { directory, why };
                    return Err(error);
                }
            }
        }
        match state {
            State::Open { parts, .. } => Ok(parts),
            State::Closed { why } => Err(StoreFailure::Closed(why.clone())),
            State::Failed { .. } => unreachable!("opened above"),
        }
    }

    /// After a commit that the tree reported as failed: opens the tree again and looks whether the
    /// commit is in it. An error after the last step must not be told as "nothing was written".
    fn look_again(
        &self,
        state: &mut State,
        version: u64,
        error: StoreFailure,
    ) -> Result<Point, StoreFailure> {
        let error = self.fail(state, error);
        match self.ready(state) {
            Ok(parts) if parts.tree().version() == version => Ok(Point {
                version,
                generation: self.shared.progress.generation(),
            }),
            _ => Err(error),
        }
    }

    fn fail(&self, state: &mut State, why: StoreFailure) -> StoreFailure {
        self.shared.fail(state, why)
    }

    /// Gives the system what was applied until now, or takes back what is not on the disk.
    fn write_log(&self) {
        let mut state = self.state();
        if let State::Open {
            parts: Parts::Writable { log, .. },
            ..
        } = &mut *state
            && let Err(error) = log.write()
        {
            drop(state);
            self.take_back(error.into());
        }
    }

    /// Syncs the log for all that wait: what was applied until now is on the disk then, or taken back.
    fn sync_log(&self) {
        let progress = &self.shared.progress;
        let mut state = self.state();
        if let Err(error) = self.ready(&mut state) {
            // The files can't even be opened: what they hold shows when they can.
            let error = StoreFailure::Closed(format!(
                "{error}; whether the last commits took place shows when the database is opened again"
            ));
            progress.take_back(self.fail(&mut state, error));
            return;
        }
        let State::Open { directory, parts } = &mut *state else {
            unreachable!("it is ready")
        };
        let point = Point {
            version: parts.tree().version(),
            generation: progress.generation(),
        };
        let (file, end) = match parts {
            Parts::Writable { log, .. } => (log.write().map(|()| log.file()), log.length()),
            // Its commits were read from the log, and the log is as long as the file.
            Parts::Readable { .. } => match File::open(directory.log()) {
                Ok(file) => {
                    let length = file.metadata().map_or(0, |metadata| metadata.len());
                    (Ok(Arc::new(file)), length)
                }
                Err(error) => (Err(error), 0),
            },
        };
        drop(state);
        match file.and_then(|file| self.shared.sync(&file)) {
            Ok(()) => progress.on_disk(point, end),
            Err(error) => self.take_back(error.into()),
        }
    }

    /// Lets the tree's file have a large commit that is settled.
    fn merge(&self, point: Point) {
        if !self.shared.has_held.load(Ordering::Acquire) {
            return;
        }
        let mut state = self.state();
        let State::Open { parts, .. } = &mut *state else {
            return;
        };
        let progress = &self.shared.progress;
        let tree = parts.tree_mut();
        if let Some(held) = tree.held()
            && held <= point.version
            && progress.generation() == point.generation
        {
            self.shared.has_held.store(false, Ordering::Release);
            let shared = Arc::downgrade(&self.shared);
            tree.merge(progress.is_durable(held), move || {
                // Readers that follow need not look at it first.
                if let Some(shared) = shared.upgrade() {
                    shared.progress.forget();
                }
            });
        }
    }

    /// Takes all commits back that are not on the disk.
    fn take_back(&self, why: StoreFailure) {
        let progress = &self.shared.progress;
        let mut state = self.state();
        let (durable, end) = progress.durable();
        let erased = match &mut *state {
            // A checkpoint has made them durable meanwhile, or they were taken back already.
            State::Open { parts, .. } if parts.tree().version() == durable => return,
            State::Open { directory, .. } | State::Failed { directory, .. } => OpenOptions::new()
                .write(true)
                .open(directory.log())
                .and_then(|file| log::erase(&file, end, file.metadata()?.len())),
            State::Closed { .. } => return,
        };
        let why = match erased {
            Ok(()) => why,
            Err(second) => StoreFailure::Closed(format!(
                "syncing the log failed ({why}), and so did taking the commits back ({second}); \
                 whether they took place shows when the database is opened again"
            )),
        };
        progress.take_back(why.clone());
        if let State::Open { parts, .. } = &mut *state {
            parts.tree().seal();
            if let Parts::Writable { log, .. } = parts {
                log.forget_unwritten();
            }
        }
        self.fail(&mut state, why);
    }
}

/// Whether the disk has so much room that compression, which writes before it frees, won't fill it. A tree that
/// fails must be opened again, and whoever reads from it meanwhile gets an error: that is not worth a smaller file.
fn has_room(directory: &Directory) -> bool {
    const ROOM: u64 = 64 << 20;
    let free = rustix::fs::statvfs(directory.tree())
        .map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    let length = std::fs::metadata(directory.tree()).map_or(0, |file| file.len());
    let longest = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    let room = ROOM.max(length / 4);
    free >= room && longest.is_none_or(|longest| longest.saturating_sub(length) >= room)
}

fn open_parts(directory: &Directory, options: &DiskOptions) -> Result<Parts, StoreFailure> {
    directory.check_files()?;
    if options.read_only {
        return open_readable(directory, options, StoreFailure::ReadOnly);
    }
    let mut tree = guard(|| Tree::open(&directory.tree(), options.cache_bytes))?;
    let recovered = log::recover(&directory.log(), tree.version())?;
    let large = replay(&mut tree, &recovered.records)?;
    let log = Log::open(&directory.log(), &recovered)?;
    Ok(Parts::Writable { tree, log, large })
}

fn open_readable(
    directory: &Directory,
    options: &DiskOptions,
    why: StoreFailure,
) -> Result<Parts, StoreFailure> {
    let file = Overlay::new(File::open(directory.tree())?)?;
    let mut tree = guard(|| Tree::with_backend(file, options.cache_bytes))?;
    let recovered = log::recover(&directory.log(), tree.version())?;
    replay(&mut tree, &recovered.records)?;
    Ok(Parts::Readable { tree, why })
}

/// Brings the log's commits into the tree, all of them at once: with their keys in order
/// that takes a fraction of the time that one after the other would. Gives the keys of large values.
fn replay(tree: &mut Tree, records: &[log::Record]) -> Result<Keys, StoreFailure> {
    let mut large = Keys::new();
    for record in records {
        let keys = recent::check(&record.writes, |_| ());
        large.append(
            &mut keys
                .map_err(|_| StoreFailure::Corrupt("its log holds malformed writes".to_owned()))?,
        );
        if record.writes.len() < MANY {
            tree.write(&record.writes);
        } else {
            guard(|| tree.write_through(&record.writes))?;
        }
    }
    guard(|| tree.flush(tree.version()))?;
    Ok(large)
}

impl Store for DiskStore {
    fn open(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        let mut state = self.state();
        let parts = self.ready(&mut state)?;
        let progress = &self.shared.progress;
        let generation = progress.generation();
        let tree = parts.tree_mut();
        let snapshot = guard(|| {
            // Readers see no more than what is settled, and the tree will have more than that.
            if let Err(settled) = progress.shown() {
                progress.show(&tree.snapshot(settled, generation)?);
            }
            tree.snapshot(tree.version(), generation)
        });
        match snapshot {
            Ok(snapshot) => Ok(Box::new(SharedSnapshot(snapshot))),
            Err(error) => Err(self.fail(&mut state, error)),
        }
    }

    fn open_to_write(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        let mut state = self.state();
        let version = self.ready(&mut state)?.tree().version();
        let point = Point {
            version,
            generation: self.shared.progress.generation(),
        };
        Ok(Box::new(WriterSnapshot::new(&self.shared, point)))
    }

    fn open_settled(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        let progress = &self.shared.progress;
        loop {
            let settled = match progress.shown() {
                Ok(shown) => return Ok(Box::new(SharedSnapshot(shown))),
                Err(settled) => settled,
            };
            let mut state = self.state();
            let parts = self.ready(&mut state)?;
            let generation = progress.generation();
            let version = parts.tree().version();
            if parts.tree().flushed() > settled {
                // The tree of before is gone. It waits for the disk as a writer would.
                drop(state);
                let point = Point {
                    version,
                    generation,
                };
                // If that was taken back, what was settled before is there again.
                drop(self.settle(point, Durability::Strict));
                continue;
            }
            let snapshot = match guard(|| parts.tree_mut().snapshot(settled, generation)) {
                Ok(snapshot) => snapshot,
                Err(error) => return Err(self.fail(&mut state, error)),
            };
            progress.show(&snapshot);
            return Ok(Box::new(SharedSnapshot(snapshot)));
        }
    }

    fn commit(&self, snapshot: u64, writes: &[u8]) -> Result<u64, StoreFailure> {
        let base = Point {
            version: snapshot,
            generation: self.shared.progress.generation(),
        };
        let point = self.apply(base, writes)?;
        self.settle(point, self.options.durability)?;
        Ok(point.version)
    }

    fn apply(&self, base: Point, writes: &[u8]) -> Result<Point, StoreFailure> {
        let progress = &self.shared.progress;
        let mut state = self.state();
        if let State::Open {
            directory,
            parts: Parts::Readable { .. },
        } = &*state
            && !self.options.read_only
        {
            // There may be room again.
            if let Ok(parts) = open_parts(directory, &self.options) {
                self.opened(&parts);
                let State::Open { parts: old, .. } = &mut *state else {
                    unreachable!("matched above")
                };
                *old = parts;
            }
        }
        let (tree, log, large) = match self.ready(&mut state)? {
            Parts::Writable { tree, log, large } => (tree, log, large),
            Parts::Readable { why, .. } => return Err(why.clone()),
        };
        let generation = progress.generation();
        if (tree.version(), generation) != (base.version, base.generation) {
            return Err(StoreFailure::Conflict);
        }
        let version = base.version + 1;
        let point = Point {
            version,
            generation,
        };

        if (self.options.large_commit_bytes..HUGE_COMMIT).contains(&writes.len())
            && base.version <= progress.settled()
        {
            let (run, mut new_large) = Run::new(version, writes)?;
            let ready = guard(|| {
                tree.merged(true)?;
                tree.flush(base.version)?;
                if log.length() >= self.options.log_bytes && tree.is_unsynced() {
                    tree.sync()?;
                }
                Ok(())
            });
            if let Err(error) = ready {
                // The log has all of it. The next call opens the tree again.
                return Err(self.fail(&mut state, error));
            }
            if !tree.is_unsynced() && !log.is_empty() {
                log.restart();
                progress.restarted(base, log.length());
                self.press.add(&self.shared, std::mem::take(large));
            }
            log.append_large(version, writes, progress.is_durable(base.version))?;
            tree.hold(run);
            self.shared.has_held.store(true, Ordering::Release);
            large.append(&mut new_large);
            progress.applied(version);
            return Ok(point);
        }
        let mut new_large = recent::check(writes, |_| ())?;
        if writes.len() >= self.options.large_commit_bytes {
            return match guard(|| tree.write_synced(writes)) {
                Ok(()) => {
                    log.restart();
                    progress.applied(version);
                    progress.restarted(point, log.length());
                    new_large.append(large);
                    self.press.add(&self.shared, new_large);
                    Ok(point)
                }
                Err(error) => self.look_again(&mut state, version, error),
            };
        }
        log.append(version, writes, progress.is_durable(base.version))?;
        tree.write(writes);
        large.append(&mut new_large);
        progress.applied(version);
        if log.length() >= self.options.log_bytes && !tree.is_merging() {
            match guard(|| tree.sync()) {
                Ok(()) => {
                    log.restart();
                    progress.restarted(point, log.length());
                    self.press.add(&self.shared, std::mem::take(large));
                }
                // The commit itself is in the log. The next call opens the tree again.
                Err(error) => drop(self.fail(&mut state, error)),
            }
        } else if tree.recent().bytes() >= MANY
            && !tree.is_merging()
            && let Err(error) = guard(|| tree.flush(progress.settled()))
        {
            drop(self.fail(&mut state, error));
        }
        Ok(point)
    }

    fn settle(&self, point: Point, durability: Durability) -> Result<(), StoreFailure> {
        if durability == Durability::Relaxed {
            self.write_log();
        }
        loop {
            let (turn, syncing) = self.shared.progress.wait(point, durability)?;
            match turn {
                Turn::Done => {
                    drop(syncing);
                    self.merge(point);
                    return Ok(());
                }
                Turn::Sync => self.sync_log(),
            }
            drop(syncing);
        }
    }

    fn close(&self) -> Result<(), StoreFailure> {
        // Before the lock is taken, which the thread may be waiting for.
        let mut keys = self.press.stop();
        let progress = &self.shared.progress;
        // With the log on the disk nothing can be lost, whatever fails after.
        let (mut state, synced) = loop {
            let state = self.state();
            let version = match &*state {
                State::Open {
                    parts: Parts::Writable { tree, .. },
                    ..
                } => tree.version(),
                _ => break (state, Ok(())),
            };
            if progress.is_durable(version) {
                break (state, Ok(()));
            }
            let generation = progress.generation();
            drop(state);
            let point = Point {
                version,
                generation,
            };
            if let Err(error) = self.settle(point, Durability::Strict) {
                break (self.state(), Err(error));
            }
        };
        progress.forget();
        let was = std::mem::replace(
            &mut *state,
            State::Closed {
                why: "it was closed".to_owned(),
            },
        );
        synced?;
        let State::Open {
            directory,
            parts:
                Parts::Writable {
                    mut tree,
                    mut log,
                    mut large,
                },
        } = was
        else {
            return Ok(());
        };
        keys.append(&mut large);
        let closed = guard(|| {
            tree.merged(true)?;
            tree.flush(tree.version())?;
            if has_room(&directory) {
                press::all(&mut tree, keys)?;
            }
            if !log.is_empty() || tree.is_unsynced() {
                tree.sync()?;
            }
            tree.close()?;
            Ok(log.clear()?)
        });
        drop(directory);
        closed
    }

    fn verify(&self) -> Result<(), StoreFailure> {
        let mut state = self.state();
        // The tree checks itself only while nobody reads it.
        self.shared.progress.forget();
        match self.ready(&mut state)? {
            Parts::Readable { why, .. } => Err(why.clone()),
            Parts::Writable { tree, .. } => {
                if let Err(error) = guard(|| tree.merged(true)) {
                    return Err(self.fail(&mut state, error));
                }
                match guard(|| tree.verify())? {
                    true => Ok(()),
                    false => Err(StoreFailure::Corrupt(
                        "its tree had to be repaired".to_owned(),
                    )),
                }
            }
        }
    }

    fn compression(&self) -> Result<Compression, StoreFailure> {
        let mut state = self.state();
        let parts = self.ready(&mut state)?;
        let settled = self.shared.progress.settled();
        let compression = guard(|| {
            let tree = parts.tree_mut();
            tree.flush(settled)?;
            tree.merged(true)?;
            tree.compression()
        });
        compression.map_err(|error| self.fail(&mut state, error))
    }

    fn size_on_disk(&self) -> Result<u64, StoreFailure> {
        match &*self.state() {
            State::Open { directory, .. } | State::Failed { directory, .. } => {
                Ok(directory.size()?)
            }
            State::Closed { why } => Err(StoreFailure::Closed(why.clone())),
        }
    }
}

impl Drop for DiskStore {
    fn drop(&mut self) {
        // Whoever wants to know calls `close`; what was acknowledged is safe either way.
        drop(self.close());
    }
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;
