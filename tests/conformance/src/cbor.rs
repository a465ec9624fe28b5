//! The bytes of CBOR, as far as the drivers need them.
//!
//! It shares nothing with the guest's codec, so that a mistake of one shows in the other.

use std::fmt::Write as _;

/// Writes a head in its shortest form.
#[expect(
    clippy::cast_possible_truncation,
    reason = "each arm has checked the range"
)]
pub fn head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match argument {
        0..24 => out.push(major | argument as u8),
        24..0x100 => out.extend([major | 24, argument as u8]),
        0x100..0x1_0000 => {
            out.push(major | 25);
            out.extend((argument as u16).to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(major | 26);
            out.extend((argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend(argument.to_be_bytes());
        }
    }
}

/// Writes an integer.
pub fn int(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        head(1, (!value).cast_unsigned(), out);
    } else {
        head(0, value.cast_unsigned(), out);
    }
}

/// Writes an integer of any size from its decimal digits; none for anything else.
#[must_use]
pub fn integer(digits: &str, out: &mut Vec<u8>) -> Option<()> {
    if let Ok(value) = digits.parse() {
        int(value, out);
        return Some(());
    }
    let (tag, digits) = match digits.strip_prefix('-') {
        Some(digits) => (3, digits),
        None => (2, digits),
    };
    // The bytes of the number, the lowest first.
    let mut number: Vec<u8> = Vec::new();
    for digit in digits.chars() {
        let mut carry = digit.to_digit(10)?;
        for byte in &mut number {
            carry += u32::from(*byte) * 10;
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        if carry > 0 {
            number.push(carry.to_le_bytes()[0]);
        }
    }
    if tag == 3 {
        // What stands there is -1 minus the integer.
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        number[..zeros].fill(0xff);
        number[zeros] -= 1;
        if number.last() == Some(&0) {
            number.pop();
        }
    }
    number.reverse();
    head(6, tag, out);
    bytes(&number, out);
    Some(())
}

/// Writes a text.
pub fn text(value: &str, out: &mut Vec<u8>) {
    head(3, value.len() as u64, out);
    out.extend(value.as_bytes());
}

/// Writes a byte string.
pub fn bytes(value: &[u8], out: &mut Vec<u8>) {
    head(2, value.len() as u64, out);
    out.extend(value);
}

/// Writes a map, its entries (encoded key, encoded value) in any order.
///
/// # Errors
/// If a key is there twice.
pub fn map(mut entries: Vec<(Vec<u8>, Vec<u8>)>, out: &mut Vec<u8>) -> Result<(), String> {
    entries.sort();
    if let Some(twice) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(format!(
            "the key {} is there twice",
            crate::show::show(&twice[0].0)
        ));
    }
    head(5, entries.len() as u64, out);
    for (key, value) in entries {
        out.extend(key);
        out.extend(value);
    }
    Ok(())
}

/// Reads hexadecimal digits, blanks between them allowed.
///
/// # Errors
/// For anything else.
pub fn hex(digits: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = digits.bytes().filter(|digit| *digit != b' ').collect();
    digits
        .chunks(2)
        .map(|pair| {
            std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.len() == 2)
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or_else(|| "bytes are pairs of hexadecimal digits".to_string())
        })
        .collect()
}

/// Writes hexadecimal digits.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Major type, argument and the bytes behind the head.
pub fn open(value: &[u8]) -> Option<(u8, u64, &[u8])> {
    let first = *value.first()?;
    let size = match first & 0x1f {
        small @ 0..24 => return Some((first >> 5, u64::from(small), &value[1..])),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    let argument = value.get(1..=size)?;
    let argument = argument
        .iter()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    Some((first >> 5, argument, &value[1 + size..]))
}

/// The entries of a map (encoded key, encoded value); none for anything else.
#[must_use]
pub fn entries(value: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let (5, count, mut rest) = open(value)? else {
        return None;
    };
    let mut entries = Vec::new();
    for _ in 0..count {
        let key = skip(&mut rest)?.to_vec();
        entries.push((key, skip(&mut rest)?.to_vec()));
    }
    Some(entries)
}

/// Takes one value off the bytes.
fn skip<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let start = *rest;
    let mut pending = 1;
    while pending > 0 {
        let (major, argument, behind) = open(rest)?;
        pending -= 1;
        *rest = behind;
        match major {
            2 | 3 => *rest = behind.get(usize::try_from(argument).ok()?..)?,
            4 => pending += argument,
            5 => pending += 2 * argument,
            6 => pending += 1,
            _ => {}
        }
    }
    Some(&start[..start.len() - rest.len()])
}
