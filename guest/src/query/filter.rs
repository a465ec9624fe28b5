//! Testing a document against a condition, on its bytes.

use std::cmp::Ordering;

use super::condition::{Comparison, Condition, Operator};
use super::pattern::Exhausted;
use crate::value::{Item, NULL, class, compare, elements, equal};

impl Condition {
    /// Whether a document meets the condition.
    ///
    /// # Errors
    /// [`Exhausted`] if a pattern takes too long to tell.
    pub fn holds(&self, document: &[u8]) -> Result<bool, Exhausted> {
        match self {
            Condition::And(all) => {
                for condition in all {
                    if !condition.holds(document)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::Or(any) => {
                for condition in any {
                    if condition.holds(document)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Condition::Not(condition) => Ok(!condition.holds(document)?),
            Condition::Compare(comparison) => comparison.holds(document),
            // `Condition::meets` asks; nothing else comes here.
            Condition::Lua(_) => Ok(false),
        }
    }
}

impl Comparison {
    fn holds(&self, document: &[u8]) -> Result<bool, Exhausted> {
        let value = self.field.find(document).unwrap_or(&[NULL]);
        self.operator.holds(value)
    }
}

impl Operator {
    /// Whether a value is as the operator asks.
    pub(super) fn holds(&self, value: &[u8]) -> Result<bool, Exhausted> {
        Ok(match self {
            Operator::Equal(operand) => equal(value, operand),
            Operator::NotEqual(operand) => !equal(value, operand),
            Operator::Less(operand) => ordered(value, operand, Ordering::is_lt),
            Operator::LessOrEqual(operand) => ordered(value, operand, Ordering::is_le),
            Operator::Greater(operand) => ordered(value, operand, Ordering::is_gt),
            Operator::GreaterOrEqual(operand) => ordered(value, operand, Ordering::is_ge),
            Operator::Between(interval) => {
                let above = if interval.lower_open {
                    Ordering::is_gt
                } else {
                    Ordering::is_ge
                };
                let below = if interval.upper_open {
                    Ordering::is_lt
                } else {
                    Ordering::is_le
                };
                ordered(value, &interval.lower, above) && ordered(value, &interval.upper, below)
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
            Operator::Type(types) => types.has(value),
            Operator::Matches(pattern) => match Item::of(value) {
                Item::Text(text) => pattern.matches(text.as_bytes())?,
                Item::Bytes(bytes) => pattern.matches(bytes)?,
                _ => false,
            },
            Operator::Any(condition) => {
                for element in elements(value) {
                    if condition.holds(element)? {
                        return Ok(true);
                    }
                }
                false
            }
            Operator::All(condition) => {
                for element in elements(value) {
                    if !condition.holds(element)? {
                        return Ok(false);
                    }
                }
                matches!(Item::of(value), Item::List(..))
            }
        })
    }
}

/// Compares values of one class; values of different classes are neither less nor greater.
fn ordered(value: &[u8], operand: &[u8], test: fn(Ordering) -> bool) -> bool {
    class(value) == class(operand) && test(compare(value, operand))
}
