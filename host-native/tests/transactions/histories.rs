//! Random histories of transactions that run at the same time. Each appends its number to lists, and reads others by key, by
//! query and through Lua. What each has read orders them; in a serializable history that order has no circle.
//!
//! `CU_HISTORIES` is how many.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::thread;

use cu_db::{Database, Error, Index, Key, Query, Transaction, field};

const TRANSACTIONS: u64 = 60;
const CALLERS: u64 = 4;
const KEYS: u64 = 5;

/// Numbers that the same seed gives again (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

type List = BTreeMap<String, Vec<u64>>;

#[derive(Debug)]
struct Done {
    id: u64,
    /// The lists as they were before its own writes.
    reads: Vec<(u64, Vec<u64>)>,
    appended: BTreeSet<u64>,
}

fn list(tx: &Database, key: u64) -> Result<Vec<u64>, Error> {
    let list: Option<List> = tx.get("lists", key as i64)?;
    Ok(list.map_or_else(Vec::new, |mut list| list.remove("ids").unwrap()))
}

fn steps(tx: &Transaction, random: &mut Random, id: u64) -> Result<Done, Error> {
    let mut done = Done {
        id,
        reads: Vec::new(),
        appended: BTreeSet::new(),
    };
    let mut note = |key, mut ids: Vec<u64>| {
        ids.retain(|each| *each != id);
        done.reads.push((key, ids));
    };
    for _ in 0..1 + random.below(4) {
        let key = random.below(KEYS);
        match random.below(7) {
            0 => note(key, list(tx, key)?),
            1 => {
                let rows: Vec<(Key, List)> = tx.query(&Query::table("lists"))?;
                let found: BTreeMap<Key, Vec<u64>> = rows
                    .into_iter()
                    .map(|(key, mut list)| (key, list.remove("ids").unwrap()))
                    .collect();
                for key in 0..KEYS {
                    let ids = found.get(&Key::from(key as i64));
                    note(key, ids.cloned().unwrap_or_default());
                }
            }
            2 => {
                let source = "local list = _home.lists[...]  return list and #list.ids or 0";
                let length: usize = tx.eval(source, [key])?;
                let ids = list(tx, key)?;
                assert_eq!(length, ids.len(), "Lua and the host read the same");
                note(key, ids);
            }
            3 => {
                // Through an index, for a range in which others come to be.
                let rows: Vec<(Key, List)> =
                    tx.query(&Query::table("lists").filter(field("key").ge(key)))?;
                for (key, mut list) in rows {
                    let Key::Integer(key) = key else {
                        unreachable!("keys are integers")
                    };
                    note(key as u64, list.remove("ids").unwrap());
                }
            }
            _ => {
                let mut ids = list(tx, key)?;
                note(key, ids.clone());
                if ids.contains(&id) {
                    continue;
                }
                ids.push(id);
                let list = BTreeMap::from([("ids", ids), ("key", vec![key])]);
                tx.put("lists", key as i64, &list)?;
            }
        }
        if random.below(2) == 0 {
            thread::yield_now();
        }
    }
    for key in 0..KEYS {
        if list(tx, key)?.contains(&id) {
            done.appended.insert(key);
        }
    }
    Ok(done)
}

/// Whether there is an order in which every transaction comes behind those that it depends on.
fn has_circle(orders: &BTreeMap<u64, BTreeSet<u64>>) -> Option<Vec<u64>> {
    let mut left = orders.clone();
    loop {
        let before = left.len();
        let there: BTreeSet<u64> = left.keys().copied().collect();
        left.retain(|_, behind| behind.iter().any(|id| there.contains(id)));
        if left.is_empty() {
            return None;
        }
        if left.len() == before {
            return Some(left.into_keys().collect());
        }
    }
}

#[test]
fn random_histories_have_no_circles() {
    let histories: u64 = std::env::var("CU_HISTORIES").map_or(4, |count| count.parse().unwrap());
    let mut conflicts = 0;
    for seed in 1..=histories {
        // On a disk, callers wait for it together, and transactions begin beside commits that are not settled.
        let directory = tempfile::tempdir().unwrap();
        let database = match seed % 2 {
            0 => Database::open(directory.path().join("db")).unwrap(),
            _ => Database::in_memory().unwrap(),
        };
        database.create_index("lists", &Index::on(["key"])).unwrap();
        let history = Mutex::new((0, Vec::<Done>::new(), 0));
        thread::scope(|scope| {
            for caller in 0..CALLERS {
                let (database, history) = (&database, &history);
                scope.spawn(move || {
                    let mut random = Random(seed << 8 | caller);
                    loop {
                        let id = {
                            let mut history = history.lock().unwrap();
                            history.0 += 1;
                            history.0
                        };
                        if id > TRANSACTIONS {
                            return;
                        }
                        let tx = database.begin().unwrap();
                        let done = steps(&tx, &mut random, id).unwrap();
                        match tx.commit() {
                            Ok(()) => history.lock().unwrap().1.push(done),
                            Err(error) => {
                                assert_eq!(error.code(), "store-conflict");
                                history.lock().unwrap().2 += 1;
                            }
                        }
                    }
                });
            }
        });
        let (_, history, refused) = history.into_inner().unwrap();
        conflicts += refused;

        let last: Vec<Vec<u64>> = (0..KEYS).map(|key| list(&database, key).unwrap()).collect();
        let appended: usize = history.iter().map(|done| done.appended.len()).sum();
        assert_eq!(
            last.iter().map(Vec::len).sum::<usize>(),
            appended,
            "seed {seed}: nothing is lost or twice"
        );
        // Who comes behind whom: the lists tell the order of those that append, and of those that read in between.
        let mut orders: BTreeMap<u64, BTreeSet<u64>> = history
            .iter()
            .map(|done| (done.id, BTreeSet::new()))
            .collect();
        for ids in &last {
            for pair in ids.windows(2) {
                orders.get_mut(&pair[1]).unwrap().insert(pair[0]);
            }
        }
        for done in &history {
            for (key, read) in &done.reads {
                let all = &last[*key as usize];
                let own: Vec<u64> = all.iter().copied().filter(|id| *id != done.id).collect();
                assert!(own.starts_with(read), "seed {seed}: {done:?} on {all:?}");
                if let Some(before) = read.last() {
                    orders.get_mut(&done.id).unwrap().insert(*before);
                }
                if let Some(after) = own.get(read.len()) {
                    orders.get_mut(after).unwrap().insert(done.id);
                }
            }
        }
        let circle = has_circle(&orders);
        assert!(circle.is_none(), "seed {seed}: {circle:?} in {history:?}");
    }
    assert!(conflicts > 0, "they did meet");
}
