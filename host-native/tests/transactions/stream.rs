//! Large batches in chunks.

use std::ops::ControlFlow::{Break, Continue};

use cu_db::{Batch, BatchPhase, Database, Error};

use crate::{accounts, both, code};

fn puts(count: i64) -> impl Iterator<Item = Result<Batch, Error>> {
    (0..count).map(|key| {
        let mut batch = Batch::new();
        batch.put("lines", key, &("a line of some length", key))?;
        Ok(batch)
    })
}

#[test]
fn a_batch_in_chunks_tells_how_far_it_is_and_shows_at_its_end() {
    let database = accounts();
    let mut told = Vec::new();
    let count = database.apply_stream(puts(2_500), 1_000, |progress| {
        assert_eq!(
            database.stats().unwrap().documents,
            2,
            "nothing of it shows"
        );
        assert_eq!(progress.total, Some(2_500));
        told.push((progress.done, progress.phase));
        Continue(())
    });
    assert_eq!(count.unwrap(), 2_500);
    use BatchPhase::{Apply, Commit};
    assert_eq!(
        told,
        [
            (1_000, Apply),
            (2_000, Apply),
            (2_500, Apply),
            (2_500, Commit)
        ]
    );
    assert_eq!(database.stats().unwrap().documents, 2_502);
}

#[test]
fn a_batch_that_is_cancelled_or_fails_leaves_nothing() {
    let database = accounts();
    let before = database.digest().unwrap();
    for phase in [BatchPhase::Apply, BatchPhase::Commit] {
        let cancelled = database.apply_stream(puts(100), 30, |progress| {
            if progress.phase == phase {
                Break(())
            } else {
                Continue(())
            }
        });
        assert_eq!(code(cancelled), "cancelled");
    }
    let bad = puts(47).chain([{
        let mut batch = Batch::new();
        batch.put_cbor("lines", 1, &[0xff]);
        Ok(batch)
    }]);
    let error = database
        .apply_stream(bad, 10, |_| Continue(()))
        .unwrap_err();
    assert_eq!(error.code(), "invalid-value");
    assert!(
        error.place().unwrap().starts_with("[47]"),
        "{:?}",
        error.place()
    );
    let ended = puts(20).chain([Err(Error::Cancelled)]);
    assert_eq!(
        code(database.apply_stream(ended, 10, |_| Continue(()))),
        "cancelled"
    );
    assert_eq!(database.digest().unwrap(), before);
    assert_eq!(both(&database), [50, 50]);
}

#[test]
fn the_component_needs_memory_for_a_chunk_and_not_for_the_batch() {
    const COUNT: i64 = 300_000;
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(directory.path().join("db")).unwrap();
    let transaction = database.begin().unwrap();
    let mut chunk = Batch::new();
    let mut first = 0;
    for (number, operation) in puts(COUNT).enumerate() {
        chunk.append(&operation.unwrap());
        if chunk.len() == 1_000 {
            transaction.apply_unanswered(&chunk).unwrap();
            chunk.clear();
            if number < 10_000 {
                first = transaction.component_memory();
            }
        }
    }
    assert!(first > 0);
    let memory = transaction.component_memory();
    assert!(memory <= first + (1 << 20), "{memory} after {first}");
    transaction.commit().unwrap();
    assert_eq!(database.stats().unwrap().documents, COUNT as u64);
}
