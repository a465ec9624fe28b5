//! Faults put into chunks: such as a careless writer of bytecode makes, and such as a malicious one does.

use crate::model::{Body, Chunk, Constant, Function};
use crate::random::Random;

const OPCODES: u32 = 83;
const MOVE: u32 = 0;
const LOADK: u32 = 3;
const LOADTRUE: u32 = 7;
const LOADNIL: u32 = 8;
const GETUPVAL: u32 = 9;
const SETUPVAL: u32 = 10;
const NEWTABLE: u32 = 19;
const CONCAT: u32 = 53;
const CLOSE: u32 = 54;
const TBC: u32 = 55;
const JMP: u32 = 56;
const CALL: u32 = 68;
const RETURN0: u32 = 71;
const FORLOOP: u32 = 73;
const FORPREP: u32 = 74;
const TFORPREP: u32 = 75;
const TFORLOOP: u32 = 77;
const CLOSURE: u32 = 79;
const EXTRAARG: u32 = 82;

/// Puts a fault into a chunk; `other` is one to take parts from.
pub fn mutate(chunk: &mut Chunk, other: &Chunk, random: &mut Random) {
    for _ in 0..1 + random.below(2) {
        let number = random.below(chunk.main.count());
        let Some(function) = chunk.main.nth_mut(number) else {
            return;
        };
        match random.below(54) {
            0..14 => field(function, random),
            14..17 => opcode(function, random),
            17..19 => jump(function, random),
            19 => swap(function, random),
            20..23 => duplicate(function, random),
            23..26 => remove(function, random),
            26..30 => splice(function, other, random),
            30..32 => move_register(function, random),
            32 => constant(function, random),
            33 => upvalue(function, random),
            34 | 35 => frame(function, random),
            36 => debug(function, random),
            37 => child(function, random),
            38 => arithmetic(function, random),
            39..45 => write(function, random),
            45..49 => touch_loop(function, random),
            49..53 => touch_shared(function, random),
            _ => {
                chunk.upvalues = chunk.main.upvalues.len() as u8;
            }
        }
    }
}

