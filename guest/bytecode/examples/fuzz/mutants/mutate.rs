//! Faults put into chunks: such as a careless writer of bytecode makes, and such as a malicious one does.

use super::instruction::{FORLOOP, FORPREP, JMP, OPCODES, RETURN0, TFORLOOP, TFORPREP};
use super::model::{Chunk, Function, number};
use super::random::Random;
use super::{data, plant};

/// Puts a fault into a chunk; `other` is one to take parts from.
pub fn mutate(chunk: &mut Chunk, other: &Chunk, random: &mut Random) {
    for _ in 0..1 + random.below(2) {
        let number = random.below(chunk.main.count());
        let Some(function) = chunk.main.nth_mut(number) else {
            return;
        };
        match random.below(67) {
            0..14 => field(function, random),
            14..17 => opcode(function, random),
            17..19 => jump(function, random),
            19 => swap(function, random),
            20..23 => duplicate(function, random),
            23..26 => remove(function, random),
            26..30 => splice(function, other, random),
            30..32 => move_register(function, random),
            32 => data::constant(function, random),
            33 => data::upvalue(function, random),
            34 | 35 => data::frame(function, random),
            36 | 37 => data::debug(function, random),
            38 => data::child(function, random),
            39 => arithmetic(function, random),
            40..45 => plant::write(function, random),
            45..49 => plant::touch_loop(function, random),
            49..53 => plant::touch_shared(function, random),
            53..63 => plant::gadget(function, random),
            63..66 => plant::share(function, random),
            _ => chunk.upvalues = chunk.main.upvalues.len() as u8,
        }
    }
}

/// Changes some bytes, wherever they are; perhaps puts one in, or takes one out.
pub fn scramble(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(3) {
        let at = random.below(bytes.len());
        let Some(byte) = bytes.get_mut(at) else {
            return;
        };
        match random.below(16) {
            0..5 => *byte = random.next() as u8,
            5..9 => *byte = byte.wrapping_add(1),
            9..13 => *byte ^= 1 << random.below(8),
            13 => bytes.insert(at, 0),
            14 => bytes.insert(at, random.next() as u8),
            _ => drop(bytes.remove(at)),
        }
    }
    if random.once_in(32) {
        bytes.push(random.next() as u8);
    }
}

/// Functions that do nothing, each nested in the one before it.
///
/// As bytes, since a chunk that is nested too deep could not be taken apart either.
pub fn nest(chunk: &Chunk, random: &mut Random) -> Vec<u8> {
    let levels = *random.pick(&[1, 100, 198, 199, 200, 5000]);
    let mut shell = Function {
        children: Vec::new(),
        ..chunk.main.clone()
    };
    shell.strip();
    shell.code = vec![RETURN0];
    shell.constants.clear();
    shell.upvalues.clear();
    (shell.parameters, shell.is_vararg, shell.registers) = (0, 0, 2);
    let mut out = chunk.header.clone();
    out.push(0);
    let mut tail = vec![];
    number(&mut tail, 0);
    shell.write_tail(&mut tail);
    for _ in 0..levels {
        shell.write_head(&mut out);
        number(&mut out, 1);
    }
    shell.write_head(&mut out);
    out.extend(tail);
    for _ in 0..levels {
        shell.write_tail(&mut out);
    }
    out
}

fn set(word: &mut u32, shift: u32, bits: u32, value: u32) {
    let mask = ((1u64 << bits) - 1) as u32;
    *word = *word & !(mask << shift) | (value & mask) << shift;
}

/// Changes an operand, mostly to a near or small value.
fn field(function: &mut Function, random: &mut Random) {
    let at = random.below(function.code.len());
    let Some(word) = function.code.get_mut(at) else {
        return;
    };
    let (shift, bits) = *random.pick(&[(7, 8), (16, 8), (24, 8), (15, 1), (15, 17), (7, 25)]);
    let old = *word >> shift;
    let value = match random.below(5) {
        0 => old.wrapping_add(1),
        1 => old.wrapping_sub(1),
        2 => random.below(usize::from(function.registers) + 1) as u32,
        3 => random.below(8) as u32,
        _ => random.next() as u32,
    };
    set(word, shift, bits, value);
}

fn opcode(function: &mut Function, random: &mut Random) {
    let at = random.below(function.code.len());
    if let Some(word) = function.code.get_mut(at) {
        let value = match random.below(12) {
            0 => random.below(128) as u32,
            1..5 => (*word & 0x7f).wrapping_add(1),
            5..9 => (*word & 0x7f).wrapping_sub(1),
            _ => random.below(OPCODES as usize) as u32,
        };
        set(word, 0, 7, value);
    }
}

/// Sends a jump elsewhere, or makes one.
fn jump(function: &mut Function, random: &mut Random) {
    let at = random.below(function.code.len());
    let target = random.below(function.code.len());
    let jumps: Vec<usize> = (0..function.code.len())
        .filter(|pc| function.code[*pc] & 0x7f == JMP)
        .collect();
    let pc = match jumps.is_empty() || random.once_in(4) {
        true => at,
        false => *random.pick(&jumps),
    };
    if pc < function.code.len() {
        function.code[pc] = JMP | jump_distance(pc, target) << 7;
    }
}

