//! A process that is killed at any moment, under load: what it acknowledged is there, nothing half-done is, and each index holds what
//! its documents do.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use cu_db::{Batch, Database, Index, Key, Query, field};
use serde::{Deserialize, Serialize};

/// Tells the process that is killed where its database is.
const DIRECTORY: &str = "CU_CRASH_DIRECTORY";

/// How many times the process is killed.
const KILLS: &str = "CU_CRASH_KILLS";

/// How many threads write at the same time. The first one calls a function, the others put documents and apply batches.
const WRITERS: usize = 6;

/// Counts in a variable of the function and in a document, in one transaction.
const COUNTER: &str = "
    local n = 0
    return function()
        n = n + 1
        _home.counted = n
        return n
    end";

/// What a writer leaves for each time that it wrote.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    writer: usize,
    turn: u64,
    text: String,
}

fn note(writer: usize, turn: u64) -> Note {
    Note {
        writer,
        turn,
        text: "x".repeat((turn * 37 % 500) as usize),
    }
}

fn key(writer: usize, turn: u64) -> Key {
    Key::from(format!("{writer}/{turn:08}"))
}

fn open(path: &Path) -> Database {
    // With a log this short, many of the kills meet the tree while it is synced.
    Database::builder().log(1 << 14).open(path).unwrap()
}

/// Writes for the writer's next turn, in one transaction: one document, or two of which there must be both or none.
fn write(database: &Database, writer: usize, turn: u64) {
    if writer == 0 {
        let count: u64 = database.call_function("tools", "next", ()).unwrap();
        assert_eq!(count, turn + 1);
    } else if turn.is_multiple_of(3) {
        let mut batch = Batch::new();
        for table in ["notes", "copies"] {
            batch
                .put(table, key(writer, turn), &note(writer, turn))
                .unwrap();
        }
        database.apply_unanswered(&batch).unwrap();
    } else {
        database
            .put("notes", key(writer, turn), &note(writer, turn))
            .unwrap();
    }
}

/// How often a writer has written, after a look at all that it left.
fn written(database: &Database, writer: usize) -> u64 {
    if writer == 0 {
        return database.eval("return _home.counted or 0", ()).unwrap();
    }
    let of_writer = |table| Query::table(table).filter(field("writer").eq(writer as i64));
    let mut rows: Vec<(Key, Note)> = database.query(&of_writer("notes")).unwrap();
    rows.sort_by_key(|(_, note)| note.turn);
    let count = rows.len() as u64;
    for (turn, (there, row)) in (0..).zip(rows) {
        assert_eq!((there, row), (key(writer, turn), note(writer, turn)));
    }
    let copies: Vec<(Key, Note)> = database.query(&of_writer("copies")).unwrap();
    let mut turns: Vec<u64> = copies.iter().map(|(_, note)| note.turn).collect();
    turns.sort_unstable();
    let expected: Vec<u64> = (0..count).filter(|turn| turn.is_multiple_of(3)).collect();
    assert_eq!(turns, expected, "writer {writer}: halves of batches");
    count
}

/// Compares each index with a scan of its table.
fn check_indexes(database: &Database) {
    for table in ["notes", "copies"] {
        let all: Vec<(Key, Note)> = database.query(&Query::table(table)).unwrap();
        for index in database.indexes(table).unwrap() {
            assert_eq!(index.entries, all.len() as u64, "{table}: {}", index.name);
        }
        for (key, note) in &all {
            let same = field("writer")
                .eq(note.writer as i64)
                .and(field("turn").eq(note.turn as i64));
            let query = Query::table(table).filter(same);
            let found: Vec<(Key, Note)> = database.query(&query).unwrap();
            assert_eq!(found.len(), 1, "{table}: {key:?}");
            assert_eq!(&found[0].0, key);
        }
    }
}

/// Not a test by itself: the process that writes until it is killed.
#[test]
#[ignore = "runs for ever; the test below starts it, and kills it"]
fn the_process_that_writes() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let database = open(Path::new(&directory));
    let counts: Vec<u64> = (0..WRITERS)
        .map(|writer| written(&database, writer))
        .collect();
    thread::scope(|scope| {
        for (writer, from) in counts.into_iter().enumerate() {
            let database = &database;
            scope.spawn(move || {
                for turn in from.. {
                    write(database, writer, turn);
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "\nacknowledged {writer} {turn}").unwrap();
                    out.flush().unwrap();
                }
            });
        }
    });
}

fn start(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "the_process_that_writes",
            "--ignored",
            "--nocapture",
        ])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn random() -> u64 {
    getrandom::u64().unwrap()
}

/// 20 kills, or as many as `CU_CRASH_KILLS` says.
#[test]
fn what_writers_were_told_is_there_after_every_kill_and_nothing_is_by_halves() {
    let kills = std::env::var(KILLS).map_or(20, |kills| kills.parse::<u32>().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let mut counted = [0; WRITERS];
    let in_flight = AtomicU64::new(0);
    for kill in 0..kills {
        let path = directory.path().join(format!("db-{}", kill / 25));
        if kill % 25 == 0 {
            // A new one now and then, so that looking at all of it takes no longer with each kill.
            let database = open(&path);
            database.persist_function("tools", "next", COUNTER).unwrap();
            for table in ["notes", "copies"] {
                database
                    .create_index(table, &Index::on(["writer", "turn"]).unique())
                    .unwrap();
                database.create_index(table, &Index::on(["turn"])).unwrap();
            }
            database.close().unwrap();
            counted = [0; WRITERS];
        }
        let mut process = start(&path);
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut acknowledged = counted;
        let mut left = 1 + random() % 120;
        let mut killed = false;
        for line in output.lines() {
            let line = line.unwrap();
            let Some(told) = line.strip_prefix("acknowledged ") else {
                continue;
            };
            // What is in the pipe was acknowledged all the same; a kill may have cut the last line.
            let Some((writer, turn)) = told.split_once(' ') else {
                continue;
            };
            let (writer, turn): (usize, u64) = (writer.parse().unwrap(), turn.parse().unwrap());
            if killed && turn != acknowledged[writer] {
                continue;
            }
            assert_eq!(turn, acknowledged[writer], "kill {kill}, writer {writer}");
            acknowledged[writer] += 1;
            left = left.saturating_sub(1);
            if !killed && left == 0 {
                // Somewhere in the calls that follow: a point in time, and nothing to wait for.
                thread::sleep(Duration::from_micros(random() % 5_000));
                process.kill().unwrap();
                killed = true;
            }
        }
        assert!(killed, "kill {kill}: the process ended by itself");
        process.wait().unwrap();

        let database = open(&path);
        for (writer, acknowledged) in acknowledged.into_iter().enumerate() {
            let there = written(&database, writer);
            assert!(
                there == acknowledged || there == acknowledged + 1,
                "kill {kill}, writer {writer}: {acknowledged} times acknowledged, and {there} are there"
            );
            in_flight.fetch_add(there - acknowledged, SeqCst);
            counted[writer] = there;
        }
        // The function's variable goes on from where its document is.
        write(&database, 0, counted[0]);
        counted[0] += 1;
        check_indexes(&database);
        database.verify().unwrap();
        database.close().unwrap();
    }
    println!("{kills} kills, {} writes in flight", in_flight.into_inner());
}
