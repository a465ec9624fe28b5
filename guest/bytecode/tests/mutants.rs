//! A short walk through what the verifier accepts, in this process: if a mutant is not harmless, the test dies.
//!
//! The long walks are those of `examples/fuzz`, with assertions and sanitizers; the README says how.

#[path = "../examples/fuzz/model.rs"]
#[allow(dead_code)]
mod model;
#[path = "../examples/fuzz/mutate.rs"]
mod mutate;
#[path = "../examples/fuzz/program.rs"]
mod program;
#[path = "../examples/fuzz/random.rs"]
mod random;
#[path = "../examples/fuzz/sandbox.rs"]
mod sandbox;
#[path = "../examples/fuzz/walk.rs"]
mod walk;

use std::path::Path;

use cu_bytecode::verify;
use random::Random;
use walk::{Corpus, STEPS, Tally};

fn corpus() -> Corpus {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    Corpus::read(&folder).expect("the corpus compiles")
}

#[test]
fn twenty_thousand_mutants_are_refused_or_harmless() {
    let corpus = corpus();
    let mut total = Tally::default();
    for seed in 0..20_000 / STEPS {
        total.add(walk::walk(&corpus, seed, |_, _| {}));
    }
    // A verifier that refuses everything would pass as well.
    assert!(total.accepted > total.mutants / 5, "{total:?}");
    assert!(total.accepted < total.mutants * 4 / 5, "{total:?}");
    assert!(total.finished > total.accepted / 2, "{total:?}");
}

#[test]
fn no_bytes_make_the_verifier_panic() {
    let mut random = Random::new(1);
    let lua = sandbox::lua();
    let source = program::program(7);
    let chunk = walk::dump(&lua, &source, false).expect("the program compiles");
    for _ in 0..20_000 {
        let mut bytes = chunk.clone();
        mutate::scramble(&mut bytes, &mut random);
        bytes.truncate(random.below(bytes.len() * 4).max(40));
        let _ = verify(&bytes);
    }
    // The header right, the rest anything.
    for _ in 0..20_000 {
        let mut bytes = chunk[..model::HEADER_SIZE].to_vec();
        bytes.extend(
            (0..random.below(200)).map(|_| random.next() as u8 | 0x80 & random.next() as u8),
        );
        let _ = verify(&bytes);
    }
}

#[test]
fn the_same_bytes_always_meet_the_same_answer() {
    let mut random = Random::new(2);
    let lua = sandbox::lua();
    let chunk = walk::dump(&lua, &program::program(9), false).expect("the program compiles");
    for _ in 0..2_000 {
        let mut bytes = chunk.clone();
        mutate::scramble(&mut bytes, &mut random);
        assert_eq!(verify(&bytes), verify(&bytes));
    }
}
