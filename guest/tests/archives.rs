//! Archives: what goes out comes back, and nothing else comes in.

mod common;

use std::collections::BTreeMap;
use std::rc::Rc;

use common::{check, over};
use cu_guest::database::{CatalogCache, Database};
use cu_guest::key::{PREFIX_SIZE, prefix, space};
use cu_guest::lua::Lua;
use cu_guest::pack::{Unpacker, write_bytes, write_optional};
use cu_guest::store::{Direction, MemoryStore, Snapshot, Store};
use cu_guest::value::{write_function, write_text};
use cu_guest::{CallOptions, Engine, Error, Key};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

const COUNTER: &str = "local n, step = 0, {1, 'a'} return function() n = n + step[1] return n end";

/// A database with something of everything.
fn sample() -> MemoryStore {
    let store = MemoryStore::new();
    let mut engine = over(&store);
    let options = CallOptions::default();
    let mut run = |source: &str| engine.lua_eval(source, &[0x80], &options).unwrap();
    run(
        "_home.people = {} _home.bytes = {} for i = 1, 20 do _home.people[i] = {name = 'p' .. i, born = 1900 + i % 3, tags = {i, 'x'}} end",
    );
    run("_home.people.key = 'text' _home.bytes['\\xff\\x00'] = true _home.greeting = 'hello'");
    run(
        "local n, Point = 0, {} Point.__index = Point function Point:sum() return self.x + self.y + n end \
         _home.shapes = {one = setmetatable({x = 1, y = 2}, Point)} \
         function _home.shapes.grow() n = n + 1 end _home.shapes.tools = {print, string.rep, function() return _home.shapes.one, n end} \
         local parts = {'return function() return 7 end'} \
         _home.shapes.seven = load(function() return table.remove(parts) end)()",
    );
    for (table, field) in [("people", "born"), ("people", "tags"), ("_home", "a")] {
        let mut definition = vec![0xa1];
        write_text(&mut definition, "fields");
        definition.push(0x81);
        write_text(&mut definition, field);
        engine.indexes_create(table, &definition).unwrap();
    }
    engine
        .functions_persist("tools", "next", COUNTER, &options)
        .unwrap();
    engine
        .functions_persist(
            "people",
            "print",
            "function() print(_home.greeting) end",
            &options,
        )
        .unwrap();
    engine
        .functions_call("tools", "next", &[0x80], &options)
        .unwrap();
    let computed = "local least = {2} _home.tools.size = function(document) \
                    if type(document) == 'table' and #document.name > least[1] then return #document.name end end \
                    db.people:index{name = 'size', ['function'] = {table = 'tools', name = 'size'}}";
    engine.lua_eval(computed, &[0x80], &options).unwrap();
    store
}

/// All pages of an archive, and the digest of what is in it.
fn exported(engine: &mut Engine) -> (Vec<Vec<u8>>, Vec<u8>) {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = engine.archive_export_page(after.as_deref()).unwrap();
        pages.push(page.entries);
        after = page.next;
        if after.is_none() {
            return (pages, engine.admin_digest().unwrap());
        }
    }
}

fn finish(engine: &mut Engine, digest: &[u8]) -> Result<(), Error> {
    while !engine.archive_finish_import(digest)? {}
    Ok(())
}

fn import(engine: &mut Engine, pages: &[Vec<u8>], digest: &[u8]) -> Result<(), Error> {
    for page in pages {
        engine.archive_import_page(page)?;
    }
    finish(engine, digest)
}

fn unpacked(pages: &[Vec<u8>]) -> Entries {
    let mut entries = Entries::new();
    for page in pages {
        let mut unpacker = Unpacker::default();
        while !unpacker.is_done(page) {
            let key = unpacker.bytes(page).unwrap();
            let value = unpacker.optional(page).unwrap().unwrap();
            entries.insert(page[key].to_vec(), page[value].to_vec());
        }
    }
    entries
}

