//! Callers at the same time: who waits for whom, and what each of them sees.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use cu_db::{Batch, Builder, CallOptions, Database, Durability, Key, Query, Value};

/// A builder whose Lua has `host.pause()`, which says that it was reached and waits until it may go on.
fn with_pause() -> (Builder, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (reached, is_reached) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let ends = Mutex::new((reached, may_go));
    let builder = Database::builder().function("pause", move |_: Vec<Value>| {
        let (reached, may_go) = &*ends.lock().unwrap();
        reached.send(()).unwrap();
        may_go.recv().unwrap();
        Ok(Value::Null)
    });
    (builder, is_reached, go)
}

#[test]
fn reads_go_on_while_a_call_writes_and_see_nothing_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let (builder, is_reached, go) = with_pause();
    let database = builder.open(directory.path().join("db")).unwrap();
    database.put("users", "ann", &1).unwrap();
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            database.eval::<()>("_home.users.ann = 2  host.pause()  _home.users.bo = 3", ())
        });
        is_reached.recv().unwrap();
        assert_eq!(database.get::<i64>("users", "ann").unwrap(), Some(1));
        let rows = database.query::<i64>(&Query::table("users")).unwrap();
        assert_eq!(rows.len(), 1);
        let seen: i64 = database
            .eval_read("return _home.users.ann", (), &CallOptions::default())
            .unwrap();
        assert_eq!(seen, 1);
        assert_eq!(database.stats().unwrap().documents, 1);
        assert!(!writing.is_finished());
        go.send(()).unwrap();
        writing.join().unwrap().unwrap();
    });
    assert_eq!(database.get::<i64>("users", "ann").unwrap(), Some(2));
    assert_eq!(database.get::<i64>("users", "bo").unwrap(), Some(3));
}

#[test]
fn as_many_calls_read_at_once_as_there_are_readers() {
    let (builder, is_reached, go) = with_pause();
    // The function's own lock lets one call pause at a time: the first that pauses is enough to show that another one reads.
    let database = builder.readers(2).in_memory().unwrap();
    database.put("users", "ann", &1).unwrap();
    thread::scope(|scope| {
        let paused = scope.spawn(|| {
            let source = "local ann = _home.users.ann  host.pause()  return ann + _home.users.ann";
            database.eval_read::<i64>(source, (), &CallOptions::default())
        });
        is_reached.recv().unwrap();
        // Its snapshot stays what it was, and nobody waits for it.
        database.put("users", "ann", &5).unwrap();
        assert_eq!(database.get::<i64>("users", "ann").unwrap(), Some(5));
        go.send(()).unwrap();
        assert_eq!(paused.join().unwrap().unwrap(), 2);
    });
}

#[test]
fn a_call_that_may_only_read_writes_nothing() {
    let database = Database::in_memory().unwrap();
    database
        .persist_function(
            "tools",
            "next",
            "local n = 0 return function() n = n + 1 return n end",
        )
        .unwrap();
    let before = database.digest().unwrap();
    let options = CallOptions::default();
    for source in [
        "_home.users = {ann = 1}",
        "_home.tools.next()",
        "pcall(function() _home.x = 1 end)",
    ] {
        let error = database
            .eval_read::<Value>(source, (), &options)
            .unwrap_err();
        assert_eq!(error.code(), "store-read-only", "{source}: {error}");
    }
    let error = database.call_function_read::<i64>("tools", "next", (), &options);
    assert_eq!(error.unwrap_err().code(), "store-read-only");
    assert_eq!(database.digest().unwrap(), before);
    // What the refused calls counted is forgotten everywhere.
    let next: i64 = database.call_function("tools", "next", ()).unwrap();
    assert_eq!(next, 1);
    let sum: i64 = database
        .eval_read("local a, b = ... return a + b", (1, 2), &options)
        .unwrap();
    assert_eq!(sum, 3);
}

#[test]
fn what_an_instance_keeps_for_its_caller_is_kept_beside_readers() {
    let database = Database::in_memory().unwrap();
    let keep = CallOptions::default().keep_globals(true);
    database
        .persist_function("tools", "one", "function() return 1 end")
        .unwrap();
    database
        .eval_with::<Value>("counter = 1", (), &keep)
        .unwrap();
    for round in 2..20i64 {
        database.call_function::<i64>("tools", "one", ()).unwrap();
        database.get::<Value>("tools", "nothing").unwrap();
        let counter: i64 = database
            .eval_with("counter = counter + 1 return counter", (), &keep)
            .unwrap();
        assert_eq!(counter, round);
    }
    let statistics = database.function_statistics().unwrap();
    assert_eq!((statistics.len(), statistics[0].calls), (1, 18));
}

