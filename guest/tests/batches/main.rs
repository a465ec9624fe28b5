//! Batches against a plain model, on a store that fails now and then, each state of the indexes compared with a scan.
//!
//! `CU_BATCHES` is how many series of up to 30 batches are tried, 128 by default. A series of them is run over the same
//! store, with indexes that come and go, and instances that are thrown away.

#[path = "../common/mod.rs"]
mod common;
mod model;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use common::{check, over};
use cu_guest::error::StoreFailure;
use cu_guest::store::{Direction, MemoryStore, Snapshot, Store, Transaction};
use cu_guest::value::{
    Item, elements, entries, write_array_head, write_bool, write_int, write_map_head, write_null,
    write_text,
};
use cu_guest::{Engine, Error, Key};
use model::{Batch, Change, Documents, Operation, Outcome, Precondition, Where, batch};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// What goes wrong in the store.
#[derive(Debug, Clone)]
enum Fault {
    Nothing,
    /// The commit fails.
    Commit(StoreFailure),
    /// The read after so many others fails, and all that follow.
    Read(u32),
}

/// A store that fails as it is told.
struct Failing {
    store: MemoryStore,
    fault: Rc<RefCell<Fault>>,
}

struct FailingSnapshot {
    snapshot: Box<dyn Snapshot>,
    fault: Rc<RefCell<Fault>>,
}

