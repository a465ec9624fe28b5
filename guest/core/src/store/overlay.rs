//! The writes of a transaction, in the order of their keys.
//!
//! A B-tree of numbers: of the writes, whose keys and values lie one behind the other in a few large pieces of
//! memory. A map of boxed keys and values took two allocations for each write, and looked at a key's bytes wherever
//! they were for each comparison; here the tree has the first 24 bytes of each key in it, which nearly always decide.

use std::cmp::Ordering;
use std::rc::Rc;

use super::Direction;
use super::transaction::Stored;
use crate::pack::{write_bytes, write_optional};

/// Keys of one node, at the most.
const FANOUT: usize = 32;

/// No node, and no write.
const NONE: u32 = u32::MAX;

/// A piece of memory has so many bytes, the first one fewer; a longer key has one of its own.
const PIECE: usize = 256 << 10;
const FIRST_PIECE: usize = 1 << 10;

/// Longer values are not copied into a piece, so that reading one again copies nothing.
const LARGE: usize = 512;

/// Bytes in a piece.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    piece: u32,
    offset: u32,
    length: u32,
}

/// What was written at a key.
#[derive(Debug, Clone, Default)]
pub(crate) enum Written {
    /// Nothing: what was written has been taken back.
    #[default]
    Nothing,
    /// The key was deleted.
    Deleted,
    /// A value, and how many bytes there is room for in its place.
    Small(Place, u32),
    /// A large value.
    Large(Rc<[u8]>),
}

#[derive(Debug)]
struct Entry {
    key: Place,
    written: Written,
}

/// Keys in ascending order: for each its first bytes, and the number of the write that has the rest.
#[derive(Debug, Clone)]
struct Keys {
    heads: [Head; FANOUT],
    entries: [u32; FANOUT],
    length: usize,
}

impl Keys {
    const EMPTY: Keys = Keys {
        heads: [Head::LEAST; FANOUT],
        entries: [NONE; FANOUT],
        length: 0,
    };

    fn insert(&mut self, at: usize, head: Head, entry: u32) {
        self.heads.copy_within(at..self.length, at + 1);
        self.entries.copy_within(at..self.length, at + 1);
        self.heads[at] = head;
        self.entries[at] = entry;
        self.length += 1;
    }

    /// The keys from a position on, which are no longer here then.
    fn split_off(&mut self, at: usize) -> Keys {
        let mut rest = Keys::EMPTY;
        rest.length = self.length - at;
        rest.heads[..rest.length].copy_from_slice(&self.heads[at..self.length]);
        rest.entries[..rest.length].copy_from_slice(&self.entries[at..self.length]);
        self.length = at;
        rest
    }
}

#[derive(Debug)]
struct Leaf {
    keys: Keys,
    previous: u32,
    next: u32,
}

/// A node above others. Each key is the lowest one of a child, as it was when the child came to be; the first one's is
/// not looked at.
#[derive(Debug)]
struct Branch {
    keys: Keys,
    children: [u32; FANOUT],
}

/// Keys of one table or index often come in their order. So many of these have a leaf each in which the next key is
/// looked for first.
const STREAMS: usize = 8;

/// The writes of a transaction.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    pieces: Vec<Vec<u8>>,
    entries: Vec<Entry>,
    leaves: Vec<Leaf>,
    branches: Vec<Branch>,
    /// The branches from the root to the leaves.
    levels: usize,
    root: u32,
    /// How many entries have something written.
    live: usize,
    /// Bytes of their keys and values.
    size: usize,
    /// The leaves in which keys were written last.
    recent: [u32; STREAMS],
    /// Writes that are not in the tree yet, in the order in which they came: see [`Overlay::append`].
    appended: Vec<(Head, u32)>,
}

/// The beginning of a key, filled up with zeros: keys are in the order of these, as far as they differ. It has all of an index entry of one
/// number for a document under a number: entries of one value differ in their last bytes only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Head([u64; 3]);

impl Head {
    const LEAST: Head = Head([0; 3]);

    fn of(key: &[u8]) -> Head {
        let word = |number: usize| {
            let key = &key[key.len().min(8 * number)..];
            match key.first_chunk() {
                Some(chunk) => u64::from_be_bytes(*chunk),
                None => {
                    let mut chunk = [0; 8];
                    chunk[..key.len()].copy_from_slice(key);
                    u64::from_be_bytes(chunk)
                }
            }
        };
        Head([word(0), word(1), word(2)])
    }
}

