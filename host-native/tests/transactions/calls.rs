//! What the calls of a transaction see and leave.

use std::collections::BTreeMap;
use std::thread;

use cu_db::{
    CallOptions, Changes, Database, Error, Feed, Index, Key, Query, TransactionOptions, Value,
    field,
};

use crate::{accounts, both, code, fill, of};

#[test]
fn the_calls_of_a_transaction_take_place_together_and_see_one_another() {
    let database = accounts();
    let rich = database
        .transact::<_, Error>(|tx| {
            tx.put("accounts", "x", &40)?;
            tx.eval::<()>("_home.accounts.y = _home.accounts.x + 20", ())?;
            tx.eval::<()>("_home.people = {}  _home.people.ann = {age = 31}", ())?;
            tx.create_index("people", &Index::on(["age"]))?;
            assert_eq!(both(tx), [40, 60]);
            assert_eq!(both(&database), [50, 50], "nobody else sees it yet");
            tx.count(&Query::table("people").filter(field("age").gt(30)))
        })
        .unwrap();
    assert_eq!(rich, 1);
    assert_eq!(both(&database), [40, 60]);
    assert_eq!(database.indexes("people").unwrap()[0].entries, 1);
}

#[test]
fn work_that_fails_or_panics_leaves_nothing() {
    let database = accounts();
    let before = database.digest().unwrap();
    let failed = database.transact::<(), Error>(|tx| {
        tx.put("accounts", "x", &0)?;
        tx.put("new", 1, &1)?;
        Err(Error::Cancelled)
    });
    assert_eq!(code(failed), "cancelled");
    let panicked = thread::scope(|scope| {
        let work = scope.spawn(|| {
            let transaction = database.begin().unwrap();
            transaction.put("accounts", "x", &0).unwrap();
            std::panic::resume_unwind(Box::new("changed my mind"));
        });
        work.join()
    });
    assert!(panicked.is_err());
    assert_eq!(database.digest().unwrap(), before);
}

/// All kinds of calls, on a database or in a transaction.
fn work(database: &Database) -> Result<(), Error> {
    database.create_index("users", &Index::on(["name", "age"]))?;
    for key in 0..100 {
        let user = BTreeMap::from([
            ("name", Value::from(format!("u{}", key % 7))),
            ("age", Value::from(key)),
        ]);
        database.put("users", key, &user)?;
    }
    database.delete("users", 3)?;
    database.eval::<()>(
        "for k in pairs(_home.users) do if k % 2 == 0 then _home.users[k] = nil end end",
        (),
    )?;
    database.persist_function(
        "tools",
        "next",
        "local n = 0  return function() n = n + 1  return n end",
    )?;
    for expected in 1..4 {
        assert_eq!(
            database.call_function::<i64>("tools", "next", ())?,
            expected
        );
    }
    database.drop_table("accounts")?;
    Ok(())
}

#[test]
fn a_transaction_is_the_same_as_its_calls_one_by_one() {
    let (together, apart) = (accounts(), accounts());
    together.transact::<_, Error>(|tx| work(tx)).unwrap();
    work(&apart).unwrap();
    assert_eq!(together.digest().unwrap(), apart.digest().unwrap());
    assert_eq!(
        together.call_function::<i64>("tools", "next", ()).unwrap(),
        4
    );
}

#[test]
fn pages_of_what_is_written_over_what_was_there_are_as_if_it_were_committed() {
    let database = Database::in_memory().unwrap();
    for key in (0..3_000).step_by(2) {
        database.put("numbers", key, &key).unwrap();
    }
    let transaction = database.begin().unwrap();
    let change = "for k = 0, 2999 do \
        if k % 3 == 0 then _home.numbers[k] = nil elseif k % 5 == 0 then _home.numbers[k] = -k end end";
    transaction.eval::<()>(change, ()).unwrap();
    database.eval::<()>(change, ()).unwrap();
    let all = |database: &Database| -> Vec<(Key, i64)> {
        database
            .scan("numbers", ..)
            .collect::<Result<_, _>>()
            .unwrap()
    };
    let backward = |database: &Database| -> Vec<(Key, i64)> {
        database
            .scan_backward("numbers", Key::from(500)..Key::from(2_500))
            .collect::<Result<_, _>>()
            .unwrap()
    };
    assert_eq!(all(&transaction), all(&database));
    assert_eq!(backward(&transaction), backward(&database));
    assert_eq!(transaction.stats().unwrap(), database.stats().unwrap());
    assert_eq!(transaction.digest().unwrap(), database.digest().unwrap());
}

