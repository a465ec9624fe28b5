//! Values: CBOR (RFC 8949) in core deterministic encoding, read in place.
//!
//! Everything inside the engine, and everything that it stores, is deterministic, so equal
//! values are equal bytes. Only [`accept`] sees bytes from outside; all other functions here rely on
//! what it let through and never fail on it. On bytes that were damaged since, they neither panic nor read
//! beyond the end; what they make of them is unspecified.
//!
//! The data model and its corner cases are written down in `docs/format.md`.

mod accept;
mod big;
mod edit;
mod item;
mod number;
mod order;
mod outward;
mod path;
mod scan;
mod write;

pub use accept::{MAX_DEPTH, MAX_SIZE, accept, accept_argument, accept_stored};
pub use big::{Big, MAX_INTEGER_SIZE, write_integer};
pub use edit::{EditError, remove, set};
pub use item::{Elements, Entries, Item, elements, entries, has_objects, references, skip};
pub use number::{compare_int_float, float_to_int};
pub use order::{class, compare, encode_ordered, equal, skip_ordered};
pub use outward::without_metatables;
pub use path::{Path, Step};
pub use write::{
    write_array_head, write_bool, write_bytes, write_float, write_function, write_head, write_int,
    write_library, write_map_head, write_null, write_string, write_text, write_view,
};

/// The CBOR tag of what only Cu writes. Its content is the number of a persisted function or of another object, the
/// name of something in the standard library, or the view of an external table.
pub const FUNCTION_TAG: u64 = 40_000;

/// The encoding of null. As the key of a map, which no caller can send, it stands before the map's metatable.
pub const NULL: u8 = 0xf6;

/// Whether the value is a persisted function, and which one.
#[must_use]
pub fn as_function(value: &[u8]) -> Option<u64> {
    match Item::of(value) {
        Item::Function(id) => Some(id),
        _ => None,
    }
}
