//! What callers that wait for one sync see of it, and of its failure.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::store::pack::put_entry;
use crate::store::{Direction, Fork, History};

fn one(key: u64) -> Vec<u8> {
    let mut packed = Vec::new();
    put_entry(&mut packed, &key.to_be_bytes(), Some(b"value"));
    packed
}

fn open(directory: &tempfile::TempDir) -> DiskStore {
    DiskStore::open(directory.path().join("database"), DiskOptions::default()).unwrap()
}

fn apply(store: &DiskStore, key: u64) -> Point {
    let snapshot = store.open().unwrap();
    let base = Point {
        version: snapshot.version(),
        generation: snapshot.generation(),
    };
    store.apply(base, &one(key)).unwrap()
}

fn keys(snapshot: &dyn Snapshot) -> u64 {
    snapshot.count(b"", b"").unwrap()
}

fn failing() -> io::Error {
    io::Error::other("the disk says no")
}

impl DiskStore {
    fn on_sync(&self, hook: impl Fn() -> io::Result<()> + Send + Sync + 'static) {
        *self.shared.on_sync.lock().unwrap() = Some(Arc::new(hook));
    }
}

#[test]
fn callers_that_wait_while_one_syncs_share_the_next_sync() {
    const CALLERS: u64 = 64;
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let (started, has_started) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let syncs = Arc::new(AtomicUsize::new(0));
    let may_go = Mutex::new(may_go);
    store.on_sync({
        let syncs = Arc::clone(&syncs);
        move || {
            if syncs.fetch_add(1, SeqCst) == 0 {
                started.send(()).unwrap();
                may_go.lock().unwrap().recv().unwrap();
            }
            Ok(())
        }
    });
    thread::scope(|scope| {
        let store = &store;
        scope.spawn(move || store.settle(apply(store, 0), Durability::Strict).unwrap());
        has_started.recv().unwrap();
        // The first sync is under way: nobody waits for it to apply, and readers see none of it.
        let points: Vec<Point> = (1..CALLERS).map(|key| apply(store, key)).collect();
        assert_eq!(keys(&*store.open().unwrap()), CALLERS);
        assert_eq!(keys(&*store.open_settled().unwrap()), 0);
        for point in points {
            scope.spawn(move || {
                store.settle(point, Durability::Strict).unwrap();
                assert!(store.open_settled().unwrap().version() >= point.version);
            });
        }
        go.send(()).unwrap();
    });
    assert_eq!(syncs.load(SeqCst), 2);
    assert_eq!(keys(&*store.open_settled().unwrap()), CALLERS);
}

#[test]
fn a_sync_that_fails_takes_back_what_waits_for_it_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let kept = apply(&store, 1);
    store.settle(kept, Durability::Strict).unwrap();
    store.on_sync(|| Err(failing()));
    let lost: Vec<Point> = (2..10).map(|key| apply(&store, key)).collect();
    let before = store.open_settled().unwrap();
    thread::scope(|scope| {
        for point in &lost {
            let store = &store;
            scope.spawn(move || {
                let failure = store.settle(*point, Durability::Strict).unwrap_err();
                assert!(
                    matches!(&failure, StoreFailure::Io(what) if what.contains("says no")),
                    "{failure}"
                );
            });
        }
    });
    assert_eq!(before.version(), kept.version);
    assert_eq!(keys(&*store.open_settled().unwrap()), 1);
    assert_eq!(keys(&*store.open().unwrap()), 1);
    // Whoever asks later, or built upon them, hears the same; what was kept stays kept.
    assert!(store.settle(lost[0], Durability::Relaxed).is_err());
    assert_eq!(store.apply(lost[7], &one(20)), Err(StoreFailure::Conflict));
    store.settle(kept, Durability::Strict).unwrap();

    // The numbers are given again, to commits of another generation.
    store.on_sync(|| Ok(()));
    let next = apply(&store, 30);
    assert_eq!(next.version, lost[0].version);
    assert_ne!(next.generation, lost[0].generation);
    store.settle(next, Durability::Strict).unwrap();
    assert!(store.settle(lost[0], Durability::Strict).is_err());
    store.close().unwrap();
    drop(store);
    let store = open(&directory);
    assert_eq!(keys(&*store.open().unwrap()), 2);
    assert_eq!(store.open().unwrap().version(), next.version);
}

#[test]
fn a_failed_sync_leaves_no_record_that_a_later_opening_finds() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    store.settle(apply(&store, 1), Durability::Strict).unwrap();
    let lost: Vec<Point> = (2..6).map(|key| apply(&store, key)).collect();
    store.on_sync(|| Err(failing()));
    assert!(store.settle(lost[3], Durability::Strict).is_err());
    // As the end of the process would leave it.
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("database");
    std::fs::create_dir(&path).unwrap();
    for file in ["format", "log", "tree.redb"] {
        std::fs::copy(
            directory.path().join("database").join(file),
            path.join(file),
        )
        .unwrap();
    }
    assert_eq!(keys(&*open(&copy).open().unwrap()), 1);
}

#[test]
fn closing_with_a_sync_that_fails_says_so_and_leaves_nothing_of_what_was_not_on_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    store.settle(apply(&store, 1), Durability::Strict).unwrap();
    store.settle(apply(&store, 2), Durability::Relaxed).unwrap();
    store.on_sync(|| Err(failing()));
    assert!(store.close().is_err());
    drop(store);
    assert_eq!(keys(&*open(&directory).open().unwrap()), 1);
}

