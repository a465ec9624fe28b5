//! The guest of Cu: values, documents, indexes, queries and Lua over an ordered store.
//!
//! [`Engine`] has one method for each exported function of `wit/database.wit`. It is plain Rust
//! over the [`store::Store`] trait; the crate in `component/` puts it behind the interfaces of `wit/`.

pub mod archive;
pub mod batch;
pub mod catalog;
pub mod changes;
pub mod database;
pub mod engine;
mod format;
pub mod function;
pub mod index;
pub mod limits;
pub mod lua;
mod members;
pub mod name;
pub mod query;

pub use archive::ArchivePage;
pub use cu_core::{bytes, error, key, pack, print, store, value};
pub use engine::{Engine, IndexInfo, ScanPage, ScanRange, TableInfo};
pub use error::{Error, Result};
pub use function::{CallStatistics, FunctionInfo};
pub use key::Key;
pub use limits::{Limits, Setting};
pub use lua::{CallOptions, Console, HostFunctions};
