//! The programs that walks begin from, compiled.

use super::model::Chunk;
use super::sandbox;

/// The programs of `tests/corpus`, by name. In the binary, so that it runs where there are no files.
pub const PROGRAMS: [(&str, &str); 8] = [
    ("closing", include_str!("../../../tests/corpus/closing.lua")),
    (
        "closures",
        include_str!("../../../tests/corpus/closures.lua"),
    ),
    (
        "constants",
        include_str!("../../../tests/corpus/constants.lua"),
    ),
    ("gaps", include_str!("../../../tests/corpus/gaps.lua")),
    ("loops", include_str!("../../../tests/corpus/loops.lua")),
    (
        "operators",
        include_str!("../../../tests/corpus/operators.lua"),
    ),
    ("tables", include_str!("../../../tests/corpus/tables.lua")),
    ("yields", include_str!("../../../tests/corpus/yields.lua")),
];

/// The chunks to begin from.
pub struct Corpus {
    pub chunks: Vec<Chunk>,
}

impl Corpus {
    /// Compiles all programs.
    pub fn compile() -> Self {
        let compile = |(name, source): (&str, &str)| match sandbox::compile(source, false) {
            Ok(bytes) => Chunk::parse(&bytes),
            Err(message) => panic!("{name}: {message}"),
        };
        Corpus {
            chunks: PROGRAMS.into_iter().map(compile).collect(),
        }
    }
}
