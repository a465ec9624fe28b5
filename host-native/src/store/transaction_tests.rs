//! A transaction's store against a model, and what its commit may not miss.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::super::MemoryStore;
use super::*;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Numbers that the same seed gives again (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn key(&mut self) -> Vec<u8> {
        let length = self.below(4);
        (0..length).map(|_| b"abc"[self.below(3)]).collect()
    }

    fn writes(&mut self) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        (0..self.below(12))
            .map(|_| {
                let value = vec![self.below(256) as u8; self.below(40)];
                (self.key(), (self.below(3) > 0).then_some(value))
            })
            .collect()
    }
}

fn packed(writes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in writes {
        pack::put_entry(&mut bytes, key, value.as_deref());
    }
    bytes
}

fn put(model: &mut Model, writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>) {
    for (key, value) in writes {
        match value {
            Some(value) => model.insert(key, value),
            None => model.remove(&key),
        };
    }
}

fn commit(store: &dyn Store, writes: &[u8]) -> u64 {
    let version = store.open().unwrap().version();
    store.commit(version, writes).unwrap()
}

fn history() -> Arc<History> {
    Arc::new(History::new(Arc::new(MemoryStore::new().unwrap())))
}

fn begin(history: &Arc<History>) -> Fork {
    Fork::begin(history, true, Durability::Strict, 1 << 20).unwrap()
}

/// A question, and its answer by any snapshot.
#[derive(Debug)]
enum Question {
    Get(Vec<u8>),
    GetMany(Vec<u8>),
    Count(Vec<u8>, Vec<u8>),
    Scan(Vec<u8>, Vec<u8>, Direction, u32, u32),
}

impl Question {
    fn random(random: &mut Random) -> Self {
        match random.below(6) {
            0 => Self::Get(random.key()),
            1 => {
                let mut keys = Vec::new();
                for _ in 0..random.below(5) {
                    pack::put_bytes(&mut keys, &random.key());
                }
                Self::GetMany(keys)
            }
            2 => Self::Count(random.key(), random.key()),
            _ => {
                let direction = [Direction::Forward, Direction::Backward][random.below(2)];
                let entries = [0, 1, 2, 5, 1_000][random.below(5)];
                let bytes = [0, 30, 100, u32::MAX][random.below(4)];
                Self::Scan(random.key(), random.key(), direction, entries, bytes)
            }
        }
    }

    fn ask(&self, snapshot: &dyn Snapshot) -> Vec<u8> {
        match self {
            Self::Get(key) => {
                let mut answer = Vec::new();
                pack::put_optional(&mut answer, snapshot.get(key).unwrap().as_deref());
                answer
            }
            Self::GetMany(keys) => snapshot.get_many(keys).unwrap(),
            Self::Count(start, end) => snapshot.count(start, end).unwrap().to_le_bytes().into(),
            Self::Scan(start, end, direction, entries, bytes) => snapshot
                .scan(start, end, *direction, *entries, *bytes)
                .unwrap(),
        }
    }

    fn expected(&self, model: &Model) -> Vec<u8> {
        let range = |start: &[u8], end: &[u8]| -> Vec<(Vec<u8>, Vec<u8>)> {
            if !end.is_empty() && start >= end {
                return Vec::new();
            }
            model
                .range::<[u8], _>((Bound::Included(start), merge::upper(end)))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        };
        let mut answer = Vec::new();
        match self {
            Self::Get(key) => {
                pack::put_optional(&mut answer, model.get(key).map(Vec::as_slice));
            }
            Self::GetMany(keys) => {
                for key in pack::keys(keys) {
                    let value = model.get(key.unwrap()).map(Vec::as_slice);
                    pack::put_optional(&mut answer, value);
                }
            }
            Self::Count(start, end) => answer = range(start, end).len().to_le_bytes().into(),
            Self::Scan(start, end, direction, entries, bytes) => {
                let mut there = range(start, end);
                if *direction == Direction::Backward {
                    there.reverse();
                }
                for (key, value) in there.into_iter().take((*entries).max(1) as usize) {
                    pack::put_entry(&mut answer, &key, Some(&value));
                    if answer.len() >= *bytes as usize {
                        break;
                    }
                }
            }
        }
        answer
    }
}

