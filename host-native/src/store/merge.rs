//! Pages of a snapshot with writes over it.

use std::ops::Bound;

use super::transaction::Overlay;
use super::{Direction, Snapshot, StoreFailure, pack};

/// Writes in the order of their keys.
pub(super) trait Layer {
    /// What was written at a key, if anything was.
    fn get(&self, key: &[u8]) -> Option<Option<&[u8]>>;

    /// What was written in a range, as [`Snapshot::scan`] understands it.
    fn range<'a>(
        &'a self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
    ) -> Box<dyn Iterator<Item = pack::Entry<'a>> + 'a>;
}

impl Layer for Overlay {
    fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        Overlay::get(self, key).map(Option::as_deref)
    }

    fn range<'a>(
        &'a self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
    ) -> Box<dyn Iterator<Item = pack::Entry<'a>> + 'a> {
        if !end.is_empty() && start > end {
            return Box::new(std::iter::empty());
        }
        let range = Overlay::range::<[u8], _>(self, (Bound::Included(start), upper(end)));
        let range = range.map(|(key, value)| (&key[..], value.as_deref()));
        match direction {
            Direction::Forward => Box::new(range),
            Direction::Backward => Box::new(range.rev()),
        }
    }
}

/// A page of a scan.
pub(super) struct Page {
    /// Packed.
    pub(super) entries: Vec<u8>,
    /// The last key, if the page ended at a limit; none if it has all of its range.
    pub(super) last: Option<Vec<u8>>,
}

/// The first key behind a key.
pub(super) fn successor(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// The bound that an end stands for.
pub(super) fn upper(end: &[u8]) -> Bound<&[u8]> {
    if end.is_empty() {
        Bound::Unbounded
    } else {
        Bound::Excluded(end)
    }
}

/// As [`Snapshot::get_many`], with what was written in place of what is there. Tells each key that nothing was written at.
pub(super) fn get_many(
    base: &dyn Snapshot,
    overlay: &dyn Layer,
    keys: &[u8],
    mut below: impl FnMut(&[u8]),
) -> Result<Vec<u8>, StoreFailure> {
    let keys: Vec<_> = pack::keys(keys)
        .collect::<Result<_, _>>()
        .map_err(|_| StoreFailure::malformed("keys"))?;
    let mut asked = Vec::new();
    let written: Vec<_> = keys.iter().map(|key| overlay.get(key)).collect();
    for (key, _) in keys
        .iter()
        .zip(&written)
        .filter(|(_, written)| written.is_none())
    {
        below(key);
        pack::put_bytes(&mut asked, key);
    }
    let answered = base.get_many(&asked)?;
    let mut answers = pack::values(&answered);
    let mut values = Vec::new();
    for written in written {
        let value = match written {
            Some(written) => written,
            None => answers
                .next()
                .and_then(Result::ok)
                .ok_or_else(|| StoreFailure::malformed("values"))?,
        };
        pack::put_optional(&mut values, value);
    }
    Ok(values)
}

/// As [`Snapshot::count`], with what was written in place of what is there.
pub(super) fn count(
    base: &dyn Snapshot,
    overlay: &dyn Layer,
    start: &[u8],
    end: &[u8],
) -> Result<u64, StoreFailure> {
    let mut count = base.count(start, end)?;
    if end.is_empty() || start < end {
        // Where nothing is below, nobody has to ask for each.
        let is_empty = count == 0;
        for (key, written) in overlay.range(start, end, Direction::Forward) {
            let was = !is_empty && base.get(key)?.is_some();
            count = count - u64::from(was) + u64::from(written.is_some());
        }
    }
    Ok(count)
}

/// As [`Snapshot::scan`], with what was written in place of what is there. The limits are the entries and the bytes of a page.
pub(super) fn scan(
    base: &dyn Snapshot,
    overlay: &dyn Layer,
    start: &[u8],
    end: &[u8],
    direction: Direction,
    (max_entries, max_bytes): (usize, usize),
) -> Result<Page, StoreFailure> {
    let (mut start, mut end) = (start.to_vec(), end.to_vec());
    let mut page = Vec::new();
    let mut count = 0;
    loop {
        if !end.is_empty() && start >= end {
            return Ok(Page {
                entries: page,
                last: None,
            });
        }
        let below = base.scan(
            &start,
            &end,
            direction,
            max_entries as u32,
            max_bytes.min(u32::MAX as usize) as u32,
        )?;
        let there: Vec<_> = pack::entries(&below)
            .collect::<Result<_, _>>()
            .map_err(|_| StoreFailure::malformed("entries"))?;
        let is_whole = there.is_empty() || (there.len() < max_entries && below.len() < max_bytes);
        let reached = there
            .last()
            .filter(|_| !is_whole)
            .map(|(key, _)| key.to_vec());
        // What is written in the part of the range that the page answers for.
        let (from, to) = match (&reached, direction) {
            (None, _) => (start.clone(), end.clone()),
            (Some(last), Direction::Forward) => (start.clone(), successor(last)),
            (Some(last), Direction::Backward) => (last.clone(), end.clone()),
        };
        let mut above = overlay.range(&from, &to, direction);
        let comes_first = |key: &[u8], other: &[u8]| match direction {
            Direction::Forward => key < other,
            Direction::Backward => key > other,
        };
        let mut there = there.into_iter().peekable();
        let mut next_above = above.next();
        loop {
            let (key, value) = match (there.peek().copied(), next_above) {
                (None, None) => break,
                (Some((key, value)), Some((written, _))) if comes_first(key, written) => {
                    there.next();
                    (key, value)
                }
                (Some((key, value)), None) => {
                    there.next();
                    (key, value)
                }
                (below, Some((written, value))) => {
                    if below.is_some_and(|(key, _)| key == written) {
                        there.next();
                    }
                    next_above = above.next();
                    (written, value)
                }
            };
            let Some(value) = value else { continue };
            pack::put_entry(&mut page, key, Some(value));
            count += 1;
            if count >= max_entries || page.len() >= max_bytes {
                return Ok(Page {
                    entries: page,
                    last: Some(key.to_vec()),
                });
            }
        }
        match (reached, direction) {
            (None, _) => {
                return Ok(Page {
                    entries: page,
                    last: None,
                });
            }
            (Some(last), Direction::Forward) => start = successor(&last),
            (Some(last), Direction::Backward) => end = last,
        }
        if end.is_empty() && direction == Direction::Backward {
            // The first key of all is empty, and was reached.
            return Ok(Page {
                entries: page,
                last: None,
            });
        }
    }
}
