//! Live queries: whatever is written, the result is what the query finds.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use cu_db::{Database, Error, Feed, Key, LiveQuery, Path, Query, Update, Value, field};

/// Long enough for what has to come.
const LONG: Duration = Duration::from_secs(60);

type Row = (Key, Value);

fn document(n: i64, group: i64) -> BTreeMap<&'static str, i64> {
    BTreeMap::from([("group", group), ("n", n)])
}

fn followed() -> Database {
    let database = Database::in_memory().unwrap();
    database.configure_feed(&Feed::of(["t"])).unwrap();
    database
}

fn next(live: &mut LiveQuery<'_, Row>) -> Option<Update<Row>> {
    live.next_within(Duration::ZERO).unwrap()
}

fn keys(rows: &[Row]) -> Vec<Key> {
    rows.iter().map(|(key, _)| key.clone()).collect()
}

fn integers(keys: impl IntoIterator<Item = i64>) -> Vec<Key> {
    keys.into_iter().map(Key::Integer).collect()
}

#[test]
fn updates_tell_what_became_of_the_rows() {
    let database = followed();
    for n in 1..=4 {
        database.put("t", n, &document(n, 0)).unwrap();
    }
    let query = Query::table("t")
        .filter(field("group").eq(0))
        .sort("n")
        .limit(3);
    let mut live = database.live::<Row>(&query).unwrap();
    assert_eq!(keys(&live.rows().unwrap()), integers([1, 2, 3]));
    assert!(next(&mut live).is_none());

    database.put("t", 9, &document(9, 1)).unwrap();
    assert!(
        next(&mut live).is_none(),
        "it meets the condition neither before nor after"
    );
    database.put("t", 4, &document(5, 0)).unwrap();
    assert!(next(&mut live).is_none(), "it is behind the limit");

    database.put("t", 1, &document(7, 0)).unwrap();
    let update = next(&mut live).unwrap();
    assert_eq!(update.sequence, 8);
    assert_eq!(
        (keys(&update.added), keys(&update.removed)),
        (integers([4]), integers([1]))
    );
    assert!(update.changed.is_empty() && update.moved.is_empty());

    database.put("t", 2, &document(4, 0)).unwrap();
    let update = next(&mut live).unwrap();
    assert_eq!(
        (keys(&update.changed), keys(&update.moved).len()),
        (integers([2]), 1)
    );
    assert_eq!(keys(&live.rows().unwrap()), integers([3, 2, 4]));

    database.drop_table("t").unwrap();
    assert_eq!(keys(&next(&mut live).unwrap().removed), integers([3, 2, 4]));
    assert!(live.rows().unwrap().is_empty());
    database.put("t", 5, &document(1, 0)).unwrap();
    assert_eq!(keys(&next(&mut live).unwrap().added), integers([5]));
}

#[test]
fn a_table_that_does_not_exist_has_no_rows() {
    let database = followed();
    let mut live = database.live::<Row>(&Query::table("t")).unwrap();
    assert!(live.rows().unwrap().is_empty());
    database.put("t", 1, &1).unwrap();
    assert_eq!(
        next(&mut live).unwrap().added,
        [(Key::Integer(1), Value::from(1))]
    );
}

#[test]
fn a_feed_that_does_not_follow_the_table_says_how_it_can() {
    let database = followed();
    let Err(error) = database.live::<Row>(&Query::table("other")) else {
        panic!("it is not followed")
    };
    assert!(matches!(error, Error::OutOfDate(_)), "{error}");
    assert!(error.to_string().contains("changes.configure"), "{error}");
}

#[test]
fn a_live_query_waits_for_commits_and_ends_when_it_is_closed() {
    let database = followed();
    let live = database.live::<Row>(&Query::table("t")).unwrap();
    let closer = live.closer();
    let (send, receive) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || live.for_each(|update| send.send(update.unwrap()).unwrap()));
        for n in 0..3 {
            database.put("t", n, &n).unwrap();
            let update = receive.recv_timeout(LONG).unwrap();
            assert_eq!(keys(&update.added), integers([n]));
        }
        closer.close();
        assert!(receive.recv_timeout(LONG).is_err(), "the thread has ended");
    });
}