#[test]
fn readers_see_what_is_settled_while_the_file_lags_behind_writers() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let settled = (0..10).map(|key| apply(&store, key)).last().unwrap();
    store.settle(settled, Durability::Strict).unwrap();
    // A write, a delete and a replacement that are not settled.
    let mut writes = Vec::new();
    put_entry(&mut writes, &3u64.to_be_bytes(), None);
    put_entry(&mut writes, &4u64.to_be_bytes(), Some(b"other"));
    put_entry(&mut writes, &20u64.to_be_bytes(), Some(b"value"));
    let newest = store.apply(settled, &writes).unwrap();

    let reader = store.open_settled().unwrap();
    let writer = store.open_to_write().unwrap();
    assert_eq!(reader.version(), settled.version);
    assert_eq!(writer.version(), newest.version);
    let all = |snapshot: &dyn Snapshot, direction| {
        let mut keys = Vec::new();
        for page in 1..5 {
            let page = snapshot.scan(b"", b"", direction, page * 4, 1 << 20);
            keys = crate::store::pack::entries(&page.unwrap())
                .map(|entry| entry.unwrap().0[7])
                .collect();
        }
        keys
    };
    assert_eq!(
        all(&*reader, Direction::Forward),
        (0..10).collect::<Vec<_>>()
    );
    assert_eq!(
        all(&*writer, Direction::Forward),
        [0, 1, 2, 4, 5, 6, 7, 8, 9, 20]
    );
    assert_eq!(
        all(&*writer, Direction::Backward),
        [20, 9, 8, 7, 6, 5, 4, 2, 1, 0]
    );
    for (key, was, is) in [
        (3u64, Some(&b"value"[..]), None),
        (4, Some(b"value"), Some(&b"other"[..])),
        (5, Some(b"value"), Some(b"value")),
        (20, None, Some(b"value")),
    ] {
        assert_eq!(reader.get(&key.to_be_bytes()).unwrap().as_deref(), was);
        assert_eq!(writer.get(&key.to_be_bytes()).unwrap().as_deref(), is);
    }
    assert_eq!((keys(&*reader), keys(&*writer)), (10, 10));

    // The writer's is for one commit; the reader's stays.
    apply(&store, 30);
    assert_eq!(writer.get(b"x"), Err(StoreFailure::Conflict));
    assert_eq!(keys(&*reader), 10);
    assert_eq!(keys(&*store.open_settled().unwrap()), 10);
}

#[test]
fn a_relaxed_commit_shows_at_once_and_a_failed_sync_takes_it_as_a_crash_would() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let relaxed = apply(&store, 1);
    assert_eq!(keys(&*store.open_settled().unwrap()), 0);
    store.settle(relaxed, Durability::Relaxed).unwrap();
    assert_eq!(keys(&*store.open_settled().unwrap()), 1);
    store.on_sync(|| Err(failing()));
    assert!(store.settle(relaxed, Durability::Strict).is_err());
    assert_eq!(keys(&*store.open_settled().unwrap()), 0);
}

#[test]
fn records_behind_a_torn_one_do_not_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    store.settle(apply(&store, 1), Durability::Strict).unwrap();
    let torn = {
        let state = store.state();
        let State::Open {
            parts: Parts::Writable { log, .. },
            ..
        } = &*state
        else {
            panic!("it is open")
        };
        log.length()
    };
    let last = (2..5).map(|key| apply(&store, key)).last().unwrap();
    store.settle(last, Durability::Relaxed).unwrap();
    // What a crash of the machine can leave of records that were not synced: the second of four is torn.
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("database");
    std::fs::create_dir(&path).unwrap();
    for file in ["format", "log", "tree.redb"] {
        std::fs::copy(
            directory.path().join("database").join(file),
            path.join(file),
        )
        .unwrap();
    }
    let mut log = std::fs::read(path.join("log")).unwrap();
    log[torn as usize + 20] ^= 1;
    std::fs::write(path.join("log"), &log).unwrap();
    let after = open(&copy);
    assert_eq!(keys(&*after.open().unwrap()), 1);
    // The next record has the torn one's place, and the same length: what lay behind it would be its continuation.
    let log = std::fs::read(path.join("log")).unwrap();
    assert!(log[torn as usize..].iter().all(|byte| *byte == 0));
    drop(after);
}

#[test]
fn a_transaction_begins_on_what_is_left_when_commits_are_taken_back_and_conflicts_with_nothing_else()
 {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&directory));
    let history = Arc::new(History::new(Arc::clone(&store) as Arc<dyn Store>));
    let begin = || Fork::begin(&history, true, Durability::Strict, 1 << 20).unwrap();
    let write = |fork: &Fork, key| {
        let version = fork.open().unwrap().version();
        Store::commit(fork, version, &one(key)).unwrap();
    };
    let settle = |point: Option<Point>| store.settle(point.unwrap(), Durability::Strict);
    settle(Some(apply(&store, 0))).unwrap();
    let before = begin();
    write(&before, 1);

    store.on_sync(|| Err(failing()));
    let lost = before.commit().unwrap();
    // It waits for the disk, which takes the other one back.
    let after = begin();
    assert!(settle(lost).is_err());
    assert_eq!(keys(&*after.open().unwrap()), 1);
    write(&after, 2);
    store.on_sync(|| Ok(()));
    settle(after.commit().unwrap()).unwrap();
    assert_eq!(keys(&*store.open_settled().unwrap()), 2);

    // One that is open meanwhile is of another generation then.
    let open_meanwhile = begin();
    write(&open_meanwhile, 3);
    store.on_sync(|| Err(failing()));
    let lost = apply(&store, 4);
    assert!(settle(Some(lost)).is_err());
    store.on_sync(|| Ok(()));
    settle(Some(apply(&store, 5))).unwrap();
    assert_eq!(open_meanwhile.commit(), Err(StoreFailure::Conflict));
    let again = begin();
    write(&again, 3);
    settle(again.commit().unwrap()).unwrap();
    assert_eq!(keys(&*store.open_settled().unwrap()), 4);
}
