//! A transaction: a snapshot, and the writes that wait for the commit.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

use super::overlay::{Overlay, Written};
use super::{Cursor, Direction, Snapshot};
use crate::error::{Error, Limit, Result};
use crate::key::successor;
use crate::pack::{Span, Unpacker, write_bytes};

/// Bytes written by one transaction, at the most, unless its owner says otherwise: the overlay is in the
/// guest's memory.
pub const MAX_WRITTEN: u64 = 512 << 20;

/// What is kept of values that were read, so that a script which reads one document field by
/// field asks the host once.
const READ_CACHE_ENTRIES: usize = 256;
const READ_CACHE_VALUE: usize = 64 << 10;

/// What is at a key: a value, or nothing.
pub type Stored = Option<Rc<[u8]>>;

/// What to do with a key and its value, if it has one: `false` ends the walk.
pub type VisitStored<'v> = dyn FnMut(&[u8], Option<&[u8]>) -> Result<bool> + 'v;

/// Values that were read before they are asked for, packed, and the keys that they belong to, in their order.
#[derive(Default)]
struct Ahead {
    keys: Vec<u8>,
    values: Vec<u8>,
    /// Behind the key that was asked for last.
    rest: (Unpacker, Unpacker),
    /// That key and its value.
    last: Option<(Span, Option<Span>)>,
}

impl Ahead {
    /// How many keys are passed in search of one: those that nobody has asked for after all.
    const PASSED: usize = 256;

    /// The value of a key, if it was read.
    fn find(&mut self, key: &[u8]) -> Result<Option<Option<&[u8]>>> {
        let before = self.rest;
        for _ in 0..Self::PASSED {
            if let Some((there, value)) = &self.last
                && self.keys[there.clone()] == *key
            {
                return Ok(Some(value.clone().map(|value| &self.values[value])));
            }
            if self.rest.0.is_done(&self.keys) {
                break;
            }
            let there = self.rest.0.bytes(&self.keys)?;
            self.last = Some((there, self.rest.1.optional(&self.values)?));
        }
        (self.rest, self.last) = (before, None);
        Ok(None)
    }
}

/// A point in a transaction that can be gone back to.
#[derive(Debug)]
#[must_use = "a transaction remembers what it undoes until the mark is given back"]
pub struct Mark {
    undo: usize,
    written: usize,
}

/// Reads see the snapshot and the transaction's own writes. Nothing leaves it before
/// [`Transaction::commit`]; to roll back is to drop it.
pub struct Transaction {
    snapshot: Box<dyn Snapshot>,
    overlay: Overlay,
    written: usize,
    limit: u64,
    deadline: Option<(Instant, u64)>,
    accesses: Cell<u32>,
    scanned: Cell<usize>,
    read: RefCell<HashMap<Box<[u8]>, Stored>>,
    ahead: RefCell<Ahead>,
    /// Marks that were not given back, one inside the other.
    marks: usize,
    /// What the overlay had at a key before each write since the first mark.
    undo: Vec<(u32, Written)>,
}

impl Transaction {
    /// A transaction over a snapshot.
    #[must_use]
    pub fn new(snapshot: Box<dyn Snapshot>) -> Self {
        Transaction {
            snapshot,
            overlay: Overlay::default(),
            written: 0,
            limit: MAX_WRITTEN,
            deadline: None,
            accesses: Cell::new(0),
            scanned: Cell::new(0),
            read: RefCell::default(),
            ahead: RefCell::default(),
            marks: 0,
            undo: Vec::new(),
        }
    }

