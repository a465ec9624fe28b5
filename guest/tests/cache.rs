//! Results that are kept, beside instances that keep none.
//!
//! `CU_CACHED` is how many series of writes and queries are tried, 24 by default.

mod common;

use common::{check, over};
use cu_guest::store::MemoryStore;
use cu_guest::value::{
    Item, elements, entries, write_array_head, write_bool, write_int, write_map_head, write_text,
};
use cu_guest::{CallOptions, Engine, Key, Limits, Setting};
use proptest::prelude::*;

fn document(n: i64) -> Vec<u8> {
    let mut out = Vec::new();
    write_map_head(&mut out, 1);
    write_text(&mut out, "n");
    write_int(&mut out, n);
    out
}

/// A query for what is greater than a number, and what `explain` shall tell of it besides.
fn query(table: &str, n: i64, explained: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    write_map_head(&mut out, 2 + explained.len());
    for name in explained {
        write_text(&mut out, name);
        write_bool(&mut out, true);
    }
    write_text(&mut out, "table");
    write_text(&mut out, table);
    write_text(&mut out, "where");
    write_map_head(&mut out, 3);
    for (name, text) in [("op", ">"), ("field", "n")] {
        write_text(&mut out, name);
        write_text(&mut out, text);
    }
    write_text(&mut out, "value");
    write_int(&mut out, n);
    let accepted = cu_guest::value::accept_argument(&out, "").unwrap();
    accepted.into_owned()
}

fn fill(engine: &mut Engine, table: &str, count: i64) {
    let mut batch = Vec::new();
    write_array_head(&mut batch, usize::try_from(count).unwrap());
    for n in 0..count {
        write_map_head(&mut batch, 4);
        for (name, text) in [("op", "put"), ("table", table)] {
            write_text(&mut batch, name);
            write_text(&mut batch, text);
        }
        write_text(&mut batch, "key");
        write_int(&mut batch, n);
        write_text(&mut batch, "value");
        batch.extend(document(n));
    }
    engine.documents_apply(&batch).unwrap();
}

fn member<'a>(map: &'a [u8], name: &str) -> Option<&'a [u8]> {
    entries(map).find_map(|(key, value)| (Item::of(key) == Item::Text(name)).then_some(value))
}

/// What the statistics say of the cache.
fn number(engine: &mut Engine, name: &str) -> i64 {
    let stats = engine.admin_stats().unwrap();
    match member(member(&stats, "cache").unwrap(), name).map(Item::of) {
        Some(Item::Int(number)) => number,
        other => panic!("{other:?}"),
    }
}

#[derive(Debug, Clone)]
enum Step {
    Ask(usize, i64),
    Count(usize, i64),
    Put(bool, usize, i64, i64),
    Delete(bool, usize, i64),
    Script(bool, i64),
    Fail(i64),
    Index(bool),
    Drop,
}

fn step() -> impl Strategy<Value = Step> {
    let bound = || prop::sample::select(vec![-1i64, 500, 1990]);
    let key = || prop::sample::select(vec![0i64, 600, 1999, 3000]);
    prop_oneof![
        8 => (0..2usize, bound()).prop_map(|(table, n)| Step::Ask(table, n)),
        4 => (0..2usize, bound()).prop_map(|(table, n)| Step::Count(table, n)),
        2 => (any::<bool>(), 0..2usize, key(), 0..3000i64).prop_map(|(own, t, k, n)| Step::Put(own, t, k, n)),
        1 => (any::<bool>(), 0..2usize, key()).prop_map(|(own, t, k)| Step::Delete(own, t, k)),
        1 => (any::<bool>(), key()).prop_map(|(own, k)| Step::Script(own, k)),
        1 => key().prop_map(Step::Fail),
        1 => any::<bool>().prop_map(Step::Index),
        1 => Just(Step::Drop),
    ]
}

