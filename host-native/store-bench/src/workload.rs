//! The keys and values of the bench: a tag byte and a number of four bytes, then what the guest
//! puts behind them.

use crate::store::pack;

pub const SEED: u64 = 1;
const DOCUMENT: u8 = 0x20;
const INDEX: u8 = 0x30;
const TABLE: u32 = 7;
/// Bytes of a document key: tag, table, type, number.
const DOCUMENT_KEY: usize = 14;

/// Splitmix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

fn prefix(tag: u8, id: u32) -> Vec<u8> {
    let mut key = vec![tag];
    key.extend_from_slice(&id.to_be_bytes());
    key
}

pub fn document_key(number: u64) -> Vec<u8> {
    let mut key = prefix(DOCUMENT, TABLE);
    key.push(0x15);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The document key that an index key ends with.
pub fn document_of(index_key: &[u8]) -> Vec<u8> {
    let mut key = prefix(DOCUMENT, TABLE);
    key.extend_from_slice(&index_key[index_key.len() - (DOCUMENT_KEY - 5)..]);
    key
}

fn index_key(index: u32, value: u64, number: u64) -> Vec<u8> {
    let mut key = prefix(INDEX, index);
    key.push(0x15);
    key.extend_from_slice(&value.to_be_bytes());
    key.extend_from_slice(&document_key(number)[5..]);
    key
}

/// What was written so far: the two indexed values of each document.
pub struct Workload {
    random: Random,
    values: Vec<[u64; 2]>,
}

impl Workload {
    pub fn new() -> Self {
        Self {
            random: Random::new(SEED),
            values: Vec::new(),
        }
    }

    pub fn documents(&self) -> u64 {
        self.values.len() as u64
    }

    fn document(&mut self) -> Vec<u8> {
        let mut document = Vec::new();
        while document.len() < 150 {
            // Names and numbers: neither constant nor incompressible.
            document.extend_from_slice(b"\x65field");
            document.extend_from_slice(&self.random.next().to_be_bytes()[..5]);
        }
        document.truncate(150);
        document
    }

    /// One value that hundreds of documents share, as a country, and one that is nearly unique.
    fn indexed(&mut self) -> [u64; 2] {
        [self.random.below(250), self.random.next() >> 24]
    }

    /// The packed writes of new documents with ascending keys.
    pub fn insert(&mut self, count: u64) -> Vec<u8> {
        let mut writes = Vec::new();
        for _ in 0..count {
            let number = self.documents();
            let values = self.indexed();
            self.values.push(values);
            writes.push((document_key(number), Some(self.document())));
            writes.push((index_key(1, values[0], number), Some(Vec::new())));
            writes.push((index_key(2, values[1], number), Some(Vec::new())));
        }
        packed(writes)
    }

    /// The packed writes of one document in place of another.
    pub fn update(&mut self) -> Vec<u8> {
        let number = self.random.below(self.documents());
        let old = self.values[number as usize];
        let new = self.indexed();
        self.values[number as usize] = new;
        let mut writes = vec![(document_key(number), Some(self.document()))];
        for (index, (old, new)) in (1..).zip(old.into_iter().zip(new)) {
            if old != new {
                writes.push((index_key(index, old, number), None));
                writes.push((index_key(index, new, number), Some(Vec::new())));
            }
        }
        packed(writes)
    }

    /// Where the entries of the second index lie from a document's value on.
    pub fn index_range(&self, number: u64) -> (Vec<u8>, Vec<u8>) {
        (
            index_key(2, self.values[number as usize][1], 0),
            prefix(INDEX, 3),
        )
    }
}

fn packed(mut writes: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> Vec<u8> {
    writes.sort();
    let mut packed = Vec::new();
    for (key, value) in writes {
        pack::put_entry(&mut packed, &key, value.as_deref());
    }
    packed
}
