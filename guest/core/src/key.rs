//! Document keys and the layout of the key space. `docs/format.md` has the bytes.

use std::fmt;

use crate::error::{Error, Limit, Result};
use crate::value::{Item, write_bytes, write_int, write_text};

/// Bytes of a text or byte key, at the most.
pub const MAX_KEY_SIZE: usize = 1024;

/// The key of a document in its table: integers before texts before byte strings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// An integer.
    Integer(i64),
    /// A text.
    Text(String),
    /// Bytes that are not UTF-8.
    Bytes(Vec<u8>),
}

const INTEGER: u8 = 0x10;
const TEXT: u8 = 0x20;
const BYTES: u8 = 0x30;

impl Key {
    /// The key of a Lua string, of a text or of a byte string.
    ///
    /// # Errors
    /// `InvalidArgument` if it is empty or has a NUL, `LimitExceeded` if it is too long.
    pub fn string(bytes: &[u8], place: &str) -> Result<Key> {
        Ok(match check_string(bytes, place)? {
            Some(text) => Key::Text(text.to_string()),
            None => Key::Bytes(bytes.to_vec()),
        })
    }

    /// The key of a value.
    ///
    /// # Errors
    /// As [`Key::string`], and `InvalidArgument` for a value that is no key.
    pub fn of_value(value: &[u8], place: &str) -> Result<Key> {
        match Item::of(value) {
            Item::Int(int) => Ok(Key::Integer(int)),
            Item::Text(text) => Key::string(text.as_bytes(), place),
            Item::Bytes(bytes) => Key::string(bytes, place),
            other => Err(Error::argument(
                place,
                format!(
                    "the key is {}; use an integer, a text or a byte string",
                    other.type_name()
                ),
            )),
        }
    }

    /// Appends what [`Key::encode`] does for the key of a value; nothing if it is none.
    ///
    /// # Errors
    /// As [`Key::of_value`].
    pub fn encode_value(value: &[u8], place: &str, out: &mut Vec<u8>) -> Result<()> {
        match Item::of(value) {
            Item::Text(text) => {
                check_string(text.as_bytes(), place)?;
                out.push(TEXT);
                out.extend_from_slice(text.as_bytes());
            }
            _ => Key::of_value(value, place)?.encode(out),
        }
        Ok(())
    }

    /// Appends the key as a value.
    pub fn write_value(&self, out: &mut Vec<u8>) {
        match self {
            Key::Integer(int) => write_int(out, *int),
            Key::Text(text) => write_text(out, text),
            Key::Bytes(bytes) => write_bytes(out, bytes),
        }
    }

    /// Appends the key as the last part of a store key.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Key::Integer(int) => {
                out.push(INTEGER);
                out.extend_from_slice(&(int ^ i64::MIN).to_be_bytes());
            }
            Key::Text(text) => {
                out.push(TEXT);
                out.extend_from_slice(text.as_bytes());
            }
            Key::Bytes(bytes) => {
                out.push(BYTES);
                out.extend_from_slice(bytes);
            }
        }
    }

    /// Reads what [`Key::encode`] wrote.
    ///
    /// # Errors
    /// `Corrupt` for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Key> {
        let corrupt = || Error::corrupt("store", "a document's key can't be read");
        let (first, rest) = bytes.split_first().ok_or_else(corrupt)?;
        match *first {
            INTEGER => {
                let word: [u8; 8] = rest.try_into().map_err(|_| corrupt())?;
                Ok(Key::Integer(i64::from_be_bytes(word) ^ i64::MIN))
            }
            TEXT => Ok(Key::Text(
                std::str::from_utf8(rest)
                    .map_err(|_| corrupt())?
                    .to_string(),
            )),
            BYTES => Ok(Key::Bytes(rest.to_vec())),
            _ => Err(corrupt()),
        }
    }
}

