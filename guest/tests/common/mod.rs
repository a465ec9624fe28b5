//! What the tests of hostile input share: engines over a store that stays in sight, and a check of all it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use cu_guest::database::{CatalogCache, Database};
use cu_guest::index::is_sampled;
use cu_guest::key::{PREFIX_SIZE, prefix, space};
use cu_guest::lua::Lua;
use cu_guest::store::{Cursor, Direction, MemoryStore, Store};
use cu_guest::value::{Item, has_objects};
use cu_guest::{Console, Engine};

pub struct Silent;

impl Console for Silent {
    fn print(&self, _: &[u8]) {}
}

/// An engine over a store.
pub fn over(store: &MemoryStore) -> Engine {
    engine(Box::new(store.clone()))
}

/// An engine over any store.
pub fn engine(store: Box<dyn Store>) -> Engine {
    Engine::new(store, Rc::new(Silent))
}

fn keys(db: &Database, start: Vec<u8>, end: Vec<u8>) -> BTreeSet<Vec<u8>> {
    let mut cursor = Cursor::new(start, end, Direction::Forward);
    let mut keys = BTreeSet::new();
    while let Some((key, _)) = cursor.next(db.transaction()).unwrap() {
        keys.insert(key.to_vec());
    }
    keys
}

/// Checks that the store holds what its documents call for, and nothing else: each index has an entry for each
/// document and no other, and its sample those of the documents in it, each function that a document stands for has its record, and nobody else has one.
pub fn check(store: &MemoryStore) {
    let mut db = Database::begin(store, &CatalogCache::default()).unwrap();
    db.set_lua(Lua::new(Rc::new(Silent), None));
    let (mut entries, mut documents) = (BTreeSet::new(), BTreeSet::new());
    let mut sampled = BTreeSet::new();
    // How often each object is referred to.
    let mut references: BTreeMap<u64, i64> = BTreeMap::new();
    let mut refer = |value: &[u8]| {
        for id in cu_guest::value::references(value) {
            *references.entry(id).or_default() += 1;
        }
    };
    // The objects that documents lead to.
    let mut waiting = Vec::new();
    let home = db.catalog().table("_home").into_iter();
    for table in home.chain(db.catalog().tables().map(|(_, table)| table)) {
        let all = prefix(space::DOCUMENT, table.id);
        let mut cursor = db.transaction().prefix(&all);
        while let Some((key, document)) = cursor.next(db.transaction()).unwrap() {
            cu_guest::Key::decode(&key[PREFIX_SIZE..]).unwrap();
            documents.insert(key.to_vec());
            if has_objects(document) {
                assert!(table.has_functions);
                refer(document);
                waiting.extend(cu_guest::value::references(document));
            } else {
                let accepted = cu_guest::value::accept(document, "document").unwrap();
                assert_eq!(*accepted, *document);
                assert_ne!(Item::of(document), Item::Null);
            }
            for index in &table.indexes {
                for entry in index.entries(&db, document, &key[PREFIX_SIZE..]).unwrap() {
                    let value = db.transaction().get(&entry).unwrap();
                    assert_eq!(
                        value.as_deref(),
                        Some(index.entry_value(&key[PREFIX_SIZE..]))
                    );
                    if is_sampled(&key[PREFIX_SIZE..]) {
                        let mut sample = entry.clone();
                        sample[0] = space::SAMPLE;
                        assert_eq!(db.transaction().get(&sample).unwrap(), value);
                        sampled.insert(sample);
                    }
                    assert!(entries.insert(entry));
                }
            }
        }
    }
    assert_eq!(
        keys(&db, vec![space::DOCUMENT], vec![space::DOCUMENT + 1]),
        documents
    );
    assert_eq!(
        keys(&db, vec![space::INDEX], vec![space::INDEX + 1]),
        entries
    );
    assert_eq!(
        keys(&db, vec![space::SAMPLE], vec![space::SAMPLE + 1]),
        sampled
    );
    let number = |key: &[u8]| u64::from(u32::from_be_bytes(key[1..5].try_into().unwrap()));
    let mut objects = BTreeMap::new();
    let mut cursor = db.transaction().prefix(&[space::OBJECT]);
    while let Some((key, object)) = cursor.next(db.transaction()).unwrap() {
        objects.insert(number(key), object.to_vec());
        refer(object);
    }
    let mut reached = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if reached.insert(id) {
            waiting.extend(cu_guest::value::references(&objects[&id]));
        }
    }
    assert!(
        reached.iter().eq(objects.keys()),
        "documents lead to each object, also where objects refer to each other"
    );
    assert!(
        references.keys().eq(objects.keys()),
        "each object is referred to, and each that is referred to is there"
    );
    let mut cursor = db.transaction().prefix(&[space::COUNT]);
    while let Some((key, count)) = cursor.next(db.transaction()).unwrap() {
        let Item::Int(count) = Item::of(count) else {
            panic!("a count is no number")
        };
        assert_eq!(references.remove(&number(key)), Some(count));
    }
    assert!(references.values().all(|count| *count == 1));
}
