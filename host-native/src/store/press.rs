//! Compression of large values, in the background.
//!
//! A commit writes a value as it is. Once the tree has it durably, or would otherwise have it so when the store is
//! closed, the key comes here, and the value is replaced by its compressed form in a transaction of its own, which
//! changes nothing that can be read. If that transaction is lost, the value is there as it was.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::StoreFailure;
use super::tree::{Pressed, Tree};
use super::value;

/// Bytes of values that are compressed before they are put in their places: a commit waits no longer than
/// that takes.
const BATCH: usize = 1 << 20;

/// The keys of large values.
pub(super) type Keys = BTreeSet<Vec<u8>>;

/// Something to do on the tree while nobody else uses it.
pub(super) type Work<'a> = dyn FnMut(&mut Tree) -> Result<(), StoreFailure> + 'a;

/// What the thread works for.
pub(super) trait Place: Send + Sync + 'static {
    /// Runs `work` on the tree, and does nothing if there is none that can be written.
    fn on_tree(&self, work: &mut Work<'_>);
}

#[derive(Default)]
struct Queue {
    keys: Keys,
    stopped: bool,
}

/// A thread that compresses values, from the first one on.
#[derive(Default)]
pub(super) struct Press {
    shared: Arc<(Mutex<Queue>, Condvar)>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Press {
    /// Compresses the values of these keys, some time later.
    pub(super) fn add(&self, place: &Arc<impl Place>, mut keys: Keys) {
        if keys.is_empty() {
            return;
        }
        let (queue, changed) = &*self.shared;
        let mut queue = lock(queue);
        if queue.stopped {
            return;
        }
        queue.keys.append(&mut keys);
        changed.notify_all();
        drop(queue);
        let mut thread = lock(&self.thread);
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let place = Arc::clone(place);
            // Without a thread the values stay as they are.
            *thread = thread::Builder::new()
                .name("cu-compression".to_owned())
                .spawn(move || run(&shared, &*place))
                .ok();
        }
    }

    /// Ends the thread, and gives the keys that are left.
    pub(super) fn stop(&self) -> Keys {
        let (queue, changed) = &*self.shared;
        lock(queue).stopped = true;
        changed.notify_all();
        // Joined without the lock: whoever adds keys holds the tree, which the thread may be waiting for.
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            drop(thread.join());
        }
        std::mem::take(&mut lock(queue).keys)
    }
}

fn run((queue, changed): &(Mutex<Queue>, Condvar), place: &dyn Place) {
    loop {
        let mut waiting = lock(queue);
        while waiting.keys.is_empty() && !waiting.stopped {
            waiting = changed
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.stopped {
            return;
        }
        let mut keys = std::mem::take(&mut waiting.keys);
        drop(waiting);
        while !keys.is_empty() && !lock(queue).stopped {
            batch(&mut keys, &mut |work| place.on_tree(work));
        }
        lock(queue).keys.append(&mut keys);
    }
}

/// Compresses as many values as make a batch, and takes their keys away.
fn batch(keys: &mut Keys, on_tree: &mut dyn FnMut(&mut Work<'_>)) {
    let mut snapshot = None;
    on_tree(&mut |tree| {
        snapshot = Some(tree.snapshot(0, 0)?);
        Ok(())
    });
    let Some(snapshot) = snapshot else {
        keys.clear();
        return;
    };
    let mut pressed = Vec::new();
    let mut size = 0;
    while size < BATCH
        && let Some(key) = keys.pop_first()
    {
        // What can't be read is somebody else's business: it will be told when it is asked for.
        let Ok(Some(plain)) = snapshot.plain(&key) else {
            continue;
        };
        size += plain.len();
        if let Some(stored) = value::compress(&plain) {
            pressed.push(Pressed { key, plain, stored });
        }
    }
    drop(snapshot);
    if !pressed.is_empty() {
        on_tree(&mut |tree| tree.press(&pressed));
    }
}

/// Compresses the values of all keys, now.
pub(super) fn all(tree: &mut Tree, mut keys: Keys) -> Result<(), StoreFailure> {
    let mut failed = Ok(());
    while !keys.is_empty() && failed.is_ok() {
        batch(&mut keys, &mut |work| failed = work(tree));
    }
    failed
}
