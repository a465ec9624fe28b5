//! The change feed and subscriptions: exact across restarts, and woken by commits.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use cu_db::{Batch, Change, Changes, Database, Error, Feed, Key, Position, field};

/// Tells the process that is killed where its database is.
const DIRECTORY: &str = "CU_CHANGES_DIRECTORY";

/// Long enough for what has to come.
const LONG: Duration = Duration::from_secs(60);

fn followed() -> Database {
    let database = Database::in_memory().unwrap();
    database.configure_feed(&Feed::all()).unwrap();
    database
}

#[test]
fn a_subscription_tells_each_change_once_and_in_order() {
    let database = followed();
    let mut changes = database.subscribe::<i64>(&Changes::all()).unwrap();
    assert_eq!(changes.next_within(Duration::ZERO).unwrap(), None);
    for number in 0..2_500 {
        database.put("t", number % 7, &number).unwrap();
    }
    for number in 0..2_500 {
        let change = changes.next_within(LONG).unwrap().unwrap();
        assert_eq!(change.after, Some(number));
        assert_eq!(change.before, (number >= 7).then_some(number - 7));
        assert_eq!(change.sequence, 2 + number as u64);
        assert_eq!(
            (change.table.as_str(), change.key),
            ("t", Some(Key::Integer(number % 7)))
        );
        assert_eq!(*changes.position(), change.position);
    }
    assert_eq!(changes.next_within(Duration::ZERO).unwrap(), None);
}

#[test]
fn every_change_is_a_place_to_go_on_from() {
    let database = followed();
    let start = database.feed().unwrap().unwrap().position;
    let mut batch = Batch::new();
    for number in 0..10 {
        batch.put("a", number, &number).unwrap();
        batch.put("b", number, &number).unwrap();
    }
    database.apply_unanswered(&batch).unwrap();
    database.drop_table("a").unwrap();
    let all = database
        .changes::<i64>(&Changes::all().after(start.clone()))
        .unwrap();
    assert_eq!(all.changes.len(), 21);
    assert!(!all.more);
    for (number, change) in all.changes.iter().enumerate() {
        let text = change.position.to_string();
        let place: Position = text.parse().unwrap();
        let json: Position = serde_json::from_str(&serde_json::to_string(&place).unwrap()).unwrap();
        assert_eq!(json, change.position);
        let rest = database
            .changes::<i64>(&Changes::all().after(place))
            .unwrap();
        assert_eq!(rest.changes, all.changes[number + 1..]);
    }
    for limit in 1..23 {
        let mut position = start.clone();
        let mut told: Vec<Change<i64>> = Vec::new();
        loop {
            let page = database
                .changes(&Changes::all().after(position).limit(limit))
                .unwrap();
            assert!(page.changes.len() as u64 <= limit);
            told.extend(page.changes);
            position = page.next;
            if !page.more {
                break;
            }
        }
        assert_eq!(told, all.changes, "pages of {limit}");
    }
    let dropped = all.changes.last().unwrap();
    assert_eq!((dropped.table.as_str(), &dropped.key), ("a", &None));
}

/// More than what a transaction keeps in memory, if it hands writes over to the store before its commit.
#[test]
fn a_large_batch_tells_each_document_once_with_what_was_there_before() {
    let database = followed();
    let mut changes = database
        .subscribe::<(i64, String)>(&Changes::all())
        .unwrap();
    let text = "x".repeat(2_000);
    for round in 0..2 {
        let mut batch = Batch::new();
        for number in (0..6_000).chain(0..3_000) {
            batch.put("t", number, &(round, &text)).unwrap();
        }
        database.apply_unanswered(&batch).unwrap();
        for number in 0..6_000 {
            let change = changes.next_within(LONG).unwrap().unwrap();
            assert_eq!(change.key, Some(Key::Integer(number)));
            let round_of = |document: Option<(i64, String)>| document.map(|(round, _)| round);
            let before = (round > 0).then(|| round - 1);
            assert_eq!(
                (round_of(change.before), round_of(change.after)),
                (before, Some(round))
            );
        }
        assert_eq!(changes.next_within(Duration::ZERO).unwrap(), None);
    }
}

