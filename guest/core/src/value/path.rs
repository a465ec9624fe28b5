//! Paths: which value inside a value.

use std::fmt;

use super::item::{Item, elements, skip};
use super::write::{write_int, write_string};

/// One step of a path: a map's key or a list's position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The key in the deterministic encoding, to be compared with the bytes of a map.
    encoded: Vec<u8>,
    /// The position in a list, counted from 1, if the step is an integer.
    position: Option<i64>,
}

impl Step {
    /// A member by its name.
    #[must_use]
    pub fn name(name: &[u8]) -> Self {
        let mut encoded = Vec::with_capacity(name.len() + 2);
        write_string(&mut encoded, name);
        Step {
            encoded,
            position: None,
        }
    }

    /// An element by its position, counted from 1, or an entry by its integer key.
    #[must_use]
    pub fn position(position: i64) -> Self {
        let mut encoded = Vec::new();
        write_int(&mut encoded, position);
        Step {
            encoded,
            position: Some(position),
        }
    }

    /// Any other key of a map, in the deterministic encoding.
    #[must_use]
    pub fn encoded_key(encoded: &[u8]) -> Self {
        let position = match Item::of(encoded) {
            Item::Int(position) => Some(position),
            _ => None,
        };
        Step {
            encoded: encoded.to_vec(),
            position,
        }
    }

    /// The key in the deterministic encoding.
    #[must_use]
    pub fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// Where the step's value is, inside of a container; none if it has none.
    ///
    /// A map's keys are in order, so a miss ends early.
    #[must_use]
    pub fn find<'a>(&self, container: &'a [u8]) -> Option<&'a [u8]> {
        match Item::of(container) {
            Item::Map(count, mut rest) => {
                for _ in 0..count {
                    let key = &rest[..skip(rest)];
                    rest = &rest[key.len()..];
                    match key.cmp(&self.encoded) {
                        std::cmp::Ordering::Less => rest = &rest[skip(rest)..],
                        std::cmp::Ordering::Equal => {
                            return Some(&rest[..skip(rest)]).filter(|value| !value.is_empty());
                        }
                        std::cmp::Ordering::Greater => return None,
                    }
                }
                None
            }
            Item::List(..) => self
                .index()?
                .checked_sub(1)
                .and_then(|i| elements(container).nth(i)),
            _ => None,
        }
    }

    /// The position in a list, counted from 1, if the step can be one.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        usize::try_from(self.position?).ok().filter(|i| *i > 0)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Item::of(&self.encoded) {
            Item::Text(name) => f.write_str(name),
            Item::Int(position) => write!(f, "{position}"),
            Item::Bool(value) => write!(f, "{value}"),
            _ => f.write_str("…"),
        }
    }
}

/// The steps from a value to one inside of it; none for the value itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path {
    /// From the outside in.
    pub steps: Vec<Step>,
}

impl Path {
    /// Reads `address.city`.
    #[must_use]
    pub fn dotted(text: &str) -> Self {
        Path {
            steps: text
                .split('.')
                .map(|name| Step::name(name.as_bytes()))
                .collect(),
        }
    }

    /// The text that [`Path::dotted`] would read it from; none if there is none.
    #[must_use]
    pub fn as_dotted(&self) -> Option<String> {
        let names: Option<Vec<&str>> = self
            .steps
            .iter()
            .map(|step| match Item::of(&step.encoded) {
                Item::Text(name) if !name.is_empty() && !name.contains('.') => Some(name),
                _ => None,
            })
            .collect();
        names
            .filter(|names| !names.is_empty())
            .map(|names| names.join("."))
    }

    /// The value at the path; none if there is none.
    #[must_use]
    pub fn find<'a>(&self, value: &'a [u8]) -> Option<&'a [u8]> {
        self.steps
            .iter()
            .try_fold(value, |value, step| step.find(value))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.steps.iter().enumerate() {
            if number > 0 {
                f.write_str(".")?;
            }
            write!(f, "{step}")?;
        }
        Ok(())
    }
}
