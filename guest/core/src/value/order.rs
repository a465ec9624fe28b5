//! The one order of all values, as bytes that compare like the values do.
//!
//! null < false < true < NaN < numbers < texts < byte strings < lists < maps < functions. Each
//! encoding says itself where it ends, so that several make a composite key, and one
//! never is the beginning of another. `docs/format.md` has the bytes.

use std::cmp::Ordering;

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

/// Appends the encoding of a value.
pub fn encode_ordered(value: &[u8], out: &mut Vec<u8>) {
    match Item::of(value) {
        Item::Null => out.push(NULL),
        Item::Bool(value) => out.push(if value { TRUE } else { FALSE }),
        Item::Int(int) => encode_int(int, out),
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
        Item::Int(_) | Item::Float(_) => (NAN, NUMBER + 1),
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
    let float = if float == 0.0 { 0.0 } else { float };
    let bits = float.to_bits();
    let ordered = if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
    };
    out.push(NUMBER);
    out.extend_from_slice(&ordered.to_be_bytes());
    if float.abs() >= TWO_53 && float.is_finite() {
        out.extend_from_slice(&rest.to_be_bytes());
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "the rest is what the float lost, below 2,048"
)]
fn encode_int(int: i64, out: &mut Vec<u8>) {
    let mut below = int as f64;
    if below as i128 > i128::from(int) {
        below = below.next_down();
    }
    encode_number(below, (i128::from(int) - below as i128) as u16, out);
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
            if float.abs() >= TWO_53 && float.is_finite() {
                11
            } else {
                9
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
            Some(0 | 1 | 4 | 5 | 7) => compare(left, right) == Ordering::Equal,
            _ => false,
        }
}
