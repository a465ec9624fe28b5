//! Faults in what surrounds the code: constants, upvalues, frames, lines and names.

use super::instruction::{LOADTRUE, RETURNS};
use super::model::{Body, Constant, Function};
use super::mutate::forget_lines;
use super::random::Random;

pub fn constant(function: &mut Function, random: &mut Random) {
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

pub fn upvalue(function: &mut Function, random: &mut Random) {
    let at = random.below(function.upvalues.len());
    match function.upvalues.get_mut(at) {
        Some(upvalue) if !random.once_in(4) => match random.below(3) {
            0 => upvalue[0] ^= 1,
            1 => upvalue[1] = random.below(6) as u8,
            _ => upvalue[2] = random.below(5) as u8,
        },
        Some(upvalue) if random.once_in(16) => {
            // As many as a closure can count, and a few more.
            let (upvalue, count) = (*upvalue, 254 + random.below(6));
            function.upvalues.resize(count, upvalue);
            function.names.clear();
        }
        _ => {
            function.upvalues.push([1, random.below(4) as u8, 0]);
            function.names.clear();
        }
    }
}

pub fn frame(function: &mut Function, random: &mut Random) {
    match random.below(6) {
        0 => function.registers = function.registers.wrapping_sub(1),
        1 => function.registers = function.registers.wrapping_add(1),
        2 => function.registers = random.next() as u8,
        3 => function.parameters = random.below(5) as u8,
        4 if random.once_in(4) => function.is_vararg = random.below(4) as u8,
        4 => function.is_vararg ^= 1,
        _ => function.registers = function.registers.saturating_add(8),
    }
}

pub fn debug(function: &mut Function, random: &mut Random) {
    match random.below(12) {
        0 => forget_lines(function),
        1 | 2 => {
            let at = random.below(function.lines.len());
            if let Some(line) = function.lines.get_mut(at) {
                let any = random.next() as u8;
                *line = *random.pick(&[0x80, 0x7f, 0x81, 0, 1, any]);
            }
        }
        3 => {
            let pc = random.below(function.code.len());
            function.absolute_lines.push((pc, random.below(1000)));
        }
        4 => {
            let at = random.below(function.absolute_lines.len());
            if let Some((pc, line)) = function.absolute_lines.get_mut(at) {
                match random.below(3) {
                    0 => *pc = pc.wrapping_add(1),
                    1 => *pc = pc.saturating_sub(1),
                    _ => *line = near_limit(random),
                }
            }
        }
        5 => drop(function.absolute_lines.pop()),
        // More lines than instructions, or fewer.
        6 => {
            function.lines.pop();
        }
        7 => function.lines.push(0),
        8 => {
            let name = (!random.once_in(3)).then(|| b"l".to_vec());
            let end = random.below(function.code.len() + 2);
            function.locals.push((name, random.below(2), end));
        }
        9 => function.first_line = near_limit(random),
        10 => long_lines(function, random),
        _ => match random.once_in(2) {
            true => drop(function.names.pop()),
            false => function.names.push(Some(b"n".to_vec())),
        },
    }
}

/// A number that a C `int` can just hold, or just not.
fn near_limit(random: &mut Random) -> usize {
    let limit = *random.pick(&[1usize << 31, 1 << 31, 1 << 31, u32::MAX as usize]);
    limit - 5 + random.below(6)
}

/// Code so long that there have to be absolute lines, which are where they have to be but for one of them.
fn long_lines(function: &mut Function, random: &mut Random) {
    let length = 100 + random.below(300);
    if function.code.len() > length {
        return;
    }
    let missing = length - function.code.len();
    let end = function.code.len().saturating_sub(1);
    (function.code).splice(end..end, std::iter::repeat_n(LOADTRUE, missing));
    if function.code.len() < length {
        function.code.resize(length, RETURNS);
    }
    function.locals.clear();
    function.lines = vec![0; length];
    function.absolute_lines.clear();
    for pc in (100..length).step_by(100 + random.below(40)) {
        function.lines[pc] = 0x80;
        function.absolute_lines.push((pc, function.first_line + pc));
    }
}

pub fn child(function: &mut Function, random: &mut Random) {
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
