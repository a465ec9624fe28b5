//! A large commit in memory, above the tree's file, until that has got it in the background.
//!
//! To put 300,000 keys into the file takes as long as to put together what they are. The log has the commit at a tenth of that price, and
//! nobody has to wait for the rest.

use std::ops::Range;
use std::sync::Arc;

use super::merge::Layer;
use super::press::Keys;
use super::recent::check;
use super::{Direction, StoreFailure, pack};

/// Packed writes, as they were committed, and where each entry begins.
pub(super) struct Run {
    pub(super) version: u64,
    writes: Box<[u8]>,
    starts: Vec<u32>,
}

impl Run {
    /// [Checks](check) packed writes, and keeps a copy of them. Gives the keys of values
    /// that are worth compressing along.
    ///
    /// # Errors
    /// For writes that are malformed or not strictly ascending, and for 4 GiB of them.
    pub(super) fn new(version: u64, writes: &[u8]) -> Result<(Arc<Self>, Keys), StoreFailure> {
        // The places below are as long as this.
        u32::try_from(writes.len()).map_err(|_| StoreFailure::malformed("writes"))?;
        let mut starts = Vec::with_capacity(writes.len() / 64);
        let large = check(writes, |start| starts.push(start as u32))?;
        let run = Self {
            version,
            writes: writes.into(),
            starts,
        };
        Ok((Arc::new(run), large))
    }

    /// All of its entries, in the order of the keys.
    pub(super) fn entries(&self) -> impl Iterator<Item = pack::Entry<'_>> {
        pack::entries(&self.writes).flatten()
    }

    fn entry(&self, number: usize) -> pack::Entry<'_> {
        let from = &self.writes[self.starts[number] as usize..];
        let first = pack::entries(from).next();
        first.and_then(Result::ok).expect("it was read before")
    }

    /// How many keys come before one.
    fn before(&self, key: &[u8]) -> usize {
        let start_of = |start: &u32| {
            let from = &self.writes[*start as usize..];
            pack::keys(from)
                .next()
                .and_then(Result::ok)
                .expect("it was read before")
        };
        self.starts.partition_point(|start| start_of(start) < key)
    }

    fn within(&self, start: &[u8], end: &[u8]) -> Range<usize> {
        let first = self.before(start);
        let behind = if end.is_empty() {
            self.starts.len()
        } else {
            self.before(end)
        };
        first..behind.max(first)
    }
}

impl Layer for Run {
    fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        let number = self.before(key);
        let (there, value) = (number < self.starts.len()).then(|| self.entry(number))?;
        (there == key).then_some(value)
    }

    fn range<'a>(
        &'a self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
    ) -> Box<dyn Iterator<Item = pack::Entry<'a>> + 'a> {
        let numbers = self.within(start, end);
        match direction {
            Direction::Forward => Box::new(numbers.map(|number| self.entry(number))),
            Direction::Backward => Box::new(numbers.rev().map(|number| self.entry(number))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read_as_a_map_is() {
        let mut packed = Vec::new();
        for key in [1u8, 3, 5, 7] {
            pack::put_entry(&mut packed, &[key], (key != 5).then_some(&[key, key]));
        }
        let (run, _) = Run::new(1, &packed).unwrap();
        assert_eq!(run.get(&[3]), Some(Some(&[3, 3][..])));
        assert_eq!(run.get(&[5]), Some(None));
        for absent in [0, 2, 8] {
            assert_eq!(run.get(&[absent]), None);
        }
        let keys = |start: &[u8], end: &[u8], direction| -> Vec<u8> {
            run.range(start, end, direction)
                .map(|(key, _)| key[0])
                .collect()
        };
        assert_eq!(keys(&[], &[], Direction::Forward), [1, 3, 5, 7]);
        assert_eq!(keys(&[3], &[7], Direction::Backward), [5, 3]);
        assert_eq!(keys(&[4], &[], Direction::Forward), [5, 7]);
        assert_eq!(keys(&[6], &[2], Direction::Forward), [0u8; 0]);
    }

    #[test]
    fn writes_that_are_not_in_order_are_refused() {
        let mut packed = Vec::new();
        for key in [2u8, 2] {
            pack::put_entry(&mut packed, &[key], None);
        }
        assert!(Run::new(1, &packed).is_err());
        assert!(Run::new(1, &packed[..packed.len() - 1]).is_err());
    }
}
