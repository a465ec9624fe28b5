//! Reading accepted values in place.

use super::big::{Big, NEGATIVE_TAG, POSITIVE_TAG};
use super::number::half_to_float;

/// One value, as far as it can be seen without reading what is inside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Item<'a> {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer beyond 64 bits.
    Big(Big<'a>),
    /// A float.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A list: its length, and the bytes from its first element on.
    List(usize, &'a [u8]),
    /// A map: how many entries, and the bytes from its first key on.
    Map(usize, &'a [u8]),
    /// A persisted function, by number; inside of the store, any object of the heap.
    Function(u64),
    /// Something of the standard library, by name.
    Library(&'a str),
    /// An external table, as the view that it keeps. Only inside of objects.
    View(&'a [u8]),
}

/// Major type, argument and bytes of the head. Additional information of 28 and more has no argument
/// and never occurs in accepted values.
///
/// Stored bytes may be damaged: where they end too early, they read as a null that takes the rest.
#[inline]
pub(super) fn head(bytes: &[u8]) -> (u8, u64, usize) {
    let Some((&first, rest)) = bytes.split_first() else {
        return cut_off(bytes);
    };
    let major = first >> 5;
    match first & 0x1f {
        small @ 0..=23 => (major, u64::from(small), 1),
        24 => match rest.first() {
            Some(byte) => (major, u64::from(*byte), 2),
            None => cut_off(bytes),
        },
        25 => match rest.first_chunk() {
            Some(word) => (major, u64::from(u16::from_be_bytes(*word)), 3),
            None => cut_off(bytes),
        },
        26 => match rest.first_chunk() {
            Some(word) => (major, u64::from(u32::from_be_bytes(*word)), 5),
            None => cut_off(bytes),
        },
        _ => match rest.first_chunk() {
            Some(word) => (major, u64::from_be_bytes(*word), 9),
            None => cut_off(bytes),
        },
    }
}

#[cold]
fn cut_off(bytes: &[u8]) -> (u8, u64, usize) {
    (7, 22, bytes.len())
}

/// A length that the bytes announce, as far as they can have it.
#[inline]
fn within(announced: u64, most: usize) -> usize {
    usize::try_from(announced).unwrap_or(usize::MAX).min(most)
}

impl<'a> Item<'a> {
    /// The value at the beginning of the bytes.
    ///
    /// Of bytes that [`accept`](super::accept) never let through, it makes some value or other, with no
    /// length beyond their end.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "accepted integers fit into 64 bits, and floats have as many as they are read with"
    )]
    pub fn of(bytes: &'a [u8]) -> Item<'a> {
        let (major, argument, size) = head(bytes);
        let rest = &bytes[size..];
        match major {
            0 => Item::Int(argument as i64),
            1 => Item::Int(!(argument as i64)),
            2 => Item::Bytes(&rest[..within(argument, rest.len())]),
            // `accept` has checked every text for UTF-8. To check again costs a few nanoseconds for a field,
            // and makes of a damaged text something that no code for texts can trip over.
            3 => {
                let text = &rest[..within(argument, rest.len())];
                match std::str::from_utf8(text) {
                    Ok(text) => Item::Text(text),
                    Err(_) => Item::Bytes(text),
                }
            }
            4 => Item::List(within(argument, rest.len()), rest),
            5 => Item::Map(within(argument, rest.len() / 2), rest),
            6 if matches!(argument, POSITIVE_TAG | NEGATIVE_TAG) => {
                let (_, length, size) = head(rest);
                let rest = &rest[size..];
                Item::Big(Big {
                    negative: argument == NEGATIVE_TAG,
                    bytes: &rest[..within(length, rest.len())],
                })
            }
            6 => match Item::of(rest) {
                Item::Text(name) => Item::Library(name),
                Item::Bytes(view) => Item::View(view),
                _ => Item::Function(head(rest).1),
            },
            _ => match bytes.first() {
                Some(0xf4) => Item::Bool(false),
                Some(0xf5) => Item::Bool(true),
                Some(0xf9) => Item::Float(half_to_float(argument as u16)),
                Some(0xfa) => Item::Float(f64::from(f32::from_bits(argument as u32))),
                Some(0xfb) => Item::Float(f64::from_bits(argument)),
                _ => Item::Null,
            },
        }
    }

    /// A word for messages.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Item::Null => "null",
            Item::Bool(_) => "a boolean",
            Item::Int(_) => "an integer",
            Item::Big(_) => "an integer beyond 64 bits",
            Item::Float(_) => "a float",
            Item::Text(_) => "a text",
            Item::Bytes(_) => "a byte string",
            Item::List(..) => "a list",
            Item::Map(..) => "a map",
            Item::Function(_) | Item::Library(_) | Item::View(_) => "a function",
        }
    }
}

/// The length of the value at the beginning of the bytes; never more than there are.
#[must_use]
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "accepted lengths fit into memory"
)]
pub fn skip(bytes: &[u8]) -> usize {
    let mut position = 0usize;
    let mut pending = 1usize;
    // Each round goes on by a byte at the least, and none begins behind the end, whatever damaged bytes announce.
    while pending > 0 && position < bytes.len() {
        let (major, argument, size) = head(&bytes[position..]);
        position += size;
        pending -= 1;
        match major {
            2 | 3 => position = position.saturating_add(argument as usize),
            4 => pending = pending.saturating_add(argument as usize),
            5 => pending = pending.saturating_add((argument as usize).saturating_mul(2)),
            6 => pending += 1,
            _ => {}
        }
    }
    position.min(bytes.len())
}

