//! Queries and index definitions, put together in Rust.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::{Error, Value, cbor};

/// A field path: member names between dots (`address.city`); `[]` as an array is the document itself.
///
/// Whatever takes a path takes a text. A member name with a dot in it, and an element of a list,
/// need the parts one by one: `Path::parts(["tags".into(), 1.into()])`.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Path(Value);

impl Path {
    /// A path from its parts: member names, and numbers of list elements counted from 1.
    pub fn parts(parts: impl IntoIterator<Item = Value>) -> Self {
        Self(Value::Array(parts.into_iter().collect()))
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

/// Which documents a query is about.
///
/// ```
/// use cu_db::field;
///
/// let condition = field("country").eq("NZ").and(field("population").gt(100_000));
/// ```
#[derive(Clone, Debug)]
pub struct Condition(Value);

/// A field that a condition is about.
#[derive(Clone, Debug)]
pub struct Field(Value);

/// The field at a path, to make a [`Condition`] of.
pub fn field(path: impl Into<Path>) -> Field {
    Field(path.into().0)
}

fn map<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Map(
        members
            .map(|(name, value)| (Value::Text(name.to_owned()), value))
            .into(),
    )
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident $operator:literal)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(self, operand: impl Into<Value>) -> Condition {
            self.compare($operator, operand.into())
        }
    )*};
}

impl Field {
    comparisons! {
        /// The field equals the operand; an absent one equals null.
        eq "="
        /// The opposite of [`eq`](Field::eq).
        ne "!="
        /// The field has the operand's type and comes before it.
        lt "<"
        /// The field has the operand's type and doesn't come after it.
        le "<="
        /// The field has the operand's type and comes after it.
        gt ">"
        /// The field has the operand's type and doesn't come before it.
        ge ">="
        /// The field is a text with the operand in it, or a list with the operand as an element.
        contains "contains"
        /// The field is a text that starts with the operand.
        starts_with "startsWith"
        /// The field is a text that ends with the operand.
        ends_with "endsWith"
    }

    /// The field lies between two values, both included.
    #[must_use]
    pub fn between(self, low: impl Into<Value>, high: impl Into<Value>) -> Condition {
        self.compare("between", Value::Array(vec![low.into(), high.into()]))
    }

    /// The field equals one of the values.
    #[must_use]
    pub fn is_in<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> Condition {
        self.compare(
            "in",
            Value::Array(values.into_iter().map(Into::into).collect()),
        )
    }

    fn compare(self, operator: &str, operand: Value) -> Condition {
        Condition(map([
            ("field", self.0),
            ("op", operator.into()),
            ("value", operand),
        ]))
    }
}

impl Condition {
    /// A condition as the contract writes it, for what the methods don't cover.
    #[must_use]
    pub fn from_value(value: Value) -> Self {
        Self(value)
    }

    /// Both conditions hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::all([self, other])
    }

    /// One of both conditions holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::any([self, other])
    }

    /// All conditions hold; true for none.
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self(map([(
            "and",
            Value::Array(
                conditions
                    .into_iter()
                    .map(|condition| condition.0)
                    .collect(),
            ),
        )]))
    }

    /// One of the conditions holds; false for none.
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self(map([(
            "or",
            Value::Array(
                conditions
                    .into_iter()
                    .map(|condition| condition.0)
                    .collect(),
            ),
        )]))
    }
}

impl std::ops::Not for Condition {
    type Output = Self;

    fn not(self) -> Self {
        Self(map([("not", self.0)]))
    }
}

/// The documents of one table that meet a condition, in an order, some of them left out.
///
/// ```
/// use cu_db::{Query, field};
///
/// let query = Query::table("cities")
///     .filter(field("country").eq("NZ"))
///     .sort_descending("population")
///     .limit(10);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Query {
    table: String,
    condition: Option<Condition>,
    sort: Vec<(Path, bool)>,
    limit: Option<u64>,
    offset: Option<u64>,
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

    /// At most so many documents.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Without the first so many documents.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// The CBOR map that `queries.run` takes.
    ///
    /// # Errors
    /// [`Error::Encode`] for an operand that has no CBOR form.
    pub fn to_cbor(&self) -> Result<Vec<u8>, Error> {
        cbor::encode(self)
    }
}

impl Serialize for Query {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut query = serializer.serialize_map(None)?;
        query.serialize_entry("table", &self.table)?;
        if let Some(Condition(condition)) = &self.condition {
            query.serialize_entry("where", condition)?;
        }
        if !self.sort.is_empty() {
            let sort: Vec<_> = self
                .sort
                .iter()
                .map(|(path, descending)| {
                    map([
                        ("field", path.0.clone()),
                        ("descending", (*descending).into()),
                    ])
                })
                .collect();
            query.serialize_entry("sort", &sort)?;
        }
        if let Some(limit) = self.limit {
            query.serialize_entry("limit", &limit)?;
        }
        if let Some(offset) = self.offset {
            query.serialize_entry("offset", &offset)?;
        }
        query.end()
    }
}

/// What an index is over.
///
/// ```
/// use cu_db::Index;
///
/// let by_country = Index::on(["country"]);
/// let by_both = Index::on(["country", "population"]).name("country_population");
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Index {
    fields: Vec<Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl Index {
    /// An index over 1 to 8 field paths; its name is the paths joined by `,`.
    pub fn on<P: Into<Path>>(fields: impl IntoIterator<Item = P>) -> Self {
        Self {
            fields: fields.into_iter().map(Into::into).collect(),
            name: None,
        }
    }

    /// Another name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}
