//! Functions written instruction by instruction, and what the verifier says about them.

use cu_bytecode::{Reason, Refusal, verify};

use crate::model::{Chunk, Constant, Function};

pub const MOVE: u32 = 0;
pub const LOADI: u32 = 1;
pub const LOADK: u32 = 3;
pub const LFALSESKIP: u32 = 6;
pub const LOADTRUE: u32 = 7;
pub const GETUPVAL: u32 = 9;
pub const GETFIELD: u32 = 14;
pub const NEWTABLE: u32 = 19;
pub const SELF: u32 = 20;
pub const ADDK: u32 = 22;
pub const BANDK: u32 = 29;
pub const ADD: u32 = 34;
pub const MMBIN: u32 = 46;
pub const MMBINK: u32 = 48;
pub const CONCAT: u32 = 53;
pub const CLOSE: u32 = 54;
pub const TBC: u32 = 55;
pub const JMP: u32 = 56;
pub const TEST: u32 = 66;
pub const CALL: u32 = 68;
pub const TAILCALL: u32 = 69;
pub const RETURN: u32 = 70;
pub const RETURN0: u32 = 71;
pub const RETURN1: u32 = 72;
pub const FORLOOP: u32 = 73;
pub const FORPREP: u32 = 74;
pub const TFORPREP: u32 = 75;
pub const TFORCALL: u32 = 76;
pub const TFORLOOP: u32 = 77;
pub const SETLIST: u32 = 78;
pub const CLOSURE: u32 = 79;
pub const VARARG: u32 = 80;
pub const VARARGPREP: u32 = 81;
pub const EXTRAARG: u32 = 82;

/// The number of the metamethod `__add`.
pub const EVENT_ADD: u32 = 6;

/// An instruction with three operands.
pub fn abc(opcode: u32, a: u32, b: u32, c: u32) -> u32 {
    opcode | a << 7 | b << 16 | c << 24
}

/// One with the flag `k` set too.
pub fn abck(opcode: u32, a: u32, b: u32, c: u32) -> u32 {
    abc(opcode, a, b, c) | 1 << 15
}

pub fn abx(opcode: u32, a: u32, bx: u32) -> u32 {
    opcode | a << 7 | bx << 15
}

/// A small integer into a register.
pub fn load(a: u32, value: i32) -> u32 {
    abx(LOADI, a, (value + (1 << 16) - 1) as u32)
}

pub fn jump(distance: i32) -> u32 {
    JMP | ((distance + (1 << 24) - 1) as u32) << 7
}

pub fn extra(ax: u32) -> u32 {
    EXTRAARG | ax << 7
}

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

/// Ends a function without results.
pub const RETURNS: u32 = 71 | 1 << 16;

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
