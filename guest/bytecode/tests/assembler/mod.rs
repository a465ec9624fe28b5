//! Functions written instruction by instruction, and what the verifier says about them.

use cu_bytecode::{Reason, Refusal, verify};

pub use crate::mutants::instruction::*;
use crate::mutants::model::{Chunk, Constant, Function};

/// A function with ten registers and some constants: an integer, a float, a short string, a long one.
pub fn function(code: &[u32]) -> Function {
    Function {
        registers: 10,
        code: code.to_vec(),
        constants: vec![
            Constant::integer(1),
            Constant::float(1.5),
            Constant::text(b"short"),
            Constant::text(&[b'l'; 50]),
        ],
        ..Function::default()
    }
}

/// The same with one child, which takes its upvalues from there.
pub fn function_with_child(code: &[u32], upvalues: &[[u8; 3]]) -> Function {
    let mut child = function(&[abc(RETURN0, 0, 1, 0)]);
    child.upvalues = upvalues.to_vec();
    let mut function = function(code);
    function.children = vec![child];
    function
}

/// A chunk around a function.
pub fn chunk(main: Function) -> Chunk {
    let mut header = b"\x1bLua\x54\x00\x19\x93\r\n\x1a\n\x04\x08\x08".to_vec();
    header.extend(0x5678i64.to_le_bytes());
    header.extend(370.5f64.to_le_bytes());
    Chunk {
        header,
        upvalues: main.upvalues.len() as u8,
        main,
    }
}

pub fn refusal(bytes: &[u8]) -> Refusal {
    verify(bytes).expect_err("this must be refused")
}

pub fn reason_of(main: Function) -> Reason {
    refusal(&chunk(main).bytes()).reason
}

/// Refused at an instruction of the main function.
#[track_caller]
pub fn refused_at(pc: usize, main: Function, reason: Reason) {
    let refusal = refusal(&chunk(main).bytes());
    assert_eq!((refusal.reason, refusal.pc), (reason, Some(pc)));
    assert!(refusal.function.is_empty());
}

/// Refused for what is not code.
#[track_caller]
pub fn refused(main: Function, reason: Reason) {
    let refusal = refusal(&chunk(main).bytes());
    assert_eq!((refusal.reason, refusal.pc), (reason, None));
}

#[track_caller]
pub fn accepted(main: Function) {
    assert_eq!(verify(&chunk(main).bytes()).err(), None);
}

pub fn with(change: impl Fn(&mut Function)) -> Function {
    let mut main = function(&[RETURNS]);
    change(&mut main);
    main
}