fn jump_distance(pc: usize, target: usize) -> u32 {
    (target as i64 - pc as i64 - 1 + (1 << 24) - 1) as u32
}

fn swap(function: &mut Function, random: &mut Random) {
    let length = function.code.len();
    let (one, two) = (random.below(length), random.below(length));
    if length > 0 {
        let two = if random.once_in(2) {
            two
        } else {
            (one + 1) % length
        };
        function.code.swap(one, two);
    }
}

fn duplicate(function: &mut Function, random: &mut Random) {
    let from = random.below(function.code.len());
    let count = 1 + random.below(4);
    let words: Vec<u32> = function
        .code
        .iter()
        .skip(from)
        .take(count)
        .copied()
        .collect();
    let at = random.below(function.code.len());
    insert(function, at, &words, random);
}

fn remove(function: &mut Function, random: &mut Random) {
    let length = function.code.len();
    let at = random.below(length);
    let count = (1 + random.below(2)).min(length - at);
    let keep = jump_targets(function, random);
    function.code.drain(at..at + count);
    forget_lines(function);
    retarget(function, keep, |pc| match pc {
        pc if pc >= at + count => pc - count,
        pc => pc.min(at),
    });
}

fn splice(function: &mut Function, other: &Chunk, random: &mut Random) {
    let mut other = other.main.clone();
    let number = random.below(other.count());
    let Some(source) = other.nth_mut(number) else {
        return;
    };
    let from = random.below(source.code.len());
    let words: Vec<u32> = (source.code.iter())
        .skip(from)
        .take(1 + random.below(6))
        .copied()
        .collect();
    let at = random.below(function.code.len());
    insert(function, at, &words, random);
}

pub fn insert(function: &mut Function, at: usize, words: &[u32], random: &mut Random) {
    let keep = jump_targets(function, random);
    function.code.splice(at..at, words.iter().copied());
    forget_lines(function);
    let count = words.len();
    retarget(function, keep, |pc| if pc >= at { pc + count } else { pc });
}

/// Where the jumps of a function lead, if they are to be kept there, by instruction.
fn jump_targets(function: &Function, random: &mut Random) -> Option<Vec<(usize, i64)>> {
    if random.once_in(4) {
        return None;
    }
    let targets = function.code.iter().enumerate().filter_map(|(pc, word)| {
        let next = pc as i64 + 1;
        let bx = i64::from(word >> 15);
        match word & 0x7f {
            JMP => Some((pc, next + i64::from(word >> 7) - ((1 << 24) - 1))),
            FORPREP | TFORPREP => Some((pc, next + bx)),
            FORLOOP | TFORLOOP => Some((pc, next - bx)),
            _ => None,
        }
    });
    Some(targets.collect())
}

/// Lets jumps lead where they led before instructions were moved.
fn retarget(
    function: &mut Function,
    targets: Option<Vec<(usize, i64)>>,
    moved: impl Fn(usize) -> usize,
) {
    for (pc, target) in targets.into_iter().flatten() {
        let pc = moved(pc);
        let target = moved(target.max(0) as usize) as i64;
        let Some(word) = function.code.get_mut(pc) else {
            continue;
        };
        let distance = target - pc as i64 - 1;
        match *word & 0x7f {
            JMP => set(word, 7, 25, (distance + (1 << 24) - 1) as u32),
            FORPREP | TFORPREP => set(word, 15, 17, distance as u32),
            FORLOOP | TFORLOOP => set(word, 15, 17, -distance as u32),
            _ => {}
        }
    }
}

/// Lines have to be of the same number as instructions.
pub fn forget_lines(function: &mut Function) {
    function.lines.clear();
    function.absolute_lines.clear();
    function.locals.clear();
}

/// Renames a register wherever it is some instruction's first operand, or in a row of instructions.
fn move_register(function: &mut Function, random: &mut Random) {
    let old = random.below(usize::from(function.registers)) as u32;
    let new = random.below(usize::from(function.registers)) as u32;
    let from = random.below(function.code.len());
    let count = 1 + random.below(8);
    for word in function.code.iter_mut().skip(from).take(count) {
        for shift in [7, 16, 24] {
            if *word >> shift & 0xff == old {
                set(word, shift, 8, new);
            }
        }
    }
}

/// Turns one operation into another together with its metamethod, which a change of one field can't.
fn arithmetic(function: &mut Function, random: &mut Random) {
    let (first, last, constants) = (34, 45, 22);
    let places: Vec<usize> = (0..function.code.len().saturating_sub(1))
        .filter(|pc| (first..=last).contains(&(function.code[*pc] & 0x7f)))
        .collect();
    if places.is_empty() {
        return;
    }
    let pc = *random.pick(&places);
    let number = random.below(12) as u32;
    let with_constant = number < 10 && random.once_in(3);
    let opcode = if with_constant { constants } else { first };
    set(&mut function.code[pc], 0, 7, opcode + number);
    set(
        &mut function.code[pc + 1],
        0,
        7,
        if with_constant { 48 } else { 46 },
    );
    set(&mut function.code[pc + 1], 24, 8, 6 + number);
}
