//! A walk from a chunk that Lua has made, fault by fault, through what the verifier accepts.

use std::path::Path;
use std::{fs, io};

use mlua::Lua;

use crate::model::Chunk;
use crate::mutate::{mutate, scramble};
use crate::program::program;
use crate::random::Random;
use crate::sandbox;

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

/// The chunks to begin from.
pub struct Corpus {
    chunks: Vec<Chunk>,
    compiler: Lua,
}

impl Corpus {
    /// Compiles all programs of a folder.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "lua") {
                files.push(path);
            }
        }
        // The order of files differs between machines, and a walk has to be the same on all of them.
        files.sort();
        let compiler = sandbox::lua();
        let mut chunks = Vec::new();
        for file in files {
            let chunk = dump(&compiler, &fs::read_to_string(&file)?, false);
            let chunk =
                chunk.map_err(|err| io::Error::other(format!("{}: {err}", file.display())))?;
            chunks.push(Chunk::parse(&chunk));
        }
        Ok(Corpus { chunks, compiler })
    }

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
                if let Ok(bytes) = dump(&self.compiler, &program(seed), false) {
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

/// Compiles a program.
pub fn dump(lua: &Lua, source: &str, strip: bool) -> mlua::Result<Vec<u8>> {
    Ok(lua
        .load(source)
        .set_name("=program")
        .into_function()?
        .dump(strip))
}

/// Walks from one seed; `before` sees each chunk that is about to run.
pub fn walk(corpus: &Corpus, seed: u64, mut before: impl FnMut(u64, &[u8])) -> Tally {
    let mut random = Random::new(seed);
    let mut chunk = corpus.begin(seed, &mut random);
    let other = random.pick(&corpus.chunks);
    let mut tally = Tally::default();
    for step in 0..STEPS {
        let mut mutant = chunk.clone();
        let scrambled = random.once_in(16);
        if !scrambled {
            mutate(&mut mutant, other, &mut random);
        }
        let mut bytes = mutant.bytes();
        if scrambled {
            scramble(&mut bytes, &mut random);
        }
        tally.mutants += 1;
        if cu_bytecode::verify(&bytes).is_err() {
            continue;
        }
        tally.accepted += 1;
        before(step, &bytes);
        tally.finished += u64::from(sandbox::run(&bytes));
        if !scrambled {
            chunk = mutant;
        }
    }
    tally
}
