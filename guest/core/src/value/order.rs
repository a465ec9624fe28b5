//! The one order of all values, as bytes that compare like the values do.
//!
//! null < false < true < NaN < numbers < texts < byte strings < lists < maps < functions. Each
//! encoding says itself where it ends, so that several make a composite key, and one
//! never is the beginning of another. `docs/format.md` has the bytes.

use std::cmp::Ordering;

use super::big::{Big, Floor};
use super::item::{Item, elements, entries};
use super::number::compare_int_float;

const NULL: u8 = 0x10;
const FALSE: u8 = 0x20;
const TRUE: u8 = 0x21;
const NAN: u8 = 0x30;
const NUMBER: u8 = 0x31;
const TEXT: u8 = 0x40;
const BYTES: u8 = 0x48;
const LIST: u8 = 0x50;
const MAP: u8 = 0x58;
const FUNCTION: u8 = 0x60;
const LIBRARY: u8 = 0x61;
/// Ends strings, lists and maps; below every first byte of an encoding.
const END: u8 = 0x00;
/// Stands before a byte of a string that is 0 or 1, which is written as 1 or 2: so no string has an
/// `END` in it, and no encoding is the beginning of another.
const ESCAPE: u8 = 0x01;

/// From here on, an integer may differ from the float below it.
const TWO_53: f64 = 9_007_199_254_740_992.0;

/// From here on, it may differ by more than two bytes can say.
const TWO_64: f64 = 18_446_744_073_709_551_616.0;

/// Stands behind the lowest finite float, for an integer below it and for all others.
const BELOW_ALL: u8 = 0;
const NOT_BELOW: u8 = 1;

/// Appends the encoding of a value.
pub fn encode_ordered(value: &[u8], out: &mut Vec<u8>) {
    match Item::of(value) {
        Item::Null => out.push(NULL),
        Item::Bool(value) => out.push(if value { TRUE } else { FALSE }),
        Item::Int(int) => encode_int(int, out),
        Item::Big(big) => encode_big(big, out),
        Item::Float(float) if float.is_nan() => out.push(NAN),
        Item::Float(float) => encode_number(float, 0, out),
        Item::Text(text) => encode_string(TEXT, text.as_bytes(), out),
        Item::Bytes(bytes) => encode_string(BYTES, bytes, out),
        Item::List(..) => {
            out.push(LIST);
            for element in elements(value) {
                encode_ordered(element, out);
            }
            out.push(END);
        }
        Item::Map(..) => {
            out.push(MAP);
            for (key, value) in entries(value) {
                encode_ordered(key, out);
                encode_ordered(value, out);
            }
            out.push(END);
        }
        Item::Function(id) => {
            out.push(FUNCTION);
            out.extend_from_slice(&id.to_be_bytes());
        }
        Item::Library(name) => encode_string(LIBRARY, name.as_bytes(), out),
        Item::View(view) => encode_string(LIBRARY, view, out),
    }
}

/// The encodings that an ordered comparison with this value may find equal or different: first one
/// that belongs to its class, and first one that no longer does.
#[must_use]
pub fn class(value: &[u8]) -> (u8, u8) {
    match Item::of(value) {
        Item::Null => (NULL, NULL + 1),
        Item::Bool(_) => (FALSE, TRUE + 1),
        Item::Int(_) | Item::Big(_) | Item::Float(_) => (NAN, NUMBER + 1),
        Item::Text(_) => (TEXT, TEXT + 1),
        Item::Bytes(_) => (BYTES, BYTES + 1),
        Item::List(..) => (LIST, LIST + 1),
        Item::Map(..) => (MAP, MAP + 1),
        Item::Function(_) | Item::Library(_) | Item::View(_) => (FUNCTION, LIBRARY + 1),
    }
}

/// A number is the float just below or at it, in an order of bits, and, where floats are wider apart than
/// integers, what is left.
fn encode_number(float: f64, rest: u16, out: &mut Vec<u8>) {
    encode_float(float, out);
    if float.abs() >= TWO_53 && float.is_finite() {
        if float == f64::MIN {
            out.push(NOT_BELOW);
        }
        out.extend_from_slice(&rest.to_be_bytes());
    }
}

fn encode_float(float: f64, out: &mut Vec<u8>) {
    let float = if float == 0.0 { 0.0 } else { float };
    let bits = float.to_bits();
    let ordered = if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
    };
    out.push(NUMBER);
    out.extend_from_slice(&ordered.to_be_bytes());
}

#[expect(clippy::cast_precision_loss, reason = "what is lost is made up for")]
fn encode_int(int: i64, out: &mut Vec<u8>) {
    let mut below = int as f64;
    if below as i128 > i128::from(int) {
        below = below.next_down();
    }
    encode_near(below, i128::from(int), out);
}

