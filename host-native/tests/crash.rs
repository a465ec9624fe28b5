//! A process that is killed at any moment: what it acknowledged is there, and nothing half-done is.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cu_db::Database;

/// Tells the process that is killed where its database is.
const DIRECTORY: &str = "CU_CRASH_DIRECTORY";

/// How many times the process is killed.
const KILLS: &str = "CU_CRASH_KILLS";

/// Counts in a variable of the function and in a document, in one transaction.
const COUNTER: &str = "
    local n = 0
    return function()
        n = n + 1
        _home.counted = n
        return n
    end";

fn open(path: &Path) -> Database {
    // With a log this short, many of the kills meet the tree while it is synced.
    Database::builder().log(1 << 14).open(path).unwrap()
}

/// Not a test by itself: the process that counts until it is killed.
#[test]
#[ignore = "runs for ever; the test below starts it, and kills it"]
fn the_process_that_counts() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let database = open(Path::new(&directory));
    let mut out = std::io::stdout().lock();
    loop {
        let count: u64 = database.call_function("tools", "next", ()).unwrap();
        writeln!(out, "\nacknowledged {count}").unwrap();
        out.flush().unwrap();
    }
}

fn start(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "the_process_that_counts",
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
fn a_persisted_counter_is_what_was_acknowledged_after_every_kill() {
    let kills = std::env::var(KILLS).map_or(20, |kills| kills.parse::<u32>().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let database = open(&path);
    database.persist_function("tools", "next", COUNTER).unwrap();
    database.close().unwrap();

    let mut counted = 0;
    let mut lost_acknowledgements = 0;
    for kill in 0..kills {
        let mut process = start(&path);
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut acknowledged = counted;
        let enough = counted + 1 + random() % 40;
        let mut killed = false;
        for line in output.lines() {
            let line = line.unwrap();
            let Some(count) = line.strip_prefix("acknowledged ") else {
                continue;
            };
            acknowledged += 1;
            assert_eq!(count.parse::<u64>().unwrap(), acknowledged, "kill {kill}");
            if !killed && acknowledged >= enough {
                // Somewhere in the calls that follow: a point in time, and nothing to wait for.
                std::thread::sleep(Duration::from_micros(random() % 5_000));
                process.kill().unwrap();
                killed = true;
                // What is in the pipe was acknowledged all the same.
            }
        }
        assert!(killed, "kill {kill}: the process ended by itself");
        process.wait().unwrap();

        let database = open(&path);
        counted = database.eval("return _home.counted or 0", ()).unwrap();
        assert!(
            counted == acknowledged || counted == acknowledged + 1,
            "kill {kill}: {acknowledged} calls were acknowledged, and {counted} are there"
        );
        lost_acknowledgements += counted - acknowledged;
        // The variable goes on from where the document is.
        let next: u64 = database.call_function("tools", "next", ()).unwrap();
        assert_eq!(next, counted + 1, "kill {kill}");
        counted = next;
        database.verify().unwrap();
        database.close().unwrap();
    }
    println!("{kills} kills, {counted} calls, {lost_acknowledgements} of them in flight");
}
