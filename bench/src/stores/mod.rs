//! Other stores in the place of the database's own: they are given what the component commits, and asked what it asks.

mod engine;

use std::path::Path;
use std::time::{Duration, Instant};

use cu_db::store::pack;
use cu_db::{Query, field};

use crate::documents::{self, Random, TABLE, TEAM, person};
use crate::measure::{median, microseconds};
use crate::report::Figure;
use crate::spy::Read;
use crate::{Bench, Outcome, watched};
use engine::{ENGINES, Engine};

/// Documents of the first commit, and those that follow in commits of a tenth.
const FIRST: u64 = 100_000;
const MORE: u64 = 100_000;
const TIMES: usize = 2_000;

/// What the component asked of its store.
struct Asked {
    first: Vec<u8>,
    growth: Vec<Vec<u8>>,
    puts: Vec<Vec<u8>>,
    ranges: [Vec<Vec<Read>>; 2],
    queries: Vec<Vec<Read>>,
}

/// Lets a database do all that is asked of the candidates, and watches what it asks of its store.
fn rehearse(bench: &Bench) -> Outcome<Asked> {
    let (spy, db) = watched(&bench.path("stores-rehearsal"))?;
    let mut failed = None;
    let mut commits = |run: &dyn Fn() -> Result<(), cu_db::Error>| {
        let (_, commits) = spy.watch(|| failed = failed.take().or(run().err()));
        commits
    };
    let all = FIRST + MORE;
    let batch = |from, count| db.apply_unanswered(&documents::batch(from, count, all));
    let first = commits(&|| batch(0, FIRST)).concat();
    let step = MORE / 10;
    let growth = commits(&|| {
        (FIRST..all)
            .step_by(step as usize)
            .try_for_each(|from| batch(from, step))
    });
    let mut random = Random::new(3);
    let puts: Vec<_> = (0..300)
        .map(|turn| (random.below(all), person(all + turn, all)))
        .collect();
    let puts = commits(&|| {
        puts.iter()
            .try_for_each(|(number, person)| db.put(TABLE, *number as i64, person))
    });
    failed.map_or(Ok(()), Err)?;

    let reads = |query: Query| -> Outcome<Vec<Read>> {
        let query = query.to_cbor()?;
        let mut result = Ok(Vec::new());
        let (reads, _) = spy.watch(|| result = db.raw().queries_run(&query));
        assert!(result?.len() > 1_000, "a query finds documents");
        Ok(reads)
    };
    let mut random = Random::new(2);
    let mut range = |limit: u64| {
        let mut keys = Vec::new();
        for _ in 0..TIMES {
            let after = Query::table(TABLE).filter(field("score").ge(random.below(1 << 39)));
            keys.push(reads(after.sort("score").limit(limit))?);
        }
        Outcome::Ok(keys)
    };
    let ranges = [range(10)?, range(100)?];
    let mut random = Random::new(4);
    let queries = (0..TIMES)
        .map(|_| reads(Query::table(TABLE).filter(field("team").eq(random.below(all / TEAM)))))
        .collect::<Outcome<_>>()?;
    Ok(Asked {
        first,
        growth,
        puts,
        ranges,
        queries,
    })
}

/// Asks an engine for the same again, and gives what it answered.
fn replay(engine: &dyn Engine, reads: &[Read]) -> Outcome<Vec<u8>> {
    let mut answers = Vec::new();
    engine.read(&mut |snapshot| {
        for read in reads {
            match read {
                Read::Open => {}
                Read::Get(key) => {
                    let mut keys = Vec::new();
                    pack::put_bytes(&mut keys, key);
                    answers.extend(snapshot.get_many(&keys)?);
                }
                Read::GetMany(keys) => answers.extend(snapshot.get_many(keys)?),
                Read::Scan(start, end, _, entries, _) => {
                    answers.extend(snapshot.scan(start, end, *entries)?);
                }
                Read::Count(..) => return Err("none of the queries counts".into()),
            }
        }
        Ok(())
    })?;
    Ok(answers)
}

/// The candidates one after the other; the answers of each are those of the first.
pub fn all(bench: &mut Bench) -> Outcome<()> {
    bench.step("stores: what the component asks of its store");
    let asked = rehearse(bench)?;
    let mut answers = Vec::new();
    for (name, open) in ENGINES {
        bench.step(&format!("stores: {name}"));
        let directory = tempfile::tempdir_in(bench.path(""))?;
        let mut engine = open(directory.path())?;
        let mut report = |what: &str, value: f64, unit| {
            bench.report(Figure::new(&format!("stores/{what}"), name, value, unit));
        };

        let time = timed(|| engine.commit(&asked.first))?;
        report("batch", FIRST as f64 / time.as_secs_f64(), "documents/s");
        let time = timed(|| {
            asked
                .growth
                .iter()
                .try_for_each(|writes| engine.commit(writes))
        })?;
        report("growing", MORE as f64 / time.as_secs_f64(), "documents/s");
        let mut times = Vec::new();
        for writes in &asked.puts {
            times.push(timed(|| engine.commit(writes))?);
        }
        report("put, p50", microseconds(median(&mut times)), "us");

        let mut given = Vec::new();
        for (what, reads) in [
            ("range of 10", &asked.ranges[0]),
            ("range of 100", &asked.ranges[1]),
            ("query of 10 by index", &asked.queries),
        ] {
            let start = Instant::now();
            for reads in reads {
                given.push(replay(&*engine, reads)?);
            }
            report(what, microseconds(start.elapsed() / TIMES as u32), "us");
        }
        drop(engine);
        let time = timed(|| {
            let engine = open(directory.path())?;
            given.push(replay(&*engine, &asked.queries[0])?);
            Ok(())
        })?;
        report("open and first query", microseconds(time) / 1e3, "ms");
        report("size", size(directory.path())?, "MB");

        if answers.is_empty() {
            answers = given;
        } else {
            assert!(answers == given, "{name} answers as the others do");
        }
    }
    Ok(())
}

fn timed(run: impl FnOnce() -> Outcome<()>) -> Outcome<Duration> {
    crate::measure::timed(run).map(|((), time)| time)
}

/// Megabytes of disk that everything below a path takes.
fn size(path: &Path) -> Outcome<f64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0.0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() {
            size(&entry.path())?
        } else {
            entry.metadata()?.blocks() as f64 * 512.0 / 1e6
        };
    }
    Ok(bytes)
}
