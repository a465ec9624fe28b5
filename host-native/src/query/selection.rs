//! A query as a whole.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::{Aggregate, Condition, Path, map};
use crate::{Error, Value, cbor};

/// The documents of one table that meet a condition, in an order, some of them left out; or what is told of them.
///
/// ```
/// use cu_db::{Aggregate, Query, field};
///
/// let largest = Query::table("cities")
///     .filter(field("country").eq("NZ"))
///     .sort_descending("population")
///     .limit(10);
/// let by_country = Query::table("cities")
///     .group_by(["country"])
///     .aggregate("people", Aggregate::sum("population"))
///     .having(field("people").gt(1_000_000));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Query {
    table: String,
    condition: Option<Condition>,
    sort: Vec<(Path, bool)>,
    limit: Option<u64>,
    offset: Option<u64>,
    after: Option<Vec<u8>>,
    select: Vec<Value>,
    distinct: bool,
    group_by: Vec<Value>,
    aggregate: Vec<(String, Aggregate)>,
    having: Option<Condition>,
    analyze: bool,
}

impl Query {
    /// All documents of a table, in the order of their keys.
    #[must_use]
    pub fn table(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            ..Self::default()
        }
    }

    /// Only those that meet a condition, and all conditions given before.
    #[must_use]
    pub fn filter(mut self, condition: Condition) -> Self {
        self.condition = Some(match self.condition {
            Some(before) => before.and(condition),
            None => condition,
        });
        self
    }

    /// Sorted by a field, after what was given before; documents that are equal in all of
    /// them come in the order of their keys.
    #[must_use]
    pub fn sort(mut self, path: impl Into<Path>) -> Self {
        self.sort.push((path.into(), false));
        self
    }

    /// As [`sort`](Query::sort), the greatest first.
    #[must_use]
    pub fn sort_descending(mut self, path: impl Into<Path>) -> Self {
        self.sort.push((path.into(), true));
        self
    }

    /// At most so many rows.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Without the first so many rows.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Only the rows behind a page, whose [`next`](crate::Page::next) this is.
    #[must_use]
    pub fn after(mut self, cursor: Vec<u8>) -> Self {
        self.after = Some(cursor);
        self
    }

    /// Rows have a map of these fields in place of the document, named by their paths.
    #[must_use]
    pub fn select<P: Into<Path>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.select
            .extend(paths.into_iter().map(|path| path.into().0));
        self
    }

    /// One more field of rows, under a name of its own.
    #[must_use]
    pub fn select_as(mut self, path: impl Into<Path>, name: &str) -> Self {
        self.select.push(named(path.into(), name));
        self
    }

    /// With [`select`](Query::select): rows are these maps alone, each different one once. Ask with
    /// [`Database::query_groups`](crate::Database::query_groups).
    #[must_use]
    pub fn distinct(mut self) -> Self {
        self.distinct = true;
        self
    }

    /// One row for each different combination of these fields' values. Ask with
    /// [`Database::query_groups`](crate::Database::query_groups).
    #[must_use]
    pub fn group_by<P: Into<Path>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.group_by
            .extend(paths.into_iter().map(|path| path.into().0));
        self
    }

    /// One more field that groups are made by, under a name of its own.
    #[must_use]
    pub fn group_by_as(mut self, path: impl Into<Path>, name: &str) -> Self {
        self.group_by.push(named(path.into(), name));
        self
    }

    /// One more member of the rows, which is told of each group, or without groups of all documents.
    #[must_use]
    pub fn aggregate(mut self, name: impl Into<String>, aggregate: Aggregate) -> Self {
        self.aggregate.push((name.into(), aggregate));
        self
    }

    /// Only the groups that meet a condition, whose paths lead into the rows, and all conditions given before.
    #[must_use]
    pub fn having(mut self, condition: Condition) -> Self {
        self.having = Some(match self.having {
            Some(before) => before.and(condition),
            None => condition,
        });
        self
    }

    /// For [`Database::explain`](crate::Database::explain): the query is run, and what it met is counted.
    #[must_use]
    pub fn analyze(mut self) -> Self {
        self.analyze = true;
        self
    }

    /// Whether rows are made of many documents, and have no key.
    #[must_use]
    pub fn is_grouped(&self) -> bool {
        self.distinct || !self.group_by.is_empty() || !self.aggregate.is_empty()
    }

    pub(crate) fn limit_given(&self) -> Option<u64> {
        self.limit
    }

    /// The CBOR map that `queries.run` takes.
    ///
    /// # Errors
    /// [`Error::Encode`] for an operand that has no CBOR form.
    pub fn to_cbor(&self) -> Result<Vec<u8>, Error> {
        cbor::encode(self)
    }
}

fn named(path: Path, name: &str) -> Value {
    map([("field", path.0), ("as", name.into())])
}

impl Serialize for Query {
    /// In the deterministic form, which the component need not bring them into.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = [
            !self.sort.is_empty(),
            self.after.is_some(),
            self.limit.is_some(),
            true,
            self.condition.is_some(),
            self.having.is_some(),
            self.offset.is_some(),
            !self.select.is_empty(),
            self.analyze,
            !self.group_by.is_empty(),
            self.distinct,
            !self.aggregate.is_empty(),
        ];
        let count = members.iter().filter(|there| **there).count();
        let mut query = serializer.serialize_map(Some(count))?;
        if !self.sort.is_empty() {
            let sort = self.sort.iter().map(|(path, descending)| {
                map([
                    ("field", path.0.clone()),
                    ("descending", (*descending).into()),
                ])
            });
            query.serialize_entry("sort", &Value::Array(sort.collect()))?;
        }
        if let Some(after) = &self.after {
            query.serialize_entry("after", &Value::Bytes(after.clone()))?;
        }
        if let Some(limit) = self.limit {
            query.serialize_entry("limit", &limit)?;
        }
        query.serialize_entry("table", &self.table)?;
        if let Some(Condition(condition)) = &self.condition {
            query.serialize_entry("where", condition)?;
        }
        if let Some(Condition(condition)) = &self.having {
            query.serialize_entry("having", condition)?;
        }
        if let Some(offset) = self.offset {
            query.serialize_entry("offset", &offset)?;
        }
        if !self.select.is_empty() {
            query.serialize_entry("select", &self.select)?;
        }
        if self.analyze {
            query.serialize_entry("analyze", &true)?;
        }
        if !self.group_by.is_empty() {
            query.serialize_entry("groupBy", &self.group_by)?;
        }
        if self.distinct {
            query.serialize_entry("distinct", &true)?;
        }
        if !self.aggregate.is_empty() {
            let members = self
                .aggregate
                .iter()
                .map(|(name, aggregate)| (name.as_str().into(), aggregate.to_value()));
            query.serialize_entry("aggregate", &Value::Map(members.collect()))?;
        }
        query.end()
    }
}
