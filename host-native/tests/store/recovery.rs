//! What a crash, a torn write or a damaged byte may take, and what not.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use crate::support::{Model, Random, child, child_path, commit, contents, copy, kill, one, open};
use cu_db::store::{DiskOptions, DiskStore, OpenError, Store, StoreFailure};

const LOG_HEADER: usize = 16;
const RECORD_HEADER: usize = 16;

/// A database with a few commits in its log only, as a crash would leave it: the contents
/// after each commit, and where the records end in the log.
fn crashed(path: &Path) -> (Vec<Model>, Vec<usize>) {
    let store_path = path.with_extension("live");
    let store = open(&store_path).unwrap();
    let mut states = vec![contents(&store)];
    let mut ends = vec![LOG_HEADER];
    for number in 0..6u8 {
        let writes = one([b'k', number], vec![number; 20 + 30 * number as usize]);
        commit(&store, &writes).unwrap();
        states.push(contents(&store));
        ends.push(ends.last().unwrap() + RECORD_HEADER + writes.len());
    }
    copy(&store_path, path);
    (states, ends)
}

fn failure(result: Result<DiskStore, OpenError>) -> StoreFailure {
    match result {
        Err(OpenError::Store(_, failure)) => failure,
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("it opened"),
    }
}

#[test]
fn every_whole_commit_survives_a_log_cut_at_each_length() {
    let directory = tempfile::tempdir().unwrap();
    let (states, ends) = crashed(&directory.path().join("crashed"));
    let log = fs::read(directory.path().join("crashed/log")).unwrap();
    for length in LOG_HEADER..=*ends.last().unwrap() + 20 {
        let path = directory.path().join(format!("cut{length}"));
        copy(&directory.path().join("crashed"), &path);
        fs::write(path.join("log"), &log[..length]).unwrap();
        let whole = ends.iter().filter(|end| **end <= length).count() - 1;

        let store = open(&path).unwrap();
        assert!(contents(&store) == states[whole], "cut at {length}");
        assert_eq!(store.open().unwrap().version(), whole as u64);
        // What was cut is forgotten for good, and the log goes on.
        if length % 13 == 0 {
            commit(&store, &one("after", "the crash")).unwrap();
            let expected = contents(&store);
            let again = path.with_extension("again");
            copy(&path, &again);
            assert!(contents(&open(&again).unwrap()) == expected);
        }
        drop(store);
        fs::remove_dir_all(&path).unwrap();
    }
}

#[test]
fn a_flipped_bit_in_the_log_is_a_torn_tail_or_an_error_and_never_a_wrong_value() {
    let directory = tempfile::tempdir().unwrap();
    let (states, ends) = crashed(&directory.path().join("crashed"));
    let log = fs::read(directory.path().join("crashed/log")).unwrap();
    let last = ends[ends.len() - 2];
    for at in LOG_HEADER..*ends.last().unwrap() {
        let path = directory.path().join(format!("flip{at}"));
        copy(&directory.path().join("crashed"), &path);
        let mut damaged = log.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(path.join("log"), damaged).unwrap();
        if at < last {
            assert!(
                matches!(failure(open(&path)), StoreFailure::Corrupt(_)),
                "bit at {at}"
            );
        } else {
            // The last record can't be told from one that was being written.
            assert!(
                contents(&open(&path).unwrap()) == states[states.len() - 2],
                "bit at {at}"
            );
        }
        fs::remove_dir_all(&path).unwrap();
    }
}

#[test]
fn a_log_of_something_else_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    open(&path).unwrap().close().unwrap();
    fs::write(path.join("log"), b"2026-11-24 12:00:00 INFO started\n").unwrap();
    assert!(matches!(failure(open(&path)), StoreFailure::Corrupt(_)));
}

#[test]
fn a_log_that_does_not_continue_the_tree_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (old, new) = (directory.path().join("old"), directory.path().join("new"));
    let store = open(&old).unwrap();
    copy(&old, &new);
    commit(&store, &one("a", "1")).unwrap();
    store.close().unwrap();
    let store = open(&old).unwrap();
    commit(&store, &one("b", "2")).unwrap();
    fs::copy(old.join("log"), new.join("log")).unwrap();
    assert!(matches!(failure(open(&new)), StoreFailure::Corrupt(_)));
}

