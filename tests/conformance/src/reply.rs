//! What a call gave, in a form that all runtimes share.

use crate::arguments::LIMITS;
use crate::cbor::{bytes, head, int, map, text};

/// The result as a CBOR value, or how the call failed.
///
/// Records are maps of their members, options are null or the value, a result without a
/// value is null, byte lists are byte strings.
pub type Reply = Result<Vec<u8>, Failure>;

/// How a call failed: the error's case and what it carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is documented in wit/types.wit")]
pub struct Failure {
    pub code: String,
    pub place: Option<String>,
    pub limit: Option<String>,
    pub maximum: Option<u64>,
    pub table: Option<String>,
    pub message: String,
    pub traceback: Option<String>,
}

/// A result without a value.
#[must_use]
pub fn nothing() -> Vec<u8> {
    vec![0xf6]
}

/// A boolean.
#[must_use]
pub fn flag(value: bool) -> Vec<u8> {
    vec![if value { 0xf5 } else { 0xf4 }]
}

/// A value, or null for none.
#[must_use]
pub fn optional(value: Option<Vec<u8>>) -> Vec<u8> {
    value.unwrap_or_else(nothing)
}

/// A number.
///
/// # Panics
/// On one that no case can expect.
#[must_use]
pub fn number(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    int(i64::try_from(value).expect("counts are small"), &mut out);
    out
}

/// A number that may be negative.
#[must_use]
pub fn signed(value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    int(value, &mut out);
    out
}

/// A text.
#[must_use]
pub fn string(value: &str) -> Vec<u8> {
    let mut out = Vec::new();
    text(value, &mut out);
    out
}

/// A byte list.
#[must_use]
pub fn byte_list(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    bytes(value, &mut out);
    out
}

/// A list.
pub fn list(elements: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let elements: Vec<_> = elements.into_iter().collect();
    let mut out = Vec::new();
    head(4, elements.len() as u64, &mut out);
    elements.iter().for_each(|element| out.extend(element));
    out
}

/// The limits of a database, in the order of [`LIMITS`].
#[must_use]
pub fn limits_record(limits: [Option<u64>; LIMITS.len()]) -> Vec<u8> {
    let mut members = LIMITS.map(|name| (name, nothing()));
    for (member, limit) in members.iter_mut().zip(limits) {
        member.1 = limit.map_or_else(nothing, number);
    }
    record(members)
}

/// A record.
///
/// # Panics
/// If two members have one name.
#[must_use]
pub fn record<const N: usize>(members: [(&str, Vec<u8>); N]) -> Vec<u8> {
    let mut out = Vec::new();
    let members = members
        .into_iter()
        .map(|(name, value)| (string(name), value));
    map(members.collect(), &mut out).expect("the names differ");
    out
}
