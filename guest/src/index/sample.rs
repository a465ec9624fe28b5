//! A sample of each index, from which the planner and the statistics estimate.
//!
//! One of 256 documents is in it, chosen by a hash of its key alone: so it is a fair share of any range, it is the
//! same everywhere, and what keeps it up to date is one more entry for one of 256 writes. Its keys are those
//! of the index, in a space of their own, so that any range of the one is a range of the other.

use crate::error::Result;
use crate::key::space;
use crate::store::{Cursor, Direction, Transaction};

/// A document in the sample stands for so many.
pub(crate) const SHARE: u64 = 256;

/// From so many entries of the sample on, an estimate is worth something.
pub(crate) const RELIABLE: u64 = 16;

/// Whether the document of this key, encoded, is in the sample.
#[must_use]
pub fn is_sampled(key: &[u8]) -> bool {
    // FNV-1a, and the mixing of MurmurHash3 behind it, since keys that follow each other differ in their last bits.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in key {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash.is_multiple_of(SHARE)
}

/// The key in the sample for one in an index.
pub(crate) fn sample_key(entry: &[u8]) -> Vec<u8> {
    let mut key = entry.to_vec();
    key[0] = space::SAMPLE;
    key
}

/// How many entries of the sample are in a range of an index, up to about `most`.
pub(crate) fn count(
    transaction: &Transaction,
    (start, end): &(Vec<u8>, Vec<u8>),
    most: u64,
) -> Result<u64> {
    let expected = usize::try_from(most).unwrap_or(usize::MAX);
    let mut cursor = Cursor::new(sample_key(start), sample_key(end), Direction::Forward);
    cursor = cursor.expecting(expected.min(256));
    let mut seen = 0;
    while seen < most && cursor.next(transaction)?.is_some() {
        seen += 1;
    }
    Ok(seen)
}