fn packed(entries: &Entries) -> Vec<u8> {
    let mut page = Vec::new();
    for (key, value) in entries {
        write_bytes(&mut page, key);
        write_optional(&mut page, Some(value));
    }
    page
}

fn raw(snapshot: &dyn Snapshot) -> Vec<u8> {
    snapshot
        .scan(&[], &[], Direction::Forward, u32::MAX, u32::MAX)
        .unwrap()
}

fn count(store: &MemoryStore) -> u64 {
    store.open().unwrap().count(&[], &[]).unwrap()
}

#[test]
fn a_restored_database_has_the_digest_of_the_archived_one_and_goes_on() {
    let mut from = over(&sample());
    let (pages, digest) = exported(&mut from);
    let store = MemoryStore::new();
    let mut to = over(&store);
    import(&mut to, &pages, &digest).unwrap();
    assert_eq!(to.admin_digest().unwrap(), digest);
    check(&store);
    let options = CallOptions::default();
    for engine in [&mut from, &mut to] {
        let counted = engine.functions_call("tools", "next", &[0x80], &options);
        assert_eq!(counted.unwrap(), [0x81, 0x02]);
        engine
            .documents_put("new", &Key::Integer(1), &[0x01])
            .unwrap();
    }
    assert_eq!(to.admin_digest(), from.admin_digest());
}

#[test]
fn pages_end_at_a_megabyte_and_an_import_goes_on_in_another_instance() {
    let store = MemoryStore::new();
    let mut engine = over(&store);
    let mut document = Vec::new();
    write_text(&mut document, &"x".repeat(300_000));
    for number in 0..10 {
        engine
            .documents_put("t", &Key::Integer(number), &document)
            .unwrap();
    }
    let (pages, digest) = exported(&mut engine);
    assert_eq!(pages.len(), 3);
    assert!(pages.iter().all(|page| page.len() < 1_400_000));

    let store = MemoryStore::new();
    for page in &pages {
        over(&store).archive_import_page(page).unwrap();
    }
    finish(&mut over(&store), &digest).unwrap();
    assert_eq!(over(&store).admin_digest().unwrap(), digest);
}

#[test]
fn more_index_entries_than_one_step_makes_are_made_in_several() {
    let store = MemoryStore::new();
    let mut engine = over(&store);
    engine
        .lua_eval(
            "_home.t = {} for i = 1, 6000 do _home.t[i] = {a = string.rep('k', 900) .. i, b = i} end",
            &[0x80],
            &CallOptions::default(),
        )
        .unwrap();
    for field in ["a", "b"] {
        let mut definition = vec![0xa1];
        write_text(&mut definition, "fields");
        definition.push(0x81);
        write_text(&mut definition, field);
        engine.indexes_create("t", &definition).unwrap();
    }
    let (pages, digest) = exported(&mut engine);
    let store = MemoryStore::new();
    for page in &pages {
        over(&store).archive_import_page(page).unwrap();
    }
    let mut steps = 1;
    while !over(&store).archive_finish_import(&digest).unwrap() {
        steps += 1;
        let refused = over(&store).archive_import_page(&pages[0]);
        assert_eq!(refused.unwrap_err().code(), "invalid-argument");
    }
    assert_eq!(steps, 2);
    check(&store);
    assert_eq!(over(&store).admin_digest().unwrap(), digest);
}

