//! Arithmetic with integers as values: CBOR in, CBOR out.

use std::cmp::Ordering;

use num_bigint::BigUint;
use num_integer::Integer;

use super::digits;
use crate::error::Result;
use crate::lua::context::misuse;
use crate::value::{Big, Item, MAX_INTEGER_SIZE, write_integer};

/// What gives an integer, of two or, the last ones, of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Gcd,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
    Absolute,
    Invert,
    Negate,
}

impl Operation {
    /// Whether it takes one integer only.
    pub(super) fn is_unary(self) -> bool {
        matches!(
            self,
            Operation::Absolute | Operation::Invert | Operation::Negate
        )
    }
}

const MAX_BITS: u64 = 8 * MAX_INTEGER_SIZE as u64;

/// Calls `body` with an integer in the form of [`Big`], however small.
fn with_bytes<T>(value: &[u8], body: impl FnOnce(Big<'_>) -> T) -> T {
    match Item::of(value) {
        Item::Big(big) => body(big),
        Item::Int(int) => body(Big {
            negative: int < 0,
            bytes: &(if int < 0 { !int } else { int }).to_be_bytes(),
        }),
        _ => body(Big {
            negative: false,
            bytes: &[],
        }),
    }
}

/// An integer as the library for numbers without a sign takes it. Its type with a sign is not used: each operator
/// of that brings four more functions along, which a page would download.
struct Number {
    negative: bool,
    size: BigUint,
}

impl Number {
    fn of(value: &[u8]) -> Number {
        with_bytes(value, |big| {
            let mut size = BigUint::from_bytes_be(big.bytes);
            if big.negative {
                size += 1u32;
            }
            Number {
                negative: big.negative,
                size,
            }
        })
    }

    fn value(mut self) -> Result<Vec<u8>> {
        let negative = self.negative && self.size != BigUint::ZERO;
        if negative {
            self.size -= 1u32;
        }
        written(negative, &self.size.to_bytes_be())
    }

    fn plus(self, other: Number) -> Number {
        if self.negative == other.negative {
            return Number {
                negative: self.negative,
                size: self.size + &other.size,
            };
        }
        let (larger, smaller) = match self.size.cmp(&other.size) {
            Ordering::Less => (other, self),
            _ => (self, other),
        };
        Number {
            negative: larger.negative,
            size: larger.size - &smaller.size,
        }
    }

    fn times(&self, other: &Number) -> Number {
        Number {
            negative: self.negative != other.negative,
            size: &self.size * &other.size,
        }
    }

    /// The quotient, rounded down, and the remainder, which has the sign of the divisor.
    fn divided(self, divisor: &Number) -> (Number, Number) {
        let (mut quotient, mut rest) = self.size.div_rem(&divisor.size);
        if self.negative != divisor.negative && rest != BigUint::ZERO {
            quotient += 1u32;
            rest = &divisor.size - rest;
        }
        let number = |negative, size| Number { negative, size };
        (
            number(self.negative != divisor.negative, quotient),
            number(divisor.negative, rest),
        )
    }

    fn power(&self, exponent: u64) -> Number {
        let mut power = Number::small(1);
        for bit in (0..u64::BITS - exponent.leading_zeros()).rev() {
            power = power.times(&power);
            if exponent >> bit & 1 == 1 {
                power = power.times(self);
            }
        }
        power
    }

    fn small(size: u64) -> Number {
        Number {
            negative: false,
            size: BigUint::from(size),
        }
    }
}

/// The bytes of an integer's number.
pub(super) fn size(value: &[u8]) -> usize {
    match Item::of(value) {
        Item::Big(big) => big.bytes.len(),
        _ => size_of::<i64>(),
    }
}

pub(super) fn sign(value: &[u8]) -> i64 {
    match Item::of(value) {
        Item::Int(int) => int.signum(),
        Item::Big(big) if big.negative => -1,
        _ => 1,
    }
}

fn written(negative: bool, bytes: &[u8]) -> Result<Vec<u8>> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = &bytes[zeros..];
    if bytes.len() > MAX_INTEGER_SIZE {
        return Err(too_large());
    }
    let mut value = Vec::with_capacity(bytes.len() + 4);
    write_integer(&mut value, negative, bytes);
    Ok(value)
}

