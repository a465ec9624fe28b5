//! Parts of a transaction that are undone.

use cu_db::{Error, Index};

use crate::{accounts, both, code, of};

#[test]
fn savepoints_are_gone_back_to_and_nest() {
    let database = accounts();
    database
        .transact::<_, Error>(|tx| {
            tx.put("accounts", "x", &1)?;
            let outer = tx.savepoint()?;
            tx.put("accounts", "x", &2)?;
            tx.create_index("accounts", &Index::on(["a"]))?;
            let inner = tx.savepoint()?;
            tx.put("accounts", "x", &3)?;
            tx.rollback_to(&inner)?;
            assert_eq!(of(tx, "x"), 2);
            tx.rollback_to(&outer)?;
            assert_eq!(of(tx, "x"), 1);
            assert_eq!(tx.indexes("accounts")?, []);
            let error = tx.rollback_to(&inner).unwrap_err();
            assert_eq!(
                (error.code(), error.place()),
                ("invalid-argument", Some("savepoint"))
            );
            tx.put("accounts", "x", &4)?;
            tx.rollback_to(&outer)?;
            tx.put("accounts", "y", &5)?;
            let released = tx.savepoint()?;
            tx.put("accounts", "y", &6)?;
            tx.release(released.clone())?;
            assert_eq!(code(tx.rollback_to(&released)), "invalid-argument");
            Ok(())
        })
        .unwrap();
    assert_eq!(both(&database), [1, 6]);
}

#[test]
fn savepoints_of_another_transaction_are_refused() {
    let database = accounts();
    let (one, two) = (database.begin().unwrap(), database.begin().unwrap());
    let savepoint = one.savepoint().unwrap();
    two.savepoint().unwrap();
    assert_eq!(code(two.rollback_to(&savepoint)), "invalid-argument");
    assert_eq!(code(two.release(savepoint)), "invalid-argument");
}

#[test]
fn functions_with_state_go_back_to_what_they_were() {
    let database = accounts();
    let counter = "local n = 0  return function() n = n + 1  return n end";
    database.persist_function("tools", "next", counter).unwrap();
    let next = |database: &cu_db::Database| database.call_function::<i64>("tools", "next", ());
    database
        .transact::<_, Error>(|tx| {
            assert_eq!(next(tx)?, 1);
            let savepoint = tx.savepoint()?;
            assert_eq!((next(tx)?, next(tx)?), (2, 3));
            tx.rollback_to(&savepoint)?;
            assert_eq!(next(tx)?, 2);
            tx.rollback_to(&savepoint)?;
            tx.eval::<()>("assert(_home.tools.next() == 2)", ())
        })
        .unwrap();
    assert_eq!(next(&database).unwrap(), 3);
}
