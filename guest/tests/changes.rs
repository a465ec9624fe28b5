//! The change feed against a model: whoever was at some commit and replays what the feed tells is where the
//! database is.

use std::collections::BTreeMap;

use cu_guest::store::MemoryStore;
use cu_guest::value::{
    Item, elements, entries, write_array_head, write_bytes, write_int, write_map_head, write_null,
    write_text,
};
use cu_guest::{CallOptions, Engine, Error, Key};
use proptest::prelude::*;

#[allow(dead_code, reason = "each test uses a part of it")]
mod common;

const TABLES: [&str; 3] = ["a", "b", "c"];

#[derive(Debug, Clone)]
enum Step {
    Put(usize, i64, i64),
    Delete(usize, i64),
    Drop(usize),
    /// In one transaction, of which the last part may fail.
    Script(Vec<Step>, bool),
    Clear(usize),
    Reopen,
}

fn write() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3usize, 1..6i64, 0..4i64).prop_map(|(t, k, v)| Step::Put(t, k, v)),
        4 => (0..3usize, 1..6i64).prop_map(|(t, k)| Step::Delete(t, k)),
        1 => (0..3usize).prop_map(Step::Drop),
        1 => (0..3usize).prop_map(Step::Clear),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => write(),
        4 => (proptest::collection::vec(write(), 1..8), prop::bool::weighted(0.2))
            .prop_map(|(steps, fails)| Step::Script(steps, fails)),
        1 => Just(Step::Reopen),
    ]
}

/// What is in which table.
type State = BTreeMap<(String, i64), i64>;

fn make(state: &mut State, step: &Step) {
    match step {
        Step::Put(table, key, value) => {
            state.insert((TABLES[*table].to_string(), *key), *value);
        }
        Step::Delete(table, key) => {
            state.remove(&(TABLES[*table].to_string(), *key));
        }
        Step::Drop(table) | Step::Clear(table) => {
            state.retain(|(name, _), _| name != TABLES[*table]);
        }
        Step::Script(steps, false) => steps.iter().for_each(|step| make(state, step)),
        Step::Script(_, true) | Step::Reopen => {}
    }
}

/// The step as Lua.
fn source(step: &Step) -> String {
    match step {
        Step::Put(table, key, value) => {
            let table = TABLES[*table];
            format!("_home.{table} = _home.{table} or {{}} _home.{table}[{key}] = {value} ")
        }
        Step::Delete(table, key) => {
            let table = TABLES[*table];
            format!("if _home.{table} then _home.{table}[{key}] = nil end ")
        }
        Step::Drop(table) => format!("_home.{} = nil ", TABLES[*table]),
        Step::Clear(table) => format!("_home.{} = {{}} ", TABLES[*table]),
        Step::Script(steps, fails) => {
            let steps: String = steps.iter().map(source).collect();
            format!("{steps}{}", if *fails { "error('no')" } else { "" })
        }
        Step::Reopen => String::new(),
    }
}

fn run(engine: &mut Engine, step: &Step) {
    let mut value = Vec::new();
    match step {
        Step::Put(table, key, number) => {
            write_int(&mut value, *number);
            let key = Key::Integer(*key);
            engine.documents_put(TABLES[*table], &key, &value).unwrap();
        }
        Step::Delete(table, key) => {
            let key = Key::Integer(*key);
            engine.documents_delete(TABLES[*table], &key).unwrap();
        }
        Step::Drop(table) => drop(engine.tables_drop(TABLES[*table]).map(|_| ())),
        step => {
            let done = engine.lua_eval(&source(step), &[0x80], &CallOptions::default());
            assert_eq!(
                done.is_err(),
                matches!(step, Step::Script(_, true)),
                "{done:?}"
            );
        }
    }
}

fn member<'a>(map: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let found = entries(map).find(|(there, _)| Item::of(there) == Item::Text(name));
    found.map(|(_, value)| value)
}

fn number(map: &[u8], name: &str) -> Option<i64> {
    match Item::of(member(map, name)?) {
        Item::Int(number) => Some(number),
        other => panic!("{name} is {other:?}"),
    }
}

/// A page behind a place, which is a value.
fn page(engine: &mut Engine, after: &[u8], limit: i64) -> Result<Vec<u8>, Error> {
    let mut request = Vec::new();
    write_map_head(&mut request, 2);
    write_text(&mut request, "after");
    request.extend_from_slice(after);
    write_text(&mut request, "limit");
    write_int(&mut request, limit);
    engine.changes_read(&request)
}

fn newest(engine: &mut Engine) -> i64 {
    let now = page(engine, &[0xf6], 1).unwrap();
    number(&now, "newest").unwrap()
}

/// Replays all changes behind a commit. How many there were, or none if the feed does not have them any more.
fn replay(engine: &mut Engine, after: i64, limit: i64, state: &mut State) -> Option<usize> {
    let mut place = Vec::new();
    write_int(&mut place, after);
    let mut count = 0;
    let mut last = after;
    loop {
        let page = match page(engine, &place, limit) {
            Err(Error::OutOfDate(_)) => return None,
            page => page.unwrap(),
        };
        for change in elements(member(&page, "changes").unwrap()) {
            let sequence = number(change, "sequence").unwrap();
            assert!(sequence >= last);
            last = sequence;
            let Some(Item::Text(table)) = member(change, "table").map(Item::of) else {
                panic!("no table")
            };
            count += 1;
            if member(change, "dropped").is_some() {
                state.retain(|(name, _), _| name != table);
                continue;
            }
            let key = (table.to_string(), number(change, "key").unwrap());
            let (before, after) = (number(change, "before"), number(change, "after"));
            assert_ne!(before, after);
            assert_eq!(state.get(&key).copied(), before);
            match after {
                Some(after) => state.insert(key, after),
                None => state.remove(&key),
            };
        }
        let Some(Item::Bytes(next)) = member(&page, "next").map(Item::of) else {
            panic!("no place")
        };
        place.clear();
        write_bytes(&mut place, next);
        if Item::of(member(&page, "more").unwrap()) == Item::Bool(false) {
            return Some(count);
        }
    }
}