#[test]
fn a_log_written_from_its_beginning_again_shows_nothing_old() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let options = DiskOptions {
        log_bytes: 2_000,
        large_commit_bytes: 200,
        ..DiskOptions::default()
    };
    let store = DiskStore::open(&path, options.clone()).unwrap();
    let mut random = Random(7);
    for number in 0..200u64 {
        let length = random.below(400) as usize;
        let writes = one(random.below(20).to_be_bytes(), random.bytes(length));
        commit(&store, &writes).unwrap();
        // A file that is written to while it is copied is no file that a crash leaves.
        store.compression().unwrap();
        let copied = directory.path().join("copy");
        copy(&path, &copied);
        let reopened = DiskStore::open(&copied, options.clone()).unwrap();
        assert!(
            contents(&reopened) == contents(&store),
            "after commit {number}"
        );
        drop(reopened);
        fs::remove_dir_all(&copied).unwrap();
    }
}

#[test]
fn a_damaged_tree_gives_an_error_and_not_a_panic() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let store = open(&path).unwrap();
    let mut random = Random(3);
    for number in 0..50u64 {
        commit(&store, &one(number.to_be_bytes(), random.bytes(3_000))).unwrap();
    }
    store.close().unwrap();
    let tree = fs::read(path.join("tree.redb")).unwrap();

    for name in ["tree.redb", "log"] {
        fs::rename(path.join(name), path.join("away")).unwrap();
        assert!(
            matches!(failure(open(&path)), StoreFailure::Corrupt(_)),
            "without {name}"
        );
        assert!(!path.join(name).exists());
        fs::rename(path.join("away"), path.join(name)).unwrap();
    }
    for (name, damaged) in [
        ("empty", Vec::new()),
        ("foreign", b"SQLite format 3\0 and so on".repeat(1_000)),
        ("cut", tree[..tree.len() / 2].to_vec()),
        ("scribbled", tree.iter().map(|byte| byte ^ 0x55).collect()),
    ] {
        fs::write(path.join("tree.redb"), &damaged).unwrap();
        match open(&path) {
            Err(OpenError::Store(..)) => {}
            Err(other) => panic!("{name}: {other}"),
            Ok(_) => panic!("{name}: it opened"),
        }
    }
}

#[test]
fn verify_finds_a_flipped_bit_in_the_tree() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let store = open(&path).unwrap();
    commit(&store, &one("needle", [0xab; 2_000])).unwrap();
    store.verify().unwrap();
    store.close().unwrap();
    let mut tree = fs::read(path.join("tree.redb")).unwrap();
    let at = tree
        .windows(2_000)
        .position(|window| window == [0xab; 2_000])
        .unwrap();
    tree[at + 1_000] ^= 1;
    fs::write(path.join("tree.redb"), tree).unwrap();

    let store = open(&path).unwrap();
    assert!(matches!(store.verify(), Err(StoreFailure::Corrupt(_))));
}

/// Commits for ever, and says so after each one.
#[test]
#[ignore = "the child process of `acknowledged_commits_survive_a_kill`"]
fn commit_until_killed() {
    let options = DiskOptions {
        log_bytes: 40_000,
        // Half of the commits are large ones, which the tree gets in the background.
        large_commit_bytes: 1_500,
        ..DiskOptions::default()
    };
    let store = DiskStore::open(child_path(), options).unwrap();
    let mut random = Random(std::process::id().into());
    loop {
        let number = store.open().unwrap().version() + 1;
        let mut writes = one(b"a", number.to_be_bytes());
        let length = random.below(3_000) as usize;
        writes.extend(one(
            [b"b", &number.to_be_bytes()[..]].concat(),
            random.bytes(length),
        ));
        writes.extend(one(b"c", number.to_be_bytes()));
        assert_eq!(commit(&store, &writes).unwrap(), number);
        let mut out = std::io::stdout().lock();
        writeln!(out, "committed {number}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn acknowledged_commits_survive_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let mut random = Random(11);
    for _ in 0..12 {
        let mut process = child("recovery::commit_until_killed", &path)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let acknowledged: u64 = lines
            .filter_map(|line| line.unwrap().strip_prefix("committed ")?.parse().ok())
            .nth(random.below(60) as usize)
            .unwrap();
        kill(process);

        let store = open(&path).unwrap();
        let snapshot = store.open().unwrap();
        let version = snapshot.version();
        assert!(
            version >= acknowledged,
            "{version} after {acknowledged} was acknowledged"
        );
        assert_eq!(snapshot.get(b"a").unwrap().unwrap(), version.to_be_bytes());
        assert_eq!(snapshot.get(b"c").unwrap().unwrap(), version.to_be_bytes());
        assert_eq!(snapshot.count(b"b", b"c").unwrap(), version);
    }
}