/// Changes some bytes, wherever they are.
pub fn scramble(bytes: &mut [u8], random: &mut Random) {
    for _ in 0..1 + random.below(3) {
        let at = random.below(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte = match random.below(3) {
                0 => random.next() as u8,
                1 => byte.wrapping_add(1),
                _ => *byte ^ 1 << random.below(8),
            };
        }
    }
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

fn insert(function: &mut Function, at: usize, words: &[u32], random: &mut Random) {
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
fn forget_lines(function: &mut Function) {
    function.lines.clear();
    function.absolute_lines.clear();
    function.locals.clear();
}

/// Adds an instruction that writes a register, gives it away, shares it or closes it.
fn write(function: &mut Function, random: &mut Random) {
    let register = random.below(usize::from(function.registers)) as u32;
    let a = register << 7;
    let b = random.below(usize::from(function.registers)) as u32;
    let words = match random.below(12) {
        0 => vec![LOADK | a | (random.below(function.constants.len()) as u32) << 15],
        1 => vec![LOADNIL | a],
        2 => vec![LOADTRUE | a],
        3 => vec![MOVE | a | b << 16],
        4 => vec![GETUPVAL | a | (random.below(function.upvalues.len()) as u32) << 16],
        5 => vec![NEWTABLE | a, EXTRAARG],
        6 => vec![CALL | a | 1 << 16 | 1 << 24],
        7 => vec![CLOSE | a],
        8 => vec![TBC | a],
        9 | 10 => vec![CLOSURE | a | (random.below(function.children.len()) as u32) << 15],
        _ => vec![CONCAT | a | 2 << 16],
    };
    let at = random.below(function.code.len());
    insert(function, at, &words, random);
}

/// Does something to a loop's state inside of the loop.
fn touch_loop(function: &mut Function, random: &mut Random) {
    let loops: Vec<usize> = (0..function.code.len())
        .filter(|pc| matches!(function.code[*pc] & 0x7f, FORLOOP | TFORLOOP))
        .collect();
    if loops.is_empty() {
        return;
    }
    let end = *random.pick(&loops);
    let word = function.code[end];
    let begin = end.saturating_sub((word >> 15) as usize) + 1;
    let register = (word >> 7 & 0xff) + random.below(4) as u32;
    let at = begin + random.below((end + 1).saturating_sub(begin));
    let a = register << 7;
    let words = match random.below(7) {
        0 => vec![LOADNIL | a],
        1 => vec![LOADK | a | (random.below(function.constants.len()) as u32) << 15],
        2 => vec![LOADTRUE | a],
        3 => vec![NEWTABLE | a, EXTRAARG],
        4 => vec![GETUPVAL | a],
        5 => vec![CLOSE | a],
        _ => {
            // A closure that shares the register and changes it.
            let child = random.below(function.children.len());
            let free = function.registers;
            function.registers = free.saturating_add(1);
            if let Some(child) = function.children.get_mut(child) {
                match child.upvalues.first_mut() {
                    Some(upvalue) => *upvalue = [1, register as u8, 0],
                    None => return,
                }
                if random.once_in(2) {
                    child.code = vec![LOADTRUE, SETUPVAL, RETURN0];
                    (child.parameters, child.is_vararg) = (0, 0);
                    child.registers = child.registers.max(2);
                    forget_lines(child);
                }
            }
            let free = u32::from(free) << 7;
            vec![
                CLOSURE | free | (child as u32) << 15,
                CALL | free | 1 << 16 | 1 << 24,
            ]
        }
    };
    insert(function, at, &words, random);
}

/// Calls, or lets the collector run, at or below a register that a closure shares or that is to be closed.
fn touch_shared(function: &mut Function, random: &mut Random) {
    let places: Vec<usize> = (0..function.code.len())
        .filter(|pc| matches!(function.code[*pc] & 0x7f, CLOSURE | TBC | TFORPREP))
        .collect();
    if places.is_empty() {
        return;
    }
    let pc = *random.pick(&places);
    let word = function.code[pc];
    let mut register = word >> 7 & 0xff;
    if word & 0x7f == CLOSURE
        && let Some(child) = function.children.get((word >> 15) as usize)
        && let Some(upvalue) = child.upvalues.iter().find(|upvalue| upvalue[0] == 1)
    {
        register = u32::from(upvalue[1]);
    }
    let a = register.saturating_sub(random.below(2) as u32) << 7;
    let words = match random.below(5) {
        0 => vec![CALL | a | 1 << 16 | 1 << 24],
        1 => vec![CALL | a | 1 << 16 | 2 << 24],
        2 => vec![NEWTABLE | a, EXTRAARG],
        3 => vec![CONCAT | a | 2 << 16],
        _ => vec![CLOSURE | a | (random.below(function.children.len()) as u32) << 15],
    };
    let at = (pc + 1 + random.below(6)).min(function.code.len());
    insert(function, at, &words, random);
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

fn constant(function: &mut Function, random: &mut Random) {
    let fresh = match random.below(7) {
        0 => Constant::nil(),
        1 => Constant::integer(random.next() as i64),
        2 => Constant::float(f64::from_bits(random.next())),
        3 => Constant::text(b"x"),
        4 => Constant::text(&[b'y'; 41]),
        5 => Constant {
            tag: random.next() as u8,
            body: Body::Nothing,
        },
        _ => Constant::integer(random.below(4) as i64),
    };
    let at = random.below(function.constants.len());
    match function.constants.get_mut(at) {
        Some(constant) if !random.once_in(3) => *constant = fresh,
        _ => function.constants.push(fresh),
    }
}

fn upvalue(function: &mut Function, random: &mut Random) {
    let at = random.below(function.upvalues.len());
    match function.upvalues.get_mut(at) {
        Some(upvalue) if !random.once_in(4) => match random.below(3) {
            0 => upvalue[0] ^= 1,
            1 => upvalue[1] = random.below(6) as u8,
            _ => upvalue[2] = random.below(5) as u8,
        },
        _ => {
            function.upvalues.push([1, random.below(4) as u8, 0]);
            function.names.clear();
        }
    }
}

fn frame(function: &mut Function, random: &mut Random) {
    match random.below(6) {
        0 => function.registers = function.registers.wrapping_sub(1),
        1 => function.registers = function.registers.wrapping_add(1),
        2 => function.registers = random.next() as u8,
        3 => function.parameters = random.below(5) as u8,
        4 => function.is_vararg ^= 1,
        _ => function.registers = function.registers.saturating_add(8),
    }
}

fn debug(function: &mut Function, random: &mut Random) {
    match random.below(5) {
        0 => forget_lines(function),
        1 => {
            let at = random.below(function.lines.len());
            if let Some(line) = function.lines.get_mut(at) {
                *line = random.next() as u8;
            }
        }
        2 => {
            let pc = random.below(function.code.len());
            function.absolute_lines.push((pc, random.below(1000)));
        }
        3 => {
            let end = random.below(function.code.len() + 1);
            function.locals.push((Some(b"l".to_vec()), 0, end));
        }
        _ => {
            function.names.pop();
        }
    }
}

fn child(function: &mut Function, random: &mut Random) {
    let at = random.below(function.children.len());
    if at < function.children.len() {
        let child = function.children[at].clone();
        match random.below(3) {
            0 => function.children.push(child),
            1 => {
                function.children.remove(at);
            }
            _ => function.children[at].children.push(child),
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
