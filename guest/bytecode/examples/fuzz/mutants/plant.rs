//! Instructions planted where they may break what others rely on.

use super::instruction::*;
use super::model::{Body, Function};
use super::mutate::{forget_lines, insert};
use super::random::Random;

/// Adds an instruction that writes a register, gives it away, shares it or closes it.
pub fn write(function: &mut Function, random: &mut Random) {
    let register = random.below(usize::from(function.registers)) as u32;
    let words = touch(function, register, random);
    let at = random.below(function.code.len());
    insert(function, at, &words, random);
}

/// Something done to a register and perhaps those above.
fn touch(function: &Function, register: u32, random: &mut Random) -> Vec<u32> {
    let other = random.below(usize::from(function.registers)) as u32;
    match random.below(14) {
        0 => vec![abx(
            LOADK,
            register,
            random.below(function.constants.len()) as u32,
        )],
        1 => vec![abc(LOADNIL, register, 0, 0)],
        2 => vec![abc(LOADTRUE, register, 0, 0)],
        3 => vec![abc(MOVE, register, other, 0)],
        4 => {
            let upvalue = random.below(function.upvalues.len()) as u32;
            vec![abc(GETUPVAL, register, upvalue, 0)]
        }
        5 | 6 => vec![abc(NEWTABLE, register, 0, 0), extra(0)],
        7 => vec![abc(CALL, register, 1, 1)],
        8 => vec![abc(CLOSE, register, 0, 0)],
        9 => vec![abc(TBC, register, 0, 0)],
        10 | 11 => {
            let child = random.below(function.children.len()) as u32;
            vec![abx(CLOSURE, register, child)]
        }
        12 => vec![abc(VARARG, register, 0, random.below(3) as u32)],
        _ => vec![abc(CONCAT, register, 2, 0)],
    }
}

/// Instructions that belong together, as they should be or nearly so, perhaps with others among them that
/// undo what the last ones rely on.
pub fn gadget(function: &mut Function, random: &mut Random) {
    let frame = usize::from(function.registers);
    let base = random.below(frame.saturating_sub(2)) as u32;
    let near = |random: &mut Random| base + random.below(4) as u32;
    let (one, two) = (near(random), near(random));
    let few = |random: &mut Random| random.below(4) as u32;
    let text = text_constant(function);
    let mut words = match random.below(10) {
        // A method whose name is in a register.
        0 | 1 => vec![
            abc(LOADTRUE, base, 0, 0),
            abx(LOADK, one, text),
            abc(SELF, two, base, one),
        ],
        // A list put into a table.
        2 | 3 => vec![
            abc(NEWTABLE, base, 0, 0),
            extra(0),
            abc(LOADNIL, base + 1, 1, 0),
            abc(SETLIST, base, few(random), 0),
        ],
        // All results of a call, or all arguments, taken by something else.
        4 => {
            let taker = *random.pick(&[CALL, RETURN, SETLIST, TAILCALL]);
            let giver = *random.pick(&[CALL, VARARG]);
            vec![
                abc(LOADNIL, base, 3, 0),
                abc(giver, one, u32::from(giver == CALL), 0),
                abc(taker, two, 0, few(random)),
            ]
        }
        // A tail call, which goes on behind it if what it calls is suspended.
        5 | 6 => {
            let count = u32::from(function.parameters) + 1;
            let c = u32::from(function.is_vararg) * count;
            vec![
                abc(MOVE, one, base, 0),
                abc(TAILCALL, one, 1 + few(random) % 2, c),
                abc(RETURN, two, 0, c),
            ]
        }
        // A loop over numbers.
        7 => vec![
            // An integer, or a float.
            load(base, 4) + (LOADF - LOADI) * random.below(2) as u32,
            load(base + 1, 3 + random.below(3) as i32),
            load(base + 2, 1),
            abx(FORPREP, base, 0),
            abx(FORLOOP, base, 1),
            // Behind a loop that was skipped there may be nothing.
            abc(CALL, base + 3, 1, 1),
        ],
        // Variables to be closed.
        8 => vec![
            abc(LOADNIL, base, 3, 0),
            abc(TBC, one, 0, 0),
            abc(TBC, two, 0, 0),
            abc(CLOSE, near(random), 0, 0),
        ],
        // Values joined.
        _ => vec![
            load(base, 1),
            load(base + 1, 1),
            abc(CONCAT, base, few(random), 0),
            abc(MOVE, one, two, 0),
        ],
    };
    if !random.once_in(3) {
        let register = (base + random.below(5) as u32).saturating_sub(1);
        let touch = touch(function, register, random);
        let at = 1 + random.below(words.len() - 1);
        words.splice(at..at, touch);
        // What counts the distance between the ends of the loop.
        let ends = |opcode: u32| words.iter().position(|word| self::opcode(*word) == opcode);
        if let (Some(begin), Some(end)) = (ends(FORPREP), ends(FORLOOP)) {
            words[begin] = abx(FORPREP, base, (end - begin - 1) as u32);
            words[end] = abx(FORLOOP, base, (end - begin) as u32);
        }
    }
    if random.once_in(2) {
        function.registers = function.registers.saturating_add(4);
    }
    let at = match random.below(3) {
        // At the beginning, where it is sure to be run.
        0 => usize::from(function.is_vararg == 1),
        _ => random.below(function.code.len()),
    };
    insert(function, at.min(function.code.len()), &words, random);
}