#[test]
fn texts_that_are_no_place_are_refused() {
    for text in [
        "",
        "x",
        "-1",
        "12a",
        "99999999999999999999",
        "0123456789abcdef0123456789abcdef0",
    ] {
        assert!(text.parse::<Position>().is_err(), "{text}");
    }
    assert_eq!("17".parse::<Position>().unwrap(), Position::commit(17));
}

#[test]
fn a_subscription_waits_for_a_commit_and_ends_when_it_is_closed() {
    let database = followed();
    let changes = database.subscribe::<String>(&Changes::of(["t"])).unwrap();
    let closer = changes.closer();
    let (send, receive) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            for change in changes {
                send.send(change.unwrap().after.unwrap()).unwrap();
            }
        });
        database.put("other", 1, "not wanted").unwrap();
        for text in ["one", "two"] {
            database.put("t", 1, text).unwrap();
            assert_eq!(receive.recv_timeout(LONG).unwrap(), text);
        }
        closer.clone().close();
        assert!(receive.recv_timeout(LONG).is_err(), "the thread has ended");
    });
}

#[test]
fn conditions_are_tested_on_both_sides_of_a_change() {
    let database = followed();
    let wanted = Changes::of(["t"]).filter(field("n").gt(5));
    let mut changes = database
        .subscribe::<BTreeMap<String, i64>>(&wanted)
        .unwrap();
    for n in [1, 9, 2, 3] {
        database.put("t", 1, &BTreeMap::from([("n", n)])).unwrap();
    }
    let mut next = || {
        changes
            .next_within(Duration::ZERO)
            .unwrap()
            .map(|change| change.after.unwrap()["n"])
    };
    assert_eq!([next(), next(), next()], [Some(9), Some(2), None]);
}

#[test]
fn subscribers_miss_nothing_of_concurrent_writers() {
    const WRITERS: i64 = 4;
    const EACH: i64 = 200;
    let database = followed();
    let total = (WRITERS * EACH) as usize;
    thread::scope(|scope| {
        let mut readers = Vec::new();
        for _ in 0..2 {
            let subscription = database.subscribe::<i64>(&Changes::all()).unwrap();
            readers.push(scope.spawn(move || {
                subscription
                    .take(total)
                    .collect::<Result<Vec<_>, _>>()
                    .unwrap()
            }));
        }
        for writer in 0..WRITERS {
            let database = &database;
            scope.spawn(move || {
                for number in 0..EACH {
                    database.put("t", writer, &number).unwrap();
                }
            });
        }
        for reader in readers {
            let told = reader.join().unwrap();
            assert!(told.windows(2).all(|two| two[0].sequence < two[1].sequence));
            for writer in 0..WRITERS {
                let of_one = told
                    .iter()
                    .filter(|change| change.key == Some(Key::Integer(writer)));
                let numbers: Vec<_> = of_one.map(|change| change.after.unwrap()).collect();
                assert_eq!(numbers, (0..EACH).collect::<Vec<_>>());
            }
        }
    });
}

#[test]
fn a_subscriber_that_is_too_slow_is_told_so() {
    let database = Database::in_memory().unwrap();
    database.configure_feed(&Feed::all().changes(3)).unwrap();
    let mut changes = database.subscribe::<i64>(&Changes::all()).unwrap();
    for number in 0..10 {
        database.put("t", 1, &number).unwrap();
    }
    assert!(matches!(changes.next(), Some(Err(Error::OutOfDate(_)))));
    assert!(changes.next().is_none());
    let oldest = database.feed().unwrap().unwrap().oldest;
    let kept = database
        .changes::<i64>(&Changes::all().after(oldest))
        .unwrap()
        .changes;
    let kept: Vec<_> = kept.iter().map(|change| change.after.unwrap()).collect();
    assert!(
        kept.len() >= 3 && (0..10).collect::<Vec<_>>().ends_with(&kept),
        "{kept:?}"
    );
}

