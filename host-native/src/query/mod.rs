//! Queries and index definitions, put together in Rust.

mod aggregate;
mod condition;
mod index;
mod path;
mod selection;
#[cfg(feature = "json")]
mod text;

pub use aggregate::Aggregate;
pub use condition::{Condition, Field, field};
pub use index::{Index, IndexField};
pub use path::Path;
pub use selection::Query;
#[cfg(feature = "json")]
pub use text::ConditionError;

use crate::Value;

/// A map with short text keys, in the order that the deterministic form has them in.
fn map<const N: usize>(mut members: [(&str, Value); N]) -> Value {
    members.sort_by_key(|(name, _)| (name.len(), *name));
    Value::Map(
        members
            .map(|(name, value)| (Value::Text(name.to_owned()), value))
            .into(),
    )
}
