//! Large values take less on the disk, and nobody sees more of it than the figures.

use std::collections::BTreeMap;
use std::path::Path;

use cu_db::store::{Compression, Direction, DiskOptions, DiskStore, MemoryStore, Store, pack};

use crate::support::{Model, Random, commit, contents, copy, one, open, packed};

/// About this many bytes of text that looks like source code.
fn source(seed: u64, bytes: usize) -> Vec<u8> {
    let mut random = Random(seed);
    let mut text = String::new();
    while text.len() < bytes {
        let (name, other) = (random.below(400), random.below(1_000_000));
        text += &format!("local value_{name} = function(a, b) return a + b * {other} end\n");
    }
    text.truncate(bytes);
    text.into_bytes()
}

fn short_log(path: &Path) -> DiskStore {
    let options = DiskOptions {
        log_bytes: 1 << 16,
        ..DiskOptions::default()
    };
    DiskStore::open(path, options).unwrap()
}

fn figures(store: &dyn Store) -> (u64, u64) {
    let Compression { values, before, .. } = store.compression().unwrap();
    (values, before)
}

#[test]
fn a_hundred_kilobytes_of_source_take_less_than_half_on_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let taken = |name: &str, value: &dyn Fn(u64) -> Vec<u8>| {
        let path = directory.path().join(name);
        let store = open(&path).unwrap();
        for number in 0..40 {
            commit(&store, &one(format!("function {number}"), value(number))).unwrap();
        }
        store.close().unwrap();
        drop(store);
        let store = open(&path).unwrap();
        (store.size_on_disk().unwrap(), store.compression().unwrap())
    };
    let (size, compression) = taken("sources", &|number| source(number, 100_000));
    let (incompressible, nothing) = taken("noise", &|number| Random(number).bytes(100_000));
    assert_eq!((compression.values, compression.before), (40, 4_000_000));
    assert!(compression.after < 1_500_000, "{compression:?}");
    assert!(
        size < incompressible / 2,
        "{size} of {incompressible} bytes"
    );
    assert_eq!(nothing, Compression::default());
}

#[test]
fn only_values_that_are_large_and_get_smaller_are_compressed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let store = open(&path).unwrap();
    let noise = Random(7).bytes(50_000);
    let mut writes = BTreeMap::new();
    writes.insert(b"empty".to_vec(), Some(Vec::new()));
    writes.insert(b"just large".to_vec(), Some(vec![b'x'; 4096]));
    writes.insert(b"noise".to_vec(), Some(noise.clone()));
    writes.insert(b"small".to_vec(), Some(vec![b'x'; 4095]));
    writes.insert(b"text".to_vec(), Some(source(1, 70_000)));
    commit(&store, &packed(&writes)).unwrap();
    assert_eq!(store.compression().unwrap(), Compression::default());
    store.close().unwrap();

    let store = open(&path).unwrap();
    assert_eq!(figures(&store), (2, 74_096));
    let expected: Model = writes
        .into_iter()
        .map(|(key, value)| (key, value.unwrap()))
        .collect();
    assert!(contents(&store) == expected);
    // Each way of reading.
    let snapshot = store.open().unwrap();
    assert_eq!(
        snapshot.get(b"text").unwrap().unwrap(),
        expected[&b"text"[..]]
    );
    let mut keys = Vec::new();
    for key in [&b"text"[..], b"nothing", b"noise"] {
        pack::put_bytes(&mut keys, key);
    }
    let values = snapshot.get_many(&keys).unwrap();
    let values: Vec<_> = pack::values(&values).map(Result::unwrap).collect();
    assert!(values == [Some(&expected[&b"text"[..]][..]), None, Some(&noise[..])]);
    let page = snapshot
        .scan(b"t", b"u", Direction::Backward, 1, 1)
        .unwrap();
    let entry = pack::entries(&page).next().unwrap().unwrap();
    assert!(entry.1 == Some(&expected[&b"text"[..]][..]));
    drop(snapshot);
    store.verify().unwrap();
}

#[test]
fn the_figures_follow_what_is_replaced_and_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let store = open(&path).unwrap();
    for number in 0..4 {
        commit(&store, &one([number], source(number.into(), 20_000))).unwrap();
    }
    store.close().unwrap();
    let store = open(&path).unwrap();
    assert_eq!(figures(&store), (4, 80_000));
    let mut writes = BTreeMap::new();
    writes.insert(vec![0], None);
    writes.insert(vec![1], Some(b"short".to_vec()));
    writes.insert(vec![2], Some(source(9, 30_000)));
    commit(&store, &packed(&writes)).unwrap();
    assert_eq!(figures(&store), (1, 20_000));
    store.close().unwrap();
    let store = open(&path).unwrap();
    assert_eq!(figures(&store), (2, 50_000));
    commit(
        &store,
        &packed(&(0..4).map(|key| (vec![key], None)).collect()),
    )
    .unwrap();
    assert_eq!(store.compression().unwrap(), Compression::default());
}

/// Commits values of all sizes and checks them all the time, while they are compressed in the background; then a
/// crash, and again.
#[test]
fn values_stay_what_they_are_while_they_are_compressed_and_through_crashes() {
    let directory = tempfile::tempdir().unwrap();
    let mut path = directory.path().join("0");
    let mut random = Random(11);
    let mut model = Model::new();
    for crash in 1..6 {
        let store = short_log(&path);
        assert!(contents(&store) == model, "crash {crash}");
        for _ in 0..60 {
            let key = vec![random.below(25) as u8];
            let size = 1 << random.below(18);
            let value = match random.below(4) {
                0 => random.bytes(size),
                _ => source(random.next(), size),
            };
            commit(&store, &one(&key, &value)).unwrap();
            model.insert(key, value);
            let key = vec![random.below(25) as u8];
            let there = store.open().unwrap().get(&key).unwrap();
            assert!(there.as_deref() == model.get(&key).map(Vec::as_slice));
        }
        assert!(contents(&store) == model, "crash {crash}");
        let copied = directory.path().join(crash.to_string());
        copy(&path, &copied);
        path = copied;
    }
    let store = short_log(&path);
    assert!(contents(&store) == model);
    store.verify().unwrap();
    store.close().unwrap();
    let store = short_log(&path);
    assert!(contents(&store) == model);
    assert!(figures(&store).0 > 0);
}

#[test]
fn large_values_of_large_commits_are_compressed_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let store = open(&path).unwrap();
    let writes: BTreeMap<_, _> = (0..60)
        .map(|key| (vec![key], Some(source(key.into(), 100_000))))
        .collect();
    // It goes around the log, so that nothing but its compression is left to be synced when it is closed.
    commit(&store, &packed(&writes)).unwrap();
    store.close().unwrap();
    let store = open(&path).unwrap();
    assert_eq!(figures(&store), (60, 6_000_000));
    assert!(contents(&store).len() == 60);
}

#[test]
fn a_store_in_memory_compresses_nothing() {
    let store = MemoryStore::new().unwrap();
    commit(&store, &one("key", source(1, 50_000))).unwrap();
    assert_eq!(store.compression().unwrap(), Compression::default());
    assert_eq!(contents(&store).len(), 1);
}
