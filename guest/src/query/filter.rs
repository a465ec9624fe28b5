//! Testing a document against a condition, on its bytes.

use std::cmp::Ordering;

use super::condition::{Comparison, Condition, Operator};
use crate::value::{Item, NULL, class, compare, elements, equal};

impl Condition {
    /// Whether a document meets the condition.
    #[must_use]
    pub fn holds(&self, document: &[u8]) -> bool {
        match self {
            Condition::And(all) => all.iter().all(|condition| condition.holds(document)),
            Condition::Or(any) => any.iter().any(|condition| condition.holds(document)),
            Condition::Not(condition) => !condition.holds(document),
            Condition::Compare(comparison) => comparison.holds(document),
        }
    }
}

impl Comparison {
    fn holds(&self, document: &[u8]) -> bool {
        let value = self.field.find(document).unwrap_or(&[NULL]);
        match &self.operator {
            Operator::Equal(operand) => equal(value, operand),
            Operator::NotEqual(operand) => !equal(value, operand),
            Operator::Less(operand) => ordered(value, operand, Ordering::is_lt),
            Operator::LessOrEqual(operand) => ordered(value, operand, Ordering::is_le),
            Operator::Greater(operand) => ordered(value, operand, Ordering::is_gt),
            Operator::GreaterOrEqual(operand) => ordered(value, operand, Ordering::is_ge),
            Operator::Between(low, high) => {
                ordered(value, low, Ordering::is_ge) && ordered(value, high, Ordering::is_le)
            }
            Operator::In(operands) => operands
                .binary_search_by(|operand| compare(operand, value))
                .is_ok(),
            Operator::Contains(operand) => match Item::of(value) {
                Item::List(..) => elements(value).any(|element| equal(element, operand)),
                Item::Text(text) => match Item::of(operand) {
                    Item::Text(part) => text.contains(part),
                    _ => false,
                },
                _ => false,
            },
            Operator::StartsWith(start) => {
                matches!(Item::of(value), Item::Text(text) if text.starts_with(start.as_str()))
            }
            Operator::EndsWith(end) => {
                matches!(Item::of(value), Item::Text(text) if text.ends_with(end.as_str()))
            }
        }
    }
}

/// Compares values of one class; values of different classes are neither less nor greater.
fn ordered(value: &[u8], operand: &[u8], test: fn(Ordering) -> bool) -> bool {
    class(value) == class(operand) && test(compare(value, operand))
}
