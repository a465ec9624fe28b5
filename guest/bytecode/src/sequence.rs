//! Which instruction may stand behind which, and where jumps may land.
//!
//! The machine often works on two instructions at once: it takes the second without looking at its
//! opcode, or relies on the first without knowing how it got to the second.

use crate::opcode::{Instruction, Opcode};
use crate::prototype::Prototype;
use crate::{Reason, Rule};

/// Where control can arrive other than from the instruction before, by instruction.
pub(crate) struct Targets(Vec<bool>);

impl Targets {
    pub(crate) fn contains(&self, pc: usize) -> bool {
        self.0[pc]
    }
}

/// Checks the order of all instructions; the one at fault, if one is.
pub(crate) fn check(function: &Prototype) -> Result<Targets, (Option<usize>, Reason)> {
    let code = &function.code;
    match code.last() {
        Some(last) if last.opcode().is_return() => {}
        Some(_) => return Err((Some(code.len() - 1), Rule::NoReturn.at(0))),
        None => return Err((None, Rule::NoReturn.at(0))),
    }
    let mut targets = Targets(vec![false; code.len()]);
    for pc in 0..code.len() {
        let checks = behind(code, pc)
            .and_then(|()| shape(function, pc))
            .and_then(|()| match target(function, pc)? {
                Some(target) => {
                    targets.0[target] = true;
                    Ok(())
                }
                None => Ok(()),
            });
        checks.map_err(|reason| (Some(pc), reason))?;
    }
    Ok(targets)
}

/// Whether the instruction is the second half of the one before it, and is never to be entered otherwise.
pub(crate) fn is_second_half(code: &[Instruction], pc: usize) -> bool {
    let Some(before) = pc.checked_sub(1).map(|before| code[before]) else {
        return false;
    };
    match code[pc].opcode() {
        // `docondjump` in `lvm.c` goes on with the jump behind a test as if it were part of it.
        Opcode::Jmp => before.opcode().is_test(),
        // `l_tforloop` is reached from the call without dispatch.
        Opcode::TForLoop | Opcode::ExtraArg => true,
        opcode => opcode.is_metamethod() || code[pc].takes_open_results(),
    }
}

/// Whether the right instruction follows, and whether this one follows the right one.
fn behind(code: &[Instruction], pc: usize) -> Result<(), Reason> {
    let i = code[pc];
    let next = code.get(pc + 1).copied();
    let next_is = |fits: &dyn Fn(Instruction) -> bool| next.is_some_and(fits);
    let expected = match i.opcode() {
        opcode if opcode.is_test() => {
            (!next_is(&|next| next.opcode() == Opcode::Jmp)).then_some(Rule::WithoutJump)
        }
        // The metamethod's result goes where the instruction before it says (`RA(pi)`).
        opcode if opcode.is_arithmetic() => match next {
            Some(next) if next.opcode().is_metamethod() => return metamethod(i, next),
            _ => Some(Rule::WithoutMetamethod),
        },
        Opcode::LFalseSkip => {
            (!next_is(&|next| next.opcode() == Opcode::LoadTrue)).then_some(Rule::WithoutTrue)
        }
        Opcode::LoadKX | Opcode::NewTable => {
            (!next_is(&|next| next.opcode() == Opcode::ExtraArg)).then_some(Rule::WithoutExtra)
        }
        Opcode::SetList if i.k() => {
            (!next_is(&|next| next.opcode() == Opcode::ExtraArg)).then_some(Rule::WithoutExtra)
        }
        Opcode::TForCall => {
            (!next_is(&|next| next.opcode() == Opcode::TForLoop && next.a() == i.a()))
                .then_some(Rule::WithoutLoopEnd)
        }
        // The stack's top is only right for the very next instruction, and must not lie below what
        // that one counts from.
        _ if i.leaves_open_results() => {
            (!next_is(&|next| takes_results_of(i, next))).then_some(Rule::WithoutUse)
        }
        _ => None,
    };
    if let Some(expected) = expected {
        return Err(expected.at(0));
    }
    let before = pc.checked_sub(1).map(|before| code[before]);
    let follows = match i.opcode() {
        Opcode::ExtraArg => before.is_some_and(|before| match before.opcode() {
            Opcode::LoadKX | Opcode::NewTable => true,
            opcode => opcode == Opcode::SetList && before.k(),
        }),
        opcode if opcode.is_metamethod() => {
            before.is_some_and(|before| before.opcode().is_arithmetic())
        }
        Opcode::TForLoop => before.is_some_and(|before| before.opcode() == Opcode::TForCall),
        _ if i.takes_open_results() => before.is_some_and(Instruction::leaves_open_results),
        _ => true,
    };
    match follows {
        true => Ok(()),
        false => Err(Rule::Stray.at(0)),
    }
}