#[test]
fn while_an_import_is_under_way_nothing_else_works_and_aborting_leaves_nothing() {
    let (pages, digest) = exported(&mut over(&sample()));
    let store = MemoryStore::new();
    let mut engine = over(&store);
    engine.archive_import_page(&pages[0]).unwrap();
    for mut engine in [engine, over(&store)] {
        let code = |error: Error| error.code();
        assert_eq!(code(engine.tables_list().unwrap_err()), "incomplete");
        assert_eq!(code(engine.admin_stats().unwrap_err()), "incomplete");
        let put = engine.documents_put("t", &Key::Integer(1), &[0x01]);
        assert_eq!(code(put.unwrap_err()), "incomplete");
        let eval = engine.lua_eval("return 1", &[0x80], &CallOptions::default());
        assert_eq!(code(eval.unwrap_err()), "incomplete");
        let page = engine.archive_export_page(None);
        assert_eq!(code(page.unwrap_err()), "incomplete");
    }
    let mut engine = over(&store);
    let other = finish(&mut engine, &[0; 32]).unwrap_err();
    assert_eq!(other.code(), "corrupt");
    while !engine.archive_abort_import().unwrap() {}
    assert_eq!(count(&store), 0);
    import(&mut engine, &pages, &digest).unwrap();
    assert!(engine.archive_abort_import().unwrap());
    assert_eq!(engine.admin_digest().unwrap(), digest);
}

#[test]
fn only_an_empty_database_takes_an_archive() {
    let (pages, digest) = exported(&mut over(&sample()));
    let store = MemoryStore::new();
    let mut engine = over(&store);
    engine
        .documents_put("t", &Key::Integer(1), &[0x01])
        .unwrap();
    let before = raw(&*store.open().unwrap());
    let refused = engine.archive_import_page(&pages[0]).unwrap_err();
    assert_eq!(refused.code(), "already-exists");
    let refused = finish(&mut engine, &digest).unwrap_err();
    assert_eq!(refused.code(), "already-exists");
    assert_eq!(raw(&*store.open().unwrap()), before);
    // What was emptied is empty.
    assert!(engine.tables_drop("t").unwrap());
    import(&mut engine, &pages, &digest).unwrap();
    assert_eq!(engine.admin_digest().unwrap(), digest);
}

#[test]
fn a_database_that_was_never_written_is_archived_too() {
    let (pages, digest) = exported(&mut over(&MemoryStore::new()));
    assert_eq!(pages, [Vec::<u8>::new()]);
    let store = MemoryStore::new();
    finish(&mut over(&store), &digest).unwrap();
    assert_eq!(count(&store), 0);
}

#[test]
fn entries_that_no_database_holds_are_refused_with_their_place() {
    let (pages, _) = exported(&mut over(&sample()));
    let good = unpacked(&pages);
    let table = |name: &str| [space::TABLE, name.as_bytes()].concat();
    let people = good[&table("people")].clone();
    let document = |key: &[u8]| [&prefix(space::DOCUMENT, 1)[..], key].concat();
    let cases: [(Vec<u8>, Vec<u8>); 19] = [
        // Keys that are none.
        (vec![0x00, 0x00], vec![]),
        (vec![0x01], vec![0x01]),
        (vec![0x01, 0x02], vec![0x01]),
        (vec![0xff], vec![]),
        (prefix(space::INDEX, 3), vec![]),
        (document(b""), vec![0x01]),
        (document(b"\x20a\0"), vec![0x01]),
        (document(b"\x30text"), vec![0x01]),
        (document(b"\x10short"), vec![0x01]),
        (document(&[&[0x20][..], &[b'x'; 1025]].concat()), vec![0x01]),
        // Values that are none, or are not written so.
        (document(b"\x20z"), vec![0xf6]),
        (document(b"\x20z"), vec![0x18, 0x01]),
        (document(b"\x20z"), vec![0x81, 0xd9, 0x9c, 0x40, 0xf4]),
        (document(b"\x20z"), vec![0xc1, 0x01]),
        (document(b"\x20z"), vec![0xd9, 0x9c, 0x40, 0x18, 0x01]),
        // Records.
        (table("a/b"), people.clone()),
        (table("_other"), people.clone()),
        (table("z"), people[..people.len() - 1].to_vec()),
        (prefix(space::OBJECT, 1), vec![0xa0]),
    ];
    for (key, value) in cases {
        let mut entries = good.clone();
        entries.insert(key.clone(), value);
        let number = entries.keys().position(|there| *there == key).unwrap();
        let store = MemoryStore::new();
        let error = over(&store).archive_import_page(&packed(&entries));
        let Err(Error::Corrupt(problem)) = error else {
            panic!("{} was not refused: {error:?}", key.escape_ascii())
        };
        let place = format!("entries[{number}]");
        assert!(problem.place.starts_with(&place), "{problem:?}");
        assert_eq!(count(&store), 0);
    }
}