fn cases() -> u32 {
    std::env::var("CU_CACHED").map_or(24, |cases| cases.parse().expect("a number"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn a_result_that_is_kept_is_what_an_instance_without_any_finds(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let tables = ["t", "u"];
        let store = MemoryStore::new();
        let mut engines = [over(&store), over(&store)];
        for table in tables {
            fill(&mut engines[0], table, 2000);
        }
        let options = CallOptions::default();
        for step in &steps {
            match step {
                Step::Ask(table, n) => {
                    let query = query(tables[*table], *n, &[]);
                    let found = engines[0].queries_run(&query);
                    prop_assert_eq!(found, over(&store).queries_run(&query));
                }
                Step::Count(table, n) => {
                    let query = query(tables[*table], *n, &[]);
                    let found = engines[0].queries_count(&query);
                    prop_assert_eq!(found, over(&store).queries_count(&query));
                }
                Step::Put(own, table, key, n) => engines[usize::from(!own)]
                    .documents_put(tables[*table], &Key::Integer(*key), &document(*n))
                    .unwrap(),
                Step::Delete(own, table, key) => {
                    engines[usize::from(!own)].documents_delete(tables[*table], &Key::Integer(*key)).unwrap();
                }
                Step::Script(own, key) => {
                    let source = format!("_home.u = _home.u or {{}} _home.u[{key}] = {{n = 700}}");
                    engines[usize::from(!own)].lua_eval(&source, &[0x80], &options).unwrap();
                }
                Step::Fail(key) => {
                    let source = format!("_home.t[{key}] = {{n = 700}} error('no')");
                    engines[0].lua_eval(&source, &[0x80], &options).unwrap_err();
                }
                Step::Index(own) => {
                    let mut definition = Vec::new();
                    write_map_head(&mut definition, 1);
                    write_text(&mut definition, "fields");
                    write_array_head(&mut definition, 1);
                    write_text(&mut definition, "n");
                    engines[usize::from(!own)].indexes_create("t", &definition).unwrap();
                }
                Step::Drop => {
                    engines[0].tables_drop("u").unwrap();
                }
            }
        }
        check(&store);
    }
}

#[test]
fn results_are_kept_until_their_table_changes() {
    let store = MemoryStore::new();
    let mut engine = over(&store);
    fill(&mut engine, "t", 2000);
    let asked = query("t", 100, &[]);
    let first = engine.queries_run(&asked).unwrap();
    assert_eq!(elements(&first).count(), 1899);
    assert_eq!(number(&mut engine, "misses"), 1);
    assert_eq!(number(&mut engine, "hits"), 0);
    let analyzed = query("t", 100, &["analyze", "text"]);
    let explained = engine.queries_explain(&analyzed).unwrap();
    assert_eq!(
        member(&explained, "cached").map(Item::of),
        Some(Item::Bool(true))
    );
    let Some(Item::Text(text)) = member(&explained, "text").map(Item::of) else {
        panic!("no text");
    };
    assert!(text.starts_with(
        "scan of table t\ndocuments are tested\ncounted: entries 0, documents 2000, rows 1899\n"
    ));
    assert!(text.ends_with("\nthe result is in the cache"));

    // Another table's commits are no matter, but a commit of another instance may be anything.
    engine
        .documents_put("u", &Key::Integer(1), &document(1))
        .unwrap();
    engine
        .documents_put("u", &Key::Integer(2), &document(1))
        .unwrap();
    assert_eq!(engine.queries_run(&asked).unwrap(), first);
    // The first of them has made a table.
    assert_eq!(number(&mut engine, "hits"), 0);
    engine
        .documents_put("u", &Key::Integer(2), &document(2))
        .unwrap();
    assert_eq!(engine.queries_run(&asked).unwrap(), first);
    assert_eq!(number(&mut engine, "hits"), 1);
    over(&store)
        .documents_put("u", &Key::Integer(1), &document(1))
        .unwrap();
    assert_eq!(engine.queries_run(&asked).unwrap(), first);
    assert_eq!(number(&mut engine, "hits"), 1);
    engine
        .documents_put("t", &Key::Integer(1), &document(1_000))
        .unwrap();
    assert_eq!(elements(&engine.queries_run(&asked).unwrap()).count(), 1900);
    assert_eq!(number(&mut engine, "hits"), 1);
}

#[test]
fn what_is_cheap_or_too_large_is_not_kept_and_nothing_where_the_limit_says_so() {
    let mut engine = over(&MemoryStore::new());
    fill(&mut engine, "t", 2000);
    fill(&mut engine, "small", 10);
    engine.queries_run(&query("small", 0, &[])).unwrap();
    assert_eq!(number(&mut engine, "misses"), 0);
    for n in 0..200 {
        engine.queries_run(&query("t", n, &[])).unwrap();
    }
    // 64 of them, with about 20 KB each.
    assert_eq!(number(&mut engine, "entries"), 64);
    let size = number(&mut engine, "bytes");
    assert!(size > 1 << 20 && size < 4 << 20, "{size}");
    let limits = |bytes| Limits::default().with(Setting::CacheSize, Some(bytes));
    engine.admin_set_limits(limits(100_000)).unwrap();
    for n in 0..200 {
        engine.queries_run(&query("t", n, &[])).unwrap();
    }
    let size = number(&mut engine, "bytes");
    assert!(size > 50_000 && size <= 100_000, "{size}");
    for bytes in [0, 60_000] {
        engine.admin_set_limits(limits(bytes)).unwrap();
        engine.queries_run(&query("t", 0, &[])).unwrap();
        engine.queries_run(&query("t", 0, &[])).unwrap();
        assert_eq!(number(&mut engine, "entries"), 0);
    }
    assert_eq!(number(&mut engine, "hits"), 0);
}
