//! What registers hold on every way through a function, as far as the machine takes it on trust.
//!
//! Only code that can be reached is followed; what can't be reached may do as it likes.

use crate::opcode::{Instruction, Opcode};
use crate::prototype::Prototype;
use crate::registers::{Registers, States};
use crate::sequence::{Targets, target};
use crate::{Reason, Rule};

/// How often each instruction may be followed on average. Code from Lua's compiler settles when each was
/// followed two or three times.
const MAXIMUM_VISITS: usize = 64;

/// To share so many registers takes about as long as to follow another instruction.
const SHARED_PER_STEP: usize = 8;

const NO_PLACE: u32 = u32::MAX;

/// Follows the code from its beginning until nothing new is learned; the instruction at fault, if one is.
pub(crate) fn check(function: &Prototype, targets: &Targets) -> Result<(), (usize, Reason)> {
    let mut flow = Flow::new(function, targets);
    flow.join(0, &Registers::at_entry(function.parameters));
    // From front to back as often as something was learned about what lies behind.
    while std::mem::take(&mut flow.unsettled) {
        for pc in 0..function.code.len() {
            let place = flow.places[pc];
            if place != NO_PLACE && !flow.states.is_settled(place as usize) {
                flow.follow(pc)?;
            }
        }
    }
    Ok(())
}

struct Flow<'a> {
    function: &'a Prototype,
    /// The number of each place where ways meet, by instruction.
    places: Vec<u32>,
    states: States,
    /// Whether there is a place about which something was learned since the code behind it was followed.
    unsettled: bool,
    /// How many instructions may still be followed.
    steps_left: usize,
}

impl<'a> Flow<'a> {
    fn new(function: &'a Prototype, targets: &Targets) -> Self {
        let mut count = 0;
        let places = (0..function.code.len())
            .map(|pc| match pc == 0 || targets.contains(pc) {
                true => {
                    count += 1;
                    count - 1
                }
                false => NO_PLACE,
            })
            .collect();
        Flow {
            function,
            places,
            states: States::new(count as usize, function.registers),
            unsettled: false,
            steps_left: function.code.len().saturating_mul(MAXIMUM_VISITS),
        }
    }

    /// Joins a way into a place where ways meet.
    fn join(&mut self, pc: usize, registers: &Registers) {
        self.unsettled |= self.states.join(self.places[pc] as usize, registers);
    }

