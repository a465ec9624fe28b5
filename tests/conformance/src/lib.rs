//! The conformance suite: cases as plain data, one driver, and an adapter for each runtime.
//!
//! The cases are in `tests/cases`, what they may say is in `tests/README.md`. [`load`] reads them,
//! [`run`] runs them on a [`Runtime`]. The browsers have the same driver in TypeScript.

pub mod arguments;
pub mod case;
pub mod cbor;
pub mod driver;
pub mod guest;
pub mod notation;
pub mod programs;
pub mod reply;
pub mod show;
#[cfg(feature = "wasmtime")]
pub mod wasmtime;

pub use arguments::Arguments;
pub use case::{Case, Topic, cases_directory, load};
pub use driver::{Runtime, run, state};
pub use reply::{Failure, Reply};