/// An integer less than 2^64 away from zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the rest is what the float lost, below 2,048"
)]
fn encode_near(below: f64, int: i128, out: &mut Vec<u8>) {
    encode_number(below, (int - below as i128) as u16, out);
}

/// Beyond 2^64, what is left is the integer itself: how many bytes it has, and these in two's complement. Between
/// two neighbouring floats, all integers have as many.
#[expect(
    clippy::cast_possible_truncation,
    reason = "big integers are not that long"
)]
fn encode_big(big: Big<'_>, out: &mut Vec<u8>) {
    let Floor { float, is_exact } = big.floor();
    if let (Some(float), Some(int)) = (float, big.to_i128())
        && float.abs() < TWO_64
    {
        return encode_near(float, int, out);
    }
    let length = big.bytes.len() as u16;
    match float {
        Some(float) => {
            encode_number(float, if is_exact { 0 } else { length }, out);
            if is_exact {
                return;
            }
        }
        None => {
            encode_float(f64::MIN, out);
            out.push(BELOW_ALL);
            out.extend_from_slice(&(!length).to_be_bytes());
        }
    }
    let inversion = if big.negative { u8::MAX } else { 0 };
    out.extend(big.bytes.iter().map(|byte| byte ^ inversion));
}

fn encode_string(first: u8, string: &[u8], out: &mut Vec<u8>) {
    out.reserve(string.len() + 2);
    out.push(first);
    for &byte in string {
        if byte <= ESCAPE {
            out.extend_from_slice(&[ESCAPE, byte + 1]);
        } else {
            out.push(byte);
        }
    }
    out.push(END);
}

/// The length of the encoding at the beginning of the bytes; none if there is none.
#[must_use]
pub fn skip_ordered(bytes: &[u8]) -> Option<usize> {
    let length = match *bytes.first()? {
        NULL | FALSE | TRUE | NAN => 1,
        NUMBER => {
            let word: [u8; 8] = bytes.get(1..9)?.try_into().ok()?;
            let ordered = u64::from_be_bytes(word);
            let bits = if ordered >> 63 == 1 {
                ordered & !(1 << 63)
            } else {
                !ordered
            };
            let float = f64::from_bits(bits);
            let is_lowest = float == f64::MIN;
            let inversion = match bytes.get(9) {
                Some(&BELOW_ALL) if is_lowest => u16::MAX,
                _ => 0,
            };
            let head = 9 + usize::from(is_lowest);
            if float.abs() < TWO_53 || !float.is_finite() {
                head
            } else if float.abs() < TWO_64 {
                head + 2
            } else {
                let rest = u16::from_be_bytes(*bytes.get(head..)?.first_chunk()?);
                head + 2 + usize::from(rest ^ inversion)
            }
        }
        TEXT | BYTES | LIBRARY => bytes.iter().position(|byte| *byte == END)? + 1,
        LIST | MAP => {
            let mut at = 1;
            while *bytes.get(at)? != END {
                at += skip_ordered(&bytes[at..])?;
            }
            at + 1
        }
        FUNCTION => 9,
        _ => return None,
    };
    (length <= bytes.len()).then_some(length)
}

/// Compares two values in the order of all values.
#[must_use]
pub fn compare(left: &[u8], right: &[u8]) -> Ordering {
    match (Item::of(left), Item::of(right)) {
        (Item::Int(a), Item::Int(b)) => a.cmp(&b),
        (Item::Int(a), Item::Float(b)) => compare_int_float(a, b),
        (Item::Float(a), Item::Int(b)) => compare_int_float(b, a).reverse(),
        (Item::Big(a), Item::Big(b)) => a.compare(b),
        (Item::Big(a), Item::Int(_)) => a.compare_int(),
        (Item::Int(_), Item::Big(b)) => b.compare_int().reverse(),
        (Item::Big(a), Item::Float(b)) => a.compare_float(b),
        (Item::Float(a), Item::Big(b)) => b.compare_float(a).reverse(),
        (Item::Float(a), Item::Float(b)) => a
            .partial_cmp(&b)
            .unwrap_or_else(|| b.is_nan().cmp(&a.is_nan())),
        (Item::Text(a), Item::Text(b)) => a.cmp(b),
        (Item::Bytes(a), Item::Bytes(b)) => a.cmp(b),
        _ => {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            encode_ordered(left, &mut a);
            encode_ordered(right, &mut b);
            a.cmp(&b)
        }
    }
}

/// Whether two values stand at the same place of the order: the same, but that 1 equals 1.0.
#[must_use]
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    left == right
        || match left.first().map(|first| first >> 5) {
            Some(0 | 1 | 4..=7) => compare(left, right) == Ordering::Equal,
            _ => false,
        }
}