fn configure(engine: &mut Engine, tables: Option<&[&str]>, changes: i64) {
    let mut settings = Vec::new();
    write_map_head(&mut settings, 2);
    write_text(&mut settings, "tables");
    match tables {
        None => write_null(&mut settings),
        Some(tables) => {
            write_array_head(&mut settings, tables.len());
            tables
                .iter()
                .for_each(|table| write_text(&mut settings, table));
        }
    }
    write_text(&mut settings, "changes");
    write_int(&mut settings, changes);
    engine.changes_configure(Some(&settings)).unwrap();
}

proptest! {
    #[test]
    fn replaying_the_feed_from_any_commit_leads_to_the_state(
        before in proptest::collection::vec(write(), 0..8),
        steps in proptest::collection::vec(step(), 1..60),
        only in prop::bool::ANY,
        keep in prop_oneof![Just(1i64), 2..30i64, Just(100_000)],
        limit in 1..7i64,
    ) {
        let store = MemoryStore::new();
        let mut engine = common::over(&store);
        let mut state = State::new();
        for step in &before {
            run(&mut engine, step);
            make(&mut state, step);
        }
        let tables: &[&str] = if only { &["a", "b"] } else { &TABLES };
        configure(&mut engine, only.then_some(tables), keep);
        let followed = |state: &State| -> State {
            let followed = |(table, _): &&(String, i64)| tables.contains(&table.as_str());
            let there = state.iter().filter(|(key, _)| followed(key));
            there.map(|(key, value)| (key.clone(), *value)).collect()
        };
        let mut states = BTreeMap::from([(newest(&mut engine), followed(&state))]);
        let begun = *states.keys().next().unwrap();
        for step in &steps {
            if matches!(step, Step::Reopen) {
                engine = common::over(&store);
            } else {
                run(&mut engine, step);
            }
            make(&mut state, step);
            states.insert(newest(&mut engine), followed(&state));
        }
        let mut all = None;
        for (commit, then) in &states {
            let mut replayed = then.clone();
            let count = replay(&mut engine, *commit, limit, &mut replayed);
            if *commit == begun {
                all = count;
            }
            if keep == 100_000 {
                prop_assert!(count.is_some());
            }
            if count.is_some() {
                prop_assert_eq!(&replayed, &followed(&state));
            }
        }
        prop_assert!(keep != 100_000 || all.is_some());
        // Commits are given up only if enough is kept without them.
        let now = page(&mut engine, &[0xf6], 1).unwrap();
        let oldest = number(&now, "oldest").unwrap();
        if oldest > begun {
            let (_, then) = states.range(..=oldest).next_back().unwrap();
            let kept = replay(&mut engine, oldest, limit, &mut then.clone());
            prop_assert!(kept.is_some_and(|kept| kept as i64 >= keep), "{:?} of {}", kept, keep);
        }
        let last = *states.keys().last().unwrap();
        prop_assert_eq!(replay(&mut engine, last, limit, &mut states[&last].clone()), Some(0));
    }
}

/// Documents are put one by one: so many are kept at least, and not many more.
#[test]
fn about_as_many_changes_are_kept_as_the_settings_say() {
    for keep in [1, 10, 100, 500] {
        let store = MemoryStore::new();
        let mut engine = common::over(&store);
        configure(&mut engine, None, keep);
        for number in 0..1000 {
            run(&mut engine, &Step::Put(0, number, number));
            let now = page(&mut engine, &[0xf6], 1).unwrap();
            let kept = number + 1 - (number_of(&now, "oldest") - 1);
            assert!(kept >= keep.min(number + 1), "{kept} of {keep}");
            assert!(kept <= keep + 64, "{kept} of {keep}");
        }
    }
}

fn number_of(map: &[u8], name: &str) -> i64 {
    number(map, name).unwrap()
}

/// More than what a transaction keeps in memory, if it hands writes over to the store before its commit.
#[test]
fn a_large_transaction_tells_each_document_once_with_what_was_there_before() {
    let store = MemoryStore::new();
    let mut engine = common::over(&store);
    let write = |engine: &mut Engine, number: i64| {
        let script = format!(
            "_home.a = _home.a or {{}} for k = 1, 4500 do _home.a[k] = 0 end \
             for k = 1, 4500 do _home.a[k] = {{n = {number}, text = ('x'):rep(2000)}} end \
             for k = 1, 4500 do _home.a[k] = k + {number} end"
        );
        let options = CallOptions::default();
        engine.lua_eval(&script, &[0x80], &options).unwrap();
    };
    write(&mut engine, 1);
    configure(&mut engine, None, 100_000);
    let begun = newest(&mut engine);
    write(&mut engine, 2);
    let mut state: State = (1..=4500)
        .map(|key| (("a".to_string(), key), key + 1))
        .collect();
    assert_eq!(replay(&mut engine, begun, 999, &mut state), Some(4500));
    assert!(state.iter().all(|((_, key), value)| *value == key + 2));
}
