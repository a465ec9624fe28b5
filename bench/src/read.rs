//! Reading: queries by index, filters without one, counts, and how they grow.

use std::time::Duration;

use cu_db::{Database, Query, Value, field};

use crate::documents::{self, Person, Random, TABLE, TEAM, indexes, person};
use crate::measure::{medians, microseconds, timed};
use crate::report::{Figure, Target};
use crate::spy::{Read, Spy, replay};
use crate::sqlite::Sqlite;
use crate::{Bench, Outcome, count_of, watched};

const TIMES: usize = 2_000;

/// A database with so many documents, and the same in SQLite if asked for.
fn load(
    bench: &mut Bench,
    documents: u64,
    with_peer: bool,
) -> Outcome<(Spy, Database, Option<Sqlite>)> {
    let (spy, db) = watched(&bench.path(&format!("read-{documents}")))?;
    let mut sqlite = with_peer
        .then(|| Sqlite::open(&bench.path(&format!("read-{documents}-sqlite"))))
        .transpose()?;
    let progress = bench.progress(documents, "documents loaded");
    for from in (0..documents).step_by(50_000) {
        let count = (documents - from).min(50_000);
        db.apply(&documents::batch(from, count, documents))?;
        if let Some(sqlite) = &mut sqlite {
            sqlite.put(&documents::people(from, count, documents))?;
        }
        progress.inc(count);
    }
    progress.finish_and_clear();
    assert_eq!(db.stats()?.documents, documents);
    Ok((spy, db, sqlite))
}

fn team(team: u64) -> Outcome<Vec<u8>> {
    Ok(Query::table(TABLE)
        .filter(field("team").eq(team))
        .to_cbor()?)
}

/// Everything that is read from one size of the table.
pub fn all(bench: &mut Bench, documents: u64) -> Outcome<()> {
    let size = count_of(documents);
    bench.step(&format!("read: {size} documents"));
    let with_peer = documents <= 1_000_000;
    let (spy, db, sqlite) = load(bench, documents, with_peer)?;
    let teams = documents / TEAM;

    let found: Vec<(cu_db::Key, Person)> =
        db.query(&Query::table(TABLE).filter(field("team").eq(teams / 2)))?;
    assert_eq!(found.len() as u64, TEAM);
    assert!(found.iter().all(|(_, person)| person.team == teams / 2));
    assert_eq!(found[3].1, person(teams / 2 + 3 * teams, documents));

    let mut random = Random::new(2);
    let mut queries = Vec::new();
    for _ in 0..TIMES {
        let team_number = random.below(teams);
        let query = team(team_number)?;
        let (reads, _) = spy.watch(|| drop(db.raw().queries_run(&query)));
        queries.push((team_number, query, reads));
    }
    let length = db.raw().queries_run(&queries[0].1)?.len();
    // Each looks for another team in its turn: none finds in the processor's caches what the one before it has read.
    let times = medians(
        TIMES,
        &mut [
            &mut |turn| {
                let found = db.raw().queries_run(&queries[turn].1)?;
                assert!(found.len().abs_diff(length) < 200);
                Ok(())
            },
            &mut |turn| {
                assert!(replay(spy.store(), &queries[(turn + TIMES / 3) % TIMES].2)? > 1000);
                Ok(())
            },
            &mut |turn| {
                if let Some(sqlite) = &sqlite {
                    let (team, ..) = queries[(turn + TIMES / 3 * 2) % TIMES];
                    assert_eq!(sqlite.team(team)?.0 as u64, TEAM);
                }
                Ok(())
            },
        ],
    )?;
    let [ours, raw, peer] = [0, 1, 2].map(|row| microseconds(times[row]));
    let figure = || {
        Figure::new(
            "read/query",
            format!("10 by index of {size}, p50"),
            ours,
            "us",
        )
    };
    let alone = figure().beside("the store alone", raw);
    if with_peer && documents >= 100_000 {
        bench.report(alone.wants(Target::AtMost(2.5)));
        bench.report(figure().beside("SQLite", peer).wants(Target::AtMost(1.0)));
    } else {
        bench.report(alone);
    }
    if documents == 100_000 {
        filter(bench, &db, documents)?;
        rows(bench, &db)?;
        count(bench, &spy, &db, sqlite.as_ref())?;
    }
    Ok(())
}