    /// The number of the commit that the transaction sees.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.snapshot.version()
    }

    /// Sets how many bytes the transaction may write, keys included; each write counts.
    pub fn limit_writes(&mut self, bytes: u64) {
        self.limit = bytes;
    }

    /// Sets until when the transaction may be used; what is said then is that `milliseconds` are over.
    pub fn end_at(&mut self, deadline: Option<Instant>, milliseconds: u64) {
        self.deadline = deadline.map(|deadline| (deadline, milliseconds));
    }

    /// Looks at the clock with some of the accesses.
    fn check_time(&self) -> Result<()> {
        /// Accesses between two looks: looking asks the host.
        const STEP: u32 = 256;
        let accesses = self.accesses.get().wrapping_add(1);
        self.accesses.set(accesses);
        match self.deadline {
            Some((deadline, milliseconds))
                if accesses.is_multiple_of(STEP) && Instant::now() >= deadline =>
            {
                Err(Error::time_is_over(milliseconds))
            }
            _ => Ok(()),
        }
    }

    /// The snapshot, for a page of it.
    pub(super) fn snapshot(&self) -> Result<&dyn Snapshot> {
        self.check_time()?;
        Ok(&*self.snapshot)
    }

    /// How many times it was read and written, about.
    #[must_use]
    pub fn accesses(&self) -> u32 {
        self.accesses.get()
    }

    /// Bytes of all pages that cursors have fetched.
    #[must_use]
    pub fn scanned(&self) -> usize {
        self.scanned.get()
    }

    pub(super) fn count_page(&self, page: &[u8]) {
        self.scanned.set(self.scanned.get() + page.len());
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.overlay.is_empty()
    }

    /// Bytes of all writes so far, those included that a later one replaced.
    #[must_use]
    pub fn written(&self) -> usize {
        self.written
    }

    /// Whether anything was written in a range.
    #[must_use]
    pub fn has_written(&self, start: &[u8], end: &[u8]) -> bool {
        self.overlaid(start, end, Direction::Forward).is_some()
    }

    /// The keys of at most so many own writes in a range, in their order.
    #[must_use]
    pub fn written_keys(&self, start: &[u8], end: &[u8], most: usize) -> Vec<Box<[u8]>> {
        let range = self.overlay.range(start, end);
        range.take(most).map(|(key, _)| key.into()).collect()
    }

    /// The values of many keys as they were before the transaction, in their order.
    ///
    /// # Errors
    /// As the store fails.
    pub fn before(&self, keys: &[Box<[u8]>]) -> Result<Vec<Stored>> {
        let mut packed = Vec::new();
        keys.iter().for_each(|key| write_bytes(&mut packed, key));
        let values = self.snapshot()?.get_many(&packed)?;
        let mut unpacker = Unpacker::default();
        let value = |_| Ok(unpacker.optional(&values)?.map(|span| values[span].into()));
        keys.iter().map(value).collect()
    }

    /// The number that the transaction's commit will have. Other writers may be held off from here on.
    ///
    /// # Errors
    /// As the store fails.
    pub fn reserve(&self) -> Result<u64> {
        Ok(self.snapshot.reserve()?)
    }

    /// The own write that comes first in a range: its key and its value, none where it deletes.
    pub(super) fn overlaid(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
    ) -> Option<(&[u8], Option<&[u8]>)> {
        self.overlay.first(start, end, direction)
    }

    /// What the transaction itself has written at a key, if it has written anything.
    #[must_use]
    pub fn own(&self, key: &[u8]) -> Option<Stored> {
        self.overlay.get(key)
    }

    /// Whether there is a mark that can be gone back to.
    #[must_use]
    pub fn can_go_back(&self) -> bool {
        self.marks > 0
    }

    /// The value of a key.
    ///
    /// # Errors
    /// As the store fails; so do the other reads.
    pub fn get(&self, key: &[u8]) -> Result<Stored> {
        if let Some(own) = self.overlay.get(key) {
            return Ok(own);
        }
        if let Some(value) = self.ahead.borrow_mut().find(key)? {
            return Ok(value.map(Into::into));
        }
        if let Some(value) = self.read.borrow().get(key) {
            return Ok(value.clone());
        }
        self.check_time()?;
        let value: Stored = self.snapshot.get(key)?.map(Into::into);
        self.remember(key, value.clone());
        Ok(value)
    }

    fn remember(&self, key: &[u8], value: Stored) {
        if value
            .as_ref()
            .is_some_and(|value| value.len() > READ_CACHE_VALUE)
        {
            return;
        }
        let mut read = self.read.borrow_mut();
        if read.len() >= READ_CACHE_ENTRIES {
            read.clear();
        }
        read.insert(key.into(), value);
    }

    /// Reads packed keys in one call of the host, so that [`Transaction::get`] has them. It is quickest if they are
    /// asked for in their order.
    ///
    /// # Errors
    /// As [`Transaction::get`].
    pub fn read_ahead(&self, keys: Vec<u8>) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let values = self.snapshot.get_many(&keys)?;
        *self.ahead.borrow_mut() = Ahead {
            keys,
            values,
            ..Ahead::default()
        };
        Ok(())
    }

    /// The values of many keys, in their order.
    ///
    /// # Errors
    /// As [`Transaction::get`].
    pub fn get_many<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Stored>> {
        let mut packed = Vec::new();
        let own: Vec<_> = keys
            .iter()
            .map(|key| {
                let own = self.overlay.get(key.as_ref());
                if own.is_none() {
                    write_bytes(&mut packed, key.as_ref());
                }
                own
            })
            .collect();
        let values = if packed.is_empty() {
            Vec::new()
        } else {
            self.snapshot.get_many(&packed)?
        };
        let mut unpacker = Unpacker::default();
        own.into_iter()
            .map(|own| match own {
                Some(own) => Ok(own),
                None => Ok(unpacker.optional(&values)?.map(|span| values[span].into())),
            })
            .collect()
    }

    /// What the snapshot has at packed keys, packed, for [`Transaction::visit_many`].
    ///
    /// # Errors
    /// As [`Transaction::get`].
    pub fn read_many(&self, keys: &[u8]) -> Result<Vec<u8>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.check_time()?;
        Ok(self.snapshot.get_many(keys)?)
    }

    /// Calls `visit` with each of the packed keys that [`Transaction::read_many`] has read, and its value, in their order,
    /// until it says `false`.
    ///
    /// # Errors
    /// Those of `visit`.
    pub fn visit_many(&self, keys: &[u8], values: &[u8], visit: &mut VisitStored) -> Result<bool> {
        let (mut key, mut value) = (Unpacker::default(), Unpacker::default());
        while !key.is_done(keys) {
            let key = &keys[key.bytes(keys)?];
            let stored = value.optional(values)?.map(|span| &values[span]);
            if !visit(key, self.overlay.peek(key).unwrap_or(stored))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How many keys are in a range.
    ///
    /// # Errors
    /// As [`Transaction::get`].
    pub fn count(&self, start: &[u8], end: &[u8]) -> Result<u64> {
        if !end.is_empty() && end <= start {
            return Ok(0);
        }
        let mut count = self.snapshot.count(start, end)?;
        let own: Vec<_> = self.overlay.range(start, end).collect();
        if own.is_empty() {
            return Ok(count);
        }
        let mut packed = Vec::new();
        own.iter()
            .for_each(|(key, _)| write_bytes(&mut packed, key));
        let stored = self.snapshot.get_many(&packed)?;
        let mut unpacker = Unpacker::default();
        for (_, value) in own {
            match (unpacker.optional(&stored)?.is_some(), value.is_some()) {
                (true, false) => count -= 1,
                (false, true) => count += 1,
                _ => {}
            }
        }
        Ok(count)
    }

    fn write(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        self.check_time()?;
        self.written += key.len() + value.map_or(0, <[u8]>::len);
        self.check_written()?;
        let undone = self.overlay.write(key, value, self.marks == 0);
        if self.marks > 0 {
            self.undo.push(undone);
        }
        Ok(())
    }

    /// As [`Transaction::put`] and [`Transaction::delete`], quicker, of a key that is not read until [`Transaction::settle`].
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub fn append(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        debug_assert!(self.marks == 0, "nobody can take it back");
        self.check_time()?;
        self.written += key.len() + value.map_or(0, <[u8]>::len);
        self.check_written()?;
        self.overlay.append(key, value);
        Ok(())
    }

    /// Brings appended writes to where they are read.
    pub fn settle(&mut self) {
        self.overlay.settle();
    }

    /// Marks this point. Each mark has to be given back, the last one first, to [`Transaction::release`] or
    /// [`Transaction::undo`].
    pub fn mark(&mut self) -> Mark {
        self.marks += 1;
        Mark {
            undo: self.undo.len(),
            written: self.written,
        }
    }

    /// Keeps what was written since a mark.
    pub fn release(&mut self, mark: Mark) {
        let Mark { .. } = mark;
        self.marks -= 1;
        if self.marks == 0 {
            self.undo.clear();
        }
    }

    /// Takes back what was written since a mark.
    pub fn undo(&mut self, mark: Mark) {
        for (write, before) in self.undo.drain(mark.undo..).rev() {
            self.overlay.put_back(write, before);
        }
        self.written = mark.written;
        self.release(mark);
    }

    /// A script may catch the error: the commit has to fail all the same, since a write is missing.
    fn check_written(&self) -> Result<()> {
        if self.written as u64 <= self.limit {
            return Ok(());
        }
        Err(Error::limit(
            Limit::TransactionSize,
            self.limit,
            "",
            format!(
                "the transaction writes more than {} bytes; split it into several, or allow more",
                self.limit
            ),
        ))
    }

    /// Sets the value of a key.
    ///
    /// # Errors
    /// `LimitExceeded` when the transaction has written too much; so do the other writes.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.write(key, Some(value))
    }

    /// Deletes a key, present or not.
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub fn delete(&mut self, key: &[u8]) -> Result<()> {
        self.write(key, None)
    }

    /// Deletes all keys that begin with `prefix`.
    ///
    /// # Errors
    /// As the store fails, and as [`Transaction::put`].
    pub fn delete_prefix(&mut self, prefix: &[u8]) -> Result<()> {
        let mut cursor = self.prefix(prefix).eager();
        while let Some((key, _)) = cursor.next(self)? {
            let key = key.to_vec();
            self.delete(&key)?;
        }
        Ok(())
    }

    /// A cursor over all keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(&self, prefix: &[u8]) -> Cursor {
        Cursor::new(prefix.to_vec(), successor(prefix), Direction::Forward)
    }

    /// Commits all writes at once. Without writes, nothing is committed.
    ///
    /// Returns the number of the commit that the store is at now, as far as is known.
    ///
    /// # Errors
    /// As the store fails; then nothing was written.
    pub fn commit(self) -> Result<u64> {
        if self.overlay.is_empty() {
            return Ok(self.snapshot.version());
        }
        self.check_written()?;
        let packed = self.overlay.pack();
        Ok(self.snapshot.commit(&packed)?)
    }
}
