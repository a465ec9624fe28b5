//! What is told of many documents at once.

use super::{Path, map};
use crate::Value;

/// One value that is told of the documents of a group. See [`Query::aggregate`](super::Query::aggregate).
#[derive(Clone, Debug)]
pub struct Aggregate {
    operator: &'static str,
    path: Option<Path>,
}

impl Aggregate {
    /// How many documents there are.
    #[must_use]
    pub fn count() -> Self {
        Self {
            operator: "count",
            path: None,
        }
    }

    /// How many documents have the field.
    pub fn count_of(path: impl Into<Path>) -> Self {
        Self::of("count", path)
    }

    /// The sum of the field's numbers; 0 if there is none.
    pub fn sum(path: impl Into<Path>) -> Self {
        Self::of("sum", path)
    }

    /// The mean of the field's numbers; absent if there is none.
    pub fn avg(path: impl Into<Path>) -> Self {
        Self::of("avg", path)
    }

    /// The field's first value, in the order of values; absent if there is none.
    pub fn min(path: impl Into<Path>) -> Self {
        Self::of("min", path)
    }

    /// The field's last value, in the order of values; absent if there is none.
    pub fn max(path: impl Into<Path>) -> Self {
        Self::of("max", path)
    }

    fn of(operator: &'static str, path: impl Into<Path>) -> Self {
        Self {
            operator,
            path: Some(path.into()),
        }
    }

    pub(super) fn to_value(&self) -> Value {
        let operator = ("op", self.operator.into());
        match &self.path {
            Some(path) => map([operator, ("field", path.0.clone())]),
            None => map([operator]),
        }
    }
}
