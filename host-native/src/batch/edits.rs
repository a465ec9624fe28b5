//! What an update changes in a document.

use crate::query::Path;
use crate::{Condition, Value};

/// Changes of a document, which are made in the order in which they were added.
///
/// ```
/// use cu_db::Edits;
///
/// let birthday = Edits::new().increment("age", 1).push("log", "had a birthday").unset("plans.party");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Edits(Vec<Value>);

impl Edits {
    /// No changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value is at the path from now on. What is missing on the way is made.
    #[must_use]
    pub fn set(self, path: impl Into<Path>, value: impl Into<Value>) -> Self {
        self.add("set", path.into(), Some(value.into()))
    }

    /// The member is absent from now on.
    #[must_use]
    pub fn unset(self, path: impl Into<Path>) -> Self {
        self.add("unset", path.into(), None)
    }

    /// The number is added, to 0 if nothing is there.
    #[must_use]
    pub fn increment(self, path: impl Into<Path>, by: impl Into<Value>) -> Self {
        self.add("increment", path.into(), Some(by.into()))
    }

    /// The value is one more element at the list's end, of a new list if nothing is there.
    #[must_use]
    pub fn push(self, path: impl Into<Path>, value: impl Into<Value>) -> Self {
        self.add("push", path.into(), Some(value.into()))
    }

    /// All elements that equal the value go from the list.
    #[must_use]
    pub fn remove(self, path: impl Into<Path>, value: impl Into<Value>) -> Self {
        self.add("remove", path.into(), Some(value.into()))
    }

    /// Members of the map replace those of the document, maps are merged member by member, null deletes: a JSON merge patch
    /// (RFC 7386).
    #[must_use]
    pub fn merge(self, patch: impl Into<Value>) -> Self {
        self.add("merge", Path::whole(), Some(patch.into()))
    }

    fn add(mut self, operator: &str, path: Path, value: Option<Value>) -> Self {
        let mut members = vec![("op".into(), operator.into()), ("field".into(), path.0)];
        members.extend(value.map(|value| ("value".into(), value)));
        self.0.push(Value::Map(members));
        self
    }

    pub(super) fn to_value(&self) -> Value {
        Value::Array(self.0.clone())
    }
}

/// What a document has to be like for an operation to take place; else it fails with
/// [`Error::PreconditionFailed`](crate::Error::PreconditionFailed).
#[derive(Clone, Debug)]
pub enum Precondition {
    /// There is one.
    Exists,
    /// There is none.
    Absent,
    /// It meets a condition; `field("version").eq(7)` for one that nobody has changed meanwhile.
    Meets(Condition),
}

impl Precondition {
    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Exists => "exists".into(),
            Self::Absent => "absent".into(),
            Self::Meets(condition) => condition.0.clone(),
        }
    }
}
