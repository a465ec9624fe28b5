//! The list of what the component may import, must export and may weigh.
//!
//! One item a line: `import INTERFACE`, `export INTERFACE` or `size raw|gzip|brotli BYTES`.
//! Interfaces stand without their version: a patch release of WASI is no new capability.

use std::collections::BTreeSet;

use crate::component::{Interfaces, Sizes};

#[derive(Default)]
pub struct Limits {
    imports: BTreeSet<String>,
    exports: BTreeSet<String>,
    sizes: Vec<(String, usize)>,
}

/// One promise of the component, and whether it is kept.
pub struct Check {
    pub promise: String,
    pub holds: bool,
    pub detail: String,
}

impl Limits {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut limits = Self::default();
        for (number, line) in text.lines().enumerate() {
            let words: Vec<&str> = line
                .split('#')
                .next()
                .unwrap_or_default()
                .split_whitespace()
                .collect();
            match words.as_slice() {
                [] => {}
                ["import", name] => drop(limits.imports.insert((*name).to_owned())),
                ["export", name] => drop(limits.exports.insert((*name).to_owned())),
                ["size", kind @ ("raw" | "gzip" | "brotli"), bytes] => {
                    let bytes = bytes
                        .parse()
                        .map_err(|_| format!("line {}: no number of bytes", number + 1))?;
                    limits.sizes.push(((*kind).to_owned(), bytes));
                }
                _ => {
                    return Err(format!(
                        "line {}: expected import, export or size",
                        number + 1
                    ));
                }
            }
        }
        Ok(limits)
    }

    pub fn check(&self, interfaces: &Interfaces, sizes: &Sizes) -> Vec<Check> {
        let imports = names(&interfaces.imports);
        let exports = names(&interfaces.exports);
        let foreign: Vec<&str> = imports
            .difference(&self.imports)
            .map(String::as_str)
            .collect();
        let mut checks = vec![
            Check {
                promise: "imports_only_what_is_listed".to_owned(),
                holds: foreign.is_empty(),
                detail: format!(
                    "the component imports {}, which the list does not allow; guest/component/src/link.rs tells how to keep it out",
                    foreign.join(", ")
                ),
            },
            Check {
                promise: "exports_exactly_what_is_listed".to_owned(),
                holds: exports == self.exports,
                detail: format!(
                    "the component exports {exports:?}, the list says {:?}",
                    self.exports
                ),
            },
        ];
        for (kind, maximum) in &self.sizes {
            let size = match kind.as_str() {
                "raw" => sizes.raw,
                "gzip" => sizes.gzip,
                _ => sizes.brotli,
            };
            checks.push(Check {
                promise: format!("{kind}_size_is_at_most_{maximum}_bytes"),
                holds: size <= *maximum,
                detail: format!("the {kind} size is {size} bytes, {maximum} are allowed"),
            });
        }
        checks
    }
}

/// Interface names without their versions.
fn names(full: &[String]) -> BTreeSet<String> {
    full.iter()
        .map(|name| name.split('@').next().unwrap_or(name).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(imports: &[&str], raw: usize) -> Vec<String> {
        let limits =
            Limits::parse("# comment\nimport a:b/c\nexport a:b/d # why\nsize raw 10\n").unwrap();
        let interfaces = Interfaces {
            imports: imports.iter().map(|name| (*name).to_owned()).collect(),
            exports: vec!["a:b/d@1.0.0".to_owned()],
        };
        let checks = limits.check(
            &interfaces,
            &Sizes {
                raw,
                gzip: 0,
                brotli: 0,
            },
        );
        checks
            .into_iter()
            .filter(|check| !check.holds)
            .map(|check| check.promise)
            .collect()
    }

    #[test]
    fn any_version_of_a_listed_import_is_allowed() {
        assert_eq!(failures(&["a:b/c@1.2.3"], 10), [""; 0]);
    }

    #[test]
    fn an_import_that_is_not_listed_is_refused() {
        assert_eq!(
            failures(&["a:b/c", "wasi:cli/exit@0.2.6"], 10),
            ["imports_only_what_is_listed"]
        );
    }

    #[test]
    fn one_byte_too_many_is_refused() {
        assert_eq!(failures(&[], 11), ["raw_size_is_at_most_10_bytes"]);
    }

    #[test]
    fn an_unknown_line_names_its_number() {
        assert!(Limits::parse("\nsize huge 3").is_err_and(|error| error.starts_with("line 2")));
    }
}
