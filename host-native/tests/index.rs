//! Indexes that are built in steps, on disk, beside writers.
//!
//! `CU_INDEXED` is over how many documents one is built, 100,000 by default.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use cu_db::{Batch, Database, Error, Index, Query, Value, field};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Place {
    name: String,
    country: u32,
    people: u64,
}

fn place(number: u64) -> Place {
    Place {
        name: format!("place {number}"),
        country: (number % 250) as u32,
        people: number.wrapping_mul(2_654_435_761) % 10_000_000,
    }
}

fn fill(database: &Database, count: u64) {
    for start in (0..count).step_by(10_000) {
        let mut batch = Batch::new();
        for number in start..(start + 10_000).min(count) {
            batch
                .put("places", i64::try_from(number).unwrap(), &place(number))
                .unwrap();
        }
        database.apply_unanswered(&batch).unwrap();
    }
}

fn go_on(_: cu_db::IndexProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn an_index_over_many_documents_is_built_in_little_memory() {
    let count = std::env::var("CU_INDEXED").map_or(100_000, |count| count.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    {
        let database = Database::open(&path).unwrap();
        fill(&database, count);
        database.close().unwrap();
    }
    let database = Database::open(&path).unwrap();
    let mut steps = 0;
    let mut last = 0;
    let made = database
        .create_index_with("places", &Index::on(["country", "people"]), |step| {
            assert!(step.done > last && step.done <= step.total);
            assert_eq!(step.total, count);
            last = step.done;
            steps += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    let memory = database.component_memory();
    eprintln!("{count} documents in {steps} steps: the component has {memory} bytes of memory");
    assert_eq!(made.entries, count);
    assert!(steps >= count / 4096 - 1);
    // A step has about 4,096 documents and their entries in memory, whatever the table has.
    assert!(memory < 16 << 20, "{memory}");
    let query = Query::table("places").filter(field("country").eq(7));
    let explained: Value = database.explain(&query).unwrap();
    assert!(format!("{explained:?}").contains("country,people"));
    assert_eq!(database.count(&query).unwrap(), (count + 242) / 250);
    // Making it again is nothing.
    let again = database.create_index_with("places", &Index::on(["country", "people"]), |_| {
        unreachable!("it is ready")
    });
    assert_eq!(again.unwrap(), made);
}

#[test]
fn an_index_that_is_built_beside_writers_equals_a_scan() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(directory.path().join("db")).unwrap();
    fill(&database, 30_000);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..2u64 {
            let (database, done) = (&database, &done);
            scope.spawn(move || {
                let mut number = writer;
                while !done.load(Ordering::Relaxed) {
                    number = number
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1442);
                    let key = i64::try_from((number >> 33) % 40_000).unwrap();
                    if number >> 63 == 0 {
                        database.delete("places", key).unwrap();
                    } else {
                        database.put("places", key, &place(number >> 20)).unwrap();
                    }
                }
            });
        }
        database
            .create_index_with("places", &Index::on(["people"]), go_on)
            .unwrap();
        done.store(true, Ordering::Relaxed);
    });
    let found = |condition| {
        let query = Query::table("places").filter(condition).sort("people");
        database.query::<Place>(&query).unwrap().len()
    };
    let documents = database.tables().unwrap()[0].documents;
    let index = &database.indexes("places").unwrap()[0];
    assert_eq!(index.entries, documents);
    assert_eq!(found(field("people").ge(0)) as u64, documents);
    let (mut by_index, mut by_scan) = (Vec::new(), Vec::new());
    let half = Query::table("places").filter(field("people").lt(5_000_000));
    by_index.extend(
        database
            .query::<Place>(&half)
            .unwrap()
            .into_iter()
            .map(|(key, _)| key),
    );
    assert!(database.drop_index("places", "people").unwrap());
    by_scan.extend(
        database
            .query::<Place>(&half)
            .unwrap()
            .into_iter()
            .map(|(key, _)| key),
    );
    assert!(!by_scan.is_empty());
    assert_eq!(by_index, by_scan);
}

#[test]
fn an_index_that_is_cancelled_or_fails_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let database = Database::open(&path).unwrap();
    fill(&database, 20_000);
    let by_name = Index::on(["name"]);
    let cancelled = database.create_index_with("places", &by_name, |step| {
        if step.done > 10_000 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert!(matches!(cancelled, Err(Error::Cancelled)), "{cancelled:?}");
    assert!(database.indexes("places").unwrap().is_empty());
    database
        .put(
            "places",
            15_000,
            &serde_json::json!({"name": "n".repeat(3_000)}),
        )
        .unwrap();
    let failed = database.create_index_with("places", &by_name, go_on);
    assert!(matches!(failed, Err(Error::LimitExceeded(_))), "{failed:?}");
    assert!(database.indexes("places").unwrap().is_empty());
    database.put("places", 15_000, &place(15_000)).unwrap();

    // A process that ends in between is one that stops calling.
    let definition = [
        b"\xa2\x66fields\x81\x64name".as_slice(),
        b"\x6abackground\xf5",
    ]
    .concat();
    database
        .raw()
        .indexes_create("places", &definition)
        .unwrap();
    database.close().unwrap();
    let database = Database::open(&path).unwrap();
    let mut first = None;
    let made = database.create_index_with("places", &by_name, |step| {
        first.get_or_insert(step.done);
        ControlFlow::Continue(())
    });
    assert_eq!(made.unwrap().entries, 20_000);
    assert_eq!(first, Some(4096));
}
