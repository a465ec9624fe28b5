//! Big integers: those that need more than 64 bits, as CBOR bignums (RFC 8949, 3.4.3).
//!
//! Tag 2 stands before a number `n`, tag 3 before the `n` of `-1 - n`; both numbers are byte strings, the
//! first byte the highest. Inverted, the bytes behind tag 3 are the number's own in two's complement, and
//! that is how the order of numbers looks at them.

use std::cmp::Ordering;

use super::write::{write_bytes, write_head, write_int};

/// Bytes of the byte string of a big integer, at the most: integers go from -2^65536 to 2^65536 - 1.
pub const MAX_INTEGER_SIZE: usize = 8192;

/// The tag of big integers of 0 and more.
pub(super) const POSITIVE_TAG: u64 = 2;
/// The tag of big integers below 0.
pub(super) const NEGATIVE_TAG: u64 = 3;

/// A big integer: `-1 - n` or `n`, where the bytes are those of `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Big<'a> {
    /// Whether it is below 0.
    pub negative: bool,
    /// The number `n`, the first byte the highest, without zeros before it.
    pub bytes: &'a [u8],
}

/// Writes an integer of any size: `-1 - n` or `n`, where the bytes are those of `n`, with any zeros before
/// them. One that fits into 64 bits is written as any other.
pub fn write_integer(out: &mut Vec<u8>, negative: bool, bytes: &[u8]) {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = &bytes[zeros..];
    match small(bytes) {
        Some(int) => write_int(out, if negative { !int } else { int }),
        None => {
            let tag = if negative { NEGATIVE_TAG } else { POSITIVE_TAG };
            write_head(out, 6, tag);
            write_bytes(out, bytes);
        }
    }
}

/// The number of so few bytes that it and its inverse fit into 64 bits with a sign.
pub(super) fn small(bytes: &[u8]) -> Option<i64> {
    if bytes.len() > size_of::<i64>() {
        return None;
    }
    let number = bytes
        .iter()
        .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    i64::try_from(number).ok()
}

/// Where a big integer stands among the floats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Floor {
    /// The largest float that is not greater, and finite. None for integers below all of those.
    pub float: Option<f64>,
    /// Whether the integer is that float.
    pub is_exact: bool,
}

const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS;

impl Big<'_> {
    /// The float below.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a number of 53 bits, or one more than the largest of them"
    )]
    pub(super) fn floor(self) -> Floor {
        let mut first = [0; 8];
        let given = self.bytes.len().min(first.len());
        first[..given].copy_from_slice(&self.bytes[..given]);
        let first = u64::from_be_bytes(first);
        let zeros = first.leading_zeros().min(7);
        // The highest 53 bits, and whether those below are all 0, or, below zero, all 1.
        let below = u64::BITS - FRACTION_BITS - zeros;
        let highest = first >> below;
        let (fraction, filler) = if self.negative {
            (highest + 1, u8::MAX)
        } else {
            (highest, 0)
        };
        let rest = first & ((1 << below) - 1);
        let is_exact = rest == u64::from_be_bytes([filler; 8]) & ((1 << below) - 1)
            && self.bytes[given..].iter().all(|byte| *byte == filler);
        let exponent =
            (8 * self.bytes.len() as u64).saturating_sub(u64::from(zeros + FRACTION_BITS));
        let size = if exponent < 1024 {
            fraction as f64 * f64::from_bits((exponent + 1023) << 52)
        } else {
            f64::INFINITY
        };
        match (size.is_finite(), self.negative) {
            (true, false) => Floor {
                float: Some(size),
                is_exact,
            },
            (true, true) => Floor {
                float: Some(-size),
                is_exact,
            },
            (false, false) => Floor {
                float: Some(f64::MAX),
                is_exact: false,
            },
            (false, true) => Floor {
                float: None,
                is_exact: false,
            },
        }
    }

    /// The integer, if 128 bits have room for it.
    pub(super) fn to_i128(self) -> Option<i128> {
        if self.bytes.len() >= size_of::<i128>() {
            return None;
        }
        let number = self
            .bytes
            .iter()
            .fold(0i128, |number, byte| number << 8 | i128::from(*byte));
        Some(if self.negative { !number } else { number })
    }

    /// Compares by value.
    pub(super) fn compare(self, other: Big<'_>) -> Ordering {
        match (self.negative, other.negative) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (negative, _) => {
                let (a, b) = (self.bytes, other.bytes);
                let order = a.len().cmp(&b.len()).then_with(|| a.cmp(b));
                if negative { order.reverse() } else { order }
            }
        }
    }

    /// Compares with what fits into 64 bits, by value.
    pub(super) fn compare_int(self) -> Ordering {
        if self.negative {
            Ordering::Less
        } else {
            Ordering::Greater
        }
    }

    /// Compares by exact value; NaN is below every integer.
    pub(super) fn compare_float(self, float: f64) -> Ordering {
        if float.is_nan() || float == f64::NEG_INFINITY {
            return Ordering::Greater;
        }
        let Floor {
            float: Some(below),
            is_exact,
        } = self.floor()
        else {
            return Ordering::Less;
        };
        if float > below {
            Ordering::Less
        } else if float < below || !is_exact {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    }
}