/// Whether the open results of one instruction lie where the next one looks for them.
fn takes_results_of(i: Instruction, next: Instruction) -> bool {
    if !next.takes_open_results() {
        return false;
    }
    match (i.opcode(), next.opcode()) {
        (_, Opcode::Return) => i.a() >= next.a(),
        (Opcode::TailCall, _) => false,
        // The function to call or the table to fill comes first.
        _ => i.a() > next.a(),
    }
}

/// Whether a metamethod is that of the operation before it (`finishbinexpval` in `lcode.c`).
///
/// Its number becomes an index into the names of metamethods (`luaT_gettmbyobj` in `ltm.c`).
fn metamethod(operation: Instruction, call: Instruction) -> Result<(), Reason> {
    // The order of the enumeration `TMS` in `ltm.h`.
    const ADD: usize = 6;
    const SUB: usize = 7;
    const SHL: usize = 16;
    const SHR: usize = 17;
    let opcode = operation.opcode();
    let event = call.c();
    let fits = match call.opcode() {
        Opcode::MmBin => {
            opcode.is_binary()
                && event == ADD + (opcode as usize - Opcode::Add as usize)
                && call.b() == operation.c()
        }
        Opcode::MmBinK => {
            opcode.is_binary_constant()
                && event == ADD + (opcode as usize - Opcode::AddK as usize)
                && call.b() == operation.c()
        }
        // A subtraction can be an addition of the negated number, and a shift one to the other side.
        _ => match opcode {
            Opcode::AddI => event == ADD || event == SUB,
            Opcode::ShrI => event == SHR || event == SHL,
            Opcode::ShlI => event == SHL,
            _ => false,
        },
    };
    match fits && call.a() == operation.b() {
        true => Ok(()),
        false => Err(Rule::Metamethod.at(0)),
    }
}

/// Loops, variable arguments and returns.
fn shape(function: &Prototype, pc: usize) -> Result<(), Reason> {
    let i = function.code[pc];
    let at = |pc: usize, opcode: Opcode| {
        let other = function.code.get(pc).copied();
        other.is_some_and(|other| other.opcode() == opcode && other.a() == i.a())
    };
    let back = (pc + 1).checked_sub(i.bx() + 1);
    // Which arguments are variable is only known in a function that has moved them out of its frame,
    // and only once (`luaT_adjustvarargs`); the instruction also takes the stack's top.
    if (pc == 0 && function.is_vararg) != (i.opcode() == Opcode::VarArgPrep) {
        return Err(Rule::VarargUse.at(0));
    }
    let fits = match i.opcode() {
        Opcode::ForPrep => at(pc + 1 + i.bx(), Opcode::ForLoop),
        Opcode::ForLoop => back.is_some_and(|back| at(back, Opcode::ForPrep)),
        Opcode::TForPrep => at(pc + 1 + i.bx(), Opcode::TForCall),
        Opcode::TForLoop => back.is_some_and(|back| at(back, Opcode::TForPrep)),
        Opcode::VarArgPrep => {
            let right = i.a() == function.parameters && i.b() == 0;
            return right.then_some(()).ok_or(Rule::VarargUse.at(0));
        }
        Opcode::VarArg => {
            return function
                .is_vararg
                .then_some(())
                .ok_or(Rule::VarargUse.at(0));
        }
        // The frame lies behind the variable arguments and has to be moved back by their number.
        Opcode::Return | Opcode::TailCall => {
            let expected = match function.is_vararg {
                true => function.parameters + 1,
                false => 0,
            };
            return (i.c() == expected)
                .then_some(())
                .ok_or(Rule::ReturnShape.at(0));
        }
        Opcode::Return0 | Opcode::Return1 if function.is_vararg => {
            return Err(Rule::ReturnShape.at(0));
        }
        _ => true,
    };
    match fits {
        true => Ok(()),
        false => Err(Rule::LoopShape.at(0)),
    }
}

/// Where else than to the next instruction this one can lead.
pub(crate) fn target(function: &Prototype, pc: usize) -> Result<Option<usize>, Reason> {
    let i = function.code[pc];
    let next = pc as isize + 1;
    let target = match i.opcode() {
        Opcode::Jmp => next + i.sj(),
        Opcode::LFalseSkip => next + 1,
        Opcode::ForPrep => next + i.bx() as isize + 1,
        Opcode::TForPrep => next + i.bx() as isize,
        Opcode::ForLoop | Opcode::TForLoop => next - i.bx() as isize,
        _ => return Ok(None),
    };
    match usize::try_from(target) {
        // To prepare variable arguments again would move the frame again.
        Ok(0) if function.is_vararg => Err(Rule::JumpTarget.at(0)),
        Ok(landing)
            if landing < function.code.len() && !is_second_half(&function.code, landing) =>
        {
            Ok(Some(landing))
        }
        _ => Err(Rule::JumpTarget.at(0)),
    }
}