/// Each writer counts in a document of its own, and looks after each count; readers look at all of them all the time.
#[test]
fn callers_see_their_own_writes_and_never_go_back_in_time() {
    const WRITERS: i64 = 8;
    const COUNTS: u64 = 60;
    let directory = tempfile::tempdir().unwrap();
    for durability in [Durability::Strict, Durability::Relaxed] {
        let path = directory.path().join(format!("{durability:?}"));
        let database = Database::builder()
            .readers(3)
            .open(&path)
            .unwrap()
            .with_durability(durability);
        let acknowledged: Vec<AtomicU64> = (0..WRITERS).map(|_| AtomicU64::new(0)).collect();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let (database, acknowledged) = (&database, &acknowledged);
                    scope.spawn(move || {
                        for count in 1..=COUNTS {
                            let mut batch = Batch::new();
                            batch.put("counts", writer, &count).unwrap();
                            batch.put("copies", writer, &count).unwrap();
                            database.apply(&batch).unwrap();
                            acknowledged[writer as usize].store(count, SeqCst);
                            assert_eq!(database.get::<u64>("counts", writer).unwrap(), Some(count));
                        }
                    })
                })
                .collect();
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut last = vec![0; WRITERS as usize];
                    while !done.load(SeqCst) {
                        let floor: Vec<u64> = acknowledged
                            .iter()
                            .map(|count| count.load(SeqCst))
                            .collect();
                        let source = "local out = {}
                            for writer = 0, ... - 1 do
                                out[writer + 1] = _home.counts and _home.counts[writer] or 0
                                local copy = _home.copies and _home.copies[writer] or 0
                                assert(copy == out[writer + 1], 'half of a batch shows')
                            end
                            return out";
                        let counts: Vec<u64> = database
                            .eval_read(source, (WRITERS,), &CallOptions::default())
                            .unwrap();
                        for writer in 0..WRITERS as usize {
                            assert!(
                                counts[writer] >= floor[writer],
                                "an acknowledged write is missing"
                            );
                            assert!(counts[writer] >= last[writer], "time went back");
                        }
                        last = counts;
                    }
                });
            }
            for writer in writers {
                writer.join().unwrap();
            }
            done.store(true, SeqCst);
        });
        database.sync().unwrap();
        drop(database);
        let database = Database::open(&path).unwrap();
        for writer in 0..WRITERS {
            assert_eq!(database.get::<u64>("counts", writer).unwrap(), Some(COUNTS));
        }
    }
}

#[test]
fn a_handle_with_another_durability_is_the_same_database() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let database = Database::open(&path).unwrap();
    let relaxed = database.with_durability(Durability::Relaxed);
    relaxed.put("users", "ann", &1).unwrap();
    assert_eq!(database.get::<i64>("users", "ann").unwrap(), Some(1));
    database.put("users", "bo", &2).unwrap();
    assert_eq!(relaxed.get::<i64>("users", "bo").unwrap(), Some(2));
    relaxed.close().unwrap();
    // It is closed for all handles.
    assert_eq!(
        database.put("users", "cy", &3).unwrap_err().code(),
        "store-closed"
    );
    drop(database);
    let database = Database::open(&path).unwrap();
    let keys: Vec<Key> = database
        .scan::<i64>("users", ..)
        .map(|row| row.unwrap().0)
        .collect();
    assert_eq!(keys.len(), 2);
}

/// Instances are made when they are needed, and no more of them than may read.
#[test]
fn the_pool_of_readers_is_bounded() {
    const READERS: usize = 2;
    let database = Database::builder().readers(READERS).in_memory().unwrap();
    database.put("users", "ann", &1).unwrap();
    let one = database.component_memory();
    let running = Arc::new(AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..16 {
            let running = Arc::clone(&running);
            let database = &database;
            scope.spawn(move || {
                for _ in 0..20 {
                    database.get::<i64>("users", "ann").unwrap();
                    running.fetch_add(1, SeqCst);
                }
            });
        }
    });
    assert_eq!(running.load(SeqCst), 320);
    let all = database.component_memory();
    assert!(all > one, "a reader was made");
    assert!(all <= one * (READERS + 1), "{all} bytes, {one} for one");
}
