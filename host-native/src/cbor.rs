//! Between Rust values and CBOR, through serde.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// The CBOR of a value. The component puts the members of maps in order.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    encode_into(&mut bytes, value)?;
    Ok(bytes)
}

pub(crate) fn encode_into<T: Serialize + ?Sized>(
    bytes: &mut Vec<u8>,
    value: &T,
) -> Result<(), Error> {
    ciborium::into_writer(value, bytes).map_err(|error| Error::Encode(error.to_string()))
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    ciborium::from_reader(&*readable(bytes)).map_err(|error| Error::Decode(error.to_string()))
}

/// The bytes as ciborium can read them. It takes any negative integer of 16 bytes for an `i128`, which has no room for
/// half of them, and fails even where it shall make a value; with a zero before it, it leaves the bytes alone.
fn readable(bytes: &[u8]) -> Cow<'_, [u8]> {
    const TAG_AND_HEAD: [u8; 2] = [0xc3, 0x50];
    let is_large = |at: &[u8]| at[..2] == TAG_AND_HEAD && at[2] >= 0x80;
    if !bytes.windows(3).any(is_large) {
        return Cow::Borrowed(bytes);
    }
    // The same bytes may stand in a text, so they are looked for where an item begins.
    let mut out = Vec::with_capacity(bytes.len() + 16);
    let mut rest = bytes;
    while let Some((&first, behind)) = rest.split_first() {
        if rest.len() > 2 && is_large(rest) {
            out.extend_from_slice(&[0xc3, 0x51, 0x00]);
            out.extend_from_slice(&rest[2..rest.len().min(18)]);
            rest = &rest[rest.len().min(18)..];
            continue;
        }
        let info = first & 0x1f;
        let size = if (24..28).contains(&info) {
            1 << (info - 24)
        } else {
            0
        };
        let argument = behind
            .iter()
            .take(size)
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let content = match first >> 5 {
            2 | 3 if size == 0 => usize::from(info),
            2 | 3 => usize::try_from(argument).unwrap_or(usize::MAX),
            _ => 0,
        };
        let (item, behind) = rest.split_at(rest.len().min(content.saturating_add(1 + size)));
        out.extend_from_slice(item);
        rest = behind;
    }
    Cow::Owned(out)
}

/// The arguments of a call: a tuple, an array or a `Vec`; `()` for none.
pub(crate) fn encode_arguments<T: Serialize + ?Sized>(arguments: &T) -> Result<Vec<u8>, Error> {
    const NULL: u8 = 0xf6;
    const EMPTY_ARRAY: u8 = 0x80;
    let mut bytes = encode(arguments)?;
    if bytes == [NULL] {
        bytes[0] = EMPTY_ARRAY;
    }
    Ok(bytes)
}

