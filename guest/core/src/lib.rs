//! What Cu stores: values, keys, and transactions over an ordered store.
//!
//! It is a crate of its own because it is compiled for speed, and the rest of the guest for size: the loops
//! that touch every document and every entry are here.

pub mod bytes;
pub mod error;
pub mod key;
pub mod pack;
pub mod print;
pub mod store;
pub mod value;
