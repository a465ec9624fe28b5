//! Digits in a base, from and to numbers without a sign in pieces of 32 bits, the lowest first.
//!
//! The time is quadratic, which integers of a few thousand bytes don't notice: what a library does for larger ones
//! is many times the code.

/// As many digits as a piece has room for, and the number of their values.
fn group(base: u32) -> (usize, u32) {
    let mut group = (1, base);
    while let Some(power) = group.1.checked_mul(base) {
        group = (group.0 + 1, power);
    }
    group
}

/// The number that digits stand for; none if there are none, or others.
pub(super) fn parse(digits: &[u8], base: u32) -> Option<Vec<u32>> {
    if digits.is_empty() {
        return None;
    }
    let mut number = Vec::new();
    for group in digits.chunks(group(base).0) {
        let (mut factor, mut value) = (1u64, 0u64);
        for digit in group {
            factor *= u64::from(base);
            value = value * u64::from(base) + u64::from(char::from(*digit).to_digit(base)?);
        }
        for piece in &mut number {
            value += u64::from(*piece) * factor;
            *piece = low(value);
            value >>= u32::BITS;
        }
        if value > 0 {
            number.push(low(value));
        }
    }
    Some(number)
}

/// The digits of a number, behind a sign if it is negative.
pub(super) fn text(negative: bool, mut number: Vec<u32>, base: u32) -> String {
    let (length, divisor) = group(base);
    let mut text = Vec::new();
    loop {
        while number.last() == Some(&0) {
            number.pop();
        }
        let mut rest = 0u64;
        for piece in number.iter_mut().rev() {
            rest = rest << u32::BITS | u64::from(*piece);
            let quotient = rest / u64::from(divisor);
            // A remainder would be another division, which takes most of the time.
            rest -= quotient * u64::from(divisor);
            *piece = low(quotient);
        }
        let is_last = number.iter().all(|piece| *piece == 0);
        let mut left = low(rest);
        for _ in 0..length {
            if is_last && left == 0 && !text.is_empty() {
                break;
            }
            text.push(char::from_digit(left % base, base).unwrap_or('?'));
            left /= base;
        }
        if is_last {
            break;
        }
    }
    if negative {
        text.push('-');
    }
    text.iter().rev().collect()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the low half is what is asked for"
)]
fn low(value: u64) -> u32 {
    value as u32
}