    /// Follows the code from a place where ways meet to the next such place, or to where it does not go on.
    fn follow(&mut self, mut pc: usize) -> Result<(), (usize, Reason)> {
        let mut registers = self.states.settle(self.places[pc] as usize);
        loop {
            let left = self.steps_left.checked_sub(self.cost(pc));
            self.steps_left = left.ok_or((pc, Rule::Tangled.at(0)))?;
            match self.step(pc, &mut registers) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(reason) => return Err((pc, reason)),
            }
            // The second half of two is never entered by itself, and the first has done its work.
            pc += match self.function.code[pc].opcode() {
                opcode if opcode.is_test() || opcode.is_arithmetic() => 2,
                _ => 1,
            };
            if self.places[pc] != NO_PLACE {
                self.join(pc, &registers);
                return Ok(());
            }
        }
    }

    fn cost(&self, pc: usize) -> usize {
        let i = self.function.code[pc];
        match i.opcode() {
            Opcode::Closure => 1 + self.function.children[i.bx()].upvalues.len() / SHARED_PER_STEP,
            _ => 1,
        }
    }

    /// Joins a jump's way into where it lands.
    fn jump(&mut self, pc: usize, registers: &Registers) -> Result<(), Reason> {
        if let Some(landing) = target(self.function, pc)? {
            self.join(landing, registers);
        }
        Ok(())
    }

    /// Does to the registers what an instruction does; whether it goes on to the next one.
    fn step(&mut self, pc: usize, r: &mut Registers) -> Result<bool, Reason> {
        use Opcode::*;
        let i = self.function.code[pc];
        let (a, b, c) = (i.a(), i.b(), i.c());
        match i.opcode() {
            Move | Unm | BNot | Not | Len | GetI | GetField => {
                r.read(b)?;
                r.write(a)?;
            }
            LoadI | LoadF | LoadFalse | LoadTrue | GetUpval | GetTabUp => r.write(a)?,
            LFalseSkip => {
                r.write(a)?;
                self.jump(pc, r)?;
                return Ok(false);
            }
            LoadK | LoadKX => {
                let number = match i.opcode() {
                    LoadK => i.bx(),
                    _ => self.function.extra(pc).ok_or(Rule::Stray.at(0))?,
                };
                match self.function.constant(number)?.is_string() {
                    true => r.write_string(a)?,
                    false => r.write(a)?,
                }
            }
            LoadNil => r.write_range(a, b + 1)?,
            SetUpval => r.read(a)?,
            GetTable => {
                r.read(b)?;
                r.read(c)?;
                r.write(a)?;
            }
            SetTabUp => self.read_operand(i, r)?,
            SetTable => {
                r.read(a)?;
                r.read(b)?;
                self.read_operand(i, r)?;
            }
            SetI | SetField => {
                r.read(a)?;
                self.read_operand(i, r)?;
            }
            // The collector may run when the table is there, and takes what lies above it for dead.
            NewTable => {
                r.write_table(a)?;
                r.give_up_from(a + 1)?;
            }
            SelfCall => {
                r.read(b)?;
                if !i.k() {
                    r.read(c)?;
                    r.read_string(c)?;
                }
                r.write_range(a, 2)?;
            }
            // The metamethod behind them works on the same operands and puts its result there too.
            opcode if opcode.is_arithmetic() => {
                r.read(b)?;
                if opcode.is_binary() {
                    r.read(c)?;
                }
                r.write(a)?;
            }
            Concat => {
                r.read_range(a, b)?;
                r.write(a)?;
                r.give_up_from(a + 1)?;
            }
            Close => r.close_from(a),
            Tbc => r.mark_to_be_closed(a)?,
            Jmp => {
                self.jump(pc, r)?;
                return Ok(false);
            }
            opcode if opcode.is_test() => self.test(pc, r)?,
            Call => {
                self.read_arguments(pc, a, r)?;
                r.give_up_from(a)?;
                r.write_range(a, c.saturating_sub(1))?;
            }
            TailCall => {
                self.read_arguments(pc, a, r)?;
                // Shared registers are closed first, of which the collector may see those below the call
                // only; variables are not closed at all, and nothing is left to do so later.
                r.give_up_from(a)?;
                r.leave(i.k(), false)?;
                if i.k() {
                    r.close_shared();
                }
            }
            Return => {
                match b {
                    0 => self.read_open(pc, a, r)?,
                    _ => r.read_range(a, b - 1)?,
                }
                r.leave(i.k(), i.k())?;
                return Ok(false);
            }
            Return0 | Return1 => {
                r.read_range(a, usize::from(i.opcode() == Return1))?;
                r.leave(false, false)?;
                return Ok(false);
            }
            ForPrep => {
                r.read_range(a, 3)?;
                let mut skipping = r.clone();
                skipping.write_range(a, 3)?;
                skipping.write_perhaps(a + 3)?;
                self.jump(pc, &skipping)?;
                r.begin_loop(a)?;
                r.write_loop_variable(a)?;
            }
            ForLoop => {
                r.read_loop(a)?;
                let mut again = r.clone();
                again.write_loop_variable(a)?;
                self.jump(pc, &again)?;
            }
            TForPrep => {
                r.read_range(a, 3)?;
                r.mark_to_be_closed(a + 3)?;
                self.jump(pc, r)?;
                return Ok(false);
            }
            TForCall => {
                r.read_range(a, 3)?;
                r.give_up_from(a + 4)?;
                r.write_range(a + 4, c)?;
            }
            TForLoop => {
                r.read(a + 4)?;
                let mut again = r.clone();
                again.write(a + 2)?;
                self.jump(pc, &again)?;
            }
            SetList => {
                r.read_table(a)?;
                match b {
                    0 => self.read_open(pc, a + 1, r)?,
                    _ => r.read_range(a + 1, b)?,
                }
            }
            Closure => self.closure(i, r)?,
            // All of them, however many, even beyond the frame.
            VarArg if c == 0 => r.give_up_from(a)?,
            VarArg => r.write_range(a, c - 1)?,
            // Metamethods are done with the arithmetic before them, and tests with those of their kind.
            _ => {}
        }
        Ok(true)
    }

    /// Follows a test to where the jump behind it leads; the other way goes on behind the jump.
    fn test(&mut self, pc: usize, r: &mut Registers) -> Result<(), Reason> {
        let i = self.function.code[pc];
        match i.opcode() {
            Opcode::Eq | Opcode::Lt | Opcode::Le => {
                r.read(i.a())?;
                r.read(i.b())?;
            }
            Opcode::TestSet => {
                r.read(i.b())?;
                let mut jumping = r.clone();
                jumping.write(i.a())?;
                return self.jump(pc + 1, &jumping);
            }
            _ => r.read(i.a())?,
        }
        self.jump(pc + 1, r)
    }

    fn read_operand(&self, i: Instruction, r: &Registers) -> Result<(), Reason> {
        match i.k() {
            true => Ok(()),
            false => r.read(i.c()),
        }
    }

    /// A function to call and its arguments.
    fn read_arguments(&self, pc: usize, first: usize, r: &Registers) -> Result<(), Reason> {
        match self.function.code[pc].b() {
            0 => self.read_open(pc, first, r),
            count => r.read_range(first, count),
        }
    }

    /// The registers up to where the instruction before has left its open results.
    fn read_open(&self, pc: usize, first: usize, r: &Registers) -> Result<(), Reason> {
        let producer = self.function.code[pc - 1].a();
        r.read_range(first, producer.saturating_sub(first))
    }

    /// Makes a closure, which shares the registers that it names (`pushclosure` in `lvm.c`).
    fn closure(&self, i: Instruction, r: &mut Registers) -> Result<(), Reason> {
        r.write(i.a())?;
        for upvalue in &self.function.children[i.bx()].upvalues {
            if upvalue.in_stack {
                r.share(usize::from(upvalue.index))?;
            }
        }
        r.give_up_from(i.a() + 1)
    }
}