/// The numbers of the objects that the value at the beginning of the bytes refers to, each as often as it does.
pub fn references(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let mut rest = &bytes[..skip(bytes)];
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (major, argument, size) = head(rest);
            let content = match major {
                2 | 3 => within(argument, rest.len() - size),
                _ => 0,
            };
            rest = &rest[size + content..];
            if major == 6
                && argument == super::FUNCTION_TAG
                && let (0, id, size) = head(rest)
            {
                rest = &rest[size..];
                return Some(id);
            }
        }
        None
    })
}

/// Whether the value at the beginning of the bytes has anything in it that only Cu writes: functions, and the
/// metatables of its maps.
#[must_use]
pub fn has_objects(bytes: &[u8]) -> bool {
    let mut rest = &bytes[..skip(bytes)];
    while !rest.is_empty() {
        let (major, argument, size) = head(rest);
        if major == 6 && argument == super::FUNCTION_TAG {
            return true;
        }
        let content = match major {
            2 | 3 => within(argument, rest.len() - size),
            _ => 0,
        };
        rest = &rest[size + content..];
    }
    false
}

/// Walks the elements of a list.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    left: usize,
    rest: &'a [u8],
}

/// The elements of the list at the beginning of the bytes; none for any other value.
#[must_use]
pub fn elements(bytes: &[u8]) -> Elements<'_> {
    match Item::of(bytes) {
        Item::List(left, rest) => Elements { left, rest },
        _ => Elements { left: 0, rest: &[] },
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        if self.rest.is_empty() {
            return None;
        }
        let (element, rest) = self.rest.split_at(skip(self.rest));
        self.rest = rest;
        Some(element)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// Walks the entries of a map.
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    left: usize,
    rest: &'a [u8],
}

/// The entries of the map at the beginning of the bytes, as encoded key and value, in the order
/// of the keys; none for any other value.
#[must_use]
pub fn entries(bytes: &[u8]) -> Entries<'_> {
    match Item::of(bytes) {
        Item::Map(left, rest) => Entries { left, rest },
        _ => Entries { left: 0, rest: &[] },
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (key, rest) = self.rest.split_at(skip(self.rest));
        let (value, rest) = rest.split_at(skip(rest));
        self.rest = rest;
        (!value.is_empty()).then_some((key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}
