//! Recording in several parts, as for writes that leave the transaction before its commit.

use super::{Settings, configure, read};
use crate::database::{CatalogCache, Database};
use crate::key::Key;
use crate::store::MemoryStore;
use crate::value::{Item, elements, entries, write_int, write_map_head, write_text};

fn begin(store: &MemoryStore) -> Database {
    Database::begin(store, &CatalogCache::default()).expect("it begins")
}

fn int(value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    write_int(&mut out, value);
    out
}

/// A store with a feed and a table `t` that has 1 to 3 as its documents.
fn followed() -> MemoryStore {
    let store = MemoryStore::new();
    let mut db = begin(&store);
    for key in 1..=3 {
        db.put("t", &Key::Integer(key), &int(key)).expect("put");
    }
    db.commit().expect("it commits");
    let mut db = begin(&store);
    let settings = Settings::parse(&[0xa0], "").expect("settings");
    configure(&mut db, Some(settings)).expect("it is configured");
    db.commit().expect("it commits");
    store
}

/// Each change since the feed began, as its members but `sequence`.
fn told(store: &MemoryStore) -> Vec<String> {
    let mut request = Vec::new();
    write_map_head(&mut request, 1);
    write_text(&mut request, "after");
    write_int(&mut request, 2);
    let page = read(&begin(store), &request).expect("a page");
    let changes = entries(&page).find(|(name, _)| Item::of(name) == Item::Text("changes"));
    elements(changes.expect("changes").1)
        .map(|change| {
            let members =
                entries(change).map(|(name, value)| match (Item::of(name), Item::of(value)) {
                    (Item::Text("sequence"), _) => String::new(),
                    (Item::Text(name), Item::Int(value)) => format!("{name} {value} "),
                    (Item::Text(name), Item::Text(value)) => format!("{name} {value} "),
                    (name, value) => format!("{name:?} {value:?} "),
                });
            members.collect::<String>().trim_end().to_string()
        })
        .collect()
}

/// Runs steps in one transaction that is recorded behind each of them, and once more in one that is only recorded by its
/// commit. Both have to tell the same.
fn both(steps: &[&dyn Fn(&mut Database)]) -> Vec<String> {
    let all = [true, false].map(|in_parts| {
        let store = followed();
        let mut db = begin(&store);
        for step in steps {
            step(&mut db);
            if in_parts {
                db.record_changes().expect("it is recorded");
            }
        }
        db.commit().expect("it commits");
        told(&store)
    });
    let [in_parts, at_once] = all;
    assert_eq!(in_parts, at_once);
    at_once
}

fn put(key: i64, value: i64) -> impl Fn(&mut Database) {
    move |db| db.put("t", &Key::Integer(key), &int(value)).expect("put")
}

fn delete(key: i64) -> impl Fn(&mut Database) {
    move |db| assert!(db.delete("t", &Key::Integer(key)).expect("delete"))
}

fn drop_table(db: &mut Database) {
    db.drop_table("t").expect("drop");
}

#[test]
fn a_document_that_is_written_in_several_parts_is_one_change() {
    assert_eq!(
        both(&[&put(1, 10), &put(1, 11), &delete(2), &put(4, 4), &put(4, 5)]),
        [
            "key 1 after 11 table t before 1",
            "key 2 table t before 2",
            "key 4 after 5 table t"
        ]
    );
}

#[test]
fn a_document_that_is_as_it_was_in_the_end_is_no_change() {
    let none: [&str; 0] = [];
    assert_eq!(
        both(&[&put(1, 10), &put(1, 1), &put(4, 4), &delete(4)]),
        none
    );
    assert_eq!(both(&[&delete(3), &put(3, 3)]), none);
}

#[test]
fn what_a_part_has_recorded_of_a_table_goes_when_it_is_dropped() {
    let dropped = "table t Text(\"dropped\") Bool(true)";
    assert_eq!(both(&[&put(1, 10), &drop_table]), [dropped]);
    assert_eq!(
        both(&[&put(1, 10), &drop_table, &put(2, 20)]),
        [dropped, "key 2 after 20 table t"]
    );
    assert_eq!(
        both(&[
            &put(1, 10),
            &drop_table,
            &put(2, 20),
            &drop_table,
            &put(3, 30)
        ]),
        [dropped, "key 3 after 30 table t"]
    );
    let other = |db: &mut Database| db.put("u", &Key::Integer(1), &int(1)).expect("put");
    let drop_other = |db: &mut Database| assert!(db.drop_table("u").expect("drop"));
    let none: [&str; 0] = [];
    assert_eq!(both(&[&other, &drop_other]), none);
    assert_eq!(
        both(&[&other, &drop_other, &other]),
        ["key 1 after 1 table u"]
    );
}
