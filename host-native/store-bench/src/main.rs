//! Compares embedded stores behind Cu's store seam, on the key space that the guest writes:
//! documents of about 150 bytes, and two index entries with empty values for each.
//!
//! `store-bench [DOCUMENTS] [ENGINE…]`; the rows are those of the table in README.md. Each
//! engine's answers are compared with what must come out, so that no row is quick by being wrong.

mod engine;
mod workload;

// The store itself is compiled in, without the rest of its crate and wasmtime with it.
#[allow(dead_code, unused_imports)]
#[path = "../../src/store/mod.rs"]
mod store;

use std::time::{Duration, Instant};

use engine::{ENGINES, Engine, Outcome};
use workload::{Random, Workload, document_key};

/// What one engine needed.
struct Row {
    first_batch: f64,
    growth: Option<f64>,
    commit: Duration,
    ranges: [Duration; 2],
    query: Duration,
    open: Duration,
    megabytes: f64,
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let documents: u64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let chosen: Vec<String> = arguments.collect();

    println!(
        "{documents} documents, {} keys, seed {}",
        documents * 3,
        workload::SEED
    );
    println!(
        "| engine | 100k batch, k docs/s | growing, k docs/s | commit p50, us | range of 10, us \
         | range of 100, us | indexed query of 10, us | open and first get, ms | MB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (name, open) in ENGINES {
        if !chosen.is_empty() && !chosen.iter().any(|part| name.contains(part.as_str())) {
            continue;
        }
        let directory = tempfile::tempdir_in(std::env::current_dir()?)?;
        let row = measure(documents, &|| open(directory.path()), &|| {
            size(directory.path())
        })?;
        let us = |time: Duration| time.as_secs_f64() * 1e6;
        println!(
            "| {name} | {:.0} | {} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} | {:.0} |",
            row.first_batch,
            row.growth
                .map_or("–".to_owned(), |rate| format!("{rate:.0}")),
            us(row.commit),
            us(row.ranges[0]),
            us(row.ranges[1]),
            us(row.query),
            us(row.open) / 1e3,
            row.megabytes,
        );
    }
    Ok(())
}

fn measure(
    documents: u64,
    open: &dyn Fn() -> Outcome<Box<dyn Engine>>,
    size: &dyn Fn() -> Outcome<f64>,
) -> Outcome<Row> {
    let mut workload = Workload::new();
    let mut engine = open()?;

    let first = documents.min(100_000);
    let writes = workload.insert(first);
    let start = Instant::now();
    engine.commit(&writes)?;
    let first_batch = first as f64 / start.elapsed().as_secs_f64() / 1e3;

    let mut growth = Duration::ZERO;
    while workload.documents() < documents {
        let writes = workload.insert(10_000.min(documents - workload.documents()));
        let start = Instant::now();
        engine.commit(&writes)?;
        growth += start.elapsed();
    }

    let mut times = Vec::new();
    for _ in 0..300 {
        let writes = workload.update();
        let start = Instant::now();
        engine.commit(&writes)?;
        times.push(start.elapsed());
    }
    times.sort();
    let commit = times[times.len() / 2];

    let mut random = Random::new(2);
    let ranges = [10, 100].map(|length| -> Outcome<Duration> {
        average(2_000, || {
            let first = random.below(documents - length);
            engine.read(&mut |read| {
                let page = read.scan(
                    &document_key(first),
                    &document_key(documents),
                    length as u32,
                )?;
                assert_eq!(store::pack::entries(&page).count() as u64, length);
                Ok(())
            })
        })
    });
    let [ten, hundred] = ranges;
    let query = average(2_000, || {
        let (start, end) = workload.index_range(random.below(documents));
        engine.read(&mut |read| {
            let page = read.scan(&start, &end, 10)?;
            let mut keys = Vec::new();
            for entry in store::pack::entries(&page) {
                let (key, _) = entry?;
                store::pack::put_bytes(&mut keys, workload::document_of(key).as_slice());
            }
            let found = read.get_many(&keys)?;
            assert!(store::pack::values(&found).all(|value| matches!(value, Ok(Some(_)))));
            Ok(())
        })
    })?;

    drop(engine);
    let start = Instant::now();
    let engine = open()?;
    engine.read(&mut |read| {
        let mut keys = Vec::new();
        store::pack::put_bytes(&mut keys, &document_key(documents / 2));
        assert!(read.get_many(&keys)?.len() > 100);
        Ok(())
    })?;
    let opened = start.elapsed();
    drop(engine);

    Ok(Row {
        first_batch,
        growth: (documents > first)
            .then(|| (documents - first) as f64 / growth.as_secs_f64() / 1e3),
        commit,
        ranges: [ten?, hundred?],
        query,
        open: opened,
        megabytes: size()?,
    })
}

fn average(times: u32, mut run: impl FnMut() -> Outcome<()>) -> Outcome<Duration> {
    let start = Instant::now();
    for _ in 0..times {
        run()?;
    }
    Ok(start.elapsed() / times)
}

/// Megabytes of disk that everything below a path takes.
fn size(path: &std::path::Path) -> Outcome<f64> {
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
