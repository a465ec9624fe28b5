//! Transactions: reads that see the own writes, and commits that happen or do not.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use cu_guest::error::{Error, StoreFailure};
use cu_guest::store::{Cursor, Direction, MemoryStore, Snapshot, Store, Transaction};
use cu_guest::{CallOptions, Console, Engine, Key};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Put(u8, u8),
    Delete(u8),
    DeletePrefix(u8),
    Commit,
    Rollback,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..40u8, any::<u8>()).prop_map(|(key, value)| Step::Put(key, value)),
        4 => (0..40u8).prop_map(Step::Delete),
        1 => (0..4u8).prop_map(Step::DeletePrefix),
        2 => Just(Step::Commit),
        1 => Just(Step::Rollback),
    ]
}

/// Two bytes, so that ten keys share a prefix.
fn key(number: u8) -> Vec<u8> {
    vec![number / 10, number % 10]
}

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

fn walked(
    transaction: &Transaction,
    start: &[u8],
    end: &[u8],
    direction: Direction,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut cursor = Cursor::new(start.to_vec(), end.to_vec(), direction).expecting(2);
    let mut all = Vec::new();
    while let Some((key, value)) = cursor.next(transaction).unwrap() {
        all.push((key.to_vec(), value.to_vec()));
    }
    all
}