/// A condition on a field without an index.
fn filter(bench: &mut Bench, db: &Database, documents: u64) -> Outcome<()> {
    let expected = (0..documents)
        .filter(|number| person(*number, documents).born == 1999)
        .count();
    let query = Query::table(TABLE)
        .filter(field("born").eq(1999))
        .to_cbor()?;
    let mut best = Duration::MAX;
    for _ in 0..7 {
        let (found, time) = timed(|| Ok(db.raw().queries_run(&query)?))?;
        best = best.min(time);
        let found: Vec<Value> = ciborium::from_reader(&found[..])?;
        assert_eq!(found.len(), expected);
    }
    bench.report(
        Figure::new(
            "read/filter",
            "100,000 without an index",
            documents as f64 / best.as_secs_f64() / 1e6,
            "M documents/s",
        )
        .wants(Target::AtLeast(1.5)),
    );
    Ok(())
}

/// The same query with more and more rows.
fn rows(bench: &mut Bench, db: &Database) -> Outcome<()> {
    for rows in [1, 10, 100, 1_000, 10_000] {
        let query = Query::table(TABLE)
            .filter(field("score").ge(1_u64 << 38))
            .sort("score")
            .limit(rows)
            .to_cbor()?;
        let mut run = |_| {
            db.raw().queries_run(&query)?;
            Ok(())
        };
        let times = medians(if rows > 100 { 20 } else { 300 }, &mut [&mut run])?;
        let found: Vec<Value> = ciborium::from_reader(&db.raw().queries_run(&query)?[..])?;
        assert_eq!(found.len() as u64, rows);
        bench.report(Figure::new(
            "read/rows",
            format!("the first {} of a range, p50", count_of(rows)),
            microseconds(times[0]) / rows as f64,
            "us/row",
        ));
    }
    Ok(())
}

/// A count over a tenth of an index, which no document is read for.
fn count(bench: &mut Bench, spy: &Spy, db: &Database, sqlite: Option<&Sqlite>) -> Outcome<()> {
    let (low, high) = (1_u64 << 38, (1_u64 << 38) + (1_u64 << 40) / 10);
    let query = Query::table(TABLE)
        .filter(field("score").between(low, high))
        .to_cbor()?;
    let (reads, _) = spy.watch(|| drop(db.raw().queries_count(&query)));
    assert!(
        !reads.iter().any(|read| matches!(read, Read::GetMany(_))),
        "a count reads no documents"
    );
    let expected = (0..100_000)
        .filter(|number| (low..=high).contains(&person(*number, 100_000).score))
        .count() as u64;
    let mut ours = |_| {
        assert_eq!(db.raw().queries_count(&query)?, expected);
        Ok(())
    };
    let mut raw = |_| replay(spy.store(), &reads).map(drop).map_err(Into::into);
    let mut peer = |_| {
        if let Some(sqlite) = sqlite {
            assert_eq!(sqlite.count_scores(low, high)?, expected);
        }
        Ok(())
    };
    let times = medians(100, &mut [&mut ours, &mut raw, &mut peer])?;
    let [ours, raw, peer] = [0, 1, 2].map(|row| microseconds(times[row]));
    let figure = || {
        Figure::new(
            "read/count",
            format!("a range of {expected}, p50"),
            ours,
            "us",
        )
    };
    bench.report(figure().beside("the store alone", raw));
    bench.report(figure().beside("SQLite", peer));
    Ok(())
}

/// One index made over documents that are there.
pub fn index(bench: &mut Bench) -> Outcome<()> {
    const COUNT: u64 = 100_000;
    bench.step("write/index: an index over 100,000 documents");
    let db = Database::open(bench.path("index"))?;
    db.apply(&documents::batch(0, COUNT, COUNT))?;
    let [team, _] = indexes();
    let (made, time) = timed(|| Ok(db.create_index(TABLE, &team)?))?;
    assert_eq!(made.entries, COUNT);
    bench.report(Figure::new(
        "write/index",
        "100,000 documents",
        COUNT as f64 / time.as_secs_f64(),
        "documents/s",
    ));
    Ok(())
}
