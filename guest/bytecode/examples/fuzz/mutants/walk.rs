//! A walk from a chunk that Lua has made, fault by fault, through what the verifier accepts.

use super::corpus::Corpus;
use super::memory::metered;
use super::model::Chunk;
use super::mutate::{mutate, nest, scramble};
use super::program::program;
use super::random::Random;
use super::sandbox;

/// Faults on one walk.
pub const STEPS: u64 = 32;

/// What came of some mutants.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub mutants: u64,
    pub accepted: u64,
    /// Those that came to an end of their own instead of running out of instructions.
    pub finished: u64,
}

impl Tally {
    pub fn add(&mut self, other: Tally) {
        self.mutants += other.mutants;
        self.accepted += other.accepted;
        self.finished += other.finished;
    }
}

impl Corpus {
    /// A chunk to begin from: of the corpus, a function out of one, or one written by chance.
    fn begin(&self, seed: u64, random: &mut Random) -> Chunk {
        let mut chunk = random.pick(&self.chunks).clone();
        match random.below(4) {
            0 => {}
            1 => {
                let number = random.below(chunk.main.count());
                if let Some(function) = chunk.main.nth_mut(number) {
                    chunk.main = function.clone();
                    chunk.upvalues = chunk.main.upvalues.len() as u8;
                }
            }
            _ => {
                if let Ok(bytes) = sandbox::compile(&program(seed), false) {
                    chunk = Chunk::parse(&bytes);
                }
            }
        }
        if random.once_in(2) {
            chunk.main.strip();
        }
        chunk
    }
}

/// The verifier may take so many bytes of memory for each byte of a chunk, and some for a small one.
const MEMORY_FOR_EACH_BYTE: usize = 64;
const MEMORY_IN_ANY_CASE: usize = 4096;

/// Whether the verifier accepts a chunk.
fn accepts(bytes: &[u8]) -> bool {
    let (verified, memory) = metered(|| cu_bytecode::verify(bytes).is_ok());
    if memory > bytes.len() * MEMORY_FOR_EACH_BYTE + MEMORY_IN_ANY_CASE {
        sandbox::die(&format!(
            "the verifier took {memory} bytes for {}",
            bytes.len()
        ));
    }
    verified
}

/// Walks from one seed; `before` sees each chunk that is about to run.
pub fn walk(corpus: &Corpus, seed: u64, mut before: impl FnMut(u64, &[u8])) -> Tally {
    let mut random = Random::new(seed);
    let mut chunk = corpus.begin(seed, &mut random);
    let other = random.pick(&corpus.chunks);
    let mut tally = Tally::default();
    for step in 0..STEPS {
        let mut mutant = None;
        let bytes = match random.below(512) {
            0 => nest(&chunk, &mut random),
            1..32 => {
                let mut bytes = chunk.bytes();
                scramble(&mut bytes, &mut random);
                bytes
            }
            _ => {
                let mutant = mutant.insert(chunk.clone());
                mutate(mutant, other, &mut random);
                mutant.bytes()
            }
        };
        tally.mutants += 1;
        if !accepts(&bytes) {
            continue;
        }
        tally.accepted += 1;
        before(step, &bytes);
        tally.finished += u64::from(sandbox::run(&bytes));
        chunk = mutant.unwrap_or(chunk);
    }
    tally
}
