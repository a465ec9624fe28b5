//! Definitions of indexes.

use serde::Serialize;

use super::{Path, map};
use crate::Value;

/// What an index is over.
///
/// ```
/// use cu_db::{Index, IndexField};
///
/// let by_country = Index::on(["country"]);
/// let by_both = Index::on(["country", "population"]).name("country_population");
/// let newest = Index::on([IndexField::new("author"), IndexField::new("written").descending()]);
/// let addresses = Index::on(["email"]).unique().sparse();
/// let tags = Index::on([IndexField::new("tags").multi_entry()]);
/// let tokens = Index::on(["token"]).hash();
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Index {
    fields: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "is_false")]
    unique: bool,
    #[serde(skip_serializing_if = "is_false")]
    sparse: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A field of an index, with what is special about it. A path will do where nothing is.
#[derive(Clone, Debug)]
pub struct IndexField {
    path: Path,
    descending: bool,
    multi_entry: bool,
}

impl IndexField {
    /// The field at a path.
    pub fn new(path: impl Into<Path>) -> Self {
        Self {
            path: path.into(),
            descending: false,
            multi_entry: false,
        }
    }

    /// The greatest first, for sorts that go down by this field and up by another.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.descending = true;
        self
    }

    /// A list has an entry for each of its elements, which `contains` and `any` then find. One field at the most.
    #[must_use]
    pub fn multi_entry(mut self) -> Self {
        self.multi_entry = true;
        self
    }

    fn into_value(self) -> Value {
        if !self.descending && !self.multi_entry {
            return self.path.0;
        }
        map([
            ("field", self.path.0),
            ("descending", self.descending.into()),
            ("multiEntry", self.multi_entry.into()),
        ])
    }
}

impl<P: Into<Path>> From<P> for IndexField {
    fn from(path: P) -> Self {
        Self::new(path)
    }
}

impl Index {
    /// A B-tree over 1 to 8 fields; its name is their paths joined by `,`.
    pub fn on<F: Into<IndexField>>(fields: impl IntoIterator<Item = F>) -> Self {
        Self {
            fields: fields
                .into_iter()
                .map(|field| field.into().into_value())
                .collect(),
            name: None,
            kind: None,
            unique: false,
            sparse: false,
        }
    }

    /// Another name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Hashes in place of a B-tree: for values of any length that are only asked for by `=` and `in`.
    #[must_use]
    pub fn hash(mut self) -> Self {
        self.kind = Some("hash");
        self
    }

    /// No two documents have equal values in all fields; null is equal to nothing.
    #[must_use]
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Without the documents that have none of the fields.
    #[must_use]
    pub fn sparse(mut self) -> Self {
        self.sparse = true;
        self
    }
}
