//! Where a field is in a document.

use serde::Serialize;

use crate::Value;

/// A field path: member names between dots (`address.city`).
///
/// Whatever takes a path takes a text. A member name with a dot in it, and an element of a list,
/// need the parts one by one: `Path::parts(["tags".into(), 1.into()])`. [`Path::whole`] is the document itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Path(pub(crate) Value);

impl Path {
    /// A path from its parts: member names, and numbers of list elements counted from 1.
    pub fn parts(parts: impl IntoIterator<Item = Value>) -> Self {
        Self(Value::Array(parts.into_iter().collect()))
    }

    /// The document as a whole; within [`Field::any`](super::Field::any) and
    /// [`Field::all`](super::Field::all), the element.
    #[must_use]
    pub fn whole() -> Self {
        Self(Value::Array(Vec::new()))
    }
}

impl From<&str> for Path {
    fn from(path: &str) -> Self {
        Self(Value::Text(path.to_owned()))
    }
}

impl From<String> for Path {
    fn from(path: String) -> Self {
        Self(Value::Text(path))
    }
}
