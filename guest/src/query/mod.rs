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

pub use condition::{Comparison, Condition, Operator, OPERATORS};
pub use parse::{parse, parse_path, Query, SortField};
pub use plan::{Order, Plan};
pub use run::{count, explain, run, MAX_RESULT};