#[test]
fn a_result_comes_up_to_date_again_when_changes_were_deleted_meanwhile() {
    let database = Database::in_memory().unwrap();
    database.configure_feed(&Feed::all().changes(1)).unwrap();
    for query in [Query::table("t"), Query::table("t").limit(100)] {
        let mut live = database.live::<Row>(&query).unwrap();
        for n in 0..10 {
            database.put("t", n % 4, &n).unwrap();
        }
        next(&mut live).unwrap();
        assert_eq!(
            live.rows().unwrap(),
            database.query::<Value>(&query).unwrap()
        );
        database.drop_table("t").unwrap();
        assert_eq!(next(&mut live).unwrap().removed.len(), 4);
    }
}

/// Numbers that repeat with their seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as i64
    }
}

fn any_query(random: &mut Random) -> Query {
    let mut query = Query::table("t");
    match random.below(4) {
        0 => query = query.filter(field("n").gt(random.below(10))),
        1 => query = query.filter(field("group").eq(random.below(3)).or(field("n").lt(2))),
        2 => query = query.filter(!field("group").eq(1)),
        _ => {}
    }
    match random.below(4) {
        0 => query = query.sort("n"),
        1 => query = query.sort_descending("group").sort("n"),
        2 => query = query.sort(Path::parts([])),
        _ => {}
    }
    if random.below(3) == 0 {
        query = query.limit(1 + random.below(6) as u64);
    }
    if random.below(4) == 0 {
        query = query.offset(random.below(3) as u64);
    }
    query
}

fn write(database: &Database, random: &mut Random) {
    let key = random.below(12);
    match random.below(20) {
        0..10 => database
            .put("t", key, &document(random.below(10), random.below(3)))
            .unwrap(),
        10..14 => drop(database.delete("t", key).map(drop)),
        14 => drop(database.drop_table("t").map(drop)),
        15 => database
            .put("t", format!("k{key}").as_str(), &random.below(3))
            .unwrap(),
        16 => database.put("other", key, &1).unwrap(),
        17 => assert!(
            database
                .eval::<()>("_home.t = {[3] = {n = 1}} error('no')", ())
                .is_err()
        ),
        _ => {
            let source = "for key = 1, 5 do _home.t = _home.t or {} _home.t[key] = {n = key + ..., group = 1} end";
            database.eval::<()>(source, [random.below(5)]).unwrap();
        }
    }
}

/// What an update says has to lead from the rows before to the rows now.
fn check(update: &Update<Row>, before: &[Row], now: &[Row]) {
    let mut rows: BTreeMap<Key, Value> = before.iter().cloned().collect();
    for (key, value) in &update.removed {
        assert_eq!(rows.remove(key).as_ref(), Some(value));
    }
    for (key, value) in &update.added {
        assert_eq!(rows.insert(key.clone(), value.clone()), None);
    }
    for (key, value) in &update.changed {
        assert_ne!(
            rows.insert(key.clone(), value.clone()).as_ref(),
            Some(value)
        );
    }
    assert_eq!(rows, now.iter().cloned().collect());
    let moves = |key: &Key| {
        let of = |rows: &[Row]| keys(rows).contains(key);
        [&update.removed, &update.added, &update.moved]
            .iter()
            .any(|rows| of(rows))
    };
    let stayed =
        |rows: &[Row]| -> Vec<Key> { keys(rows).into_iter().filter(|key| !moves(key)).collect() };
    assert_eq!(stayed(before), stayed(now));
}

#[test]
fn the_result_is_always_what_the_query_finds() {
    for seed in 1..=40 {
        let mut random = Random(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let database = followed();
        for _ in 0..random.below(20) {
            write(&database, &mut random);
        }
        let queries: Vec<_> = (0..6).map(|_| any_query(&mut random)).collect();
        let mut live: Vec<_> = queries
            .iter()
            .map(|query| database.live::<Row>(query).unwrap())
            .collect();
        for _ in 0..60 {
            // Several commits may be one update.
            for _ in 0..=random.below(3) {
                write(&database, &mut random);
            }
            for (query, live) in queries.iter().zip(&mut live) {
                let before = live.rows().unwrap();
                let update = next(live);
                let now = live.rows().unwrap();
                let found = match database.query::<Value>(query) {
                    Err(Error::UnknownTable(_)) => Vec::new(),
                    found => found.unwrap(),
                };
                assert_eq!(now, found, "seed {seed}, {query:?}");
                match update {
                    Some(update) => check(&update, &before, &now),
                    None => assert_eq!(before, now),
                }
                assert!(next(live).is_none());
            }
        }
    }
}