#[test]
fn a_call_that_fails_has_changed_nothing_and_leaves_the_transaction_as_it_was() {
    let database = accounts();
    database
        .transact::<_, Error>(|tx| {
            tx.put("accounts", "x", &1)?;
            assert_eq!(
                code(tx.eval::<()>("_home.accounts.x = 2  error('no')", ())),
                "script"
            );
            assert_eq!(code(tx.put("a/b", 1, &1)), "invalid-argument");
            let options = CallOptions::default();
            let read = tx.eval_read::<()>("_home.accounts.x = 3", (), &options);
            assert_eq!(code(read), "store-read-only");
            let seen: i64 = tx.eval_read("return _home.accounts.x", (), &options)?;
            assert_eq!(seen, 1);
            Ok(())
        })
        .unwrap();
    assert_eq!(both(&database), [1, 50]);
}

#[test]
fn calls_of_many_threads_take_turns_in_one_transaction() {
    let database = accounts();
    let transaction = database.begin().unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    transaction
                        .eval::<()>("_home.accounts.x = _home.accounts.x + 1", ())
                        .unwrap();
                    assert!(of(&transaction, "x") > 50);
                }
            });
        }
    });
    transaction.commit().unwrap();
    assert_eq!(both(&database), [150, 50]);
}

#[test]
fn a_transaction_that_only_reads_refuses_to_write() {
    let database = accounts();
    let options = TransactionOptions::new().read_only(true);
    let transaction = database.begin_with(&options).unwrap();
    assert_eq!(
        code(transaction.put("accounts", "x", &1)),
        "store-read-only"
    );
    assert_eq!(both(&transaction), [50, 50]);
    transaction.commit().unwrap();
}

#[test]
fn what_a_transaction_writes_in_all_is_limited_and_told() {
    let database = accounts();
    let options = TransactionOptions::new().size(100_000);
    let transaction = database.begin_with(&options).unwrap();
    let text = "a".repeat(30_000);
    for key in 0..3 {
        transaction.put("texts", key, &text).unwrap();
    }
    // What is written over does not count.
    for _ in 0..10 {
        transaction.put("texts", 0, &text).unwrap();
    }
    let error = transaction.put("texts", 3, &text).unwrap_err();
    assert_eq!(error.limit(), Some(("transaction-size", 100_000)));
    assert_eq!(transaction.get::<String>("texts", 3).unwrap(), None);
    transaction.commit().unwrap();
    assert_eq!(database.stats().unwrap().documents, 5);
}

#[test]
fn the_files_are_verified_when_no_transaction_reads_them() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(directory.path().join("db")).unwrap();
    fill(&database);
    let transaction = database.begin().unwrap();
    let error = database.verify().unwrap_err();
    assert!(error.to_string().contains("wait for its end"), "{error}");
    transaction.put("accounts", "x", &1).unwrap();
    transaction.commit().unwrap();
    database.verify().unwrap();
    assert_eq!(both(&database), [1, 50]);
}

#[test]
fn a_transaction_that_has_ended_takes_no_calls() {
    let database = accounts();
    let transaction = database.begin().unwrap();
    let calls = (*transaction).clone();
    transaction.put("accounts", "x", &1).unwrap();
    transaction.commit().unwrap();
    for error in [
        calls.put("accounts", "x", &2).unwrap_err(),
        calls.get::<i64>("accounts", "x").unwrap_err(),
    ] {
        assert_eq!(error.code(), "store-closed");
        assert!(error.to_string().contains("begin another"), "{error}");
    }
    let error = database.begin().unwrap().begin().map(drop).unwrap_err();
    assert_eq!(
        (error.code(), error.place()),
        ("invalid-argument", Some("transaction"))
    );

    let late = database.begin().unwrap();
    late.put("accounts", "x", &9).unwrap();
    database.close().unwrap();
    assert_eq!(code(late.commit()), "store-closed");
}

#[test]
fn the_feed_tells_of_a_transaction_as_of_one_commit() {
    let database = accounts();
    database.put("gone", 1, &1).unwrap();
    database.configure_feed(&Feed::all()).unwrap();
    let start = database.feed().unwrap().unwrap();
    let mut changes = database
        .subscribe::<i64>(&Changes::all().after(start.position))
        .unwrap();
    database
        .transact::<_, Error>(|tx| {
            tx.put("accounts", "x", &1)?;
            tx.eval::<()>("_home.accounts.x = _home.accounts.x + 1", ())?;
            tx.put("accounts", "y", &7)?;
            tx.put("accounts", "y", &50)?;
            tx.put("gone", 2, &2)?;
            tx.drop_table("gone").map(drop)
        })
        .unwrap();
    let told: Vec<_> = (0..2)
        .map(|_| changes.next().unwrap().unwrap())
        .map(|change| (change.sequence, change.key, change.before, change.after))
        .collect();
    let sequence = start.newest + 1;
    assert_eq!(
        told,
        [
            (sequence, Some("x".into()), Some(50), Some(2)),
            (sequence, None, None, None)
        ]
    );
    database.put("accounts", "x", &3).unwrap();
    assert_eq!(changes.next().unwrap().unwrap().sequence, sequence + 1);

    let one = database.begin().unwrap();
    one.put("accounts", "x", &4).unwrap();
    database.put("elsewhere", 1, &1).unwrap();
    assert_eq!(code(one.commit()), "store-conflict");
}
