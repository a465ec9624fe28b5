//! Whether an instruction's operands refer to what exists (the macros and cases of `luaV_execute` in `lvm.c`).
//!
//! These checks hold for code that can't be reached too: error messages look for the names of values
//! by reading the code from its beginning (`findsetreg` and `getobjname` in `ldebug.c`).

use crate::opcode::{Instruction, Opcode};
use crate::prototype::{Constant, Prototype};
use crate::{Reason, Rule};

/// Items that the compiler collects in registers before it puts them into a table (`LFIELDS_PER_FLUSH`).
/// As `nil`s share an instruction, this is also how many items an instruction can stand for.
const ITEMS_PER_INSTRUCTION: usize = 50;

/// Beyond this, the size in bytes of an array would not fit the smallest address space that Lua runs in.
const MAXIMUM_ITEMS: usize = 1 << 26;

/// Checks the operands of the instruction at `pc`.
pub(crate) fn check(function: &Prototype, pc: usize) -> Result<(), Reason> {
    use Opcode::*;
    let i = function.code[pc];
    let (a, b, c) = (i.a(), i.b(), i.c());
    match i.opcode() {
        Move | Unm | BNot | Not | Len | TestSet | Eq | Lt | Le | MmBin => {
            function.has_registers(a, 1)?;
            function.has_registers(b, 1)
        }
        LoadI | LoadF | LoadFalse | LFalseSkip | LoadTrue | Tbc | EqI | LtI | LeI | GtI | GeI
        | Test | MmBinI | Return1 => function.has_registers(a, 1),
        LoadK => {
            function.has_registers(a, 1)?;
            function.constant(i.bx()).map(drop)
        }
        // The constant's number is in the next instruction, which `sequence` has found there.
        LoadKX => {
            function.has_registers(a, 1)?;
            match function.extra(pc) {
                Some(number) => function.constant(number).map(drop),
                None => Err(Rule::Stray.at(0)),
            }
        }
        LoadNil => function.has_registers(a, b + 1),
        GetUpval | SetUpval => {
            function.has_registers(a, 1)?;
            function.has_upvalue(b)
        }
        // `luaH_getshortstr` compares addresses and never looks at the text.
        GetTabUp => {
            function.has_registers(a, 1)?;
            function.has_upvalue(b)?;
            function.short_string(c)
        }
        GetTable => {
            function.has_registers(a, 1)?;
            function.has_registers(b, 1)?;
            function.has_registers(c, 1)
        }
        GetI => {
            function.has_registers(a, 1)?;
            function.has_registers(b, 1)
        }
        GetField => {
            function.has_registers(a, 1)?;
            function.has_registers(b, 1)?;
            function.short_string(c)
        }
        SetTabUp => {
            function.has_upvalue(a)?;
            function.short_string(b)?;
            function.register_or_constant(i)
        }
        SetTable => {
            function.has_registers(a, 1)?;
            function.has_registers(b, 1)?;
            function.register_or_constant(i)
        }
        SetI => {
            function.has_registers(a, 1)?;
            function.register_or_constant(i)
        }
        SetField => {
            function.has_registers(a, 1)?;
            function.short_string(b)?;
            function.register_or_constant(i)
        }
        NewTable => {
            function.has_registers(a, 1)?;
            // One more than the logarithm of the size of the hash part, which is shifted unchecked.
            if b > 0 && (b > 31 || 1 << (b - 1) > 2 * function.code.len()) {
                return Err(Rule::TableSize.at(0));
            }
            let extra = function.extra(pc).ok_or(Rule::Stray.at(0))?;
            if i.k() != (extra != 0) {
                return Err(Rule::Count.at(0));
            }
            function.can_fill(extra, c)
        }
        SelfCall => {
            function.has_registers(a, 2)?;
            function.has_registers(b, 1)?;
            function.register_or_constant(i)?;
            match i.k() {
                true => function.constant_that(Rule::NotText, c, Constant::is_string),
                false => Ok(()),
            }
        }
        AddI | ShrI | ShlI => {
            function.has_registers(a, 1)?;
            function.has_registers(b, 1)
        }
        AddK | SubK | MulK | ModK | PowK | DivK | IDivK => {
            function.has_registers(a, 1)?;
            function.has_registers(b, 1)?;
            function.constant_that(Rule::NotNumber, c, Constant::is_number)
        }
        // Taken as an integer without a look at its type (`op_bitwiseK`).
        BAndK | BOrK | BXorK => {
            function.has_registers(a, 1)?;
            function.has_registers(b, 1)?;
            function.constant_that(Rule::NotInteger, c, |constant| {
                constant == Constant::Integer
            })
        }
        Add | Sub | Mul | Mod | Pow | Div | IDiv | BAnd | BOr | BXor | Shl | Shr => {
            function.has_registers(a, 1)?;
            function.has_registers(b, 1)?;
            function.has_registers(c, 1)
        }
        MmBinK => {
            function.has_registers(a, 1)?;
            function.constant(b).map(drop)
        }
        // Fewer than two would run down the stack, since the number is counted down past zero (`luaV_concat`).
        Concat if b < 2 => Err(Rule::Count.at(0)),
        Concat => function.has_registers(a, b),
        EqK => {
            function.has_registers(a, 1)?;
            function.constant(b).map(drop)
        }
        // These only mark a place, which may be the frame's end.
        Close | Return0 => function.has_registers(a, 0),
        Jmp | ExtraArg => Ok(()),
        Call => {
            function.has_registers(a, b.max(1))?;
            function.has_registers(a, c.saturating_sub(1))
        }
        TailCall => function.has_registers(a, b.max(1)),
        Return => function.has_registers(a, b.saturating_sub(1)),
        // Three registers of state, then the variable (`forprep`).
        ForPrep | ForLoop => function.has_registers(a, 4),
        // Function, state, control, and what is to be closed.
        TForPrep => function.has_registers(a, 4),
        // The call's own function and arguments lie behind those four.
        TForCall if c == 0 => Err(Rule::Count.at(0)),
        TForCall => {
            function.has_registers(a, 7)?;
            function.has_registers(a + 4, c)
        }
        TForLoop => function.has_registers(a, 5),
        SetList => {
            function.has_registers(a, b + 1)?;
            let extra = match i.k() {
                true => function.extra(pc).ok_or(Rule::Stray.at(0))?,
                false => 0,
            };
            function.can_fill(extra, b + c)
        }
        Closure => {
            function.has_registers(a, 1)?;
            match i.bx() < function.children.len() {
                true => Ok(()),
                false => Err(Rule::Child.at(i.bx())),
            }
        }
        VarArg => function.has_registers(a, c.max(1) - 1),
        VarArgPrep => Ok(()),
    }
}