#[test]
fn a_feed_that_is_off_says_how_to_switch_it_on() {
    let database = Database::in_memory().unwrap();
    assert!(database.feed().unwrap().is_none());
    let Err(error) = database.subscribe::<i64>(&Changes::all()) else {
        panic!("there is no feed")
    };
    assert!(error.to_string().contains("changes.configure"), "{error}");
    database
        .configure_feed(&Feed::of(["t"]).bytes(5_000))
        .unwrap();
    let feed = database.feed().unwrap().unwrap();
    assert_eq!(feed.settings.tables, Some(vec!["t".to_owned()]));
    assert_eq!(
        (feed.settings.bytes, feed.newest, feed.oldest),
        (Some(5_000), 1, 1)
    );
    database.drop_feed().unwrap();
    assert!(database.feed().unwrap().is_none());
}

#[test]
fn a_restored_database_keeps_the_settings_and_knows_no_place_of_the_old_feed() {
    let mut archive = Vec::new();
    let database = Database::in_memory().unwrap();
    database.put("t", 1, &1).unwrap();
    database.configure_feed(&Feed::all().changes(50)).unwrap();
    database.put("t", 1, &2).unwrap();
    let position = database.feed().unwrap().unwrap().position;
    database.export_archive(&mut archive, |_| {}).unwrap();

    let restored = Database::in_memory().unwrap();
    restored.import_archive(&archive[..], |_| {}).unwrap();
    let feed = restored.feed().unwrap().unwrap();
    assert_eq!(feed.settings.changes, Some(50));
    assert_eq!(
        (feed.oldest, feed.newest),
        (feed.newest, feed.newest),
        "it begins empty"
    );
    for number in 0..10 {
        restored.put("t", 2, &number).unwrap();
    }
    let refused = restored.changes::<i64>(&Changes::all().after(position));
    assert!(matches!(refused, Err(Error::OutOfDate(_))), "{refused:?}");
    let told = restored
        .changes::<i64>(&Changes::all().after(feed.position))
        .unwrap();
    assert_eq!(told.changes.len(), 10);
}

/// Not a test by itself: the process that counts until it is killed.
#[test]
#[ignore = "runs for ever; the test below starts it, and kills it"]
fn the_process_that_counts() {
    let Some(path) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let database = Database::open(path).unwrap();
    let begun: i64 = database.get("t", "n").unwrap().unwrap_or(0);
    let mut out = std::io::stdout().lock();
    for number in begun + 1.. {
        database.put("t", "n", &number).unwrap();
        writeln!(out, "\nacknowledged {number}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn nothing_is_missed_nor_doubled_when_the_writer_is_killed_and_the_database_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("killed");
    let database = Database::open(&path).unwrap();
    database.configure_feed(&Feed::all()).unwrap();
    let mut position = database.feed().unwrap().unwrap().position;
    database.close().unwrap();
    let mut told = 0;
    for round in 0..5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "the_process_that_counts",
                "--ignored",
                "--nocapture",
            ])
            .env(DIRECTORY, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let acknowledged = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<i64>().ok())
            .nth(20 + 13 * round)
            .unwrap();
        child.kill().unwrap();
        child.wait().unwrap();

        let database = Database::open(&path).unwrap();
        // Some now, the rest with another subscription.
        let wanted = Changes::of(["t"]).after(position.clone());
        let mut some = database.subscribe::<i64>(&wanted).unwrap();
        for change in some.by_ref().take(7) {
            let change = change.unwrap();
            told += 1;
            assert_eq!(
                (change.after, change.before),
                (Some(told), (told > 1).then(|| told - 1))
            );
        }
        let wanted = Changes::of(["t"]).after(some.position().clone());
        let mut rest = database.subscribe::<i64>(&wanted).unwrap();
        while let Some(change) = rest.next_within(Duration::ZERO).unwrap() {
            told += 1;
            assert_eq!(change.after, Some(told));
            position = change.position;
        }
        assert!(
            told >= acknowledged,
            "{told} told, {acknowledged} acknowledged"
        );
        assert_eq!(database.get::<i64>("t", "n").unwrap(), Some(told));
        database.close().unwrap();
    }
}