fn too_large() -> crate::error::Error {
    misuse(format!(
        "the integer would have more than {MAX_INTEGER_SIZE} bytes, which is the most that can be stored"
    ))
}

/// What any operation takes, in instructions of the same time, as all costs here.
const LEAST: usize = 128;

/// What a comparison takes.
pub(super) const COMPARISON: usize = 48;

/// What an operation takes at the worst, but for the steps to a common divisor, which are paid for one by one.
///
/// # Errors
/// For a power with a negative exponent, and for one whose result would be too large.
pub(super) fn cost(operation: Operation, left: &[u8], right: &[u8]) -> Result<usize> {
    let (a, b) = (size(left), size(right));
    let most = match operation {
        Operation::Multiply => a * b / 64,
        Operation::Divide | Operation::Modulo | Operation::Gcd => a * b / 32,
        Operation::Power => power_cost(left, right)?,
        Operation::ShiftLeft => MAX_INTEGER_SIZE,
        _ => 0,
    };
    Ok(LEAST + a + b + most)
}

/// Calculates. Division rounds down, and so a remainder has the sign of the divisor.
pub(super) fn calculate(
    operation: Operation,
    left: &[u8],
    right: &[u8],
    charge: impl Fn(usize) -> Result<()>,
) -> Result<Vec<u8>> {
    match operation {
        Operation::And => return bitwise(left, right, |a, b| a & b),
        Operation::Or => return bitwise(left, right, |a, b| a | b),
        Operation::Xor => return bitwise(left, right, |a, b| a ^ b),
        Operation::Invert => return bitwise(left, left, |a, _| !a),
        Operation::ShiftLeft => return shift(left, right, false),
        Operation::ShiftRight => return shift(left, right, true),
        Operation::Divide | Operation::Modulo if sign(right) == 0 => {
            return Err(misuse(if operation == Operation::Divide {
                "attempt to divide a big integer by zero"
            } else {
                "attempt to perform 'n%%0' with a big integer"
            }));
        }
        _ => {}
    }
    let exponent = Item::of(right);
    let (mut left, mut right) = (Number::of(left), Number::of(right));
    match operation {
        Operation::Subtract => {
            right.negative = !right.negative;
            left.plus(right)
        }
        Operation::Multiply => left.times(&right),
        Operation::Divide => left.divided(&right).0,
        Operation::Modulo => left.divided(&right).1,
        Operation::Power => left.power(match exponent {
            Item::Int(exponent) => exponent.unsigned_abs(),
            // Only of 0, 1 and -1, of which it matters whether the exponent is even.
            _ => u64::from(right.size.bit(0)) + 2,
        }),
        Operation::Absolute | Operation::Negate => {
            left.negative = operation == Operation::Negate && !left.negative;
            left
        }
        Operation::Gcd => {
            while right.size != BigUint::ZERO {
                // Half a second may pass here, in which the call's limits have to hold.
                charge(LEAST + right.size.bits() as usize / 8)?;
                let rest = left.size.div_rem(&right.size).1;
                left.size = std::mem::replace(&mut right.size, rest);
            }
            left.negative = false;
            left
        }
        _ => left.plus(right),
    }
    .value()
}

fn power_cost(base: &[u8], exponent: &[u8]) -> Result<usize> {
    if sign(exponent) < 0 {
        return Err(misuse(
            "the exponent of a big integer must not be negative; divide by the power instead",
        ));
    }
    let bits = Number::of(base).size.bits();
    // Powers of 0, 1 and -1 stay as small as these.
    if bits <= 1 {
        return Ok(1);
    }
    let most = match Item::of(exponent) {
        Item::Int(exponent) => (bits - 1).checked_mul(exponent.unsigned_abs()),
        _ => None,
    };
    match most {
        Some(most) if most <= MAX_BITS => {
            let size = usize::try_from(most / 8).unwrap_or(usize::MAX);
            Ok(size.saturating_mul(size) / 128)
        }
        _ => Err(too_large()),
    }
}