#[test]
fn entries_that_contradict_each_other_are_refused() {
    let (pages, digest) = exported(&mut over(&sample()));
    let good = unpacked(&pages);
    let first = |space: u8| good.keys().find(|key| key[0] == space).unwrap().clone();
    let missing: [Vec<u8>; 5] = [
        space::NEXT_ID.to_vec(),
        [space::TABLE, b"people"].concat(),
        [space::TABLE, b"tools"].concat(),
        first(space::OBJECT),
        first(space::COUNT),
    ];
    let mut broken = Vec::new();
    for key in missing {
        let mut entries = good.clone();
        assert!(entries.remove(&key).is_some(), "{}", key.escape_ascii());
        broken.push(entries);
    }
    // Two tables of one number, an object more than there are references, and a reference more.
    let mut entries = good.clone();
    let record = entries[&[space::TABLE, b"tools"].concat()].clone();
    entries.insert([space::TABLE, b"zoo"].concat(), record);
    broken.push(entries);
    let mut entries = good.clone();
    let object = entries[&first(space::OBJECT)].clone();
    let last = entries.keys().rfind(|key| key[0] == space::OBJECT);
    let mut other = last.unwrap().clone();
    *other.last_mut().unwrap() += 1;
    entries.insert(other, object);
    broken.push(entries);
    let mut entries = good.clone();
    let number = first(space::OBJECT)[PREFIX_SIZE - 1];
    let mut reference = Vec::new();
    write_function(&mut reference, number.into());
    let shapes = entries.keys().find(|key| key.ends_with(b"grow")).unwrap();
    let mut document = shapes[..PREFIX_SIZE].to_vec();
    document.extend_from_slice(b"\x20more");
    entries.insert(document, reference);
    broken.push(entries);
    for (number, entries) in broken.iter().enumerate() {
        let store = MemoryStore::new();
        let mut engine = over(&store);
        engine.archive_import_page(&packed(entries)).unwrap();
        let Err(Error::Corrupt(problem)) = finish(&mut engine, &digest) else {
            panic!("{number} was not refused");
        };
        assert_eq!(problem.place, "store", "{number}: {problem:?}");
    }
}

/// The digest that a database of these entries has, if it is one.
fn digest_of(entries: &Entries) -> Vec<u8> {
    let store = MemoryStore::new();
    store.open().unwrap().commit(&packed(entries)).unwrap();
    let mut db = Database::begin(&store, &CatalogCache::default()).unwrap();
    db.set_lua(Lua::new(Rc::new(common::Silent), None));
    let mut whole = entries.clone();
    let home = db.catalog().table("_home").into_iter();
    for table in home.chain(db.catalog().tables().map(|(_, table)| table)) {
        let mut cursor = db.transaction().prefix(&prefix(space::DOCUMENT, table.id));
        while let Some((key, document)) = cursor.next(db.transaction()).unwrap() {
            for index in &table.indexes {
                let key = &key[PREFIX_SIZE..];
                let Ok(entries) = index.entries(&db, document, key) else {
                    continue;
                };
                for entry in entries {
                    whole.insert(entry, index.entry_value(key).to_vec());
                }
            }
        }
    }
    Sha256::digest(packed(&whole)).to_vec()
}

