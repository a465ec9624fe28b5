//! Hearing of commits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Tells those who wait that something was committed.
#[derive(Default)]
pub(crate) struct Commits {
    /// Counts what there was to be told. Nobody cares for the number, only whether it is another one.
    told: Mutex<u64>,
    more: Condvar,
}

impl Commits {
    fn lock(&self) -> MutexGuard<'_, u64> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes everybody. Whoever reads from now on has to see the commit.
    pub(crate) fn announce(&self) {
        *self.lock() += 1;
        self.more.notify_all();
    }
}

/// One who waits for commits, until told to stop.
pub(crate) struct Waiter {
    commits: Arc<Commits>,
    heard: u64,
    closed: Arc<AtomicBool>,
}

impl Waiter {
    pub(crate) fn new(commits: &Arc<Commits>) -> Self {
        Self {
            commits: Arc::clone(commits),
            heard: 0,
            closed: Arc::default(),
        }
    }

    /// Ends all waiting, now and later.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.commits.announce();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Another one for the same, to close it with.
    pub(crate) fn handle(&self) -> Self {
        Self {
            commits: Arc::clone(&self.commits),
            heard: 0,
            closed: Arc::clone(&self.closed),
        }
    }

    /// To be called before looking: what is committed from now on ends [`wait`](Waiter::wait).
    pub(crate) fn listen(&mut self) {
        self.heard = *self.commits.lock();
    }

    /// Waits for a commit since [`listen`](Waiter::listen). False if the time is over, or it was closed.
    pub(crate) fn wait(&self, until: Option<Instant>) -> bool {
        let mut told = self.commits.lock();
        loop {
            if self.is_closed() {
                return false;
            }
            if *told != self.heard {
                return true;
            }
            told = match until {
                None => self
                    .commits
                    .more
                    .wait(told)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left == Duration::ZERO {
                        return false;
                    }
                    let waited = self.commits.more.wait_timeout(told, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}
