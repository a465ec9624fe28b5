//! Estimates from the samples of indexes, beside what is there.

mod common;

use common::{check, over};
use cu_guest::store::MemoryStore;
use cu_guest::value::{
    Item, elements, entries, write_array_head, write_int, write_map_head, write_text,
};
use cu_guest::{Engine, Key};

const COUNT: i64 = 60_000;

/// `few` has 10 values, `many` as many as there are documents, `skewed` mostly 0.
fn document(n: i64) -> Vec<u8> {
    let mut out = Vec::new();
    write_map_head(&mut out, 3);
    for (name, value) in [
        ("few", n % 10),
        ("many", n * 7 % COUNT),
        ("skewed", if n % 20 == 0 { n } else { 0 }),
    ] {
        write_text(&mut out, name);
        write_int(&mut out, value);
    }
    out
}

fn filled(store: &MemoryStore) -> Engine {
    let mut engine = over(store);
    for field in ["few", "many", "skewed"] {
        let mut definition = Vec::new();
        write_map_head(&mut definition, 1);
        write_text(&mut definition, "fields");
        write_array_head(&mut definition, 1);
        write_text(&mut definition, field);
        engine.indexes_create("t", &definition).unwrap();
    }
    for start in (0..COUNT).step_by(10_000) {
        let mut batch = Vec::new();
        write_array_head(&mut batch, 10_000);
        for n in start..start + 10_000 {
            write_map_head(&mut batch, 4);
            for (name, text) in [("op", "put"), ("table", "t")] {
                write_text(&mut batch, name);
                write_text(&mut batch, text);
            }
            write_text(&mut batch, "key");
            write_int(&mut batch, n);
            write_text(&mut batch, "value");
            batch.extend(document(n));
        }
        let accepted = cu_guest::value::accept_argument(&batch, "").unwrap();
        engine.documents_apply(&accepted).unwrap();
    }
    engine
}

fn member<'a>(map: &'a [u8], name: &str) -> &'a [u8] {
    let found =
        entries(map).find_map(|(key, value)| (Item::of(key) == Item::Text(name)).then_some(value));
    found.unwrap_or_else(|| panic!("no {name}"))
}

fn number(value: &[u8]) -> i64 {
    match Item::of(value) {
        Item::Int(number) => number,
        other => panic!("{other:?}"),
    }
}

/// Whether a number is another one, give or take a third.
fn is_about(found: i64, wanted: i64) -> bool {
    found * 3 >= wanted * 2 && found * 2 <= wanted * 3
}

/// A query for documents that meet all of some comparisons.
fn query(comparisons: &[(&str, &str, i64)]) -> Vec<u8> {
    let mut out = Vec::new();
    write_map_head(&mut out, 2);
    write_text(&mut out, "table");
    write_text(&mut out, "t");
    write_text(&mut out, "where");
    write_map_head(&mut out, 1);
    write_text(&mut out, "and");
    write_array_head(&mut out, comparisons.len());
    for (field, op, value) in comparisons {
        write_map_head(&mut out, 3);
        write_text(&mut out, "op");
        write_text(&mut out, op);
        write_text(&mut out, "field");
        write_text(&mut out, field);
        write_text(&mut out, "value");
        write_int(&mut out, *value);
    }
    out
}

#[test]
fn statistics_are_near_the_truth_and_kept_up_by_writes() {
    let store = MemoryStore::new();
    let mut engine = filled(&store);
    check(&store);
    for (index, distinct) in [("few", 10), ("many", COUNT), ("skewed", 3_000)] {
        let all = engine.indexes_statistics("t", index).unwrap();
        assert_eq!(Item::of(member(&all, "exact")), Item::Bool(false));
        assert_eq!(number(member(&all, "entries")), COUNT);
        let found = number(member(&all, "distinct"));
        // Rare values among frequent ones are seldom in a sample: within a factor of 2.
        assert!(
            found * 2 >= distinct && found <= distinct * 2,
            "{index}: {found}"
        );
        let parts: Vec<&[u8]> = elements(member(&all, "histogram")).collect();
        let sum: i64 = parts
            .iter()
            .map(|part| number(member(part, "entries")))
            .sum();
        assert!((COUNT - sum).abs() < 100, "{index}: {sum}");
        if index == "many" {
            assert!(parts.len() >= 16);
            for (at, part) in parts.iter().enumerate() {
                let up_to = elements(member(part, "upTo")).next().map(number).unwrap();
                let wanted = COUNT / 16 * (at as i64 + 1);
                assert!(is_about(up_to, wanted), "{up_to} {wanted}");
            }
        }
    }
    for n in 0..COUNT - 3_000 {
        engine.documents_delete("t", &Key::Integer(n)).unwrap();
    }
    check(&store);
    let all = engine.indexes_statistics("t", "few").unwrap();
    assert_eq!(Item::of(member(&all, "exact")), Item::Bool(true));
    assert_eq!(number(member(&all, "distinct")), 10);
    let parts: Vec<_> = elements(member(&all, "histogram"))
        .map(|part| number(member(part, "entries")))
        .collect();
    assert_eq!(parts, [300; 10]);
}

#[test]
fn plans_over_many_entries_are_told_apart_by_the_sample() {
    let mut engine = filled(&MemoryStore::new());
    for (comparisons, index, wanted) in [
        // 54,000 of the one, 30,000 of the other.
        ([("few", ">", 0), ("many", ">=", 30_000)], "many", 30_000),
        // 12,000 of the one, 57,000 of the other.
        ([("few", ">", 7), ("skewed", "<=", 0)], "few", 12_000),
        ([("many", "<", 15_000), ("skewed", "<=", 0)], "many", 15_000),
    ] {
        let query = query(&comparisons);
        let explained = engine.queries_explain(&query).unwrap();
        let first = elements(member(&explained, "indexes")).next().map(Item::of);
        assert_eq!(first, Some(Item::Text(index)));
        let considered = elements(member(&explained, "considered")).find(|one| {
            elements(member(one, "indexes")).next().map(Item::of) == Some(Item::Text(index))
        });
        let considered = considered.unwrap();
        assert_eq!(Item::of(member(considered, "estimated")), Item::Bool(true));
        assert!(is_about(number(member(considered, "entries")), wanted));
        let counted = engine.queries_count(&query).unwrap();
        let holds = |n: &i64| {
            comparisons.iter().all(|(field, op, value)| {
                let document = document(*n);
                let found = number(member(&document, field));
                match *op {
                    ">" => found > *value,
                    ">=" => found >= *value,
                    "<" => found < *value,
                    _ => found <= *value,
                }
            })
        };
        assert_eq!(counted, (0..COUNT).filter(holds).count() as u64);
    }
}

#[test]
fn an_index_without_a_sample_is_looked_into() {
    let store = MemoryStore::new();
    let mut engine = filled(&store);
    // As an older version leaves it.
    let mut transaction =
        cu_guest::store::Transaction::new(cu_guest::store::Store::open(&store).unwrap());
    transaction
        .delete_prefix(&[cu_guest::key::space::SAMPLE])
        .unwrap();
    transaction.commit().unwrap();
    let all = engine.indexes_statistics("t", "few").unwrap();
    assert_eq!(entries(&all).count(), 2);
    let query = query(&[("few", "<=", 0), ("many", "<", 4_000)]);
    let explained = engine.queries_explain(&query).unwrap();
    let first = elements(member(&explained, "indexes")).next().map(Item::of);
    assert_eq!(first, Some(Item::Text("many")));
}
