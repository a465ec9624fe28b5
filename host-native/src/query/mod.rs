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

/// A map with text keys.
fn map<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Map(
        members
            .map(|(name, value)| (Value::Text(name.to_owned()), value))
            .into(),
    )
}
