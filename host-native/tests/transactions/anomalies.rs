//! The anomalies that isolation is about, each with what keeps it away.

use std::sync::Barrier;
use std::thread;

use cu_db::{Batch, Error, Index, Query, TransactionOptions, field};

use crate::{accounts, both, code, fill, of};

#[test]
fn dirty_write_of_two_that_write_after_reading_one_is_refused_whole() {
    let database = accounts();
    let (one, two) = (database.begin().unwrap(), database.begin().unwrap());
    let add = "_home.accounts.x = _home.accounts.x + ...  _home.accounts.y = ...";
    one.eval::<()>(add, [1]).unwrap();
    two.eval::<()>(add, [2]).unwrap();
    one.commit().unwrap();
    assert_eq!(code(two.commit()), "store-conflict");
    assert_eq!(both(&database), [51, 1]);
}

#[test]
fn dirty_read_what_is_not_committed_is_seen_by_nobody() {
    let database = accounts();
    let (one, two) = (database.begin().unwrap(), database.begin().unwrap());
    one.put("accounts", "x", &0).unwrap();
    assert_eq!(of(&one, "x"), 0);
    assert_eq!(of(&two, "x"), 50);
    assert_eq!(of(&database, "x"), 50);
    one.rollback();
    two.put("accounts", "y", &of(&two, "x")).unwrap();
    two.commit().unwrap();
    assert_eq!(both(&database), [50, 50]);
}

#[test]
fn lost_update_who_has_read_what_another_wrote_since_is_refused() {
    let database = accounts();
    let (one, two) = (database.begin().unwrap(), database.begin().unwrap());
    two.put("accounts", "x", &(of(&two, "x") + 20)).unwrap();
    one.put("accounts", "x", &(of(&one, "x") + 1)).unwrap();
    one.commit().unwrap();
    assert_eq!(code(two.commit()), "store-conflict");
    assert_eq!(both(&database), [51, 50]);
}

#[test]
fn lost_update_none_of_many_callers_that_add_at_the_same_time() {
    let directory = tempfile::tempdir().unwrap();
    let database = cu_db::Database::open(directory.path().join("db")).unwrap();
    fill(&database);
    let begin = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                begin.wait();
                for _ in 0..10 {
                    let options = TransactionOptions::new().attempts(1_000);
                    let added = database.transact_with::<_, Error>(&options, |tx| {
                        tx.put("accounts", "x", &(of(tx, "x") + 1))?;
                        tx.eval::<()>("_home.accounts.y = _home.accounts.y - 1", ())
                    });
                    added.unwrap();
                }
            });
        }
    });
    assert_eq!(both(&database), [90, 10]);
}

#[test]
fn read_skew_a_transaction_reads_one_state() {
    let database = accounts();
    let options = TransactionOptions::new().read_only(true);
    let readers = [
        database.begin().unwrap(),
        database.begin_with(&options).unwrap(),
    ];
    for reader in &readers {
        assert_eq!(of(reader, "x"), 50);
    }
    let mut batch = Batch::new();
    batch.put("accounts", "x", &10).unwrap();
    batch.put("accounts", "y", &90).unwrap();
    database.apply(&batch).unwrap();
    for reader in readers {
        assert_eq!(of(&reader, "y"), 50);
        let sum = "return _home.accounts.x + _home.accounts.y";
        assert_eq!(reader.eval::<i64>(sum, ()).unwrap(), 100);
        // It has written nothing, so it is as if it had run before.
        reader.commit().unwrap();
    }
    assert_eq!(both(&database), [10, 90]);
}

#[test]
fn write_skew_two_that_read_both_and_write_one_each_can_not_both_commit() {
    let database = accounts();
    let withdraw = |from: &str| {
        let transaction = database.begin().unwrap();
        if both(&transaction).iter().sum::<i64>() >= 100 {
            transaction.put("accounts", from, &-10).unwrap();
        }
        transaction
    };
    let (one, two) = (withdraw("x"), withdraw("y"));
    two.commit().unwrap();
    assert_eq!(code(one.commit()), "store-conflict");
    assert_eq!(both(&database), [50, -10]);
}

#[test]
fn phantom_a_document_that_a_query_would_have_found_is_a_conflict_with_and_without_an_index() {
    for is_indexed in [false, true] {
        let database = accounts();
        database
            .put(
                "shifts",
                1,
                &[("day", 1)]
                    .into_iter()
                    .collect::<std::collections::BTreeMap<_, _>>(),
            )
            .unwrap();
        if is_indexed {
            database
                .create_index("shifts", &Index::on(["day"]))
                .unwrap();
        }
        let transaction = database.begin().unwrap();
        let found = transaction
            .count(&Query::table("shifts").filter(field("day").eq(2)))
            .unwrap();
        transaction.put("accounts", "x", &found).unwrap();
        database
            .eval::<()>("_home.shifts[2] = {day = 2}", ())
            .unwrap();
        assert_eq!(code(transaction.commit()), "store-conflict", "{is_indexed}");
        assert_eq!(of(&database, "x"), 50);
    }
}

#[test]
fn what_a_transaction_has_not_read_may_change() {
    let database = accounts();
    database.put("others", 1, &1).unwrap();
    let transaction = database.begin().unwrap();
    transaction
        .put("accounts", "x", &(of(&transaction, "x") + 1))
        .unwrap();
    database.put("others", 1, &2).unwrap();
    database.put("accounts", "y", &7).unwrap();
    transaction.commit().unwrap();
    assert_eq!(both(&database), [51, 7]);
}

#[test]
fn an_index_that_was_made_meanwhile_is_a_conflict_and_never_left_incomplete() {
    let database = accounts();
    let transaction = database.begin().unwrap();
    transaction.put("accounts", "z", &1).unwrap();
    database
        .create_index("accounts", &Index::on(["a"]))
        .unwrap();
    assert_eq!(code(transaction.commit()), "store-conflict");
    database
        .transact::<_, Error>(|tx| tx.put("accounts", "z", &1))
        .unwrap();
    assert_eq!(database.indexes("accounts").unwrap()[0].entries, 3);
}

#[test]
fn work_that_meets_a_conflict_is_run_again_as_often_as_was_said() {
    let database = accounts();
    let mut begun = 0;
    let options = TransactionOptions::new().attempts(3);
    let hopeless = database.transact_with::<_, Error>(&options, |tx| {
        begun += 1;
        tx.put("accounts", "x", &of(tx, "y"))?;
        database.put("accounts", "y", &begun)
    });
    assert_eq!(code(hopeless), "store-conflict");
    assert_eq!(begun, 3);
    assert_eq!(both(&database), [50, 3]);
    let second = database.transact::<_, Error>(|tx| {
        begun += 1;
        tx.put("accounts", "x", &of(tx, "y"))?;
        if begun == 4 {
            database.put("accounts", "y", &begun)?;
        }
        Ok(begun)
    });
    assert_eq!(second.unwrap(), 5);
    assert_eq!(both(&database), [4, 4]);
    let none = TransactionOptions::new().attempts(0);
    let error = database
        .transact_with::<(), Error>(&none, |_| unreachable!("no attempt"))
        .unwrap_err();
    assert_eq!(
        (error.code(), error.place()),
        ("invalid-argument", Some("attempts"))
    );
}