impl Prototype {
    /// Registers from `first` on; none at all may also be the frame's end.
    #[inline(never)]
    fn has_registers(&self, first: usize, count: usize) -> Result<(), Reason> {
        match first + count <= self.registers {
            true => Ok(()),
            false => Err(Rule::Register.at(first + count.saturating_sub(1))),
        }
    }

    #[inline(never)]
    fn has_upvalue(&self, number: usize) -> Result<(), Reason> {
        match number < self.upvalues.len() {
            true => Ok(()),
            false => Err(Rule::Upvalue.at(number)),
        }
    }

    #[inline(never)]
    pub(crate) fn constant(&self, number: usize) -> Result<Constant, Reason> {
        let constant = self.constants.get(number).copied();
        constant.ok_or(Rule::Constant.at(number))
    }

    fn constant_that(
        &self,
        expected: Rule,
        number: usize,
        fits: impl Fn(Constant) -> bool,
    ) -> Result<(), Reason> {
        match fits(self.constant(number)?) {
            true => Ok(()),
            false => Err(expected.at(number)),
        }
    }

    #[inline(never)]
    fn short_string(&self, number: usize) -> Result<(), Reason> {
        self.constant_that(Rule::NotShortText, number, |constant| {
            constant == Constant::ShortString
        })
    }

    /// The operand C, in a register or among the constants (`RKC`).
    #[inline(never)]
    fn register_or_constant(&self, i: Instruction) -> Result<(), Reason> {
        match i.k() {
            true => self.constant(i.c()).map(drop),
            false => self.has_registers(i.c(), 1),
        }
    }

    /// The operand in the instruction behind this one, if that is such an operand.
    pub(crate) fn extra(&self, pc: usize) -> Option<usize> {
        let next = self.code.get(pc + 1)?;
        (next.opcode() == Opcode::ExtraArg).then(|| next.ax())
    }

    /// Whether the code could put so many items into a table. Nothing in the machine keeps the sum from
    /// wrapping around, nor the array from being made.
    fn can_fill(&self, extra: usize, items: usize) -> Result<(), Reason> {
        let items = extra.saturating_mul(256).saturating_add(items);
        let possible = self.code.len().saturating_mul(ITEMS_PER_INSTRUCTION);
        match items <= possible.min(MAXIMUM_ITEMS) {
            true => Ok(()),
            false => Err(Rule::TableSize.at(0)),
        }
    }
}