fn check(transaction: &Transaction, model: &Map) -> Result<(), TestCaseError> {
    for (start, end) in [(0u8, 40u8), (5, 23), (20, 20), (30, 10)] {
        let (start, end) = (key(start), key(end));
        let mut wanted: Vec<_> = model
            .iter()
            .filter(|(key, _)| **key >= start && **key < end)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        prop_assert_eq!(
            transaction.count(&start, &end).unwrap(),
            wanted.len() as u64
        );
        prop_assert_eq!(
            &walked(transaction, &start, &end, Direction::Forward),
            &wanted
        );
        wanted.reverse();
        prop_assert_eq!(
            &walked(transaction, &start, &end, Direction::Backward),
            &wanted
        );
    }
    let keys: Vec<_> = (0..40).rev().map(key).collect();
    let many = transaction.get_many(&keys).unwrap();
    for (key, value) in keys.iter().zip(many) {
        prop_assert_eq!(value.as_deref(), model.get(key).map(Vec::as_slice));
        let one = transaction.get(key).unwrap();
        prop_assert_eq!(one.as_deref(), model.get(key).map(Vec::as_slice));
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_transaction_sees_the_store_and_its_own_writes(steps in prop::collection::vec(step(), 1..60)) {
        let store = MemoryStore::new();
        let (mut committed, mut model) = (Map::new(), Map::new());
        let mut transaction = Transaction::new(store.open().unwrap());
        for step in steps {
            match step {
                Step::Put(number, value) => {
                    transaction.put(&key(number), &[value]).unwrap();
                    model.insert(key(number), vec![value]);
                }
                Step::Delete(number) => {
                    transaction.delete(&key(number)).unwrap();
                    model.remove(&key(number));
                }
                Step::DeletePrefix(first) => {
                    transaction.delete_prefix(&[first]).unwrap();
                    model.retain(|key, _| key[0] != first);
                }
                Step::Commit => {
                    transaction.commit().unwrap();
                    committed = model.clone();
                    transaction = Transaction::new(store.open().unwrap());
                }
                Step::Rollback => {
                    model = committed.clone();
                    transaction = Transaction::new(store.open().unwrap());
                }
            }
            check(&transaction, &model)?;
        }
    }
}

#[test]
fn a_cursor_goes_on_while_what_it_meets_is_deleted_and_written() {
    let store = MemoryStore::new();
    let mut transaction = Transaction::new(store.open().unwrap());
    (0..40).for_each(|number| transaction.put(&key(number), b"old").unwrap());
    transaction.commit().unwrap();
    let mut transaction = Transaction::new(store.open().unwrap());
    let mut cursor = Cursor::new(Vec::new(), Vec::new(), Direction::Forward);
    let mut met = Vec::new();
    while let Some((key, _)) = cursor.next(&transaction).unwrap() {
        let key = key.to_vec();
        transaction.delete(&key).unwrap();
        if key == [1, 0] {
            transaction.delete(&[1, 1]).unwrap();
            transaction.put(&[1, 1, 5], b"new").unwrap();
        }
        met.push(key);
    }
    let mut wanted: Vec<_> = (0..40).map(key).collect();
    wanted[11] = vec![1, 1, 5];
    assert_eq!(met, wanted);
    assert_eq!(transaction.count(&[], &[]).unwrap(), 0);
}

#[test]
fn a_writer_that_read_an_older_commit_is_refused() {
    let store = MemoryStore::new();
    let mut first = Transaction::new(store.open().unwrap());
    let mut second = Transaction::new(store.open().unwrap());
    first.put(b"k", b"1").unwrap();
    second.put(b"k", b"2").unwrap();
    first.commit().unwrap();
    assert_eq!(second.commit(), Err(Error::Store(StoreFailure::Conflict)));
    let after = Transaction::new(store.open().unwrap());
    assert_eq!(after.get(b"k").unwrap().as_deref(), Some(&b"1"[..]));
}

/// A store whose disk is full as long as it is told so.
struct Full {
    store: MemoryStore,
    full: Rc<Cell<bool>>,
}

struct FullSnapshot {
    snapshot: Box<dyn Snapshot>,
    full: Rc<Cell<bool>>,
}

impl Store for Full {
    fn open(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        Ok(Box::new(FullSnapshot {
            snapshot: self.store.open()?,
            full: self.full.clone(),
        }))
    }
}

impl Snapshot for FullSnapshot {
    fn version(&self) -> u64 {
        self.snapshot.version()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFailure> {
        self.snapshot.get(key)
    }

    fn get_many(&self, keys: &[u8]) -> Result<Vec<u8>, StoreFailure> {
        self.snapshot.get_many(keys)
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        max_entries: u32,
        max_bytes: u32,
    ) -> Result<Vec<u8>, StoreFailure> {
        self.snapshot
            .scan(start, end, direction, max_entries, max_bytes)
    }

    fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreFailure> {
        self.snapshot.count(start, end)
    }

    fn commit(self: Box<Self>, writes: &[u8]) -> Result<u64, StoreFailure> {
        if self.full.get() {
            return Err(StoreFailure::Full("the disk is full".to_string()));
        }
        self.snapshot.commit(writes)
    }
}

struct Silent;

impl Console for Silent {
    fn print(&self, _: &[u8]) {}
}

#[test]
fn a_full_disk_loses_nothing_and_the_engine_goes_on() {
    let full = Rc::new(Cell::new(false));
    let store = Full {
        store: MemoryStore::new(),
        full: full.clone(),
    };
    let mut engine = Engine::new(Box::new(store), Rc::new(Silent));
    let options = CallOptions::default();
    let counter = "local n = 0 return function() n = n + 1 return n end";
    engine
        .functions_persist("f", "count", counter, &CallOptions::default())
        .unwrap();
    let call = |engine: &mut Engine| engine.functions_call("f", "count", &[0x80], &options);
    assert_eq!(call(&mut engine).unwrap(), [0x81, 0x01]);
    let before = engine.admin_digest().unwrap();
    full.set(true);
    let refused = Err(Error::Store(StoreFailure::Full(
        "the disk is full".to_string(),
    )));
    assert_eq!(
        engine.documents_put("t", &Key::Integer(1), &[0x01]),
        refused
    );
    assert_eq!(
        call(&mut engine),
        Err(Error::Store(StoreFailure::Full(
            "the disk is full".to_string()
        )))
    );
    assert_eq!(engine.admin_digest().unwrap(), before);
    assert!(
        engine
            .tables_list()
            .unwrap()
            .iter()
            .all(|table| table.name != "t")
    );
    full.set(false);
    assert_eq!(call(&mut engine).unwrap(), [0x81, 0x02]);
    engine
        .documents_put("t", &Key::Integer(1), &[0x01])
        .unwrap();
    assert_eq!(
        engine.documents_get("t", &Key::Integer(1)).unwrap(),
        Some(vec![0x01])
    );
}

#[test]
fn stores_of_others_and_of_newer_versions_are_refused_untouched() {
    for (entry, value) in [
        (vec![0x00], vec![0x82, 0x62, b'c', b'u', 0x18, 0x63]),
        (vec![0x42], vec![0x00]),
        (vec![0x00], vec![0xff]),
    ] {
        let store = MemoryStore::new();
        let mut transaction = Transaction::new(store.open().unwrap());
        transaction.put(&entry, &value).unwrap();
        transaction.commit().unwrap();
        let mut engine = Engine::new(Box::new(store.clone()), Rc::new(Silent));
        for _ in 0..2 {
            let refused = engine.documents_put("t", &Key::Integer(1), &[0x01]);
            assert_eq!(
                refused.map_err(|error| error.code()),
                Err("unsupported-format")
            );
        }
        let after = Transaction::new(store.open().unwrap());
        assert_eq!(
            walked(&after, &[], &[], Direction::Forward),
            [(entry, value)]
        );
    }
}
