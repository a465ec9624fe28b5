//! The tree on a disk that keeps no more than it was told to sync, and tears what it was writing.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use redb::StorageBackend;

use super::*;
use crate::store::pack::put_entry;

const SECTOR: usize = 512;

/// Splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

#[derive(Debug, Default)]
struct Image {
    /// What a reader sees.
    now: Vec<u8>,
    /// What was synced.
    synced: Vec<u8>,
    /// What was written since.
    writes: Vec<(usize, Vec<u8>)>,
    /// What a crash would leave at some of the syncs that were under way, and the last commit that was acknowledged then.
    crashes: Vec<Vec<u8>>,
    random: u64,
}

impl Image {
    /// What the disk has after a crash: of what was not synced, any writes in any order, each of them torn or whole.
    fn crash(&self, random: &mut Random) -> Vec<u8> {
        let mut disk = self.synced.clone();
        disk.resize(self.now.len().max(disk.len()), 0);
        let mut order: Vec<_> = self.writes.iter().collect();
        for at in (1..order.len()).rev() {
            order.swap(at, random.below(at as u64 + 1) as usize);
        }
        for (offset, bytes) in order {
            let sectors = bytes.len().div_ceil(SECTOR);
            // A third of the writes is whole, a third is torn, a third is lost.
            let (from, until) = match random.below(3) {
                0 => (0, sectors),
                1 => {
                    let from = random.below(sectors as u64) as usize;
                    (
                        from,
                        from + random.below((sectors - from) as u64 + 1) as usize,
                    )
                }
                _ => (0, 0),
            };
            let (from, until) = (from * SECTOR, (until * SECTOR).min(bytes.len()));
            disk[offset + from..offset + until].copy_from_slice(&bytes[from..until]);
        }
        disk
    }
}

#[derive(Clone, Debug, Default)]
struct TornDisk(Arc<Mutex<Image>>);

impl TornDisk {
    fn holding(disk: Vec<u8>, random: u64) -> Self {
        Self(Arc::new(Mutex::new(Image {
            now: disk.clone(),
            synced: disk,
            random,
            ..Image::default()
        })))
    }
}

impl StorageBackend for TornDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let image = self.0.lock().unwrap();
        let there = image.now.get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.lock().unwrap().now.resize(length as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut image = self.0.lock().unwrap();
        // The power may go while the disk is at it.
        let mut random = Random(image.random);
        let crash = image.crash(&mut random);
        image.random = random.0;
        image.crashes.push(crash);
        image.synced = image.now.clone();
        image.writes.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut image = self.0.lock().unwrap();
        let offset = offset as usize;
        image.now[offset..offset + data.len()].copy_from_slice(data);
        image.writes.push((offset, data.to_vec()));
        Ok(())
    }
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn contents(tree: &mut Tree) -> Result<Model, StoreFailure> {
    let all =
        tree.snapshot(tree.version(), 0)?
            .scan(b"", b"", Direction::Forward, u32::MAX, u32::MAX)?;
    let entries = pack::entries(&all).map(|entry| {
        let (key, value) = entry.unwrap();
        (key.to_vec(), value.unwrap().to_vec())
    });
    Ok(entries.collect())
}

/// Opens what a crash has left, which has to be one of the states that commits have made, from the last durable one on.
fn check(disk: Vec<u8>, durable: u64, states: &[Model], random: &mut Random) -> Vec<u8> {
    let left = TornDisk::holding(disk, random.below(u64::MAX));
    let mut tree = Tree::with_backend(left.clone(), 1 << 20).unwrap();
    let version = tree.version();
    assert!(
        version >= durable,
        "commit {durable} was durable, {version} is there"
    );
    assert_eq!(contents(&mut tree).unwrap(), states[version as usize]);
    assert!(tree.verify().is_ok());
    tree.seal();
    drop(tree);
    let image = left.0.lock().unwrap();
    image.now.clone()
}

#[test]
fn torn_pages_never_show_and_nothing_durable_is_lost() {
    let rounds = std::env::var("CU_TORN").map_or(8, |rounds| rounds.parse().unwrap());
    for seed in 0..rounds {
        let mut random = Random(seed);
        let disk = TornDisk::holding(Vec::new(), seed);
        let mut tree = Tree::with_backend(disk.clone(), 1 << 20).unwrap();
        let mut states = vec![Model::new()];
        let mut durable = 0;
        for _ in 0..60 {
            let mut state = states.last().unwrap().clone();
            let mut writes = BTreeMap::new();
            for _ in 0..random.below(20) {
                let length = random.below(600) as usize;
                let value = (random.below(4) > 0).then(|| vec![random.below(256) as u8; length]);
                writes.insert(random.below(300).to_be_bytes().to_vec(), value);
            }
            let mut packed = Vec::new();
            for (key, value) in writes {
                put_entry(&mut packed, &key, value.as_deref());
                match value {
                    Some(value) => state.insert(key, value),
                    None => state.remove(&key),
                };
            }
            states.push(state);
            disk.0.lock().unwrap().crashes.clear();
            let before = durable;
            match random.below(4) {
                0 => {
                    tree.write_synced(&packed).unwrap();
                    durable = tree.version();
                }
                1 => {
                    tree.flush(tree.version()).unwrap();
                    let (run, _) = Run::new(tree.version() + 1, &packed).unwrap();
                    tree.hold(run);
                    tree.merge(true, || {});
                    tree.merged(true).unwrap();
                    durable = tree.version();
                }
                2 => tree.write(&packed),
                _ => {
                    tree.write(&packed);
                    tree.flush(tree.version()).unwrap();
                }
            }
            let crashes = std::mem::take(&mut disk.0.lock().unwrap().crashes);
            for crash in crashes {
                check(crash, before, &states, &mut random);
            }
            let crash = disk.0.lock().unwrap().crash(&mut random);
            let repaired = check(crash, durable, &states, &mut random);
            // And once more, in the middle of what opening has mended.
            check(repaired, durable, &states, &mut random);
        }
    }
}
