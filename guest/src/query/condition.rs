//! Conditions as a tree.

use crate::value::Path;

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
    Between(Vec<u8>, Vec<u8>),
    /// The operands in the order of all values, each once.
    In(Vec<Vec<u8>>),
    Contains(Vec<u8>),
    StartsWith(String),
    EndsWith(String),
}

/// The names of all operators.
pub const OPERATORS: [&str; 11] = [
    "=",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "between",
    "in",
    "contains",
    "startsWith",
    "endsWith",
];

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
