//! Keys of documents.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

use crate::host::wit;

/// The key of a document in its table. Integers come before texts, texts before bytes.
///
/// Whatever takes a key takes an `i64`, a text or bytes as well:
///
/// ```
/// use cu_db::Key;
///
/// assert_eq!(Key::from(7), Key::Integer(7));
/// assert_eq!(Key::from("seven"), Key::Text("seven".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// An integer.
    Integer(i64),
    /// A text of 1 to 1,024 bytes without NUL.
    Text(String),
    /// 1 to 1,024 bytes. Bytes that are valid UTF-8 name the same document as the text does.
    Bytes(Vec<u8>),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(integer) => integer.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Bytes(bytes) => bytes.escape_ascii().fmt(f),
        }
    }
}

impl From<i64> for Key {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&Key> for Key {
    fn from(key: &Key) -> Self {
        key.clone()
    }
}

impl From<Key> for wit::Key {
    fn from(key: Key) -> Self {
        match key {
            Key::Integer(integer) => Self::Integer(integer),
            Key::Text(text) => Self::Text(text),
            Key::Bytes(bytes) => Self::Bytes(bytes),
        }
    }
}

impl From<wit::Key> for Key {
    fn from(key: wit::Key) -> Self {
        match key {
            wit::Key::Integer(integer) => Self::Integer(integer),
            wit::Key::Text(text) => Self::Text(text),
            wit::Key::Bytes(bytes) => Self::Bytes(bytes),
        }
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(integer) => serializer.serialize_i64(*integer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
        }
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer of 64 bits, a text or bytes")
            }

            fn visit_i64<E: de::Error>(self, integer: i64) -> Result<Key, E> {
                Ok(Key::Integer(integer))
            }

            fn visit_u64<E: de::Error>(self, integer: u64) -> Result<Key, E> {
                i64::try_from(integer)
                    .map(Key::Integer)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(integer), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Key, E> {
                Ok(text.into())
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Key, E> {
                Ok(bytes.into())
            }
        }

        deserializer.deserialize_any(KeyVisitor)
    }
}
