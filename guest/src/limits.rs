//! The limits that calls run under: the database's, and those of one call.

use crate::error::{Error, Result};
use crate::value::{Item, entries, write_int, write_map_head, write_text};

/// A limit that can be set. The discriminants are places in [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is documented in wit/database.wit")]
pub enum Setting {
    Memory,
    Instructions,
    WallClock,
    CallDepth,
    ResultSize,
    OutputSize,
    TransactionSize,
    FunctionSize,
    CacheSize,
}

/// How many there are.
const COUNT: usize = 9;

/// What can be said of one limit.
struct Rule {
    name: &'static str,
    least: u64,
    default: u64,
    most: u64,
}

const fn rule(name: &'static str, least: u64, default: u64, most: u64) -> Rule {
    Rule {
        name,
        least,
        default,
        most,
    }
}

/// In the order of [`Setting`]. `docs/security.md` has the same numbers as a table.
const RULES: [Rule; COUNT] = [
    rule("memory", 512 << 10, 64 << 20, 1 << 30),
    rule("instructions", 1, 1_000_000_000, 1_000_000_000_000_000),
    rule("wall-clock", 1, 30_000, 86_400_000),
    rule("call-depth", 10, 200_000, 200_000),
    rule("result-size", 1, 64 << 20, 256 << 20),
    rule("output-size", 0, 64 << 20, 1 << 30),
    rule("transaction-size", 1024, 512 << 20, 512 << 20),
    rule("function-size", 1, 100 << 10, 16 << 20),
    rule("cache-size", 0, 4 << 20, 256 << 20),
];

/// Limits that were set; all others have their defaults.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Limits([Option<u64>; COUNT]);

impl Limits {
    /// The same limits, with one of them set, or left at its default.
    #[must_use]
    pub fn with(mut self, setting: Setting, value: Option<u64>) -> Self {
        self.0[setting as usize] = value;
        self
    }

    /// What was set.
    #[must_use]
    pub fn set(&self, setting: Setting) -> Option<u64> {
        self.0[setting as usize]
    }

    /// What is in force.
    #[must_use]
    pub fn get(&self, setting: Setting) -> u64 {
        self.set(setting).unwrap_or(RULES[setting as usize].default)
    }

    /// All limits, defaults filled in.
    #[must_use]
    pub fn filled(&self) -> Self {
        let mut all = *self;
        for (value, rule) in all.0.iter_mut().zip(&RULES) {
            value.get_or_insert(rule.default);
        }
        all
    }

    /// These limits, where `call` does not say otherwise.
    #[must_use]
    pub fn under(&self, call: &Limits) -> Self {
        let mut all = *self;
        for (value, own) in all.0.iter_mut().zip(&call.0) {
            *value = own.or(*value);
        }
        all
    }

    /// Checks what was set; `argument` is what the places begin with.
    ///
    /// # Errors
    /// `InvalidArgument` for a limit below its least or above its greatest value.
    pub fn check(&self, argument: &str) -> Result<()> {
        for (value, rule) in self.0.iter().zip(&RULES) {
            let Some(value) = value else { continue };
            if !(rule.least..=rule.most).contains(value) {
                let Rule {
                    name, least, most, ..
                } = rule;
                return Err(Error::argument(
                    format!("{argument}.{name}"),
                    format!("{name} is {value}; choose from {least} to {most}"),
                ));
            }
        }
        Ok(())
    }

    /// Whether nothing was set.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Appends what was set, as a map in deterministic order.
    pub fn write(&self, out: &mut Vec<u8>) {
        // Shorter names first, then bytewise: the order of their encodings.
        const ORDER: [usize; COUNT] = [0, 8, 3, 2, 5, 4, 1, 7, 6];
        write_map_head(out, self.0.iter().flatten().count());
        for place in ORDER {
            if let Some(value) = self.0[place] {
                write_text(out, RULES[place].name);
                write_int(out, i64::try_from(value).unwrap_or(i64::MAX));
            }
        }
    }

    /// Reads what [`Limits::write`] gave; none for anything else.
    #[must_use]
    pub fn read(record: &[u8]) -> Option<Self> {
        let mut limits = Limits::default();
        let Item::Map(..) = Item::of(record) else {
            return None;
        };
        for (key, value) in entries(record) {
            let (Item::Text(name), Item::Int(value)) = (Item::of(key), Item::of(value)) else {
                return None;
            };
            let place = RULES.iter().position(|rule| rule.name == name)?;
            limits.0[place] = Some(u64::try_from(value).ok()?);
        }
        limits.check("").ok()?;
        Some(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_written_in_deterministic_form_and_read_again() {
        let mut limits = Limits::default();
        let mut out = Vec::new();
        limits.write(&mut out);
        assert_eq!(out, [0xa0]);
        for (place, rule) in RULES.iter().enumerate() {
            assert!(rule.least <= rule.default && rule.default <= rule.most);
            limits.0[place] = Some(rule.most);
            out.clear();
            limits.write(&mut out);
            assert_eq!(Limits::read(&out), Some(limits));
            let accepted = crate::value::accept(&out, "").expect("a value");
            assert_eq!(&*accepted, &out[..], "the order of the keys");
        }
        assert_eq!(limits, limits.filled());
    }

    #[test]
    fn a_limit_out_of_its_range_is_named() {
        let limits = Limits::default().with(Setting::Memory, Some(1));
        let Err(Error::InvalidArgument(problem)) = limits.check("options") else {
            panic!("not refused");
        };
        assert_eq!(problem.place, "options.memory");
        assert!(limits.under(&Limits::default()).check("options").is_err());
        let call = Limits::default().with(Setting::Memory, Some(1 << 20));
        assert_eq!(limits.under(&call).get(Setting::Memory), 1 << 20);
    }
}