/// Combines two integers bit by bit, in two's complement with endless signs.
fn bitwise(left: &[u8], right: &[u8], combine: fn(u8, u8) -> u8) -> Result<Vec<u8>> {
    with_bytes(left, |left| {
        with_bytes(right, |right| {
            let inversion = |negative: bool| if negative { u8::MAX } else { 0 };
            let (a, b) = (inversion(left.negative), inversion(right.negative));
            let own = combine(a, b);
            let length = left.bytes.len().max(right.bytes.len());
            let byte = |bytes: &[u8], at: usize| {
                let before = length - bytes.len();
                at.checked_sub(before).map_or(0, |at| bytes[at])
            };
            let bytes: Vec<u8> = (0..length)
                .map(|at| combine(byte(left.bytes, at) ^ a, byte(right.bytes, at) ^ b) ^ own)
                .collect();
            written(own != 0, &bytes)
        })
    })
}

/// Shifts to the left, or to the right, which rounds down. A negative distance goes the other way.
fn shift(value: &[u8], distance: &[u8], right: bool) -> Result<Vec<u8>> {
    let right = right != (sign(distance) < 0);
    let distance = match Item::of(distance) {
        Item::Int(distance) => distance.unsigned_abs(),
        _ => u64::MAX,
    };
    if right {
        return with_bytes(value, |big| {
            let size = BigUint::from_bytes_be(big.bytes) >> distance.min(MAX_BITS);
            written(big.negative, &size.to_bytes_be())
        });
    }
    if sign(value) == 0 {
        return Ok(value.to_vec());
    }
    if distance > MAX_BITS {
        return Err(too_large());
    }
    let mut number = Number::of(value);
    number.size <<= distance;
    number.value()
}

/// Reads digits behind a sign; none if there are others.
///
/// # Errors
/// For an integer that is too large.
pub(super) fn parse(text: &[u8], base: u32) -> Result<Option<Vec<u8>>> {
    let (negative, text) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, text),
    };
    let zeros = text.iter().take_while(|digit| **digit == b'0').count();
    if (text.len() - zeros) as u64 > MAX_BITS {
        return Err(too_large());
    }
    let number = digits::parse(text, base).map(BigUint::new);
    number
        .map(|size| Number { negative, size }.value())
        .transpose()
}

/// What [`parse`] takes for so many digits.
pub(super) fn parse_cost(digits: usize) -> usize {
    let most = digits.min(8 * MAX_INTEGER_SIZE);
    LEAST + digits + most * most / 512
}

/// What [`text`] takes for so many bytes.
pub(super) fn text_cost(size: usize) -> usize {
    LEAST + size.saturating_mul(size) / 16
}

/// The digits, behind a sign if it is negative.
pub(super) fn text(value: &[u8], base: u32) -> String {
    let number = Number::of(value);
    digits::text(number.negative, number.size.to_u32_digits(), base)
}

/// The integer that a float is; none if it is none.
pub(super) fn of_float(float: f64) -> Option<Vec<u8>> {
    if !float.is_finite() || float.trunc() != float {
        return None;
    }
    let bits = float.to_bits();
    let exponent = (bits >> 52) & 0x7ff;
    let fraction = bits & ((1 << 52) - 1) | 1 << 52;
    let mut number = match exponent {
        1075.. => {
            let mut number = Number::small(fraction);
            number.size <<= exponent - 1075;
            number
        }
        1023.. => Number::small(fraction >> (1075 - exponent)),
        _ => Number::small(0),
    };
    number.negative = float < 0.0;
    number.value().ok()
}
