//! Random operations on every store, against a `BTreeMap`.

use std::collections::BTreeMap;

use crate::support::{Model, Random, commit, contents, copy, one, packed};
use cu_db::store::{Direction, DiskOptions, DiskStore, MemoryStore, Store, StoreFailure, pack};

fn key(random: &mut Random) -> Vec<u8> {
    let length = random.below(5) as usize;
    (0..length)
        .map(|_| [0, 1, 0x7f, 0xff][random.below(4) as usize])
        .collect()
}

/// Compares one random read of each kind.
fn compare(store: &dyn Store, model: &Model, random: &mut Random) {
    let snapshot = store.open().unwrap();
    let (start, end) = (key(random), key(random));
    let in_range = |key: &[u8]| key >= &start[..] && (end.is_empty() || key < &end[..]);
    let expected: Vec<_> = model.iter().filter(|(key, _)| in_range(key)).collect();

    assert_eq!(snapshot.count(&start, &end).unwrap(), expected.len() as u64);
    assert_eq!(snapshot.get(&start).unwrap().as_ref(), model.get(&start));

    let keys = [start.clone(), end.clone(), start.clone()];
    let mut asked = Vec::new();
    keys.iter().for_each(|key| pack::put_bytes(&mut asked, key));
    let values = snapshot.get_many(&asked).unwrap();
    let values: Vec<_> = pack::values(&values).map(Result::unwrap).collect();
    assert_eq!(
        values,
        keys.iter()
            .map(|key| model.get(key).map(Vec::as_slice))
            .collect::<Vec<_>>()
    );

    for direction in [Direction::Forward, Direction::Backward] {
        let (entries, bytes) = (random.below(6) as u32, 1 + random.below(200) as u32);
        let mut read = Vec::new();
        let (mut from, mut until) = (start.clone(), end.clone());
        loop {
            let page = snapshot
                .scan(&from, &until, direction, entries, bytes)
                .unwrap();
            let page: Vec<_> = pack::entries(&page).map(Result::unwrap).collect();
            assert!(page.len() <= entries.max(1) as usize);
            let Some((last, _)) = page.last() else { break };
            match direction {
                Direction::Forward => from = [last, &[0][..]].concat(),
                Direction::Backward => until = last.to_vec(),
            }
            read.extend(
                page.iter()
                    .map(|(key, value)| (key.to_vec(), value.unwrap().to_vec())),
            );
            if direction == Direction::Backward && until.is_empty() {
                break; // Nothing comes before the empty key, and an empty bound is none.
            }
        }
        if direction == Direction::Backward {
            read.reverse();
        }
        assert!(
            read.iter()
                .map(|(key, value)| (key, value))
                .eq(expected.iter().copied())
        );
    }
}

fn run(store: &dyn Store, model: &mut Model, random: &mut Random, steps: u32) {
    for _ in 0..steps {
        let mut writes = BTreeMap::new();
        for _ in 0..random.below(8) {
            let length = random.below(60) as usize;
            let value = (random.below(3) > 0).then(|| random.bytes(length));
            writes.insert(key(random), value);
        }
        commit(store, &packed(&writes)).unwrap();
        for (key, value) in writes {
            match value {
                Some(value) => model.insert(key, value),
                None => model.remove(&key),
            };
        }
        compare(store, model, random);
    }
}

#[test]
fn the_store_in_memory_behaves_like_a_map() {
    let store = MemoryStore::new().unwrap();
    run(&store, &mut Model::new(), &mut Random(1), 600);
}

