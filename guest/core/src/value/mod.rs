//! Values: CBOR (RFC 8949) in core deterministic encoding, read in place.
//!
//! Everything inside the engine, and everything that it stores, is deterministic, so equal
//! values are equal bytes. Only [`accept`] sees bytes from outside; all other functions here rely on
//! what it let through and never fail on it. On bytes that were damaged since, they neither panic nor read
//! beyond the end; what they make of them is unspecified.
//!
//! The data model and its corner cases are written down in `docs/format.md`.

mod accept;
mod edit;
mod item;
mod number;
mod order;
mod path;
mod write;

pub use accept::{MAX_DEPTH, MAX_SIZE, accept, accept_argument};
pub use edit::{EditError, remove, set};
pub use item::{Elements, Entries, Item, elements, entries, skip};
pub use number::{compare_int_float, float_to_int};
pub use order::{class, compare, encode_ordered, equal, skip_ordered};
pub use path::{Path, Step};
pub use write::{
    write_array_head, write_bool, write_bytes, write_float, write_function, write_head, write_int,
    write_map_head, write_null, write_string, write_text,
};

/// The CBOR tag of a persisted function; its content is the function's number.
pub const FUNCTION_TAG: u64 = 40_000;

/// The encoding of null.
pub const NULL: u8 = 0xf6;

/// Whether the value is a persisted function, and which one.
#[must_use]
pub fn as_function(value: &[u8]) -> Option<u64> {
    match Item::of(value) {
        Item::Function(id) => Some(id),
        _ => None,
    }
}
