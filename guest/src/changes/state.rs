//! How far the feed reaches, and where places in it are.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::Settings;
use crate::error::{Error, Result};
use crate::key::space;
use crate::store::Transaction;
use crate::value::{
    Item, accept, elements, entries, write_array_head, write_bytes, write_int, write_map_head,
    write_text,
};

/// The record of the feed.
#[derive(Debug)]
pub(super) struct State {
    /// Which feed it is: other eight bytes each time that one begins.
    pub id: Vec<u8>,
    /// The last commit whose changes are given up. They may still be there.
    pub deleted: u64,
    /// The last commit whose changes are counted.
    pub counted: u64,
    /// How much there is behind `deleted`, as far as it is counted.
    pub kept: Amount,
    /// The first commit behind `deleted` that has changes, and how much it has; 0 if that is not known.
    pub oldest: (u64, Amount),
    /// Since which commit each table is followed; an empty name stands for all.
    pub since: Vec<(String, u64)>,
}

/// An amount of changes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Amount {
    pub changes: u64,
    pub bytes: u64,
}

impl Amount {
    /// Counts one more.
    pub fn add(&mut self, key: &[u8], change: &[u8]) {
        self.changes += 1;
        self.bytes += (key.len() + change.len()) as u64;
    }
}

/// The key of the first change of a commit, or the place behind another one.
pub(super) fn change_key(sequence: u64, behind: &[u8]) -> Vec<u8> {
    [space::CHANGE, &sequence.to_be_bytes(), behind].concat()
}

/// Takes the key of a change apart: commit, table and document key.
pub(super) fn split_key(key: &[u8]) -> Option<(u64, &str, &[u8])> {
    let (sequence, rest) = key.get(space::CHANGE.len()..)?.split_first_chunk()?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let table = std::str::from_utf8(&rest[..end]).ok()?;
    Some((u64::from_be_bytes(*sequence), table, &rest[end + 1..]))
}

fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl State {
    /// A feed that begins with the commit behind this one.
    pub fn begin(sequence: u64) -> State {
        // The map's hasher is the one thing that is seeded from the platform's randomness.
        let id = RandomState::new().build_hasher().finish();
        State {
            id: id.to_be_bytes().to_vec(),
            deleted: sequence,
            counted: sequence,
            kept: Amount::default(),
            oldest: (0, Amount::default()),
            since: Vec::new(),
        }
    }

    /// The record; none if the feed is off.
    pub fn read(transaction: &Transaction) -> Result<Option<State>> {
        let Some(record) = transaction.get(space::FEED_STATE)? else {
            return Ok(None);
        };
        let damaged = |_| Error::corrupt("store", "the change feed can't be read; switch it off");
        let record = accept(&record, "store").map_err(damaged)?;
        let mut parts = elements(&record);
        let mut part = || parts.next().unwrap_or_default();
        let id = match Item::of(part()) {
            Item::Bytes(id) => id.to_vec(),
            _ => Vec::new(),
        };
        let number = |part: &[u8]| match Item::of(part) {
            Item::Int(number) => number.unsigned_abs(),
            _ => 0,
        };
        Ok(Some(State {
            id,
            deleted: number(part()),
            counted: number(part()),
            kept: Amount {
                changes: number(part()),
                bytes: number(part()),
            },
            oldest: (
                number(part()),
                Amount {
                    changes: number(part()),
                    bytes: number(part()),
                },
            ),
            since: entries(part())
                .filter_map(|(table, since)| match Item::of(table) {
                    Item::Text(table) => Some((table.to_string(), number(since))),
                    _ => None,
                })
                .collect(),
        }))
    }

    /// Writes the record.
    pub fn write(&self, transaction: &mut Transaction) -> Result<()> {
        let mut record = Vec::new();
        write_array_head(&mut record, 9);
        write_bytes(&mut record, &self.id);
        let (oldest, amount) = self.oldest;
        for number in [
            self.deleted,
            self.counted,
            self.kept.changes,
            self.kept.bytes,
            oldest,
            amount.changes,
            amount.bytes,
        ] {
            write_int(&mut record, int(number));
        }
        write_map_head(&mut record, self.since.len());
        for (table, since) in &self.since {
            write_text(&mut record, table);
            write_int(&mut record, int(*since));
        }
        transaction.put(space::FEED_STATE, &record)
    }

    /// Since which commit a table is followed; none if it is not.
    pub fn since(&self, table: &str) -> Option<u64> {
        let named = |name: &str| self.since.iter().find(|(there, _)| there == name);
        named(table).or_else(|| named("")).map(|(_, since)| *since)
    }

    /// Follows the tables of the settings, those that are new from a commit on.
    pub fn follow(&mut self, settings: &Settings, sequence: u64) {
        let all = [String::new()];
        let tables: &[String] = settings.tables.as_deref().unwrap_or(&all);
        let since = |table: &String| (table.clone(), self.since(table).unwrap_or(sequence));
        self.since = tables.iter().map(since).collect();
    }
}