#[test]
fn the_store_on_disk_behaves_like_a_map_through_crashes_and_checkpoints() {
    let directory = tempfile::tempdir().unwrap();
    let mut path = directory.path().join("0");
    let mut model = Model::new();
    let mut random = Random(2);
    for round in 1..14usize {
        let options = DiskOptions {
            log_bytes: 1_500,
            // Some commits are large ones in two of three rounds, all of them in the last.
            large_commit_bytes: [usize::MAX, 150, 0][round % 3],
            ..DiskOptions::default()
        };
        let store = DiskStore::open(&path, options).unwrap();
        assert_eq!(contents(&store), model);
        run(&store, &mut model, &mut random, 50);
        if round % 4 == 0 {
            store.close().unwrap();
        } else {
            // A file that is written to while it is copied is no file that a crash leaves.
            store.compression().unwrap();
            let next = directory.path().join(round.to_string());
            copy(&path, &next);
            path = next;
        }
    }
}

#[test]
fn snapshots_do_not_see_later_commits() {
    let directory = tempfile::tempdir().unwrap();
    let disk = DiskStore::open(directory.path().join("database"), DiskOptions::default()).unwrap();
    let memory = MemoryStore::new().unwrap();
    for store in [&disk as &dyn Store, &memory] {
        commit(store, &one("a", "1")).unwrap();
        let snapshot = store.open().unwrap();
        commit(store, &one("a", "2")).unwrap();
        commit(store, &one("b", "3")).unwrap();
        assert_eq!(snapshot.version(), 1);
        assert_eq!(snapshot.get(b"a").unwrap().unwrap(), b"1");
        assert_eq!(snapshot.count(b"", b"").unwrap(), 1);
        assert_eq!(
            store.commit(snapshot.version(), &one("c", "4")),
            Err(StoreFailure::Conflict)
        );
        assert_eq!(store.open().unwrap().version(), 3);
    }
}

#[test]
fn malformed_and_unordered_writes_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let disk = DiskStore::open(directory.path().join("database"), DiskOptions::default()).unwrap();
    let memory = MemoryStore::new().unwrap();
    for store in [&disk as &dyn Store, &memory] {
        commit(store, &one("a", "1")).unwrap();
        let unordered = [one("c", "1"), one("b", "2")].concat();
        let twice = [one("b", "1"), one("b", "2")].concat();
        let cut = &one("b", "long enough")[..5];
        for writes in [&unordered[..], &twice, cut, &[0xff; 9]] {
            assert!(matches!(commit(store, writes), Err(StoreFailure::Io(_))));
        }
        assert_eq!(
            contents(store),
            Model::from([(b"a".to_vec(), b"1".to_vec())])
        );
        assert_eq!(commit(store, &one("b", "2")), Ok(2));
    }
}

#[test]
fn large_commits_show_at_once_and_are_as_safe_as_small_ones() {
    let directory = tempfile::tempdir().unwrap();
    let (path, copied) = (
        directory.path().join("database"),
        directory.path().join("copy"),
    );
    let store = DiskStore::open(&path, DiskOptions::default()).unwrap();
    commit(&store, &one("small", "before")).unwrap();
    let before = store.open().unwrap();
    commit(&store, &one("large", vec![1; 6 << 20])).unwrap();
    // Whether the file has it or not.
    for _ in 0..2 {
        let large = store.open_settled().unwrap();
        assert_eq!(large.get(b"large").unwrap(), Some(vec![1; 6 << 20]));
        assert_eq!(large.count(b"", b"").unwrap(), 2);
        store.compression().unwrap();
    }
    assert_eq!(before.get(b"large").unwrap(), None);
    copy(&path, &copied);
    let crashed = DiskStore::open(&copied, DiskOptions::default()).unwrap();
    assert_eq!(contents(&crashed), contents(&store));
    commit(&store, &one("small", "after")).unwrap();
    drop(crashed);
    copy(&path, &copied);
    let crashed = DiskStore::open(&copied, DiskOptions::default()).unwrap();
    assert_eq!(contents(&crashed), contents(&store));
    // The log is long by now, and begins anew.
    for round in 0..3 {
        commit(&store, &one("large", vec![round; 6 << 20])).unwrap();
        store.compression().unwrap();
    }
    drop(crashed);
    copy(&path, &copied);
    let crashed = DiskStore::open(&copied, DiskOptions::default()).unwrap();
    assert_eq!(contents(&crashed), contents(&store));
}
