//! Reading the tree's table of entries, at one moment or while it is written.

use std::ops::Bound;

use redb::ReadableTable;

use super::{Direction, StoreFailure, pack, value};

type Bytes = &'static [u8];

/// Room for a page of the usual size, which else would be moved again and again while it grows.
const PAGE: usize = 4096;

pub(super) fn get(
    entries: &impl ReadableTable<Bytes, Bytes>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StoreFailure> {
    match entries.get(key)? {
        Some(stored) => Ok(Some(value::open(stored.value())?.into_owned())),
        None => Ok(None),
    }
}

pub(super) fn get_many(
    entries: &impl ReadableTable<Bytes, Bytes>,
    keys: &[u8],
) -> Result<Vec<u8>, StoreFailure> {
    let mut values = Vec::with_capacity(PAGE);
    for key in pack::keys(keys) {
        let key = key.map_err(|_| StoreFailure::malformed("keys"))?;
        match entries.get(key)? {
            Some(stored) => {
                pack::put_optional(&mut values, Some(&value::open(stored.value())?));
            }
            None => pack::put_optional(&mut values, None),
        }
    }
    Ok(values)
}

/// The entries of a range, or nothing where it is empty or reversed.
fn range<'a>(
    entries: &'a impl ReadableTable<Bytes, Bytes>,
    start: &[u8],
    end: &[u8],
) -> Result<Option<redb::Range<'a, Bytes, Bytes>>, StoreFailure> {
    if !end.is_empty() && start >= end {
        return Ok(None);
    }
    let end = if end.is_empty() {
        Bound::Unbounded
    } else {
        Bound::Excluded(end)
    };
    Ok(Some(entries.range::<&[u8]>((Bound::Included(start), end))?))
}

/// A page that ends as `limits` say, by entries or by bytes.
pub(super) fn scan(
    entries: &impl ReadableTable<Bytes, Bytes>,
    start: &[u8],
    end: &[u8],
    direction: Direction,
    (max_entries, max_bytes): (u32, u32),
) -> Result<Vec<u8>, StoreFailure> {
    let Some(mut range) = range(entries, start, end)? else {
        return Ok(Vec::new());
    };
    let mut page = Vec::with_capacity(PAGE);
    for _ in 0..max_entries.max(1) {
        let entry = match direction {
            Direction::Forward => range.next(),
            Direction::Backward => range.next_back(),
        };
        let Some(entry) = entry else { break };
        let (key, value) = entry?;
        pack::put_entry(&mut page, key.value(), Some(&value::open(value.value())?));
        if page.len() >= max_bytes as usize {
            break;
        }
    }
    Ok(page)
}

pub(super) fn count(
    entries: &impl ReadableTable<Bytes, Bytes>,
    start: &[u8],
    end: &[u8],
) -> Result<u64, StoreFailure> {
    let Some(range) = range(entries, start, end)? else {
        return Ok(0);
    };
    let mut count = 0;
    for entry in range {
        entry?;
        count += 1;
    }
    Ok(count)
}
