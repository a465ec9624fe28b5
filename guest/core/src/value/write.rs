//! Writing deterministic CBOR. Maps are the caller's business: their keys must come in order.

use super::FUNCTION_TAG;
use super::number::half_from_single;

/// Writes a major type and its argument in the shortest form.
#[expect(
    clippy::cast_possible_truncation,
    reason = "each arm has checked the range"
)]
pub fn write_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    match argument {
        0..=23 => out.push(major | argument as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, argument as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}

/// Writes null.
pub fn write_null(out: &mut Vec<u8>) {
    out.push(super::NULL);
}

/// Writes a boolean.
pub fn write_bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xf5 } else { 0xf4 });
}

/// Writes an integer.
pub fn write_int(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        write_head(out, 1, !value as u64);
    } else {
        write_head(out, 0, value as u64);
    }
}

/// The initial byte of the shortest form that keeps the float's value (RFC 8949, 4.2.2).
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the narrower value is compared with the wider one"
)]
pub(super) fn shortest_float(value: f64) -> u8 {
    let single = value as f32;
    if value.is_nan() {
        0xf9
    } else if f64::from(single).to_bits() != value.to_bits() {
        0xfb
    } else if half_from_single(single).is_some() {
        0xf9
    } else {
        0xfa
    }
}

/// Writes a float in its shortest form; every NaN is the same three bytes.
#[expect(clippy::cast_possible_truncation, reason = "the form keeps the value")]
pub fn write_float(out: &mut Vec<u8>, value: f64) {
    let first = shortest_float(value);
    out.push(first);
    match first {
        0xf9 => {
            let half = half_from_single(value as f32).filter(|_| !value.is_nan());
            out.extend_from_slice(&half.unwrap_or(0x7e00).to_be_bytes());
        }
        0xfa => out.extend_from_slice(&(value as f32).to_be_bytes()),
        _ => out.extend_from_slice(&value.to_be_bytes()),
    }
}

/// Writes a text.
pub fn write_text(out: &mut Vec<u8>, value: &str) {
    write_head(out, 3, value.len() as u64);
    out.extend_from_slice(value.as_bytes());
}

/// Writes a byte string.
pub fn write_bytes(out: &mut Vec<u8>, value: &[u8]) {
    write_head(out, 2, value.len() as u64);
    out.extend_from_slice(value);
}

/// Writes a Lua string: a text if it is UTF-8, else a byte string.
pub fn write_string(out: &mut Vec<u8>, value: &[u8]) {
    match std::str::from_utf8(value) {
        Ok(text) => write_text(out, text),
        Err(_) => write_bytes(out, value),
    }
}

/// Begins an array of `length` elements.
pub fn write_array_head(out: &mut Vec<u8>, length: usize) {
    write_head(out, 4, length as u64);
}

/// Begins a map of `length` entries; write them in the bytewise order of their encoded keys.
pub fn write_map_head(out: &mut Vec<u8>, length: usize) {
    write_head(out, 5, length as u64);
}

/// Writes a reference to a persisted function, or to another object.
pub fn write_function(out: &mut Vec<u8>, id: u64) {
    write_head(out, 6, FUNCTION_TAG);
    write_head(out, 0, id);
}

/// Writes a reference to something of the standard library.
pub fn write_library(out: &mut Vec<u8>, name: &str) {
    write_head(out, 6, FUNCTION_TAG);
    write_text(out, name);
}

/// Writes an external table, as the view that it keeps.
pub fn write_view(out: &mut Vec<u8>, view: &[u8]) {
    write_head(out, 6, FUNCTION_TAG);
    write_bytes(out, view);
}