/// Which of the streams a key belongs to: the table or index that it is of decides.
#[expect(clippy::cast_possible_truncation, reason = "a few bits are left")]
fn stream(head: Head) -> usize {
    let prefix = head.0[0] >> 24;
    ((prefix ^ prefix >> 32) as usize) % STREAMS
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the guest's memory has less than 4 GiB"
)]
fn short(number: usize) -> u32 {
    number as u32
}

impl Overlay {
    /// Whether nothing is appended in a range.
    fn is_settled(&self, start: &[u8], end: &[u8]) -> bool {
        self.appended.is_empty() || {
            // Ranges are of one table or index as a rule, and the last writes of each are among these.
            let some = self.appended.iter().rev().take(64);
            let mut keys = some.map(|(_, entry)| self.key(*entry));
            !keys.any(|key| key >= start && (end.is_empty() || key < end))
        }
    }

    /// Whether nothing is written.
    pub(crate) fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// How many keys were written.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    fn bytes(&self, place: Place) -> &[u8] {
        let start = place.offset as usize;
        &self.pieces[place.piece as usize][start..start + place.length as usize]
    }

    fn key(&self, entry: u32) -> &[u8] {
        self.bytes(self.entries[entry as usize].key)
    }

    /// Keeps bytes, with room for some more.
    fn keep(&mut self, bytes: &[u8], room: usize) -> Place {
        let is_full = |piece: &Vec<u8>| piece.capacity() - piece.len() < room;
        if self.pieces.last().is_none_or(is_full) {
            let next = match self.pieces.last() {
                None => FIRST_PIECE,
                Some(last) => (2 * last.capacity()).min(PIECE),
            };
            self.pieces.push(Vec::with_capacity(next.max(room)));
        }
        let piece = self.pieces.len() - 1;
        let last = &mut self.pieces[piece];
        let offset = last.len();
        last.extend_from_slice(bytes);
        last.resize(offset + room, 0);
        Place {
            piece: short(piece),
            offset: short(offset),
            length: short(bytes.len()),
        }
    }

    /// Where a key is among those of a node from a position on, or where it would be.
    fn search(&self, keys: &Keys, from: usize, head: Head, key: &[u8]) -> Result<usize, usize> {
        let (mut low, mut high) = (from, keys.length);
        while low < high {
            let middle = usize::midpoint(low, high);
            let order = keys.heads[middle]
                .cmp(&head)
                .then_with(|| self.key(keys.entries[middle]).cmp(key));
            match order {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(middle),
                Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// The child of a branch that has a key if any has.
    fn child(&self, branch: &Branch, head: Head, key: &[u8]) -> usize {
        match self.search(&branch.keys, 1, head, key) {
            Ok(at) => at,
            Err(at) => at - 1,
        }
    }

    /// The leaf in which keys like this one were written last, if this one can only be in it.
    fn recent(&self, stream: usize, head: Head) -> Option<u32> {
        let recent = self.recent[stream];
        let leaf = self.leaves.get(recent as usize)?;
        let (first, last) = match leaf.keys.length {
            0 => return None,
            length => (leaf.keys.heads[0], leaf.keys.heads[length - 1]),
        };
        let is_inside = first < head
            && (head < last
                || last < head
                    && self
                        .leaves
                        .get(leaf.next as usize)
                        .is_none_or(|next| head < next.keys.heads[0]));
        is_inside.then_some(recent)
    }

    /// The leaf that has a key if any has, and where the key is in it, or would be.
    fn find(&self, key: &[u8]) -> (u32, Result<usize, usize>) {
        let head = Head::of(key);
        if let Some(leaf) = self.recent(stream(head), head) {
            return (
                leaf,
                self.search(&self.leaves[leaf as usize].keys, 0, head, key),
            );
        }
        let mut node = self.root;
        for _ in 0..self.levels {
            let branch = &self.branches[node as usize];
            node = branch.children[self.child(branch, head, key)];
        }
        (
            node,
            self.search(&self.leaves[node as usize].keys, 0, head, key),
        )
    }

    fn value(&self, entry: u32) -> Option<Option<&[u8]>> {
        match &self.entries[entry as usize].written {
            Written::Nothing => None,
            Written::Deleted => Some(None),
            Written::Small(place, _) => Some(Some(self.bytes(*place))),
            Written::Large(value) => Some(Some(value)),
        }
    }

    fn entry(&self, key: &[u8]) -> Option<u32> {
        debug_assert!(
            self.is_settled(key, &[key, &[0]].concat()),
            "an appended write is read"
        );
        if self.leaves.is_empty() {
            return None;
        }
        let (leaf, at) = self.find(key);
        Some(self.leaves[leaf as usize].keys.entries[at.ok()?])
    }

    /// What was written at a key, if anything was.
    pub(crate) fn peek(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.value(self.entry(key)?)
    }

    /// What was written at a key, to be kept.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Stored> {
        let entry = self.entry(key)?;
        match &self.entries[entry as usize].written {
            Written::Large(value) => Some(Some(value.clone())),
            _ => Some(self.value(entry)?.map(Into::into)),
        }
    }

    /// Writes a value, or that there is none. Returns the number of the write, for [`Overlay::put_back`], and what was
    /// there before; where nobody will put that back, its place may be taken.
    pub(crate) fn write(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        may_replace: bool,
    ) -> (u32, Written) {
        let entry = self.place(key, None);
        self.count(entry, false);
        let before = std::mem::take(&mut self.entries[entry as usize].written);
        let written = match value {
            None => Written::Deleted,
            Some(value) if value.len() > LARGE => Written::Large(value.into()),
            Some(value) => match &before {
                Written::Small(place, room) if may_replace && value.len() <= *room as usize => {
                    let start = place.offset as usize;
                    self.pieces[place.piece as usize][start..start + value.len()]
                        .copy_from_slice(value);
                    let length = short(value.len());
                    Written::Small(Place { length, ..*place }, *room)
                }
                Written::Small(..) => {
                    // It is written again and again, and may go on growing.
                    let room = value.len() + value.len() / 2;
                    Written::Small(self.keep(value, room), short(room))
                }
                _ => Written::Small(self.keep(value, value.len()), short(value.len())),
            },
        };
        self.entries[entry as usize].written = written;
        self.count(entry, true);
        (entry, before)
    }

    /// As [`Overlay::write`], of a key that nobody reads until [`Overlay::settle`]: to sort many keys once takes less
    /// than to look for the place of each. Nobody can take it back alone.
    pub(crate) fn append(&mut self, key: &[u8], value: Option<&[u8]>) {
        let entry = self.add(key);
        let written = match value {
            None => Written::Deleted,
            Some(value) => Written::Small(self.keep(value, value.len()), short(value.len())),
        };
        self.entries[entry as usize].written = written;
        // Of two writes of one key both count until then, which is more room than is needed.
        self.count(entry, true);
        self.appended.push((Head::of(key), entry));
    }

    /// Appended writes in the order of their keys, of each key the last one.
    fn sorted(&mut self) -> Vec<(Head, u32)> {
        let mut sorted = std::mem::take(&mut self.appended);
        sorted.sort_unstable_by(|(head, entry), (other, of_other)| {
            head.cmp(other)
                .then_with(|| self.key(*entry).cmp(self.key(*of_other)))
                .then(entry.cmp(of_other))
        });
        let mut kept = 0;
        for at in 0..sorted.len() {
            let (head, entry) = sorted[at];
            let next = sorted.get(at + 1);
            if next.is_some_and(|next| next.0 == head && self.key(next.1) == self.key(entry)) {
                self.count(entry, false);
                self.entries[entry as usize].written = Written::Nothing;
                continue;
            }
            sorted[kept] = (head, entry);
            kept += 1;
        }
        sorted.truncate(kept);
        sorted
    }

    /// Brings appended writes to where they are read.
    pub(crate) fn settle(&mut self) {
        if self.appended.is_empty() {
            return;
        }
        let mut key = Vec::new();
        for (_, entry) in self.sorted() {
            key.clear();
            key.extend_from_slice(self.key(entry));
            self.count(entry, false);
            let written = std::mem::take(&mut self.entries[entry as usize].written);
            let place = self.place(&key, Some(entry));
            self.count(place, false);
            self.entries[place as usize].written = written;
            self.count(place, true);
        }
    }

    /// Takes a write back.
    pub(super) fn put_back(&mut self, entry: u32, before: Written) {
        self.count(entry, false);
        self.entries[entry as usize].written = before;
        self.count(entry, true);
    }

    /// Counts a write that has come, or goes.
    fn count(&mut self, entry: u32, has_come: bool) {
        let Some(value) = self.value(entry) else {
            return;
        };
        let size = self.entries[entry as usize].key.length as usize + value.map_or(0, <[u8]>::len);
        if has_come {
            self.live += 1;
            self.size += size;
        } else {
            self.live -= 1;
            self.size -= size;
        }
    }

    /// The number of the write at a key, which may be new; it is `known` if that has one already.
    fn place(&mut self, key: &[u8], known: Option<u32>) -> u32 {
        if self.leaves.is_empty() {
            self.leaves.push(Leaf {
                keys: Keys::EMPTY,
                previous: NONE,
                next: NONE,
            });
            (self.root, self.levels) = (0, 0);
        }
        let head = Head::of(key);
        let stream = stream(head);
        if let Some(leaf) = self.recent(stream, head) {
            let keys = &self.leaves[leaf as usize].keys;
            match self.search(keys, 0, head, key) {
                Ok(at) => return keys.entries[at],
                Err(at) if keys.length < FANOUT => {
                    let entry = known.unwrap_or_else(|| self.add(key));
                    let keys = &mut self.leaves[leaf as usize].keys;
                    keys.insert(at, head, entry);
                    return entry;
                }
                Err(_) => {}
            }
        }
        // A path of eight has room for more keys than memory has.
        let mut path = [(0, 0); 8];
        let mut node = self.root;
        for step in &mut path[..self.levels] {
            let branch = &self.branches[node as usize];
            let at = self.child(branch, head, key);
            *step = (node, at);
            node = branch.children[at];
        }
        let at = match self.search(&self.leaves[node as usize].keys, 0, head, key) {
            Ok(at) => return self.leaves[node as usize].keys.entries[at],
            Err(at) => at,
        };
        let entry = known.unwrap_or_else(|| self.add(key));
        self.recent[stream] = self.insert(&path[..self.levels], node, at, head, entry);
        entry
    }

    /// Adds a key with nothing written.
    fn add(&mut self, key: &[u8]) -> u32 {
        let entry = short(self.entries.len());
        let key = self.keep(key, key.len());
        self.entries.push(Entry {
            key,
            written: Written::Nothing,
        });
        entry
    }

    /// Puts a key into a leaf, which may be split, and so may be what is on the path to it. Returns the leaf that the
    /// key is in.
    fn insert(
        &mut self,
        path: &[(u32, usize)],
        leaf: u32,
        at: usize,
        head: Head,
        entry: u32,
    ) -> u32 {
        let mut node = short(self.leaves.len());
        let keys = &mut self.leaves[leaf as usize].keys;
        if keys.length < FANOUT {
            keys.insert(at, head, entry);
            return leaf;
        }
        // Keys that come in order leave full leaves behind.
        let middle = if at == FANOUT { FANOUT } else { FANOUT / 2 };
        let mut rest = keys.split_off(middle);
        let home = if at < middle { leaf } else { node };
        if at < middle {
            keys.insert(at, head, entry);
        } else {
            rest.insert(at - middle, head, entry);
        }
        let (mut head, mut entry) = (rest.heads[0], rest.entries[0]);
        let next = std::mem::replace(&mut self.leaves[leaf as usize].next, node);
        if next != NONE {
            self.leaves[next as usize].previous = node;
        }
        self.leaves.push(Leaf {
            keys: rest,
            previous: leaf,
            next,
        });
        for (parent, at) in path.iter().rev() {
            let at = at + 1;
            let branch = &mut self.branches[*parent as usize];
            if branch.keys.length < FANOUT {
                branch.insert(at, head, entry, node);
                return home;
            }
            let middle = if at == FANOUT { FANOUT } else { FANOUT / 2 };
            let mut right = Branch {
                keys: branch.keys.split_off(middle),
                children: [NONE; FANOUT],
            };
            right.children[..FANOUT - middle].copy_from_slice(&branch.children[middle..]);
            if at < middle {
                branch.insert(at, head, entry, node);
            } else {
                right.insert(at - middle, head, entry, node);
            }
            (head, entry) = (right.keys.heads[0], right.keys.entries[0]);
            node = short(self.branches.len());
            self.branches.push(right);
        }
        let mut root = Branch {
            keys: Keys::EMPTY,
            children: [NONE; FANOUT],
        };
        root.insert(0, Head::LEAST, NONE, self.root);
        root.insert(1, head, entry, node);
        self.root = short(self.branches.len());
        self.branches.push(root);
        self.levels += 1;
        home
    }

    /// The number of the write behind a place, at a key in a direction, that has something written.
    fn step(&self, mut leaf: u32, mut at: usize, direction: Direction) -> Option<(u32, usize)> {
        loop {
            match direction {
                Direction::Forward if at < self.leaves[leaf as usize].keys.length => {}
                Direction::Backward if at > 0 => at -= 1,
                _ => {
                    let here = &self.leaves[leaf as usize];
                    leaf = match direction {
                        Direction::Forward => here.next,
                        Direction::Backward => here.previous,
                    };
                    let there = self.leaves.get(leaf as usize)?;
                    at = match direction {
                        Direction::Forward => 0,
                        Direction::Backward => there.keys.length,
                    };
                    continue;
                }
            }
            let entry = self.leaves[leaf as usize].keys.entries[at];
            if !matches!(self.entries[entry as usize].written, Written::Nothing) {
                return Some((leaf, at));
            }
            if direction == Direction::Forward {
                at += 1;
            }
        }
    }

    fn at(&self, leaf: u32, at: usize) -> (&[u8], Option<&[u8]>) {
        let entry = self.leaves[leaf as usize].keys.entries[at];
        (self.key(entry), self.value(entry).flatten())
    }

    /// The write that comes first in a range: its key and its value, none where it deletes. An empty `end` is no
    /// bound.
    pub(crate) fn first(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
    ) -> Option<(&[u8], Option<&[u8]>)> {
        if self.leaves.is_empty() {
            return None;
        }
        debug_assert!(self.is_settled(start, end), "appended writes are read");
        let (leaf, at) = match direction {
            Direction::Forward => self.find(start),
            Direction::Backward if end.is_empty() => self.last(),
            Direction::Backward => self.find(end),
        };
        let (leaf, at) = self.step(leaf, at.unwrap_or_else(|at| at), direction)?;
        let (key, value) = self.at(leaf, at);
        (key >= start && (end.is_empty() || key < end)).then_some((key, value))
    }

    /// Behind the last key.
    fn last(&self) -> (u32, Result<usize, usize>) {
        let mut node = self.root;
        for _ in 0..self.levels {
            let branch = &self.branches[node as usize];
            node = branch.children[branch.keys.length - 1];
        }
        (node, Err(self.leaves[node as usize].keys.length))
    }

    /// The writes of a range in ascending order. An empty `end` is no bound.
    pub(crate) fn range<'a>(
        &'a self,
        start: &[u8],
        end: &'a [u8],
    ) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> {
        debug_assert!(self.is_settled(start, end), "appended writes are read");
        let mut next = (!self.leaves.is_empty()).then(|| {
            let (leaf, at) = self.find(start);
            (leaf, at.unwrap_or_else(|at| at))
        });
        std::iter::from_fn(move || {
            let (leaf, at) = next.take()?;
            let (leaf, at) = self.step(leaf, at, Direction::Forward)?;
            let (key, value) = self.at(leaf, at);
            if !end.is_empty() && key >= end {
                return None;
            }
            next = Some((leaf, at + 1));
            Some((key, value))
        })
    }

    /// All writes as packed entries.
    pub(crate) fn pack(mut self) -> Vec<u8> {
        let sorted = self.sorted();
        let mut packed = Vec::with_capacity(self.size + 8 * self.live);
        let mut write = |key: &[u8], value: Option<&[u8]>| {
            write_bytes(&mut packed, key);
            write_optional(&mut packed, value);
        };
        let mut appended = sorted.iter().map(|(_, entry)| *entry).peekable();
        if !self.leaves.is_empty() {
            for (key, value) in self.range(&[], &[]) {
                let mut is_over = false;
                while let Some(entry) = appended.next_if(|entry| self.key(*entry) <= key) {
                    // It came later.
                    is_over = self.key(entry) == key;
                    write(self.key(entry), self.value(entry).flatten());
                }
                if !is_over {
                    write(key, value);
                }
            }
        }
        for entry in appended {
            write(self.key(entry), self.value(entry).flatten());
        }
        packed
    }
}

impl Branch {
    fn insert(&mut self, at: usize, head: Head, entry: u32, child: u32) {
        self.children.copy_within(at..self.keys.length, at + 1);
        self.children[at] = child;
        self.keys.insert(at, head, entry);
    }
}

#[cfg(test)]
mod tests;
