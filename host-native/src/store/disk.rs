//! The store on a disk: a log that is synced with each commit, in front of a tree that is
//! synced now and then.
//!
//! A commit takes three steps, in this order: it is applied to the tree without showing, it is
//! appended to the log and synced, it is shown. A failure in the second step drops the first;
//! a failure in the third takes the second back. The tree's own file is only synced by a
//! checkpoint: when the log has grown long, with a commit too large to be worth writing twice,
//! and when the store is closed.
//!
//! A checkpoint is also the moment from which large values are compressed, in the background: see `press.rs`. A value that is
//! written again and again is compressed once for each time that the log has grown long.
//!
//! The tree stores the number of the last commit in it, so that what a log record is worth is
//! seen by its number alone, and no step between tree and log can leave them in disagreement.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::directory::{Directory, OpenError};
use super::log::{self, Log};
use super::overlay::Overlay;
use super::press::{self, Keys, Press, Work};
use super::tree::{Tree, guard};
use super::{Compression, Durability, Snapshot, Store, StoreFailure, pack};

/// A commit of this many bytes goes to the tree at once, and not through the log.
const LARGE_COMMIT: usize = 4 << 20;

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
}

impl Default for DiskOptions {
    fn default() -> Self {
        Self {
            read_only: false,
            durability: Durability::Strict,
            cache_bytes: 256 << 20,
            log_bytes: 32 << 20,
        }
    }
}

/// A store in a directory of its own.
pub struct DiskStore {
    options: DiskOptions,
    state: Arc<Shared>,
    press: Press,
}

/// What the thread that compresses works on, too.
struct Shared(Mutex<State>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
            drop(DiskStore::fail(&mut state, error));
        }
    }
}

enum State {
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
enum Parts {
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
        Ok(Self {
            options,
            state: Arc::new(Shared(Mutex::new(State::Open { directory, parts }))),
            press: Press::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
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
                Ok(parts) => *state = State::Open { directory, parts },
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
    fn settle(
        &self,
        state: &mut State,
        version: u64,
        error: StoreFailure,
    ) -> Result<u64, StoreFailure> {
        let error = Self::fail(state, error);
        match self.ready(state) {
            Ok(parts) if parts.tree().version() == version => Ok(version),
            _ => Err(error),
        }
    }

    /// Lets go of the tree, so that the next call opens it again.
    fn fail(state: &mut State, why: StoreFailure) -> StoreFailure {
        let was = std::mem::replace(
            state,
            State::Closed {
                why: why.to_string(),
            },
        );
        if let State::Open { directory, parts } = was {
            if let StoreFailure::Closed(_) = why {
                return why;
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

/// Brings the log's commits into the tree, all of them in one transaction: with their keys in order
/// that takes a fraction of the time that one after the other would. Gives the keys of large values.
fn replay(tree: &mut Tree, records: &[log::Record]) -> Result<Keys, StoreFailure> {
    let Some(last) = records.last() else {
        return Ok(Keys::new());
    };
    let mut newest = BTreeMap::new();
    for record in records {
        for entry in pack::entries(&record.writes) {
            let (key, value) = entry
                .map_err(|_| StoreFailure::Corrupt("its log holds malformed writes".to_owned()))?;
            newest.insert(key, value);
        }
    }
    let mut writes = Vec::new();
    for (key, value) in newest {
        pack::put_entry(&mut writes, key, value);
    }
    guard(|| {
        let mut prepared = tree.prepare(last.version, &writes)?;
        let large = std::mem::take(&mut prepared.large);
        tree.commit(prepared, false)?;
        Ok(large)
    })
}

impl Store for DiskStore {
    fn open(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        let mut state = self.state();
        let parts = self.ready(&mut state)?;
        match guard(|| parts.tree().snapshot()) {
            Ok(snapshot) => Ok(Box::new(snapshot)),
            Err(error) => Err(Self::fail(&mut state, error)),
        }
    }

    fn commit(&self, snapshot: u64, writes: &[u8]) -> Result<u64, StoreFailure> {
        let mut state = self.state();
        if let State::Open {
            directory,
            parts: Parts::Readable { .. },
        } = &*state
            && !self.options.read_only
        {
            // There may be room again.
            if let Ok(parts) = open_parts(directory, &self.options) {
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
        if tree.version() != snapshot {
            return Err(StoreFailure::Conflict);
        }
        let version = snapshot + 1;
        let strict = self.options.durability == Durability::Strict;

        let mut prepared = match guard(|| tree.prepare(version, writes)) {
            Ok(prepared) => prepared,
            Err(error) => return Err(Self::fail(&mut state, error)),
        };
        let mut new_large = std::mem::take(&mut prepared.large);
        if writes.len() >= LARGE_COMMIT {
            return match guard(|| tree.commit(prepared, true)) {
                Ok(()) => {
                    log.restart();
                    new_large.append(large);
                    self.press.add(&self.state, new_large);
                    Ok(version)
                }
                Err(error) => self.settle(&mut state, version, error),
            };
        }
        let length_before = log.length();
        if let Err(error) = log.append(version, writes, strict) {
            drop(prepared);
            return Err(match error {
                StoreFailure::Closed(_) => Self::fail(&mut state, error),
                error => error,
            });
        }
        if let Err(error) = guard(|| tree.commit(prepared, false)) {
            let error = match log.take_back(length_before) {
                Ok(()) => error,
                Err(second) => StoreFailure::Closed(format!(
                    "the tree failed ({error}), and so did taking the commit back from the log \
                     ({second}); whether it took place shows when the database is opened again"
                )),
            };
            return self.settle(&mut state, version, error);
        }
        large.append(&mut new_large);
        if log.length() >= self.options.log_bytes {
            match guard(|| tree.sync()) {
                Ok(()) => {
                    log.restart();
                    self.press.add(&self.state, std::mem::take(large));
                }
                // The commit itself is safe in the log. The next call opens the tree again.
                Err(error) => drop(Self::fail(&mut state, error)),
            }
        }
        Ok(version)
    }

    fn close(&self) -> Result<(), StoreFailure> {
        // Before the lock is taken, which the thread may be waiting for.
        let mut keys = self.press.stop();
        let mut state = self.state();
        match std::mem::replace(
            &mut *state,
            State::Closed {
                why: "it was closed".to_owned(),
            },
        ) {
            State::Open {
                directory,
                parts:
                    Parts::Writable {
                        mut tree,
                        mut log,
                        mut large,
                    },
            } => {
                keys.append(&mut large);
                // With the log on the disk nothing can be lost, whatever fails after.
                let closed = log.sync().map_err(StoreFailure::from).and(guard(|| {
                    if has_room(&directory) {
                        press::all(&mut tree, keys)?;
                    }
                    if !log.is_empty() || tree.is_unsynced() {
                        tree.sync()?;
                    }
                    tree.close()?;
                    Ok(log.clear()?)
                }));
                drop(directory);
                closed
            }
            _ => Ok(()),
        }
    }

    fn verify(&self) -> Result<(), StoreFailure> {
        let mut state = self.state();
        match self.ready(&mut state)? {
            Parts::Readable { why, .. } => Err(why.clone()),
            Parts::Writable { tree, .. } => match guard(|| tree.verify())? {
                true => Ok(()),
                false => Err(StoreFailure::Corrupt(
                    "its tree had to be repaired".to_owned(),
                )),
            },
        }
    }

    fn compression(&self) -> Result<Compression, StoreFailure> {
        let mut state = self.state();
        let parts = self.ready(&mut state)?;
        guard(|| parts.tree().compression())
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