/// Appends the head of an item: its major type and its length or value.
pub(crate) fn put_head(bytes: &mut Vec<u8>, major: u8, value: u64) {
    let major = major << 5;
    match value {
        0..24 => bytes.push(major | value as u8),
        24..0x100 => bytes.extend_from_slice(&[major | 24, value as u8]),
        0x100..0x1_0000 => {
            bytes.push(major | 25);
            bytes.extend_from_slice(&(value as u16).to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            bytes.push(major | 26);
            bytes.extend_from_slice(&(value as u32).to_be_bytes());
        }
        _ => {
            bytes.push(major | 27);
            bytes.extend_from_slice(&value.to_be_bytes());
        }
    }
}

pub(crate) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_head(bytes, 3, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

pub(crate) fn put_bytes(bytes: &mut Vec<u8>, string: &[u8]) {
    put_head(bytes, 2, string.len() as u64);
    bytes.extend_from_slice(string);
}

pub(crate) fn put_integer(bytes: &mut Vec<u8>, integer: i64) {
    // -1 - n, which is what the negative numbers are in CBOR, has the bits of `!n`.
    match u64::try_from(integer) {
        Ok(integer) => put_head(bytes, 0, integer),
        Err(_) => put_head(bytes, 1, !integer as u64),
    }
}

/// The bytes of a CBOR array from its first element on; none if it is empty.
pub(crate) fn first(array: &[u8]) -> Result<Option<&[u8]>, Error> {
    let (&head, rest) = array
        .split_first()
        .ok_or_else(|| Error::Decode("no value".to_owned()))?;
    let skip = match head {
        0x80 => return Ok(None),
        0x81..=0x97 => 0,
        0x98 => 1,
        0x99 => 2,
        0x9a => 4,
        0x9b => 8,
        _ => return Err(Error::Decode("the component returned no array".to_owned())),
    };
    Ok(rest.get(skip..))
}

/// Bytes of the first item.
pub(crate) fn length(bytes: &[u8]) -> Result<usize, Error> {
    let cut = || Error::Decode("the component returned half a value".to_owned());
    let (mut position, mut left) = (0, 1u64);
    while left > 0 {
        let rest = bytes.get(position..).ok_or_else(cut)?;
        let (&head, rest) = rest.split_first().ok_or_else(cut)?;
        let info = head & 0x1f;
        let size = if (24..28).contains(&info) {
            1 << (info - 24)
        } else {
            0
        };
        let argument = match size {
            0 => u64::from(info),
            _ => rest
                .get(..size)
                .ok_or_else(cut)?
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        let (content, items) = match head >> 5 {
            2 | 3 => (usize::try_from(argument).map_err(|_| cut())?, 0),
            4 => (0, argument),
            5 => (0, argument.saturating_mul(2)),
            6 => (0, 1),
            _ => (0, 0),
        };
        position = position
            .checked_add(1 + size)
            .and_then(|at| at.checked_add(content))
            .ok_or_else(cut)?;
        left = (left - 1).saturating_add(items);
    }
    if position > bytes.len() {
        return Err(cut());
    }
    Ok(position)
}

/// The elements of an array, each as its bytes.
pub(crate) fn items(array: &[u8]) -> Result<Vec<&[u8]>, Error> {
    let mut rest = first(array)?.unwrap_or_default();
    let mut items = Vec::new();
    while !rest.is_empty() {
        let (item, behind) = rest.split_at(length(rest)?);
        items.push(item);
        rest = behind;
    }
    Ok(items)
}

/// A member of a map: its name, and its value's bytes.
pub(crate) type Member<'a> = (&'a [u8], &'a [u8]);

/// The members of a map whose names are short texts.
pub(crate) fn members(map: &[u8]) -> Result<Vec<Member<'_>>, Error> {
    let mut rest = match map.split_first() {
        Some((0xa0..=0xb7, rest)) => rest,
        _ => return Err(Error::Decode("the component returned no map".to_owned())),
    };
    let mut members = Vec::new();
    while !rest.is_empty() {
        let (name, behind) = rest.split_at(length(rest)?);
        let (value, behind) = behind.split_at(length(behind)?);
        members.push((&name[1..], value));
        rest = behind;
    }
    Ok(members)
}

/// Appends a float in the shortest form that is exact.
#[cfg(feature = "json")]
pub(crate) fn put_float(bytes: &mut Vec<u8>, float: f64) {
    let half = half(float);
    if let Some(half) = half {
        bytes.push(0xf9);
        bytes.extend_from_slice(&half.to_be_bytes());
    } else if f64::from(float as f32) == float {
        bytes.push(0xfa);
        bytes.extend_from_slice(&(float as f32).to_be_bytes());
    } else {
        bytes.push(0xfb);
        bytes.extend_from_slice(&float.to_be_bytes());
    }
}

/// The bits of a float of 16 bits that has exactly this value; any NaN is the canonical one.
#[cfg(feature = "json")]
fn half(float: f64) -> Option<u16> {
    if float.is_nan() {
        return Some(0x7e00);
    }
    let sign = ((float.to_bits() >> 48) & 0x8000) as u16;
    let size = float.abs();
    if size == 0.0 {
        return Some(sign);
    }
    if size.is_infinite() {
        return Some(sign | 0x7c00);
    }
    if size >= 65_536.0 {
        return None;
    }
    // The steps between neighbours: 2^-24 below 2^-14, then 2^10 of them to each power of two.
    let exponent = (((size.to_bits() >> 52) as i32) - 1023).max(-14);
    let steps = size * 2f64.powi(10 - exponent);
    if steps.fract() != 0.0 {
        return None;
    }
    let steps = steps as u16;
    let biased = if steps < 1024 {
        0
    } else {
        (exponent + 15) as u16
    };
    Some(sign | (biased << 10) | (steps & 0x3ff))
}

#[cfg(test)]
mod tests {
    use ciborium::value::Value;

    use super::*;

    #[test]
    fn integers_of_128_bits_come_back() {
        let beyond = 1i128 << 64;
        for integer in [i128::MIN, i128::MAX, beyond, -beyond, -beyond - 1, 5, -5] {
            let bytes = encode(&(integer, "x")).unwrap();
            assert_eq!(
                decode::<(i128, String)>(&bytes).unwrap(),
                (integer, "x".into())
            );
        }
        assert_eq!(
            decode::<u128>(&encode(&u128::MAX).unwrap()).unwrap(),
            u128::MAX
        );
    }

    #[test]
    fn negative_integers_of_16_bytes_are_values_and_texts_with_their_bytes_stay() {
        let integer = [&[0xc3, 0x50][..], &[0xff; 16]].concat();
        let array = [&[0x83, 0x52][..], &integer, &integer, &[0x05]].concat();
        let content = [&[0][..], &[0xff; 16]].concat();
        assert_eq!(
            decode::<Vec<Value>>(&array).unwrap(),
            [
                Value::Bytes(integer),
                Value::Tag(3, Value::Bytes(content).into()),
                Value::Integer(5.into()),
            ]
        );
    }
}
