//! How far commits have come: which are on the disk, and which of them readers may see.
//!
//! A commit is applied first: whoever writes next builds upon it, and nobody else sees it. It is settled when it is on the disk, or
//! when its caller did not ask for that; then readers see it, with all before it. One of those who wait for the disk
//! syncs the log for all that were applied until then, and the others wait for that one.
//!
//! If the sync fails, the commits that are not on the disk are taken back: nobody was told of them as done, and no reader has
//! seen them but those that were applied before a relaxed one. Their numbers are given again, to other commits. So a number
//! names a commit only together with its generation, which is another one after each failure.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::tree::TreeSnapshot;
use super::{Durability, Point, Snapshot, StoreFailure};

/// What a caller that waits has to do.
pub(super) enum Turn {
    /// Its commit is settled.
    Done,
    /// It is the one that syncs the log.
    Sync,
}

#[derive(Default)]
struct State {
    generation: u64,
    /// For each generation that has ended, the newest commit that outlived it, and why the others did not.
    ended: Vec<(u64, StoreFailure)>,
    newest: u64,
    durable: u64,
    /// Where the log goes on behind the newest durable commit.
    durable_end: u64,
    settled: u64,
    syncing: bool,
    /// The tree as of the newest settled commit, if somebody has asked for it.
    shown: Option<Arc<TreeSnapshot>>,
}

impl State {
    fn advance(&mut self, settled: u64) {
        if settled <= self.settled {
            return;
        }
        self.settled = settled;
        // The next reader makes one of the new one.
        if self
            .shown
            .as_ref()
            .is_some_and(|shown| shown.version() < settled)
        {
            self.shown = None;
        }
    }
}

#[derive(Default)]
pub(super) struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// Whether a commit is on the disk.
    pub(super) fn is_durable(&self, version: u64) -> bool {
        self.lock().durable >= version
    }

    /// The newest commit that is on the disk, and where the log goes on behind it.
    pub(super) fn durable(&self) -> (u64, u64) {
        let state = self.lock();
        (state.durable, state.durable_end)
    }

    /// The files were opened, and hold this commit for their newest. `durable_end` says where the log goes on, if all are on the disk.
    pub(super) fn opened(&self, version: u64, durable_end: Option<u64>) {
        let mut state = self.lock();
        state.shown = None;
        if version < state.newest {
            // The files have lost what was applied: no caller may take it for done.
            let why = StoreFailure::Io(
                "the files had to be opened again, and the commit was not in them".to_owned(),
            );
            end(&mut state, version, why);
        }
        state.newest = version;
        if let Some(durable_end) = durable_end {
            state.durable = version;
            state.durable_end = durable_end;
            state.advance(version);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// A commit was applied.
    pub(super) fn applied(&self, version: u64) {
        self.lock().newest = version;
    }

    /// All up to a commit are on the disk. Nothing happens if that commit was taken back meanwhile.
    pub(super) fn on_disk(&self, point: Point, durable_end: u64) {
        let mut state = self.lock();
        if state.generation == point.generation && state.durable < point.version {
            state.durable = point.version;
            state.durable_end = durable_end;
            state.advance(point.version);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The log is written from its beginning again.
    pub(super) fn restarted(&self, point: Point, start: u64) {
        self.lock().durable_end = start;
        self.on_disk(point, start);
    }

    /// All commits that are not on the disk are taken back.
    pub(super) fn take_back(&self, why: StoreFailure) {
        let mut state = self.lock();
        let durable = state.durable;
        end(&mut state, durable, why);
        drop(state);
        self.changed.notify_all();
    }

    /// Lets go of the tree: it will be opened anew.
    pub(super) fn forget(&self) {
        let mut state = self.lock();
        state.shown = None;
    }

    /// The newest settled commit.
    pub(super) fn settled(&self) -> u64 {
        self.lock().settled
    }

    /// The tree for readers, if it is at hand, or else the newest settled commit.
    pub(super) fn shown(&self) -> Result<Arc<TreeSnapshot>, u64> {
        let state = self.lock();
        match &state.shown {
            Some(shown) => Ok(Arc::clone(shown)),
            None => Err(state.settled),
        }
    }

    /// Keeps a snapshot for the readers that follow, if it is of the newest settled commit.
    pub(super) fn show(&self, snapshot: &Arc<TreeSnapshot>) {
        let mut state = self.lock();
        if state.settled == snapshot.version() && state.generation == snapshot.generation() {
            state.shown = Some(Arc::clone(snapshot));
        }
    }

    /// Waits until a commit is settled, or until it is the caller's turn to sync the log, which ends with what is returned along.
    pub(super) fn wait(
        &self,
        point: Point,
        durability: Durability,
    ) -> Result<(Turn, Option<Syncing<'_>>), StoreFailure> {
        let mut state = self.lock();
        loop {
            let ended = state.ended.get(point.generation as usize);
            match ended {
                Some((outlived, why)) if point.version > *outlived => return Err(why.clone()),
                // What has outlived a failure was on the disk.
                Some(_) => return Ok((Turn::Done, None)),
                None => {}
            }
            if durability == Durability::Relaxed {
                state.advance(point.version);
                return Ok((Turn::Done, None));
            }
            if state.durable >= point.version {
                return Ok((Turn::Done, None));
            }
            if !state.syncing {
                state.syncing = true;
                return Ok((Turn::Sync, Some(Syncing(self))));
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn end(state: &mut State, outlived: u64, why: StoreFailure) {
    state.ended.push((outlived, why));
    state.generation += 1;
    state.newest = outlived;
    state.durable = state.durable.min(outlived);
    state.settled = state.settled.min(outlived);
    state.shown = None;
}

/// Somebody syncs the log.
pub(super) struct Syncing<'a>(&'a Progress);

impl Drop for Syncing<'_> {
    fn drop(&mut self) {
        self.0.lock().syncing = false;
        self.0.changed.notify_all();
    }
}
