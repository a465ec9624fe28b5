//! The documents of the bench: about 150 bytes of CBOR, with two fields to index.

use cu_db::{Batch, Index};
use serde::{Deserialize, Serialize};

pub const SEED: u64 = 1;
pub const TABLE: &str = "people";
/// Documents that share a value of `team`.
pub const TEAM: u64 = 10;

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

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// One of a tenth as many as there are documents; each has ten.
    pub team: u64,
    /// Nearly unique.
    pub score: u64,
    pub name: String,
    pub email: String,
    pub born: u64,
    pub active: bool,
    pub height: f64,
    pub tags: [String; 2],
}

/// The document of a number, among so many.
pub fn person(number: u64, documents: u64) -> Person {
    let mut random = Random::new(SEED ^ (number << 20));
    // Teams are spread over the whole table, as values from outside are.
    let teams = (documents / TEAM).max(1);
    let word = |value: u64| format!("{:06x}", value & 0xff_ffff);
    let name = format!("{} {}", word(random.next()), word(random.next()));
    Person {
        team: number % teams,
        score: random.next() >> 24,
        email: format!("{}@example.com", word(random.next())),
        name,
        born: 1930 + random.below(90),
        active: random.below(2) == 0,
        height: 1.5 + random.below(1000) as f64 / 1536.0,
        tags: [word(random.next()), word(random.next())],
    }
}

pub fn cbor(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("a document has a CBOR form");
    bytes
}

pub fn indexes() -> [Index; 2] {
    [Index::on(["team"]), Index::on(["score"])]
}

/// The documents from one number on, with their numbers and their CBOR: what SQLite gets.
pub fn people(from: u64, count: u64, documents: u64) -> Vec<(u64, Person, Vec<u8>)> {
    let one = |number| {
        let person = person(number, documents);
        let document = cbor(&person);
        (number, person, document)
    };
    (from..from + count).map(one).collect()
}

/// The documents from one number on, as one batch.
pub fn batch(from: u64, count: u64, documents: u64) -> Batch {
    let mut batch = Batch::new();
    for number in from..from + count {
        batch.put_cbor(TABLE, number as i64, &cbor(&person(number, documents)));
    }
    batch
}
