//! Writing: a large batch, single puts, many callers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cu_db::store::{DiskOptions, DiskStore, Store};

use crate::documents::{self, Random, TABLE, person};
use crate::measure::{medians, microseconds, timed};
use crate::redb::Redb;
use crate::report::{Figure, Target};
use crate::sqlite::Sqlite;
use crate::{Bench, Outcome, watched};

const CALLERS: usize = 64;

/// 100,000 documents in one durable transaction.
pub fn batch(bench: &mut Bench) -> Outcome<()> {
    const COUNT: u64 = 100_000;
    bench.step("write/batch: 100,000 documents in one transaction");
    let batch = documents::batch(0, COUNT, COUNT);
    let people = documents::people(0, COUNT, COUNT);

    // What the batch commits, for the stores alone. Nobody watches while it is measured: that takes a copy.
    let (spy, rehearsal) = watched(&bench.path("batch-rehearsal"))?;
    let mut applied = Ok(Vec::new());
    let (_, commits) = spy.watch(|| applied = rehearsal.apply(&batch));
    assert_eq!(applied?.len() as u64, COUNT);
    rehearsal.close()?;
    let [writes] = &commits[..] else {
        return Err("a batch is one commit".into());
    };

    let [mut ours, mut raw, mut redb, mut peer] = [Duration::MAX; 4];
    for round in 0..3 {
        let (_, db) = watched(&bench.path(&format!("batch-{round}")))?;
        let (results, taken) = timed(|| Ok(db.apply(&batch)?))?;
        assert_eq!(results.len() as u64, COUNT);
        ours = ours.min(taken);
        assert_eq!(db.get(TABLE, 77_777)?.as_ref(), Some(&people[77_777].1));
        db.close()?;

        let store = DiskStore::open(
            bench.path(&format!("batch-raw-{round}")),
            DiskOptions::default(),
        )?;
        let version = store.open()?.version();
        raw = raw.min(timed(|| Ok(store.commit(version, writes)?))?.1);
        store.close()?;

        let tree = Redb::open(&bench.path(&format!("batch-redb-{round}")))?;
        redb = redb.min(timed(|| tree.write(writes))?.1);

        let mut sqlite = Sqlite::open(&bench.path(&format!("batch-sqlite-{round}")))?;
        peer = peer.min(timed(|| sqlite.put(&people))?.1);
        assert_eq!(sqlite.team(7)?.0 as u64, documents::TEAM);
    }
    let rate = |time: Duration| COUNT as f64 / time.as_secs_f64();
    let figure = || {
        Figure::new(
            "write/batch",
            "100,000 documents",
            rate(ours),
            "documents/s",
        )
    };
    bench.report(
        figure()
            .beside("redb, keys in order", rate(redb))
            .wants(Target::AtLeast(0.75)),
    );
    bench.report(figure().beside("the store alone", rate(raw)));
    bench.report(
        figure()
            .beside("SQLite", rate(peer))
            .wants(Target::AtLeast(1.0)),
    );
    Ok(())
}

/// One document in a durable transaction, among 100,000.
pub fn put(bench: &mut Bench) -> Outcome<()> {
    const COUNT: u64 = 100_000;
    const TIMES: usize = 400;
    bench.step("write/put: one document in one transaction");
    let (spy, db) = watched(&bench.path("put"))?;
    let raw = DiskStore::open(bench.path("put-raw"), DiskOptions::default())?;
    let (_, commits) = spy.watch(|| {
        db.apply(&documents::batch(0, COUNT, COUNT))
            .map(drop)
            .expect("a batch")
    });
    for writes in &commits {
        raw.commit(raw.open()?.version(), writes)?;
    }
    let mut sqlite = Sqlite::open(&bench.path("put-sqlite"))?;
    sqlite.put(&documents::people(0, COUNT, COUNT))?;

    // What each put commits, for the store alone.
    let mut random = Random::new(3);
    let puts: Vec<_> = (0..TIMES)
        .map(|turn| (random.below(COUNT), person(COUNT + turn as u64, COUNT)))
        .collect();
    let rehearsal = watched(&bench.path("put-rehearsal"))?;
    rehearsal.1.apply(&documents::batch(0, COUNT, COUNT))?;
    let (_, writes) = rehearsal.0.watch(|| {
        for (number, person) in &puts {
            rehearsal
                .1
                .put(TABLE, *number as i64, person)
                .expect("a put");
        }
    });
    assert_eq!(writes.len(), TIMES, "a put is one commit");

    let times = medians(
        TIMES,
        &mut [
            &mut |turn| Ok(db.put(TABLE, puts[turn].0 as i64, &puts[turn].1)?),
            &mut |turn| {
                Ok(raw
                    .commit(raw.open_to_write()?.version(), &writes[turn])
                    .map(drop)?)
            },
            &mut |turn| sqlite.put_one(puts[turn].0, &puts[turn].1),
        ],
    )?;
    let (number, person) = puts.last().expect("there are puts");
    assert_eq!(db.get(TABLE, *number as i64)?.as_ref(), Some(person));
    let [ours, raw, peer] = [0, 1, 2].map(|row| microseconds(times[row]));
    let figure = || Figure::new("write/put", "one caller, p50", ours, "us");
    bench.report(
        figure()
            .beside("the store alone", raw)
            .wants(Target::AtMost(1.15)),
    );
    bench.report(figure().beside("SQLite", peer));

    bench.step("write/put: 64 callers at once");
    many(bench, &db)
}

fn many(bench: &mut Bench, db: &cu_db::Database) -> Outcome<()> {
    const EACH: u64 = 500;
    const ALONE: u64 = 2_000;
    let put = |number: u64| db.put(TABLE, number as i64, &person(number, 100_000));
    let (_, alone) = timed(|| {
        for number in 200_000..200_000 + ALONE {
            put(number)?;
        }
        Ok(())
    })?;
    let failed = AtomicU64::new(0);
    let (_, together) = timed(|| {
        std::thread::scope(|scope| {
            for caller in 0..CALLERS as u64 {
                let (put, failed) = (&put, &failed);
                scope.spawn(move || {
                    for turn in 0..EACH {
                        if put(300_000 + caller * EACH + turn).is_err() {
                            failed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        Ok(())
    })?;
    assert_eq!(failed.into_inner(), 0, "every put succeeds");
    let last = 300_000 + CALLERS as u64 * EACH - 1;
    assert_eq!(db.get(TABLE, last as i64)?, Some(person(last, 100_000)));
    let rate = |puts: u64, time: Duration| puts as f64 / time.as_secs_f64();
    bench.report(
        Figure::new(
            "write/put",
            "64 callers",
            rate(CALLERS as u64 * EACH, together),
            "puts/s",
        )
        .beside("one caller", rate(ALONE, alone))
        .wants(Target::AtLeast(10.0)),
    );
    Ok(())
}
