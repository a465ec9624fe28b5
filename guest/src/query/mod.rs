//! Queries: documents of one table that meet a condition.
//!
//! [`parse`] reads a query, `plan` chooses where to look, `run` looks. What a query means is
//! written in `wit/database.wit`, interface `queries`.

mod condition;
mod filter;
mod parse;
mod plan;
mod run;
mod sort;

pub use condition::{Comparison, Condition, OPERATORS, Operator};
pub use parse::{Query, SortField, parse, parse_path};
pub use plan::{Order, Plan};
pub use run::{MAX_RESULT, count, explain, run};
