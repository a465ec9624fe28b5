//! Instructions, put together from their fields.

/// How many instructions Lua has.
pub const OPCODES: u32 = 83;

pub const MOVE: u32 = 0;
pub const LOADI: u32 = 1;
pub const LOADF: u32 = 2;
pub const LOADK: u32 = 3;
pub const LFALSESKIP: u32 = 6;
pub const LOADTRUE: u32 = 7;
pub const LOADNIL: u32 = 8;
pub const GETUPVAL: u32 = 9;
pub const SETUPVAL: u32 = 10;
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

/// Ends a function without results.
pub const RETURNS: u32 = RETURN0 | 1 << 16;

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

/// The number of an instruction's opcode.
pub fn opcode(word: u32) -> u32 {
    word & 0x7f
}

/// Its first operand.
pub fn a(word: u32) -> u32 {
    word >> 7 & 0xff
}
