//! Indexes that are built in steps, with writes in between.

mod common;

use common::{check, over};
use cu_guest::store::MemoryStore;
use cu_guest::value::{
    Item, entries, write_array_head, write_bool, write_int, write_map_head, write_text,
};
use cu_guest::{Engine, Error, Key};

/// A number that looks like chance and is the same every time.
fn chance(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    (*seed >> 33) ^ (*seed >> 17)
}

/// `{"n": n, "list": [n % 7, n % 11]}`
fn document(n: i64) -> Vec<u8> {
    let mut out = Vec::new();
    write_map_head(&mut out, 2);
    write_text(&mut out, "n");
    write_int(&mut out, n);
    write_text(&mut out, "list");
    write_array_head(&mut out, 2);
    write_int(&mut out, n % 7);
    write_int(&mut out, n % 11);
    out
}

fn fill(engine: &mut Engine, count: i64) {
    let mut batch = Vec::new();
    write_array_head(&mut batch, usize::try_from(count).unwrap());
    for n in 0..count {
        write_map_head(&mut batch, 4);
        write_text(&mut batch, "op");
        write_text(&mut batch, "put");
        write_text(&mut batch, "key");
        write_int(&mut batch, n);
        write_text(&mut batch, "table");
        write_text(&mut batch, "t");
        write_text(&mut batch, "value");
        batch.extend(document(n));
    }
    engine.documents_apply(&batch).unwrap();
}

/// A definition of an index `i` over a field, built in steps or at once.
fn definition(field: &str, flag: &str, in_steps: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let of_index = flag == "unique";
    write_map_head(&mut out, 3 + usize::from(of_index));
    write_text(&mut out, "name");
    write_text(&mut out, "i");
    write_text(&mut out, "fields");
    write_array_head(&mut out, 1);
    if of_index || flag.is_empty() {
        write_text(&mut out, field);
    } else {
        write_map_head(&mut out, 2);
        write_text(&mut out, "field");
        write_text(&mut out, field);
        write_text(&mut out, flag);
        write_bool(&mut out, true);
    }
    if of_index {
        write_text(&mut out, "unique");
        write_bool(&mut out, true);
    }
    write_text(&mut out, "background");
    write_bool(&mut out, in_steps);
    out
}

fn member<'a>(map: &'a [u8], name: &str) -> Option<&'a [u8]> {
    entries(map).find_map(|(key, value)| (Item::of(key) == Item::Text(name)).then_some(value))
}

/// State, documents that are done, and all documents.
fn progress(map: &[u8]) -> (String, i64, i64) {
    let number = |name| match member(map, name).map(Item::of) {
        Some(Item::Int(number)) => number,
        other => panic!("{other:?}"),
    };
    match member(map, "phase").map(Item::of) {
        Some(Item::Text(state)) => (state.to_string(), number("done"), number("total")),
        other => panic!("{other:?}"),
    }
}

fn step(engine: &mut Engine) -> (String, i64, i64) {
    progress(&engine.indexes_build_step("t", "i").unwrap())
}

/// How far the list says that the index is; none for one that is ready.
fn listed(engine: &mut Engine) -> Option<(String, i64, i64)> {
    let all = engine.indexes_list("t").unwrap();
    member(&all[0].definition, "build").map(progress)
}

/// Which index a query for one number would use.
fn used(engine: &mut Engine) -> bool {
    let mut query = Vec::new();
    write_map_head(&mut query, 2);
    write_text(&mut query, "table");
    write_text(&mut query, "t");
    write_text(&mut query, "where");
    write_map_head(&mut query, 3);
    for (name, text) in [("op", "="), ("field", "n")] {
        write_text(&mut query, name);
        write_text(&mut query, text);
    }
    write_text(&mut query, "value");
    write_int(&mut query, 5000);
    assert_eq!(engine.queries_count(&query).unwrap(), 1);
    let explained = engine.queries_explain(&query).unwrap();
    member(&explained, "access").map(Item::of) == Some(Item::Text("index"))
}

#[test]
fn an_index_that_is_built_between_writes_is_the_one_that_is_built_at_once() {
    for (number, (field, flag)) in [
        ("n", ""),
        ("n", "unique"),
        ("n", "descending"),
        ("list", "multiEntry"),
    ]
    .into_iter()
    .enumerate()
    {
        let store = MemoryStore::new();
        let mut engine = over(&store);
        fill(&mut engine, 12_000);
        let made = engine
            .indexes_create("t", &definition(field, flag, true))
            .unwrap();
        let begun = progress(member(&made.definition, "build").unwrap());
        assert_eq!(begun, ("building".to_string(), 4096, 12_000));
        let (mut seed, mut last) = (number as u64, 0);
        loop {
            // An instance that dies is no matter.
            engine = over(&store);
            if flag != "multiEntry" {
                assert!(!used(&mut engine));
            }
            for _ in 0..60 {
                let key = Key::Integer((chance(&mut seed) % 15_000) as i64);
                if key == Key::Integer(5000) {
                    continue;
                }
                if chance(&mut seed).is_multiple_of(3) {
                    engine.documents_delete("t", &key).unwrap();
                } else {
                    let n = 100_000 + (chance(&mut seed) % 1_000_000_000) as i64;
                    engine.documents_put("t", &key, &document(n)).unwrap();
                }
            }
            check(&store);
            let (state, done, total) = step(&mut engine);
            assert!(done > last && done <= total);
            last = done;
            if state == "ready" {
                break;
            }
            assert_eq!(listed(&mut engine), Some((state, done, total)));
        }
        check(&store);
        assert_eq!(listed(&mut engine), None);
        if flag != "multiEntry" {
            assert!(used(&mut engine));
        }
        assert_eq!(step(&mut engine).0, "ready");
    }
}