/// Appends, as a value, the key that [`Key::encode`] wrote; without an intermediate copy.
///
/// # Errors
/// `Corrupt` for anything else.
pub fn write_encoded_key(encoded: &[u8], out: &mut Vec<u8>) -> Result<()> {
    match encoded.split_first() {
        Some((&TEXT, rest)) => {
            crate::value::write_head(out, 3, rest.len() as u64);
            out.extend_from_slice(rest);
        }
        _ => Key::decode(encoded)?.write_value(out),
    }
    Ok(())
}

/// Checks a string that is to be a key, and gives its text, if it is one.
fn check_string<'a>(bytes: &'a [u8], place: &str) -> Result<Option<&'a str>> {
    if bytes.is_empty() {
        return Err(Error::argument(
            place,
            "the key is empty; use an integer, or 1 to 1,024 bytes of text",
        ));
    }
    if bytes.len() > MAX_KEY_SIZE {
        return Err(Error::limit(
            Limit::KeySize,
            MAX_KEY_SIZE as u64,
            place,
            format!(
                "the key has {} bytes, at most {MAX_KEY_SIZE} are allowed; use a hash of it",
                bytes.len()
            ),
        ));
    }
    let text = std::str::from_utf8(bytes).ok();
    if text.is_some_and(|text| text.contains('\0')) {
        return Err(Error::argument(
            place,
            "the key has a NUL character; leave it out, or send an integer",
        ));
    }
    Ok(text)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Integer(int) => write!(f, "{int}"),
            Key::Text(text) => f.write_str(text),
            Key::Bytes(bytes) => write!(f, "{}", bytes.escape_ascii()),
        }
    }
}

/// The parts of the key space, by the first byte of a store key.
pub mod space {
    /// The format record, the only key of its part.
    pub const FORMAT: &[u8] = &[0x00];
    /// The next free number for tables, indexes and objects.
    pub const NEXT_ID: &[u8] = &[0x01, 0x00];
    /// The limits that were set for the database.
    pub const LIMITS: &[u8] = &[0x01, 0x02];
    /// The settings of the change feed.
    pub const FEED_SETTINGS: &[u8] = &[0x01, 0x03];
    /// Tables, by name.
    pub const TABLE: &[u8] = &[0x01, 0x01];
    /// Documents, by table and key.
    pub const DOCUMENT: u8 = 0x02;
    /// Index entries, by index, components and document key.
    pub const INDEX: u8 = 0x03;
    /// Objects: persisted functions and what belongs to them, by number.
    pub const OBJECT: u8 = 0x04;
    /// How often an object is referred to, where that is not once.
    pub const COUNT: u8 = 0x05;
    /// The change feed, which is no part of the digest.
    pub const FEED: u8 = 0x06;
    /// How far the feed reaches.
    pub const FEED_STATE: &[u8] = &[FEED, 0x00];
    /// Changes, by the number of the commit, table and document key.
    pub const CHANGE: &[u8] = &[FEED, 0x01];
    /// A sample of each index, with its keys; it is no part of the digest.
    pub const SAMPLE: u8 = 0x07;
}

/// The beginning of all keys of one table or index, or the key of one object.
#[must_use]
pub fn prefix(space: u8, id: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(32);
    write_prefix(space, id, &mut key);
    key
}

/// Appends [`prefix`].
pub fn write_prefix(space: u8, id: u32, key: &mut Vec<u8>) {
    let [a, b, c, d] = id.to_be_bytes();
    key.extend_from_slice(&[space, a, b, c, d]);
}

/// The length of [`prefix`].
pub const PREFIX_SIZE: usize = 5;

/// The first key behind all keys that begin with `prefix`; empty if there is no such key.
#[must_use]
pub fn successor(prefix: &[u8]) -> Vec<u8> {
    let mut key = prefix.to_vec();
    while let Some(last) = key.pop() {
        if last < 0xff {
            key.push(last + 1);
            break;
        }
    }
    key
}

/// The store key of a document.
#[must_use]
pub fn document_key(table: u32, key: &Key) -> Vec<u8> {
    let mut out = prefix(space::DOCUMENT, table);
    key.encode(&mut out);
    out
}