/// Shares a register with a closure that changes it, before or after something relies on what is in there.
pub fn share(function: &mut Function, random: &mut Random) {
    let free = u32::from(function.registers);
    if !(6..250).contains(&free) {
        return;
    }
    function.registers += 3;
    let holder = random.below(free as usize - 5) as u32;
    let base = holder + 1;
    let shared = base + random.below(3) as u32;
    // Kept below what it shares, where nothing that is made there gives it up.
    let closure = [
        abx(CLOSURE, free, function.children.len() as u32),
        abc(MOVE, holder, free, 0),
    ];
    function.children.push(Function {
        registers: 2,
        code: vec![abc(LOADTRUE, 0, 0, 0), abc(SETUPVAL, 0, 0, 0), RETURNS],
        upvalues: vec![[1, shared as u8, 0]],
        ..Function::default()
    });
    let call = [abc(MOVE, free + 1, holder, 0), abc(CALL, free + 1, 1, 1)];
    let mut words = vec![load(base, 1), load(base + 1, 3), load(base + 2, 1)];
    let text = text_constant(function);
    let (before, behind) = match random.below(4) {
        0 => (
            vec![abx(LOADK, base, text)],
            vec![abc(SELF, base + 1, base, base)],
        ),
        1 => (
            vec![abc(NEWTABLE, base, 0, 0), extra(0), load(base + 1, 1)],
            vec![abc(SETLIST, base, 1, 0)],
        ),
        // A loop over numbers, with the call inside; or with the closure too.
        2 => (vec![abx(FORPREP, base, 2)], vec![abx(FORLOOP, base, 3)]),
        _ => {
            words.push(abx(FORPREP, base, 4));
            words.extend(closure);
            words.extend(call);
            (vec![abx(FORLOOP, base, 5)], Vec::new())
        }
    };
    let first = random.once_in(2);
    words.extend(closure.iter().filter(|_| first));
    words.extend(before);
    if !first && !behind.is_empty() && opcode(behind[0]) != FORLOOP {
        words.extend(closure);
    }
    if !behind.is_empty() {
        words.extend(call);
    }
    words.extend(behind);
    if !random.once_in(4) {
        words.push(abc(CLOSE, base, 0, 0));
    }
    insert(
        function,
        usize::from(function.is_vararg == 1),
        &words,
        random,
    );
}

/// The number of some text among the constants.
fn text_constant(function: &Function) -> u32 {
    let mut constants = function.constants.iter();
    constants
        .position(|constant| matches!(constant.body, Body::Text(_)))
        .unwrap_or(0) as u32
}

/// Does something to a loop's state inside of the loop.
pub fn touch_loop(function: &mut Function, random: &mut Random) {
    let loops: Vec<usize> = (0..function.code.len())
        .filter(|pc| matches!(opcode(function.code[*pc]), FORLOOP | TFORLOOP))
        .collect();
    if loops.is_empty() {
        return;
    }
    let end = *random.pick(&loops);
    let word = function.code[end];
    let begin = end.saturating_sub((word >> 15) as usize) + 1;
    let register = (a(word) + random.below(5) as u32).saturating_sub(1);
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

/// Calls a function that has a variable to be closed where one is already.
fn close_twice(function: &mut Function, pc: usize, register: u32, random: &mut Random) {
    let free = function.registers;
    function.registers = free.saturating_add(1);
    let free = u32::from(free);
    let words = [
        abx(CLOSURE, free, function.children.len() as u32),
        abc(MOVE, register - 1, free, 0),
        abc(CALL, register - 1, 2, 1),
        // What follows would read what the call was given.
        abck(
            RETURN,
            0,
            1,
            u32::from(function.is_vararg) * (u32::from(function.parameters) + 1),
        ),
    ];
    function.children.push(Function {
        parameters: 1,
        registers: 2,
        code: vec![abc(TBC, 0, 0, 0), abck(RETURN, 0, 1, 0)],
        ..Function::default()
    });
    insert(function, pc + 1, &words, random);
}

/// Calls, or lets the collector run, at or below a register that a closure shares or that is to be closed.
pub fn touch_shared(function: &mut Function, random: &mut Random) {
    let places: Vec<usize> = (0..function.code.len())
        .filter(|pc| matches!(function.code[*pc] & 0x7f, CLOSURE | TBC | TFORPREP))
        .collect();
    if places.is_empty() {
        return;
    }
    let pc = *random.pick(&places);
    let word = function.code[pc];
    let mut register = word >> 7 & 0xff;
    if opcode(word) == TBC && register > 0 && random.once_in(4) {
        return close_twice(function, pc, register, random);
    }
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
