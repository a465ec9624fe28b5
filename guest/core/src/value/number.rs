//! Numbers: integers and floats in one exact order, and half-precision floats.

use std::cmp::Ordering;

const TWO_63: f64 = 9_223_372_036_854_775_808.0;

/// The half-precision float of exactly this value, if there is one. NaN is the caller's business.
#[expect(clippy::cast_possible_truncation, reason = "the ranges are checked")]
pub(super) fn half_from_single(value: f32) -> Option<u16> {
    let bits = value.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let exponent = ((bits >> 23) & 0xff) as i32;
    let fraction = bits & 0x007f_ffff;
    match exponent {
        0xff => Some(sign | 0x7c00),
        0 if fraction == 0 => Some(sign),
        113..=142 if fraction.trailing_zeros() >= 13 => {
            Some(sign | ((exponent - 112) << 10) as u16 | (fraction >> 13) as u16)
        }
        103..=112 => {
            let shift = (126 - exponent) as u32;
            let full = fraction | 0x0080_0000;
            (full.trailing_zeros() >= shift).then(|| sign | (full >> shift) as u16)
        }
        _ => None,
    }
}

/// The value of a half-precision float.
pub(super) fn half_to_float(half: u16) -> f64 {
    let exponent = i32::from((half >> 10) & 0x1f);
    let fraction = f64::from(half & 0x3ff);
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * 2f64.powi(exponent - 25),
    };
    if half & 0x8000 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// The integer of exactly this value, if there is one in 64 bits.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
pub fn float_to_int(value: f64) -> Option<i64> {
    (value.trunc() == value && (-TWO_63..TWO_63).contains(&value)).then_some(value as i64)
}

/// Compares by exact value; NaN is below every integer.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
pub fn compare_int_float(int: i64, float: f64) -> Ordering {
    if float.is_nan() || float < -TWO_63 {
        return Ordering::Greater;
    }
    if float >= TWO_63 {
        return Ordering::Less;
    }
    let floor = float.floor();
    int.cmp(&(floor as i64)).then(if float > floor {
        Ordering::Less
    } else {
        Ordering::Equal
    })
}