#[test]
fn a_transaction_answers_as_if_its_writes_were_committed() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let (history, mut model) = (history(), Model::new());
        for _ in 0..3 {
            let writes = random.writes();
            commit(&*history, &packed(&writes));
            put(&mut model, writes);
        }
        let fork = begin(&history);
        for _ in 0..6 {
            let writes = random.writes();
            commit(&fork, &packed(&writes));
            put(&mut model, writes);
            for _ in 0..20 {
                let question = Question::random(&mut random);
                let answer = question.ask(&*fork.open().unwrap());
                assert_eq!(
                    answer,
                    question.expected(&model),
                    "seed {seed}: {question:?}"
                );
            }
        }
        fork.commit().unwrap();
        let whole = Question::Scan(vec![], vec![], Direction::Forward, u32::MAX, u32::MAX);
        let left = whole.ask(&*history.open().unwrap());
        assert_eq!(left, whole.expected(&model), "seed {seed}");
    }
}

#[test]
fn a_commit_that_changes_an_answer_is_never_missed() {
    let (mut conflicts, mut passed) = (0, 0);
    for seed in 0..1_500 {
        let mut random = Random(seed);
        let history = history();
        for _ in 0..2 {
            commit(&*history, &packed(&random.writes()));
        }
        let fork = begin(&history);
        let own = random.writes();
        commit(&fork, &packed(&own));
        let question = Question::random(&mut random);
        let answer = question.ask(&*fork.open().unwrap());
        let others = BTreeMap::from([(random.key(), Some(b"other".to_vec()))]);
        commit(&*history, &packed(&others));
        let later = begin(&history);
        commit(&later, &packed(&own));
        let is_same = question.ask(&*later.open().unwrap()) == answer;
        // What has written nothing takes place before.
        let committed = fork.commit();
        if committed.is_ok() {
            passed += 1;
            assert!(
                is_same || own.is_empty(),
                "seed {seed}: {question:?} {others:?}"
            );
        } else {
            conflicts += 1;
            assert_eq!(committed, Err(StoreFailure::Conflict));
        }
    }
    assert!(conflicts > 100 && passed > 100, "{conflicts} {passed}");
}

#[test]
fn going_back_leaves_what_was_there_at_the_savepoint() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let history = history();
        commit(&*history, &packed(&random.writes()));
        let fork = begin(&history);
        let whole = Question::Scan(vec![], vec![], Direction::Forward, u32::MAX, u32::MAX);
        let mut savepoints = Vec::new();
        for _ in 0..20 {
            match random.below(4) {
                0 => {
                    let state = whole.ask(&*fork.open().unwrap());
                    savepoints.push((fork.savepoint().unwrap(), state));
                }
                1 if !savepoints.is_empty() => {
                    let index = random.below(savepoints.len());
                    let version = fork.open().unwrap().version();
                    assert!(fork.roll_back_to(savepoints[index].0));
                    savepoints.truncate(index + 1);
                    let snapshot = fork.open().unwrap();
                    assert_eq!(whole.ask(&*snapshot), savepoints[index].1, "seed {seed}");
                    assert!(snapshot.version() > version, "a number names one state");
                }
                2 if !savepoints.is_empty() => {
                    let index = random.below(savepoints.len());
                    assert!(fork.release(savepoints[index].0));
                    for (id, _) in savepoints.drain(index..) {
                        assert!(!fork.roll_back_to(id));
                    }
                }
                _ => drop(commit(&fork, &packed(&random.writes()))),
            }
        }
    }
}

fn write(key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    pack::put_entry(&mut bytes, key, Some(b"1"));
    bytes
}

#[test]
fn commits_that_were_not_remembered_are_a_conflict() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new().unwrap());
    let history = Arc::new(History::new(Arc::clone(&store)));
    let fork = begin(&history);
    commit(&fork, &write(b"own"));
    // Another program's, behind the back of the history.
    commit(&*store, &write(b"other"));
    assert_eq!(fork.commit(), Err(StoreFailure::Conflict));

    let fork = begin(&history);
    commit(&fork, &write(b"own"));
    commit(&*store, &write(b"other"));
    commit(&*history, &write(b"another"));
    assert_eq!(fork.commit(), Err(StoreFailure::Conflict));
}

#[test]
fn keys_beyond_the_most_that_is_remembered_are_a_conflict_for_those_who_began_before() {
    let history = history();
    let old = begin(&history);
    commit(&old, &write(b"old"));
    for first in 0..5 {
        let mut bytes = Vec::new();
        for second in 0..16 {
            let mut key = vec![0; 1 << 20];
            (key[0], key[1]) = (first, second);
            pack::put_entry(&mut bytes, &key, None);
        }
        commit(&*history, &bytes);
    }
    let young = begin(&history);
    commit(&young, &write(b"young"));
    commit(&*history, &write(b"other"));
    assert_eq!(old.commit(), Err(StoreFailure::Conflict));
    assert!(young.commit().unwrap().is_some());
}
