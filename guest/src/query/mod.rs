//! Queries: documents of one table that meet a condition.
//!
//! [`parse`] reads a query, `plan` chooses where to look, `run` looks, `group` makes rows of many documents. What
//! a query means is written in `wit/database.wit`, interface `queries`.

mod cache;
mod condition;
mod cover;
mod explain;
mod filter;
mod group;
mod parse;
mod pattern;
mod plan;
mod predicate;
mod project;
mod run;
mod sort;

pub(crate) use cache::{Cache, Kind, is_kept, without_explain};
pub use condition::{Comparison, Condition, Interval, OPERATORS, Operator, Predicate, Types};
pub use explain::explain;
pub use group::{Aggregate, Function, Grouping};
pub use parse::{Query, SortField, parse};
pub(crate) use parse::{parse_condition, parse_path, parse_selection};
pub use pattern::{Exhausted, Pattern};
pub use plan::{Access, Considered, Entries, Order, Plan, Walk};
pub(crate) use predicate::Subject;
pub use project::Column;
pub use run::{MAX_RESULT, Page, count, page, run};
pub(crate) use run::{for_each, part, write_selected};
