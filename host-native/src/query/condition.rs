//! Conditions, put together from fields and operators.

use super::{Path, map};
use crate::Value;

/// Which documents a query is about.
///
/// ```
/// use cu_db::field;
///
/// let condition = field("country").eq("NZ").and(field("population").gt(100_000));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(pub(crate) Value);

/// A field that a condition is about.
#[derive(Clone, Debug)]
pub struct Field(Value);

/// The field at a path, to make a [`Condition`] of.
pub fn field(path: impl Into<Path>) -> Field {
    Field(path.into().0)
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
        /// The field is a text that the operand, a Lua pattern, occurs in.
        matches "matches"
    }

    /// The field lies between two values, both included.
    #[must_use]
    pub fn between(self, low: impl Into<Value>, high: impl Into<Value>) -> Condition {
        self.compare("between", Value::Array(vec![low.into(), high.into()]))
    }

    /// The field comes after the one value and before the other, neither included.
    #[must_use]
    pub fn strictly_between(self, low: impl Into<Value>, high: impl Into<Value>) -> Condition {
        self.compare(
            "between",
            map([
                ("lower", low.into()),
                ("upper", high.into()),
                ("lowerOpen", true.into()),
                ("upperOpen", true.into()),
            ]),
        )
    }

    /// The field equals one of the values.
    #[must_use]
    pub fn is_in<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> Condition {
        self.compare("in", list(values))
    }

    /// The opposite of [`is_in`](Field::is_in).
    #[must_use]
    pub fn not_in<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> Condition {
        self.compare("not in", list(values))
    }

    /// The field is there, and is not null.
    #[must_use]
    pub fn exists(self) -> Condition {
        self.compare("exists", true.into())
    }

    /// The field has one of these types: `null`, `boolean`, `integer`, `float`, `number`, `text`, `bytes`, `list`, `map`,
    /// `function`.
    #[must_use]
    pub fn has_type<'a>(self, types: impl IntoIterator<Item = &'a str>) -> Condition {
        self.compare("type", list(types))
    }

    /// The field is a list, and one of its elements meets the condition, whose paths begin at the element.
    ///
    /// ```
    /// use cu_db::{Path, field};
    ///
    /// let dear = field("items").any(field("price").gt(100));
    /// let tagged = field("tags").any(field(Path::whole()).starts_with("new"));
    /// ```
    #[must_use]
    pub fn any(self, condition: Condition) -> Condition {
        self.compare("any", condition.0)
    }

    /// The field is a list, and all of its elements meet the condition; true for an empty list.
    #[must_use]
    pub fn all(self, condition: Condition) -> Condition {
        self.compare("all", condition.0)
    }

    pub(super) fn compare(self, operator: &str, operand: Value) -> Condition {
        Condition(map([
            ("field", self.0),
            ("op", operator.into()),
            ("value", operand),
        ]))
    }
}

fn list<V: Into<Value>>(values: impl IntoIterator<Item = V>) -> Value {
    Value::Array(values.into_iter().map(Into::into).collect())
}

impl Condition {
    /// A condition as the contract writes it, for what the methods don't cover.
    #[must_use]
    pub fn from_value(value: Value) -> Self {
        Self(value)
    }

    /// The condition as the contract writes it.
    #[must_use]
    pub fn to_value(&self) -> &Value {
        &self.0
    }

    /// A persisted function, called with the document, its key and the arguments, gives neither false nor nil.
    #[must_use]
    pub fn lua(table: &str, name: &str, arguments: impl IntoIterator<Item = Value>) -> Self {
        Self(map([(
            "lua",
            map([
                ("table", table.into()),
                ("name", name.into()),
                ("arguments", list(arguments)),
            ]),
        )]))
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
        Self::joined("and", conditions)
    }

    /// One of the conditions holds; false for none.
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self::joined("or", conditions)
    }

    fn joined(operator: &str, conditions: impl IntoIterator<Item = Self>) -> Self {
        let conditions = conditions.into_iter().map(|condition| condition.0);
        Self(map([(operator, Value::Array(conditions.collect()))]))
    }
}

impl std::ops::Not for Condition {
    type Output = Self;

    fn not(self) -> Self {
        Self(map([("not", self.0)]))
    }
}
