//! What a transaction has read, so that its commit can tell whether a later commit has written any of it.

use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;

/// Keys and ranges of keys.
#[derive(Default)]
pub(super) struct Reads {
    keys: HashSet<Box<[u8]>>,
    /// Ranges that neither meet nor touch, from their first key to where they end; an empty end is no bound.
    ranges: BTreeMap<Box<[u8]>, Box<[u8]>>,
}

/// Whether the first of two ends comes before the second.
fn ends_before(end: &[u8], other: &[u8]) -> bool {
    match (end.is_empty(), other.is_empty()) {
        (true, _) => false,
        (false, true) => true,
        (false, false) => end < other,
    }
}

impl Reads {
    pub(super) fn key(&mut self, key: &[u8]) {
        if !self.has(key) {
            self.keys.insert(key.into());
        }
    }

    /// All keys with `start <= key < end`; an empty `end` is no bound.
    pub(super) fn range(&mut self, start: &[u8], end: &[u8]) {
        if !end.is_empty() && start >= end {
            return;
        }
        let (mut start, mut end) = (start.to_vec(), end.to_vec());
        if let Some((first, until)) = self.until(&start)
            && !ends_before(until, &start)
        {
            if ends_before(&end, until) {
                end = until.to_vec();
            }
            start = first.to_vec();
        }
        loop {
            let next = self
                .ranges
                .range::<[u8], _>((Bound::Included(&start[..]), Bound::Unbounded))
                .next()
                .filter(|(first, _)| !ends_before(&end, first))
                .map(|(first, until)| (first.clone(), until.clone()));
            let Some((first, until)) = next else { break };
            if ends_before(&end, &until) {
                end = until.into_vec();
            }
            self.ranges.remove(&first);
        }
        self.ranges.insert(start.into(), end.into());
    }

    /// The range that begins last among those which begin at a key or before it.
    fn until(&self, key: &[u8]) -> Option<(&[u8], &[u8])> {
        self.ranges
            .range::<[u8], _>((Bound::Unbounded, Bound::Included(key)))
            .next_back()
            .map(|(start, end)| (&start[..], &end[..]))
    }

    /// Whether a key was read.
    pub(super) fn has(&self, key: &[u8]) -> bool {
        self.until(key)
            .is_some_and(|(_, end)| end.is_empty() || key < end)
            || self.keys.contains(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_meet_or_touch_become_one_and_have_what_each_of_them_had() {
        // All pairs and triples of small ranges, against keys that are looked up one by one.
        let ends: [&[u8]; 5] = [b"b", b"c", b"d", b"e", b""];
        let mut all = Vec::new();
        for start in [&b"a"[..], b"b", b"c", b"d"] {
            for end in ends {
                all.push((start, end));
            }
        }
        for one in &all {
            for two in &all {
                for three in &all {
                    let mut reads = Reads::default();
                    for (start, end) in [one, two, three] {
                        reads.range(start, end);
                    }
                    for key in [&b"a"[..], b"aa", b"b", b"bb", b"c", b"d", b"dd", b"e", b"f"] {
                        let expected = [one, two, three]
                            .iter()
                            .any(|(start, end)| key >= *start && (end.is_empty() || key < *end));
                        assert_eq!(
                            reads.has(key),
                            expected,
                            "{one:?} {two:?} {three:?} {key:?}"
                        );
                    }
                    let kept: Vec<_> = reads.ranges.iter().collect();
                    for pair in kept.windows(2) {
                        assert!(ends_before(pair[0].1, pair[1].0), "{kept:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn keys_are_read_one_by_one() {
        let mut reads = Reads::default();
        reads.key(b"b");
        assert!(reads.has(b"b") && !reads.has(b"a") && !reads.has(b"b\0"));
    }
}
