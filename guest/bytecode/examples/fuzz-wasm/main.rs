//! The fuzzer's walks as a WebAssembly module, for `run.mjs`: with Lua as it is compiled for the component.
//!
//! What is native and kills the process is a trap here, also where a table of functions is indexed by a value
//! that is none, or the stack is used up.

#[allow(dead_code)]
#[path = "../fuzz/mutants/mod.rs"]
mod mutants;

use std::cell::OnceCell;
use std::ffi::c_int;

use mutants::corpus::Corpus;
use mutants::walk::walk;

thread_local! {
    static CORPUS: OnceCell<Corpus> = const { OnceCell::new() };
}

/// Walks from a seed; how many mutants were accepted.
#[unsafe(no_mangle)]
extern "C" fn walk_from(seed: u64) -> u32 {
    CORPUS.with(|corpus| {
        let corpus = corpus.get_or_init(Corpus::compile);
        walk(corpus, seed, |_, _| {}).accepted as u32
    })
}

/// Lua as it is compiled for the component counts instructions down in here, and asks when there are none left.
#[unsafe(no_mangle)]
static mut cu_countdown: c_int = c_int::MAX;

/// There are always more.
#[unsafe(no_mangle)]
extern "C" fn cu_count() -> c_int {
    // SAFETY: Lua has read it and does not at the same time, since there is one thread.
    unsafe { cu_countdown = c_int::MAX };
    0
}