impl FailingSnapshot {
    fn read(&self) -> Result<(), StoreFailure> {
        match &mut *self.fault.borrow_mut() {
            Fault::Read(0) => Err(StoreFailure::Io("the disk can't be read".to_string())),
            Fault::Read(left) => {
                *left -= 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Store for Failing {
    fn open(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        Ok(Box::new(FailingSnapshot {
            snapshot: self.store.open()?,
            fault: self.fault.clone(),
        }))
    }
}

impl Snapshot for FailingSnapshot {
    fn version(&self) -> u64 {
        self.snapshot.version()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFailure> {
        self.read()?;
        self.snapshot.get(key)
    }

    fn get_many(&self, keys: &[u8]) -> Result<Vec<u8>, StoreFailure> {
        self.read()?;
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
        self.read()?;
        self.snapshot
            .scan(start, end, direction, max_entries, max_bytes)
    }

    fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreFailure> {
        self.read()?;
        self.snapshot.count(start, end)
    }

    fn commit(self: Box<Self>, writes: &[u8]) -> Result<u64, StoreFailure> {
        if let Fault::Commit(failure) = &*self.fault.borrow() {
            return Err(failure.clone());
        }
        self.snapshot.commit(writes)
    }
}

/// A map in the making: members in any order, sorted when it is written.
#[derive(Default)]
struct Map(Vec<(Vec<u8>, Vec<u8>)>);

impl Map {
    fn with(mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        write_text(&mut key, name);
        write(&mut value);
        self.0.push((key, value));
        self
    }

    fn text(self, name: &str, text: &str) -> Self {
        self.with(name, |out| write_text(out, text))
    }

    fn int(self, name: &str, int: i64) -> Self {
        self.with(name, |out| write_int(out, int))
    }

    fn write(mut self, out: &mut Vec<u8>) {
        self.0.sort();
        write_map_head(out, self.0.len());
        for (key, value) in self.0 {
            out.extend(key);
            out.extend(value);
        }
    }
}

fn list(out: &mut Vec<u8>, items: impl IntoIterator<Item = Vec<u8>>) {
    let items: Vec<_> = items.into_iter().collect();
    write_array_head(out, items.len());
    items.iter().for_each(|item| out.extend(item));
}

fn comparison(field: &str, op: &str, value: i64) -> Map {
    Map::default()
        .text("field", field)
        .text("op", op)
        .int("value", value)
}

fn change(change: &Change) -> Vec<u8> {
    let with = |op: &str, field: &str| Map::default().text("op", op).text("field", field);
    let map = match change {
        Change::SetU(value) => with("set", "u").int("value", *value),
        Change::UnsetU => with("unset", "u"),
        Change::Increment(by) => with("increment", "n").int("value", *by),
        Change::Push(value) => with("push", "l").int("value", *value),
        Change::Remove(value) => with("remove", "l").int("value", *value),
        Change::RemoveFromNumber => with("remove", "n").int("value", 0),
        Change::MergeN(value) => Map::default().text("op", "merge").with("value", |out| {
            Map::default()
                .with("n", |out| match value {
                    Some(value) => write_int(out, *value),
                    None => write_null(out),
                })
                .write(out);
        }),
    };
    let mut out = Vec::new();
    map.write(&mut out);
    out
}

fn operation(operation: &Operation) -> Vec<u8> {
    let map = |op: &str| Map::default().text("op", op).text("table", "t");
    let of_where = |map: Map, (which, limited): &(Where, bool)| {
        let map = map.with("where", |out| match which {
            Where::All => write_null(out),
            Where::Less(value) => comparison("n", "<", *value).write(out),
            Where::Has(value) => comparison("l", "contains", *value).write(out),
        });
        if !limited {
            return map;
        }
        map.int("limit", 2).with("sort", |out| {
            let mut field = Vec::new();
            Map::default()
                .text("field", "n")
                .with("descending", |out| write_bool(out, true))
                .write(&mut field);
            list(out, [field]);
        })
    };
    let precondition = |map: Map, precondition: &Option<Precondition>| match precondition {
        None => map,
        Some(Precondition::Exists) => map.text("if", "exists"),
        Some(Precondition::Absent) => map.text("if", "absent"),
        Some(Precondition::Number(value)) => {
            map.with("if", |out| comparison("n", "=", *value).write(out))
        }
    };
    let changes = |map: Map, changes: &[Change]| {
        map.with("changes", |out| list(out, changes.iter().map(change)))
    };
    let map = match operation {
        Operation::Put(key, document, if_) => precondition(
            map("put")
                .int("key", *key)
                .with("value", |out| document.write(out)),
            if_,
        ),
        Operation::Insert(key, document) => map("insert")
            .int("key", *key)
            .with("value", |out| document.write(out)),
        Operation::Get(key) => map("get").int("key", *key),
        Operation::Delete(key, if_) => precondition(map("delete").int("key", *key), if_),
        Operation::Update(key, all, if_) => {
            precondition(changes(map("update").int("key", *key), all), if_)
        }
        Operation::DeleteAll(which) => of_where(map("delete"), which),
        Operation::UpdateAll(which, all) => of_where(changes(map("update"), all), which),
    };
    let mut out = Vec::new();
    map.write(&mut out);
    out
}

fn bytes(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    Map::default()
        .text(
            "mode",
            if batch.is_atomic {
                "atomic"
            } else {
                "best-effort"
            },
        )
        .with("operations", |out| {
            list(out, batch.operations.iter().map(operation))
        })
        .write(&mut out);
    out
}

fn outcome(outcome: &Outcome) -> Vec<u8> {
    let mut out = Vec::new();
    match outcome {
        Outcome::Nothing => write_null(&mut out),
        Outcome::Flag(flag) => write_bool(&mut out, *flag),
        Outcome::Count(count) => write_int(&mut out, *count as i64),
        Outcome::Document(document) => document.write(&mut out),
    }
    out
}

/// What an operation of a batch in best effort gave: its result, or the code of its error.
fn told(result: &[u8]) -> Result<Vec<u8>, String> {
    let (name, value) = entries(result).next().expect("one member");
    if Item::of(name) == Item::Text("result") {
        return Ok(value.to_vec());
    }
    let code = entries(value).find(|(name, _)| Item::of(name) == Item::Text("code"));
    match code.map(|(_, code)| Item::of(code)) {
        Some(Item::Text(code)) => Err(code.to_string()),
        other => panic!("{other:?}"),
    }
}

/// The three indexes that there may be. Only the unique one is always there, since it decides what may be written.
const INDEXES: [(&str, &str); 3] = [("u", ""), ("n", "descending"), ("l", "multiEntry")];

fn index(engine: &mut Engine, (field, flag): (&str, &str), in_steps: bool) {
    let mut out = Vec::new();
    Map::default()
        .with("unique", |out| write_bool(out, field == "u"))
        .with("background", |out| write_bool(out, in_steps))
        .with("fields", |out| {
            let mut one = Vec::new();
            let map = Map::default().text("field", field);
            let map = if flag.is_empty() {
                map
            } else {
                map.with(flag, |out| write_bool(out, true))
            };
            map.write(&mut one);
            list(out, [one]);
        })
        .write(&mut out);
    engine.indexes_create("t", &out).unwrap();
}

fn cases() -> u32 {
    std::env::var("CU_BATCHES").map_or(128, |cases| cases.parse().expect("a number"))
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        12 => Just(Fault::Nothing),
        1 => Just(Fault::Commit(StoreFailure::Full("the disk is full".to_string()))),
        1 => Just(Fault::Commit(StoreFailure::Conflict)),
        1 => Just(Fault::Commit(StoreFailure::Io("the disk is gone".to_string()))),
        2 => (0..12u32).prop_map(Fault::Read),
    ]
}

/// What happens between two batches.
#[derive(Debug, Clone)]
enum Between {
    Nothing,
    /// The instance is thrown away.
    Reopen,
    /// An index is dropped, or made, at once or in steps.
    Index(usize, bool),
}

fn between() -> impl Strategy<Value = Between> {
    prop_oneof![
        6 => Just(Between::Nothing),
        1 => Just(Between::Reopen),
        2 => (1..3usize, any::<bool>()).prop_map(|(which, in_steps)| Between::Index(which, in_steps)),
    ]
}

/// The keys of what a query finds.
fn found(engine: &mut Engine, which: &(Where, bool)) -> Vec<i64> {
    let all = operation(&Operation::DeleteAll(which.clone()));
    let mut query = Map::default();
    for (name, value) in entries(&all) {
        match Item::of(name) {
            Item::Text("op") => {}
            Item::Text(name) => query = query.with(name, |out| out.extend_from_slice(value)),
            other => panic!("{other:?}"),
        }
    }
    let mut bytes = Vec::new();
    query.write(&mut bytes);
    let rows = engine.queries_run(&bytes).unwrap();
    let key = |row| match elements(row).next().map(Item::of) {
        Some(Item::Int(key)) => key,
        other => panic!("{other:?}"),
    };
    elements(&rows).map(key).collect()
}

#[test]
fn batches_do_what_a_plain_model_does_and_nothing_where_they_fail() {
    let operations = Cell::new(0usize);
    let failures = Cell::new(0usize);
    let config = ProptestConfig {
        cases: cases(),
        max_shrink_iters: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let series = prop::collection::vec((between(), batch(), fault()), 1..30);
    let done = TestRunner::new(config).run(&series, |series| {
        let (store, fault) = (MemoryStore::new(), Rc::new(RefCell::new(Fault::Nothing)));
        let failing = || {
            common::engine(Box::new(Failing {
                store: store.clone(),
                fault: fault.clone(),
            }))
        };
        let mut engine = failing();
        for one in INDEXES {
            index(&mut engine, one, false);
        }
        let mut documents = Documents::default();
        for (between, batch, wrong) in &series {
            match between {
                Between::Nothing => {}
                Between::Reopen => engine = failing(),
                Between::Index(which, in_steps) => {
                    let one = INDEXES[*which];
                    if !engine.indexes_drop("t", one.0).unwrap() {
                        index(&mut engine, one, *in_steps);
                    }
                }
            }
            operations.set(operations.get() + batch.operations.len());
            let before = engine.admin_digest().unwrap();
            fault.replace(wrong.clone());
            let done = engine.documents_apply(&bytes(batch));
            fault.replace(Fault::Nothing);
            let mut after = documents.clone();
            let wanted = after.apply(batch);
            match (&done, wanted) {
                (Ok(results), Ok(wanted)) => {
                    for (result, wanted) in elements(results).zip(&wanted) {
                        let wanted = wanted
                            .as_ref()
                            .map(outcome)
                            .map_err(|code| (*code).to_string());
                        let result = if batch.is_atomic {
                            Ok(result.to_vec())
                        } else {
                            told(result)
                        };
                        prop_assert_eq!(result, wanted);
                    }
                    prop_assert_eq!(elements(results).count(), wanted.len());
                    documents = after;
                }
                (Err(Error::Store(failure)), _) => {
                    failures.set(failures.get() + 1);
                    match wrong {
                        Fault::Commit(told) => prop_assert_eq!(failure, told),
                        Fault::Read(_) => prop_assert!(matches!(failure, StoreFailure::Io(_))),
                        Fault::Nothing => prop_assert!(false, "nothing was wrong: {:?}", failure),
                    }
                }
                (Err(error), Err(code)) => prop_assert_eq!(error.code(), code),
                (Err(error), Ok(_)) => prop_assert!(false, "it should not have failed: {}", error),
                (Ok(_), Err(code)) => prop_assert!(false, "it should have failed: {}", code),
            }
            if done.is_err() {
                prop_assert_eq!(engine.admin_digest().unwrap(), before);
            }
            // Each index is compared with a scan.
            check(&store);
            for key in 0..model::KEYS {
                let stored = engine.documents_get("t", &Key::Integer(key)).unwrap();
                let wanted = documents.get(key).map(|document| {
                    let mut out = Vec::new();
                    document.write(&mut out);
                    out
                });
                prop_assert_eq!(stored, wanted);
            }
            for which in [
                (Where::All, false),
                (Where::Less(2), true),
                (Where::Has(1), false),
            ] {
                prop_assert_eq!(found(&mut engine, &which), documents.found(&which));
            }
        }
        // A new engine finds in the store what this one has in its memory.
        prop_assert_eq!(over(&store).admin_digest(), engine.admin_digest());
        prop_assert_eq!(over(&store).indexes_list("t"), engine.indexes_list("t"));
        Ok(())
    });
    done.unwrap();
    let (operations, failures) = (operations.get(), failures.get());
    eprintln!("{operations} operations, {failures} batches failed with the store");
    assert!(failures > 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_undone_was_never_there(
        steps in prop::collection::vec((0..6u8, 0..5u8, any::<u8>()), 0..60),
    ) {
        let store = MemoryStore::new();
        let mut transaction = Transaction::new(store.open().unwrap());
        for key in 0..3u8 {
            transaction.put(&[key], b"stored").unwrap();
        }
        transaction.commit().unwrap();
        let mut transaction = Transaction::new(store.open().unwrap());
        let mut now: Vec<Option<Vec<u8>>> = (0..5).map(|key| (key < 3).then(|| b"stored".to_vec())).collect();
        let mut marks = Vec::new();
        for (step, key, value) in steps {
            match step {
                0 => marks.push((transaction.mark(), now.clone())),
                1 => if let Some((mark, before)) = marks.pop() {
                    transaction.undo(mark);
                    now = before;
                },
                2 => if let Some((mark, _)) = marks.pop() {
                    transaction.release(mark);
                },
                3 => {
                    transaction.delete(&[key]).unwrap();
                    now[usize::from(key)] = None;
                }
                _ => {
                    transaction.put(&[key], &[value]).unwrap();
                    now[usize::from(key)] = Some(vec![value]);
                }
            }
            for (key, value) in now.iter().enumerate() {
                let there = transaction.get(&[key as u8]).unwrap();
                prop_assert_eq!(there.as_deref(), value.as_deref());
            }
            prop_assert_eq!(transaction.count(&[], &[]).unwrap(), now.iter().flatten().count() as u64);
        }
        while let Some((mark, _)) = marks.pop() {
            transaction.release(mark);
        }
        transaction.commit().unwrap();
        let transaction = Transaction::new(store.open().unwrap());
        for (key, value) in now.iter().enumerate() {
            let there = transaction.get(&[key as u8]).unwrap();
                prop_assert_eq!(there.as_deref(), value.as_deref());
        }
    }
}
