//! Short calls of many threads, which one of them runs for all: each has its own result all the same.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, mpsc};
use std::thread;

use cu_db::store::{MemoryStore, Point, Snapshot, Store, StoreFailure};
use cu_db::{Database, Durability, Index, Value};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct User {
    email: String,
}

fn user(number: usize) -> User {
    User {
        email: format!("{number}@example.com"),
    }
}

/// Runs `call` in so many threads, which come while another call has the writer's turn.
fn while_another_writes<T: Send>(
    database: &Database,
    (is_reached, go): (mpsc::Receiver<()>, mpsc::Sender<()>),
    threads: usize,
    call: impl Fn(usize) -> T + Sync,
) -> Vec<thread::Result<T>> {
    thread::scope(|scope| {
        let paused = scope.spawn(|| database.eval::<()>("host.pause()", ()));
        is_reached.recv().unwrap();
        let call = &call;
        let (begun, has_begun) = mpsc::channel();
        let calls: Vec<_> = (0..threads)
            .map(|number| {
                let begun = begun.clone();
                scope.spawn(move || {
                    begun.send(()).unwrap();
                    call(number)
                })
            })
            .collect();
        for _ in 0..threads {
            has_begun.recv().unwrap();
        }
        go.send(()).unwrap();
        paused.join().unwrap().unwrap();
        calls
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect()
    })
}

type Pause = (mpsc::Receiver<()>, mpsc::Sender<()>);

/// A builder whose Lua has `host.pause()`, which says that it was reached and waits until it may go on.
fn with_pause() -> (cu_db::Builder, Pause) {
    let (reached, is_reached) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let ends = Mutex::new((reached, may_go));
    let builder = Database::builder().function("pause", move |_: Vec<Value>| {
        let (reached, may_go) = &*ends.lock().unwrap();
        reached.send(()).unwrap();
        may_go.recv().unwrap();
        Ok(Value::Null)
    });
    (builder, (is_reached, go))
}

#[test]
fn a_call_that_fails_among_others_fails_alone() {
    const THREADS: usize = 96;
    let directory = tempfile::tempdir().unwrap();
    let (builder, pause) = with_pause();
    let database = builder.open(directory.path().join("db")).unwrap();
    let unique = Index::on(["email"]).unique();
    database.create_index("users", &unique).unwrap();
    // Of each three, two have the same address, and one puts nothing.
    let results = while_another_writes(&database, pause, THREADS, |number| {
        let relaxed = database.with_durability(Durability::Relaxed);
        let database = if number % 2 == 0 { &database } else { &relaxed };
        match number % 3 {
            2 => database.put("users", number as i64, &Value::Null),
            _ => database.put("users", number as i64, &user(number / 3)),
        }
    });
    let results: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    for three in results.chunks(3) {
        let codes = three.iter().map(|result| match result {
            Ok(()) => "",
            Err(error) => error.code(),
        });
        let mut codes: Vec<_> = codes.collect();
        assert_eq!(codes.pop(), Some("invalid-value"));
        codes.sort_unstable();
        assert_eq!(codes, ["", "already-exists"]);
    }
    for (number, result) in results.iter().enumerate() {
        let there: Option<User> = database.get("users", number as i64).unwrap();
        assert_eq!(there.is_some(), result.is_ok(), "{number}");
    }
    assert_eq!(database.stats().unwrap().documents, THREADS as u64 / 3);
}

#[test]
fn deletes_in_a_line_tell_each_caller_whether_it_was_the_one() {
    let (builder, pause) = with_pause();
    let database = builder.in_memory().unwrap();
    database.put("users", "ann", &user(0)).unwrap();
    let deleted = while_another_writes(&database, pause, 40, |_| {
        database.delete("users", "ann").unwrap()
    });
    let count = deleted
        .into_iter()
        .filter(|it| *it.as_ref().unwrap())
        .count();
    assert_eq!(count, 1);
}

/// A store that panics instead of making a commit that has these bytes in it.
struct Panics {
    store: MemoryStore,
    at: &'static [u8],
    panics: AtomicUsize,
}

impl Store for Panics {
    fn open(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        self.store.open()
    }

    fn apply(&self, base: Point, writes: &[u8]) -> Result<Point, StoreFailure> {
        if writes.windows(self.at.len()).any(|part| part == self.at) {
            self.panics.fetch_add(1, SeqCst);
            panic!("the store panics");
        }
        self.store.apply(base, writes)
    }

    fn commit(&self, snapshot: u64, writes: &[u8]) -> Result<u64, StoreFailure> {
        self.store.commit(snapshot, writes)
    }

    fn close(&self) -> Result<(), StoreFailure> {
        self.store.close()
    }

    fn verify(&self) -> Result<(), StoreFailure> {
        self.store.verify()
    }

    fn size_on_disk(&self) -> Result<u64, StoreFailure> {
        self.store.size_on_disk()
    }
}

#[test]
fn a_panic_of_the_store_is_that_of_the_caller_whose_call_it_met() {
    let (builder, pause) = with_pause();
    let store = Panics {
        store: MemoryStore::new().unwrap(),
        at: b"7@example.com",
        panics: AtomicUsize::new(0),
    };
    let database = builder.with_store(store).unwrap();
    database.put("users", "ann", &user(100)).unwrap();
    let results = while_another_writes(&database, pause, 10, |number| {
        database.put("users", number as i64, &user(number))
    });
    for (number, result) in results.into_iter().enumerate() {
        assert_eq!(result.is_err(), number == 7, "{number}");
        let there: Option<User> = database.get("users", number as i64).unwrap();
        assert_eq!(there.is_some(), number != 7, "{number}");
    }
    // Whoever comes next finds nothing in the way.
    database.put("users", "bo", &user(8)).unwrap();
}
