//! JSON as text, in which an integer of any size is a number.
//!
//! [`serde_json::Value`] has room for 64 bits, and takes anything beyond for a float. Its feature for numbers of any
//! size is no way out: with it, numbers that are serialized to anything but JSON become maps.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use super::INT;

/// Reads a JSON text; integers beyond 64 bits become `{"$int": "…"}`.
///
/// # Errors
/// If it is not JSON.
pub fn from_text(text: &[u8]) -> serde_json::Result<Json> {
    serde_json::from_slice(&wrap(text))
}

/// The JSON text in one line; `{"$int": "…"}` becomes a number.
#[must_use]
pub fn to_text(json: &Json) -> String {
    serde_json::to_string(&Exact(json)).expect("JSON can be written")
}

/// As [`to_text`], indented.
#[must_use]
pub fn to_text_pretty(json: &Json) -> String {
    serde_json::to_string_pretty(&Exact(json)).expect("JSON can be written")
}

/// Serializes as [`to_text`] writes, with serde_json.
#[derive(Debug, Clone, Copy)]
pub struct Exact<'a>(pub &'a Json);

impl Serialize for Exact<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Json::Array(items) => serializer.collect_seq(items.iter().map(Exact)),
            Json::Object(members) => match integer(members) {
                Some(digits) => RawValue::from_string(digits.to_owned())
                    .map_err(serde::ser::Error::custom)?
                    .serialize(serializer),
                None => {
                    serializer.collect_map(members.iter().map(|(name, value)| (name, Exact(value))))
                }
            },
            other => other.serialize(serializer),
        }
    }
}

/// The digits of `{"$int": "…"}`, if they are those of an integer beyond 64 bits.
fn integer(members: &Map<String, Json>) -> Option<&str> {
    let digits = members.get(INT).filter(|_| members.len() == 1)?.as_str()?;
    is_beyond(digits.as_bytes()).then_some(digits)
}

/// Whether this is an integer in JSON, and has more than 64 bits.
fn is_beyond(token: &[u8]) -> bool {
    let digits = token.strip_prefix(b"-").unwrap_or(token);
    digits.len() >= 19
        && digits[0] != b'0'
        && digits.iter().all(u8::is_ascii_digit)
        && std::str::from_utf8(token)
            .is_ok_and(|token| token.parse::<i64>().is_err() && token.parse::<u64>().is_err())
}

/// The text with integers beyond 64 bits as objects.
fn wrap(text: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => at = end_of_string(text, at),
            b'-' | b'0'..=b'9' => {
                let length = text[at..]
                    .iter()
                    .take_while(|byte| {
                        matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
                    })
                    .count();
                let token = &text[at..at + length];
                if is_beyond(token) {
                    out.extend_from_slice(&text[copied..at]);
                    out.extend_from_slice(b"{\"");
                    out.extend_from_slice(INT.as_bytes());
                    out.extend_from_slice(b"\":\"");
                    out.extend_from_slice(token);
                    out.extend_from_slice(b"\"}");
                    copied = at + length;
                }
                at += length;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.extend_from_slice(&text[copied..]);
    Cow::Owned(out)
}

/// Where the string that begins there is over.
fn end_of_string(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(text: &str) -> String {
        let cbor = crate::json::to_cbor(&from_text(text.as_bytes()).unwrap()).unwrap();
        to_text(&crate::json::from_cbor(&cbor).unwrap())
    }

    #[test]
    fn integers_of_any_size_are_numbers() {
        for text in [
            "18446744073709551616",
            "-9223372036854775809",
            "-18446744073709551616",
            "-18446744073709551617",
            // On both sides of what 128 bits have room for.
            "170141183460469231731687303715884105728",
            "-170141183460469231731687303715884105728",
            "-170141183460469231731687303715884105729",
            "-340282366920938463463374607431768211456",
            "340282366920938463463374607431768211456",
            r#"{"a":[1,123456789012345678901234567890,{"b":-123456789012345678901234567890}],"c":"123456789012345678901234567890"}"#,
            r#"["\"123456789012345678901234567890",12345678901234567890123,"\\"]"#,
            r#"{"$map":[["$int","123456789012345678901234567890"]]}"#,
        ] {
            assert_eq!(round(text), text);
        }
        assert_eq!(round(r#"{"$int":"5"}"#), "5");
        assert_eq!(
            round("123456789012345678901234567890.0"),
            "1.2345678901234568e+29"
        );
        assert_eq!(
            round("123456789012345678901234567890e0"),
            "1.2345678901234568e+29"
        );
    }

    #[test]
    fn what_is_no_json_is_refused_as_before() {
        for text in [
            "012345678901234567890123",
            "-",
            "12345678901234567890123 4",
            "\"abc",
            "[1234567890123456789012,",
        ] {
            assert!(from_text(text.as_bytes()).is_err(), "{text}");
        }
        assert!(crate::json::to_cbor(&serde_json::json!({"$int": "1x"})).is_err());
        assert!(crate::json::to_cbor(&serde_json::json!({"$int": 1})).is_err());
    }
}