#[test]
fn a_unique_index_that_can_not_be_built_tells_both_documents_and_leaves_nothing() {
    let store = MemoryStore::new();
    let mut engine = over(&store);
    fill(&mut engine, 10_000);
    engine
        .documents_put("t", &Key::Integer(9_000), &document(17))
        .unwrap();
    let before = engine.admin_digest().unwrap();
    let at_once = engine.indexes_create("t", &definition("n", "unique", false));
    engine
        .indexes_create("t", &definition("n", "unique", true))
        .unwrap();
    assert_eq!(step(&mut engine).0, "building");
    let far = engine.admin_digest().unwrap();
    let failed = engine.indexes_build_step("t", "i");
    for failed in [at_once.map(|_| Vec::new()), failed] {
        let Err(Error::AlreadyExists(problem)) = failed else {
            panic!("{failed:?}");
        };
        assert_eq!(problem.place, "definition.unique");
        assert!(problem.message.contains("'9000'") && problem.message.contains("'17'"));
    }
    assert_eq!(engine.admin_digest().unwrap(), far);
    assert_eq!(
        listed(&mut engine),
        Some(("building".to_string(), 8192, 10_000))
    );
    // Written entries are taken back in steps as well, and writes go on.
    let mut steps = 0;
    while engine.indexes_drop("t", "i").unwrap() {
        steps += 1;
        check(&store);
        if steps == 1 {
            assert_eq!(
                listed(&mut engine),
                Some(("removing".to_string(), 4096, 10_000))
            );
            let again = engine.indexes_create("t", &definition("n", "unique", false));
            assert!(matches!(again, Err(Error::AlreadyExists(_))), "{again:?}");
            for key in [3, 4095, 4096, 9_999] {
                engine
                    .documents_put("t", &Key::Integer(key), &document(key + 50_000))
                    .unwrap();
                engine
                    .documents_put("t", &Key::Integer(key), &document(key))
                    .unwrap();
            }
        }
    }
    assert_eq!(steps, 2);
    assert!(engine.indexes_list("t").unwrap().is_empty());
    check(&store);
    let after = engine.admin_digest().unwrap();
    assert_ne!(after, before, "a number was given away");
    let gone = engine.indexes_build_step("t", "i");
    assert!(matches!(gone, Err(Error::UnknownIndex(_))), "{gone:?}");
}

#[test]
fn making_an_index_at_once_ends_what_was_begun_in_steps() {
    let store = MemoryStore::new();
    let mut engine = over(&store);
    fill(&mut engine, 6_000);
    engine
        .indexes_create("t", &definition("n", "", true))
        .unwrap();
    assert!(listed(&mut engine).is_some());
    let made = engine
        .indexes_create("t", &definition("n", "", false))
        .unwrap();
    assert_eq!(made.entries, 6_000);
    assert_eq!(listed(&mut engine), None);
    check(&store);
    // Few documents are no more than one step.
    let mut small = over(&MemoryStore::new());
    fill(&mut small, 4_096);
    small
        .indexes_create("t", &definition("n", "", true))
        .unwrap();
    assert_eq!(listed(&mut small), None);
}

#[test]
fn an_archive_has_an_unfinished_index_as_far_as_it_is() {
    let store = MemoryStore::new();
    let mut engine = over(&store);
    fill(&mut engine, 10_000);
    engine
        .indexes_create("t", &definition("list", "multiEntry", true))
        .unwrap();
    for removing in [false, true] {
        if removing {
            assert_eq!(step(&mut engine).0, "building");
            assert!(engine.indexes_drop("t", "i").unwrap());
        }
        let copied = MemoryStore::new();
        let mut copy = over(&copied);
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = engine.archive_export_page(after.as_deref()).unwrap();
            copy.archive_import_page(&page.entries).unwrap();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let digest = engine.admin_digest().unwrap();
        while !copy.archive_finish_import(&digest).unwrap() {}
        check(&copied);
        let wanted = if removing { "removing" } else { "building" };
        assert_eq!(listed(&mut copy).unwrap().0, wanted);
        assert_eq!(listed(&mut copy), listed(&mut engine));
        let last = if removing { "removed" } else { "ready" };
        let mut state = String::new();
        while state != last {
            state = step(&mut copy).0;
        }
        check(&copied);
    }
}
