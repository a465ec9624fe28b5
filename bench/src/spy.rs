//! A store that remembers what the database asked of it: so that the same can be asked of the store alone.

use std::sync::{Arc, Mutex};

use cu_db::store::{Direction, DiskStore, Durability, Point, Snapshot, Store, StoreFailure};

/// What was asked of a snapshot.
#[derive(Clone, Debug)]
pub enum Read {
    Open,
    Get(Vec<u8>),
    GetMany(Vec<u8>),
    Scan(Vec<u8>, Vec<u8>, Direction, u32, u32),
    Count(Vec<u8>, Vec<u8>),
}

#[derive(Default)]
struct Notes {
    on: bool,
    reads: Vec<Read>,
    commits: Vec<Vec<u8>>,
}

/// A store on the disk, and what was asked of it while it was watched.
#[derive(Clone)]
pub struct Spy {
    store: Arc<DiskStore>,
    notes: Arc<Mutex<Notes>>,
}

impl Spy {
    pub fn new(store: DiskStore) -> Self {
        Self {
            store: Arc::new(store),
            notes: Arc::default(),
        }
    }

    /// The store itself.
    pub fn store(&self) -> &DiskStore {
        &self.store
    }

    /// What `run` asked for: its reads and its commits.
    pub fn watch(&self, run: impl FnOnce()) -> (Vec<Read>, Vec<Vec<u8>>) {
        *self.notes.lock().unwrap() = Notes {
            on: true,
            ..Notes::default()
        };
        run();
        let notes = std::mem::take(&mut *self.notes.lock().unwrap());
        (notes.reads, notes.commits)
    }

    fn note(&self, note: impl FnOnce(&mut Notes)) {
        let mut notes = self.notes.lock().unwrap();
        if notes.on {
            note(&mut notes);
        }
    }
}

/// Asks the store for the same again. The bytes that it gave, for a look at whether it gave any.
pub fn replay(store: &dyn Store, reads: &[Read]) -> Result<usize, StoreFailure> {
    let mut snapshot = None;
    let mut bytes = 0;
    for read in reads {
        if let Read::Open = read {
            snapshot = Some(store.open()?);
            continue;
        }
        let snapshot = snapshot.as_ref().expect("reads begin with a snapshot");
        bytes += match read {
            Read::Open => 0,
            Read::Get(key) => snapshot.get(key)?.map_or(0, |value| value.len()),
            Read::GetMany(keys) => snapshot.get_many(keys)?.len(),
            Read::Scan(start, end, direction, entries, bytes) => snapshot
                .scan(start, end, *direction, *entries, *bytes)?
                .len(),
            Read::Count(start, end) => snapshot.count(start, end)? as usize,
        };
    }
    Ok(bytes)
}

impl Store for Spy {
    fn open(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        self.note(|notes| notes.reads.push(Read::Open));
        Ok(Box::new(Watched {
            snapshot: self.store.open()?,
            spy: self.clone(),
        }))
    }

    fn open_to_write(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        self.note(|notes| notes.reads.push(Read::Open));
        Ok(Box::new(Watched {
            snapshot: self.store.open_to_write()?,
            spy: self.clone(),
        }))
    }

    fn open_settled(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        self.note(|notes| notes.reads.push(Read::Open));
        Ok(Box::new(Watched {
            snapshot: self.store.open_settled()?,
            spy: self.clone(),
        }))
    }

    fn apply(&self, base: Point, writes: &[u8]) -> Result<Point, StoreFailure> {
        self.note(|notes| notes.commits.push(writes.to_vec()));
        self.store.apply(base, writes)
    }

    fn settle(&self, point: Point, durability: Durability) -> Result<(), StoreFailure> {
        self.store.settle(point, durability)
    }

    fn commit(&self, snapshot: u64, writes: &[u8]) -> Result<u64, StoreFailure> {
        self.note(|notes| notes.commits.push(writes.to_vec()));
        self.store.commit(snapshot, writes)
    }

    fn close(&self) -> Result<(), StoreFailure> {
        self.store.close()
    }

    fn verify(&self) -> Result<(), StoreFailure> {
        self.store.verify()
    }

    fn size_on_disk(&self) -> Result<u64, StoreFailure> {
        self.store.size_on_disk()
    }
}

struct Watched {
    snapshot: Box<dyn Snapshot>,
    spy: Spy,
}

impl Snapshot for Watched {
    fn version(&self) -> u64 {
        self.snapshot.version()
    }

    fn generation(&self) -> u64 {
        self.snapshot.generation()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFailure> {
        self.spy
            .note(|notes| notes.reads.push(Read::Get(key.to_vec())));
        self.snapshot.get(key)
    }

    fn get_many(&self, keys: &[u8]) -> Result<Vec<u8>, StoreFailure> {
        self.spy
            .note(|notes| notes.reads.push(Read::GetMany(keys.to_vec())));
        self.snapshot.get_many(keys)
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        max_entries: u32,
        max_bytes: u32,
    ) -> Result<Vec<u8>, StoreFailure> {
        self.spy.note(|notes| {
            let range = (start.to_vec(), end.to_vec());
            notes.reads.push(Read::Scan(
                range.0,
                range.1,
                direction,
                max_entries,
                max_bytes,
            ));
        });
        self.snapshot
            .scan(start, end, direction, max_entries, max_bytes)
    }

    fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreFailure> {
        self.spy
            .note(|notes| notes.reads.push(Read::Count(start.to_vec(), end.to_vec())));
        self.snapshot.count(start, end)
    }
}
