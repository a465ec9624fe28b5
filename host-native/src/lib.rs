//! Cu on this machine: a document database scripted in Lua.
//!
//! The database itself is one WebAssembly component, the same one that runs in browsers. This
//! crate runs it under wasmtime and gives it a store on the disk: start with [`Database`].
//!
//! ```
//! use cu_db::{Database, Index, Query, field};
//!
//! let database = Database::in_memory()?;
//! database.eval::<()>("_home.cities = {}; _home.cities.wellington = {country = 'NZ', people = 215400}", ())?;
//! database.create_index("cities", &Index::on(["country"]))?;
//! let found = database.query::<serde_json::Value>(&Query::table("cities").filter(field("country").eq("NZ")))?;
//! assert_eq!(found.len(), 1);
//! # Ok::<(), cu_db::Error>(())
//! ```
//!
//! What can be stored, and what the operators mean, is documented in `wit/` of the project. This
//! crate knows nothing of it: it carries values, queries and code to the component and back.
//!
//! It runs on Unix-like systems, with a 64-bit processor that wasmtime compiles for.

mod archive;
mod batch;
mod builder;
mod cbor;
mod changes;
mod database;
mod error;
mod host;
mod index;
#[cfg(feature = "json")]
pub mod json;
mod key;
mod live;
mod options;
mod query;
pub mod raw;
mod rows;
mod scan;
pub mod store;
mod stream;
mod subscription;
mod transaction;

pub use archive::{ArchiveInfo, ArchiveProgress};
pub use batch::{Batch, Edits, OperationError, Precondition};
pub use builder::Builder;
pub use changes::{Change, ChangePage, Changes, Feed, FeedInfo, ParsePositionError, Position};
/// Any value, for when there is no Rust type of its own.
pub use ciborium::value::Value;
pub use database::{CacheStats, Database, IndexInfo, Stats};
pub use error::{Error, Excess, Limit, Problem, ScriptFailure};
pub use index::{HistogramPart, IndexProgress, IndexStatistics};
pub use key::Key;
pub use live::{LiveQuery, Update};

pub use options::{CallOptions, Limits};
#[cfg(feature = "json")]
pub use query::ConditionError;
pub use query::{Aggregate, Condition, Field, Index, IndexField, Path, Query, field};
pub use raw::{FunctionInfo, FunctionStatistics, TableInfo};
pub use rows::{Page, Rows};
pub use scan::Scan;
pub use store::Durability;
pub use stream::{BatchPhase, BatchProgress};
pub use subscription::{Closer, Subscription};
pub use transaction::{Savepoint, Transaction, TransactionOptions};

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The examples of the pages for users.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../docs/changes.md")]
    struct Changes;
    #[doc = include_str!("../../docs/indexes.md")]
    struct Indexes;
    #[doc = include_str!("../../docs/query.md")]
    struct Queries;
    #[doc = include_str!("../../docs/quick-start.md")]
    struct QuickStart;
    #[doc = include_str!("../../docs/transactions.md")]
    struct Transactions;
}
