//! Conditions as a tree.

use std::cell::OnceCell;

use super::pattern::Pattern;
use crate::value::{Item, Path};

/// What a comparison asks for, with its operand ready to be compared.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each is documented in wit/database.wit")]
pub enum Operator {
    Equal(Vec<u8>),
    NotEqual(Vec<u8>),
    Less(Vec<u8>),
    LessOrEqual(Vec<u8>),
    Greater(Vec<u8>),
    GreaterOrEqual(Vec<u8>),
    Between(Interval),
    /// The operands in the order of all values, each once.
    In(Vec<Vec<u8>>),
    Contains(Vec<u8>),
    StartsWith(String),
    EndsWith(String),
    Type(Types),
    Matches(Pattern),
    /// Some element of the list meets the condition.
    Any(Box<Condition>),
    /// The value is a list, and each of its elements meets the condition.
    All(Box<Condition>),
}

/// What lies between two values of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// The least value.
    pub lower: Vec<u8>,
    /// The greatest value.
    pub upper: Vec<u8>,
    /// The least value itself is left out.
    pub lower_open: bool,
    /// The greatest value itself is left out.
    pub upper_open: bool,
}

/// The names of all operators.
pub const OPERATORS: [&str; 17] = [
    "=",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "between",
    "in",
    "not in",
    "contains",
    "startsWith",
    "endsWith",
    "exists",
    "type",
    "matches",
    "any",
    "all",
];

/// A set of types of values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Types(u16);

/// The names of types, each with the types that it means.
const TYPES: [(&str, u16); 10] = [
    ("null", 1),
    ("boolean", 1 << 1),
    ("integer", 1 << 2),
    ("float", 1 << 3),
    ("number", 1 << 2 | 1 << 3),
    ("text", 1 << 4),
    ("bytes", 1 << 5),
    ("list", 1 << 6),
    ("map", 1 << 7),
    ("function", 1 << 8),
];

impl Types {
    /// Adds the types that a name means. False if it means none.
    pub(super) fn add(&mut self, name: &str) -> bool {
        let found = TYPES.iter().find(|(known, _)| *known == name);
        self.0 |= found.map_or(0, |(_, types)| *types);
        found.is_some()
    }

    /// Whether the value is of one of the types.
    pub(super) fn has(self, value: &[u8]) -> bool {
        let bit = match Item::of(value) {
            Item::Null => 0,
            Item::Bool(_) => 1,
            Item::Float(_) => 3,
            Item::Text(_) => 4,
            Item::Bytes(_) => 5,
            Item::List(..) => 6,
            Item::Map(..) => 7,
            Item::Function(_) => 8,
            // Integers, whichever there are.
            _ => 2,
        };
        self.0 >> bit & 1 == 1
    }

    /// A value of the one class that all the types belong to, and whether they are all of the class.
    pub(super) fn class(self) -> Option<(&'static [u8], bool)> {
        Some(match self.0 {
            1 => (&[crate::value::NULL], true),
            2 => (&[0xf4], true),
            4 | 8 => (&[0x00], false),
            12 => (&[0x00], true),
            16 => (&[0x60], true),
            32 => (&[0x40], true),
            64 => (&[0x80], true),
            128 => (&[0xa0], true),
            _ => return None,
        })
    }
}

/// The names of all types, for messages.
pub(super) fn type_names() -> String {
    TYPES.map(|(name, _)| name).join(" ")
}

/// One field against one operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Where the value is.
    pub field: Path,
    /// What it has to be.
    pub operator: Operator,
}

/// A condition on a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All hold; true for none.
    And(Vec<Condition>),
    /// Any holds; false for none.
    Or(Vec<Condition>),
    /// The condition does not hold.
    Not(Box<Condition>),
    /// The comparison holds.
    Compare(Comparison),
    /// A persisted function says yes.
    Lua(Predicate),
}

/// A persisted function that is asked for each document.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicate {
    /// The table that the function is in.
    pub table: String,
    /// Its name there.
    pub name: String,
    /// What it is given behind the document and its key, as an array.
    pub arguments: Vec<u8>,
    /// Where it stands in the query.
    pub place: String,
    /// The reference to it, once it was looked for.
    pub(super) function: OnceCell<Vec<u8>>,
}

impl Condition {
    /// The condition that always holds.
    #[must_use]
    pub fn always() -> Self {
        Condition::And(Vec::new())
    }

    /// Whether it is [`Condition::always`].
    #[must_use]
    pub fn is_always(&self) -> bool {
        matches!(self, Condition::And(all) if all.is_empty())
    }

    /// Takes it apart into conditions that all have to hold.
    #[must_use]
    pub fn into_conjuncts(self) -> Vec<Condition> {
        match self {
            Condition::And(all) => all
                .into_iter()
                .flat_map(Condition::into_conjuncts)
                .collect(),
            other => vec![other],
        }
    }
}
