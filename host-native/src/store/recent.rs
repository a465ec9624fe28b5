//! The newest commits, in memory, until the tree's file gets them.
//!
//! A transaction of the file copies each page that it changes, from the leaf to the root, and sums it up: some 20 us for a commit of three
//! entries. Many commits at once share most of that, and all of it where they write the same keys.

use std::collections::{BTreeMap, VecDeque};

use super::press::Keys;
use super::transaction::Overlay;
use super::{StoreFailure, pack, value};

struct Commit {
    version: u64,
    /// Packed.
    writes: Box<[u8]>,
}

/// Commits one after the other.
#[derive(Default)]
pub(super) struct Recent {
    commits: VecDeque<Commit>,
    /// What all of them have written, for who reads the newest.
    newest: Overlay,
    /// Bytes of their writes.
    bytes: usize,
}

/// Looks whether packed writes are such, tells where each entry begins, and gives the keys of values that are worth compressing.
///
/// # Errors
/// For writes that are malformed or not strictly ascending.
pub(super) fn check(writes: &[u8], mut begins: impl FnMut(usize)) -> Result<Keys, StoreFailure> {
    let mut large = Keys::new();
    let mut last: Option<&[u8]> = None;
    for entry in pack::placed_entries(writes) {
        let (start, (key, value)) = entry.map_err(|_| StoreFailure::malformed("writes"))?;
        if last.is_some_and(|last| last >= key) {
            return Err(StoreFailure::malformed("writes: keys out of order"));
        }
        last = Some(key);
        begins(start);
        if value.is_some_and(|value| value.len() >= value::LEAST) {
            large.insert(key.to_vec());
        }
    }
    Ok(large)
}

impl Recent {
    /// The number of the last one.
    pub(super) fn version(&self) -> Option<u64> {
        self.commits.back().map(|commit| commit.version)
    }

    /// Bytes of their writes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What they have written.
    pub(super) fn newest(&self) -> &Overlay {
        &self.newest
    }

    /// Adds one that was [checked](check).
    pub(super) fn push(&mut self, version: u64, writes: &[u8]) {
        for (key, value) in pack::entries(writes).flatten() {
            let value = value.map(Into::into);
            match self.newest.get_mut(key) {
                Some(there) => *there = value,
                None => drop(self.newest.insert(key.into(), value)),
            }
        }
        self.bytes += writes.len();
        self.commits.push_back(Commit {
            version,
            writes: writes.into(),
        });
    }

    /// What those up to one have written, in the order of the keys.
    pub(super) fn merged(&self, version: u64) -> impl Iterator<Item = pack::Entry<'_>> {
        let mut merged = BTreeMap::new();
        let is_all = self.version().is_some_and(|last| last <= version);
        if !is_all {
            for commit in self.up_to(version) {
                merged.extend(pack::entries(&commit.writes).flatten());
            }
        }
        let newest = self.newest.iter().filter(move |_| is_all);
        let newest = newest.map(|(key, value)| (&key[..], value.as_deref()));
        newest.chain(merged)
    }

    fn up_to(&self, version: u64) -> impl Iterator<Item = &Commit> {
        let commits = self.commits.iter();
        commits.take_while(move |commit| commit.version <= version)
    }

    /// Lets go of those up to one.
    pub(super) fn forget(&mut self, version: u64) {
        let count = self.up_to(version).count();
        self.commits.drain(..count);
        self.bytes = self.commits.iter().map(|commit| commit.writes.len()).sum();
        self.newest.clear();
        for commit in &self.commits {
            for (key, value) in pack::entries(&commit.writes).flatten() {
                self.newest.insert(key.into(), value.map(Into::into));
            }
        }
    }
}
