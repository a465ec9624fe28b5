//! Decides whether a binary Lua 5.4 chunk can be loaded and run without harm to the machine that runs it.
//!
//! Lua loads binary chunks on trust: what its own compiler wrote keeps to rules that neither the loader
//! nor the machine checks again, and a chunk that breaks one of them reads and writes foreign memory. This
//! crate checks those rules, all of them, before the loader sees the chunk. It accepts whatever
//! `string.dump` of the same Lua makes, stripped or not, and says of everything else where and why not.
//!
//! What an accepted chunk *does* when it runs is another question: it can loop forever, eat memory and call
//! whatever its environment holds, just as source text can. It can't do more than source text could.
//! One thing has to stay out of its reach, as out of that of any Lua code: the library `debug`, with which a
//! running function's registers can be changed from outside.
//!
//! - `reader`: bytes, numbers, strings; the header.
//! - `prototype`, `debug`: functions, constants, upvalues; lines and names. What *loading* trusts.
//! - `opcode`, `operands`: single instructions. What the machine indexes with.
//! - `sequence`: pairs of instructions, jumps, the shapes of loops.
//! - `registers`, `flow`: what registers hold on every way through the code.
//! - `names`: what a function refers to by name.
//!
//! Time is linear in the size of the chunk for code as compilers write it, and at most 64 times that;
//! memory at most some sixty times the size of the chunk, and commonly less than ten times.

mod debug;
mod flow;
mod names;
mod opcode;
mod operands;
mod prototype;
mod reader;
mod refusal;
mod registers;
mod sequence;

pub use names::names;
pub use refusal::{Reason, Refusal, Rule};

use prototype::{Parser, Prototype};
use reader::Reader;

/// A chunk that passed, and what there is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified<'a> {
    bytes: &'a [u8],
    functions: usize,
    instructions: usize,
    upvalues: usize,
}

impl<'a> Verified<'a> {
    /// The chunk, as it was given.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many functions there are, the main function included.
    pub fn functions(&self) -> usize {
        self.functions
    }

    /// How many instructions all functions have together.
    pub fn instructions(&self) -> usize {
        self.instructions
    }

    /// How many upvalues the main function has. Loading makes new ones for it, of which Lua puts the
    /// environment into the first.
    pub fn upvalues(&self) -> usize {
        self.upvalues
    }
}

/// Checks a binary chunk.
///
/// # Errors
///
/// [`Refusal`] says which function and instruction broke which rule. The same bytes always meet the same
/// answer, and no bytes make this function panic.
///
/// # Examples
///
/// ```
/// let refusal = cu_bytecode::verify(b"\x1bLua\x53").unwrap_err();
/// assert_eq!(refusal.to_string(), "main function: made for Lua 5.3, not for 5.4");
/// ```
pub fn verify(chunk: &[u8]) -> Result<Verified<'_>, Refusal> {
    let mut parser = Parser {
        reader: Reader::new(chunk),
        path: Vec::new(),
        pc: None,
    };
    let main = match parser.chunk() {
        Ok(main) => main,
        Err(reason) => {
            return Err(Refusal {
                function: parser.path,
                pc: parser.pc,
                reason,
            });
        }
    };
    let mut verified = Verified {
        bytes: chunk,
        functions: 0,
        instructions: 0,
        upvalues: main.upvalues.len(),
    };
    let mut path = Vec::new();
    match check(&main, &mut path, &mut verified) {
        Ok(()) => Ok(verified),
        Err((pc, reason)) => Err(Refusal {
            function: path,
            pc,
            reason,
        }),
    }
}

/// Checks a function and those nested in it; after a refusal, the path leads to the one at fault.
fn check(
    function: &Prototype,
    path: &mut Vec<u32>,
    verified: &mut Verified,
) -> Result<(), (Option<usize>, Reason)> {
    let targets = sequence::check(function)?;
    for pc in 0..function.code.len() {
        operands::check(function, pc).map_err(|reason| (Some(pc), reason))?;
    }
    flow::check(function, &targets).map_err(|(pc, reason)| (Some(pc), reason))?;
    verified.functions += 1;
    verified.instructions += function.code.len();
    for (child, number) in function.children.iter().zip(0..) {
        path.push(number);
        check(child, path, verified)?;
        path.pop();
    }
    Ok(())
}