/// Uses a database in every way.
fn exercise(engine: &mut Engine) {
    engine.admin_stats().unwrap();
    let options = CallOptions {
        instructions: Some(100_000),
        ..CallOptions::default()
    };
    for table in engine.tables_list().unwrap() {
        engine.indexes_list(&table.name).unwrap();
        let walk = format!(
            "for k, v in pairs(_home[{:?}]) do local x = v end",
            table.name
        );
        let _ = engine.lua_eval(&walk, &[0x80], &options);
    }
    for function in engine.functions_list(None).unwrap() {
        let _ = engine.functions_call(&function.table, &function.name, &[0x80], &options);
    }
    for table in engine.tables_list().unwrap() {
        if table.name != "_home" {
            engine.tables_drop(&table.name).unwrap();
        }
    }
}

#[derive(Debug, Clone)]
enum Mutation {
    /// Remove the entry at a place.
    Remove(prop::sample::Index),
    /// Put the value of one entry under the key of another one.
    Move(prop::sample::Index, prop::sample::Index),
    /// Change a byte of a key.
    Key(prop::sample::Index, prop::sample::Index, u8),
    /// Change a byte of a value.
    Value(prop::sample::Index, prop::sample::Index, u8),
    /// Cut a value short.
    Cut(prop::sample::Index, prop::sample::Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        at().prop_map(Mutation::Remove),
        (at(), at()).prop_map(|(from, to)| Mutation::Move(from, to)),
        (at(), at(), any::<u8>())
            .prop_map(|(entry, place, byte)| Mutation::Key(entry, place, byte)),
        (at(), at(), any::<u8>())
            .prop_map(|(entry, place, byte)| Mutation::Value(entry, place, byte)),
        (at(), at()).prop_map(|(entry, place)| Mutation::Cut(entry, place)),
    ]
}

fn mutate(entries: &mut Entries, mutation: &Mutation) {
    let keys: Vec<_> = entries.keys().cloned().collect();
    match mutation {
        Mutation::Remove(at) => drop(entries.remove(at.get(&keys))),
        Mutation::Move(from, to) => {
            let value = entries[from.get(&keys)].clone();
            entries.insert(to.get(&keys).clone(), value);
        }
        Mutation::Key(entry, place, byte) => {
            let mut key = entry.get(&keys).clone();
            let value = entries.remove(&key).unwrap();
            let place = place.index(key.len());
            key[place] = *byte;
            entries.insert(key, value);
        }
        Mutation::Value(entry, place, byte) => {
            let value = entries.get_mut(entry.get(&keys)).unwrap();
            if !value.is_empty() {
                let place = place.index(value.len());
                value[place] = *byte;
            }
        }
        Mutation::Cut(entry, place) => {
            let value = entries.get_mut(entry.get(&keys)).unwrap();
            value.truncate(place.index(value.len() + 1));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever forges an archive forges its digest too: only the checks of the entries stand between.
    #[test]
    fn a_forged_archive_is_refused_or_makes_a_database_that_is_whole(
        mutations in prop::collection::vec(mutation(), 1..4)
    ) {
        let mut entries = unpacked(&exported(&mut over(&sample())).0);
        for mutation in &mutations {
            mutate(&mut entries, mutation);
        }
        let store = MemoryStore::new();
        let mut engine = over(&store);
        let begun = engine.archive_import_page(&packed(&entries));
        let checked = begun.and_then(|()| finish(&mut engine, &[]));
        let error = checked.expect_err("no digest is empty");
        let passed = matches!(&error, Error::Corrupt(problem) if problem.place == "digest");
        if passed {
            finish(&mut engine, &digest_of(&entries)).unwrap();
            check(&store);
            exercise(&mut engine);
            check(&store);
        } else {
            prop_assert!(matches!(error.code(), "corrupt" | "unsupported-format"), "{:?}", error);
            while !engine.archive_abort_import().unwrap() {}
            prop_assert_eq!(count(&store), 0);
        }
    }

    #[test]
    fn a_page_of_any_bytes_is_refused_without_harm(page in prop::collection::vec(any::<u8>(), 0..64)) {
        let store = MemoryStore::new();
        prop_assert!(over(&store).archive_import_page(&page).is_err());
        prop_assert_eq!(count(&store), 0);
    }
}
