//! Many puts in one batch, beside the same puts one by one.
//!
//! `CU_PUTS` is how many series are tried, 32 by default.

mod common;

use common::{check, over};
use cu_guest::store::MemoryStore;
use cu_guest::value::{
    accept, write_array_head, write_bool, write_int, write_map_head, write_null, write_text,
};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// What is done to a document, by its number.
#[derive(Debug, Clone)]
enum Step {
    Put(&'static str, i64, Option<i64>),
    Delete(&'static str, i64),
    Get(&'static str, i64),
}

fn table() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("a"), 1 => Just("b")]
}

/// Batches of which most are puts alone, some of them long enough to be of several chunks.
fn batches() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let put = || (table(), 0..400i64, prop::option::of(-3..3i64));
    let put = move || put().prop_map(|(table, key, n)| Step::Put(table, key, n));
    let other =
        (table(), 0..400i64, any::<bool>()).prop_map(|(table, key, deletes)| match deletes {
            true => Step::Delete(table, key),
            false => Step::Get(table, key),
        });
    let mixed = prop_oneof![60 => put().boxed(), 1 => other.boxed()];
    let batch = prop_oneof![
        4 => prop::collection::vec(put(), 1..300).boxed(),
        1 => prop::collection::vec(put(), 1000..2200).boxed(),
        2 => prop::collection::vec(mixed, 1000..1400).boxed(),
    ];
    prop::collection::vec(batch, 1..5)
}

fn write(step: &Step, out: &mut Vec<u8>) {
    let (op, table, key, members) = match step {
        Step::Put(table, key, _) => ("put", table, key, 4),
        Step::Delete(table, key) => ("delete", table, key, 3),
        Step::Get(table, key) => ("get", table, key, 3),
    };
    write_map_head(out, members);
    write_text(out, "op");
    write_text(out, op);
    write_text(out, "key");
    write_int(out, *key);
    write_text(out, "table");
    write_text(out, table);
    if let Step::Put(_, key, n) = step {
        write_text(out, "value");
        write_map_head(out, 2);
        write_text(out, "n");
        match n {
            Some(n) => write_int(out, *n),
            None => write_null(out),
        }
        write_text(out, "key");
        write_int(out, *key);
    }
}

fn batch(steps: &[Step]) -> Vec<u8> {
    let mut out = Vec::new();
    write_array_head(&mut out, steps.len());
    steps.iter().for_each(|step| write(step, &mut out));
    out
}

/// An index over fields, with what else there is to say of it.
fn index(fields: &[(&str, bool)], marks: &[&str], kind: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write_map_head(&mut out, 3 + marks.len());
    write_text(&mut out, "name");
    write_text(&mut out, &[kind, marks.join(" ").as_str()].join(" "));
    write_text(&mut out, "fields");
    write_array_head(&mut out, fields.len());
    for (field, descending) in fields {
        write_map_head(&mut out, 2);
        write_text(&mut out, "field");
        write_text(&mut out, field);
        write_text(&mut out, "descending");
        write_bool(&mut out, *descending);
    }
    write_text(&mut out, "kind");
    write_text(&mut out, kind);
    for mark in marks {
        write_text(&mut out, mark);
        write_bool(&mut out, true);
    }
    accept(&out, "").unwrap().into_owned()
}

#[test]
fn many_puts_leave_what_the_same_puts_one_by_one_leave() {
    let cases = std::env::var("CU_PUTS").map_or(32, |cases| cases.parse().unwrap());
    let config = ProptestConfig::with_cases(cases);
    TestRunner::new(config)
        .run(&(batches(), 0..4usize), |(batches, indexes)| {
            let stores = [MemoryStore::default(), MemoryStore::default()];
            let mut engines = stores.each_ref().map(over);
            let definitions = [
                index(&[("n", false)], &[], "btree"),
                index(&[("n", true), ("key", false)], &["sparse"], "btree"),
                index(&[("n", false)], &[], "hash"),
            ];
            for engine in &mut engines {
                for definition in &definitions[..indexes] {
                    engine.indexes_create("a", definition).unwrap();
                }
            }
            for steps in batches {
                let [many, one_by_one] = &mut engines;
                let results = many.documents_apply(&batch(&steps)).unwrap();
                let mut expected = Vec::new();
                write_array_head(&mut expected, steps.len());
                for step in &steps {
                    let result = one_by_one.documents_apply(&batch(std::slice::from_ref(step)));
                    expected.extend_from_slice(&result.unwrap()[1..]);
                }
                prop_assert_eq!(results, expected);
                let digests = engines.each_mut().map(|one| one.admin_digest().unwrap());
                prop_assert_eq!(&digests[0], &digests[1]);
                check(&stores[0]);
            }
            Ok(())
        })
        .unwrap();
}
