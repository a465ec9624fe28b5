//! A short walk through what the verifier accepts, in this process: if a mutant is not harmless, the test dies.
//!
//! The long walks are those of `examples/fuzz`, with assertions and sanitizers; the README says how.

#[path = "../examples/fuzz/mutants/mod.rs"]
#[allow(dead_code)]
mod mutants;

use std::fs;
use std::path::Path;

use cu_bytecode::verify;
use mutants::corpus::Corpus;
use mutants::model::HEADER_SIZE;
use mutants::mutate::scramble;
use mutants::program::program;
use mutants::random::Random;
use mutants::sandbox::{self, compile};
use mutants::walk::{STEPS, Tally, walk};

#[test]
fn twenty_thousand_mutants_are_refused_or_harmless() {
    let corpus = Corpus::compile();
    let mut total = Tally::default();
    for seed in 0..20_000 / STEPS {
        total.add(walk(&corpus, seed, |_, _| {}));
    }
    // A verifier that refuses everything would pass as well.
    assert!(total.accepted > total.mutants / 5, "{total:?}");
    assert!(total.accepted < total.mutants * 4 / 5, "{total:?}");
    assert!(total.finished > total.accepted / 2, "{total:?}");
}

/// The chunks in a folder of the corpus, by name.
fn chunks(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(folder);
    let files = fs::read_dir(folder).expect("the corpus is there");
    let chunks: Vec<_> = files
        .map(|file| {
            let path = file.expect("a file").path();
            let name = path.file_stem().expect("a name").display().to_string();
            (name, fs::read(path).expect("a chunk"))
        })
        .collect();
    assert!(chunks.len() > 9, "{} chunks", chunks.len());
    chunks
}

#[test]
fn chunks_that_break_lua_are_refused() {
    for (name, chunk) in chunks("refused") {
        let refusal = verify(&chunk).expect_err(&name);
        // The name begins with the rule.
        let rule = format!("{:?}", refusal.reason.rule());
        assert_eq!(name.split('-').next(), Some(&rule[..]), "{name}");
    }
}

#[test]
fn chunks_that_no_compiler_makes_are_accepted_and_harmless() {
    for (name, chunk) in chunks("accepted") {
        assert_eq!(verify(&chunk).err(), None, "{name}");
        sandbox::run(&chunk);
    }
}

#[test]
fn no_bytes_make_the_verifier_panic() {
    let mut random = Random::new(1);
    let chunk = compile(&program(7), false).expect("the program compiles");
    for _ in 0..20_000 {
        let mut bytes = chunk.clone();
        scramble(&mut bytes, &mut random);
        bytes.truncate(random.below(bytes.len() * 4).max(40));
        let _ = verify(&bytes);
    }
    // The header right, the rest anything.
    for _ in 0..20_000 {
        let mut bytes = chunk[..HEADER_SIZE].to_vec();
        bytes.extend(
            (0..random.below(200)).map(|_| random.next() as u8 | 0x80 & random.next() as u8),
        );
        let _ = verify(&bytes);
    }
}

#[test]
fn the_same_bytes_always_meet_the_same_answer() {
    let mut random = Random::new(2);
    let chunk = compile(&program(9), false).expect("the program compiles");
    for _ in 0..2_000 {
        let mut bytes = chunk.clone();
        scramble(&mut bytes, &mut random);
        assert_eq!(verify(&bytes), verify(&bytes));
    }
}
