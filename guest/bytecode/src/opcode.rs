//! The instructions of Lua 5.4 and the fields they are made of (`lopcodes.h`).

/// Declares the instructions in the order of their numbers, which is the order in which Lua declares them.
macro_rules! opcodes {
    ($($name:ident),* $(,)?) => {
        /// What an instruction does, by the name that `lopcodes.h` gives it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Opcode { $($name),* }

        const OPCODES: &[Opcode] = &[$(Opcode::$name),*];
    };
}

opcodes! {
    Move, LoadI, LoadF, LoadK, LoadKX, LoadFalse, LFalseSkip, LoadTrue, LoadNil,
    GetUpval, SetUpval, GetTabUp, GetTable, GetI, GetField, SetTabUp, SetTable, SetI, SetField,
    NewTable, SelfCall, AddI,
    AddK, SubK, MulK, ModK, PowK, DivK, IDivK, BAndK, BOrK, BXorK,
    ShrI, ShlI,
    Add, Sub, Mul, Mod, Pow, Div, IDiv, BAnd, BOr, BXor, Shl, Shr,
    MmBin, MmBinI, MmBinK,
    Unm, BNot, Not, Len, Concat, Close, Tbc, Jmp,
    Eq, Lt, Le, EqK, EqI, LtI, LeI, GtI, GeI, Test, TestSet,
    Call, TailCall, Return, Return0, Return1,
    ForLoop, ForPrep, TForPrep, TForCall, TForLoop,
    SetList, Closure, VarArg, VarArgPrep, ExtraArg,
}

impl Opcode {
    /// Instructions that skip the jump behind them or take it.
    pub(crate) fn is_test(self) -> bool {
        (Opcode::Eq..=Opcode::TestSet).contains(&self)
    }

    /// Arithmetic between two registers.
    pub(crate) fn is_binary(self) -> bool {
        (Opcode::Add..=Opcode::Shr).contains(&self)
    }

    /// Arithmetic between a register and a constant.
    pub(crate) fn is_binary_constant(self) -> bool {
        (Opcode::AddK..=Opcode::BXorK).contains(&self)
    }

    /// Arithmetic between a register and a number in the instruction itself.
    pub(crate) fn is_binary_immediate(self) -> bool {
        matches!(self, Opcode::AddI | Opcode::ShrI | Opcode::ShlI)
    }

    /// Any arithmetic that leaves the metamethod to the instruction behind it.
    pub(crate) fn is_arithmetic(self) -> bool {
        self.is_binary() || self.is_binary_constant() || self.is_binary_immediate()
    }

    /// Calls of the metamethod of the arithmetic before them.
    pub(crate) fn is_metamethod(self) -> bool {
        (Opcode::MmBin..=Opcode::MmBinK).contains(&self)
    }

    pub(crate) fn is_return(self) -> bool {
        (Opcode::Return..=Opcode::Return1).contains(&self)
    }
}

/// One instruction: 7 bits of opcode, then its operands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instruction {
    word: u32,
    opcode: Opcode,
}

impl Instruction {
    /// Reads an instruction; the number of its opcode if Lua has no such one.
    pub(crate) fn decode(word: u32) -> Result<Instruction, u8> {
        let number = (word & 0x7f) as u8;
        match OPCODES.get(usize::from(number)) {
            Some(opcode) => Ok(Instruction {
                word,
                opcode: *opcode,
            }),
            None => Err(number),
        }
    }

    pub(crate) fn opcode(self) -> Opcode {
        self.opcode
    }

    pub(crate) fn a(self) -> usize {
        (self.word >> 7 & 0xff) as usize
    }

    pub(crate) fn k(self) -> bool {
        self.word >> 15 & 1 != 0
    }

    pub(crate) fn b(self) -> usize {
        (self.word >> 16 & 0xff) as usize
    }

    pub(crate) fn c(self) -> usize {
        (self.word >> 24) as usize
    }

    pub(crate) fn bx(self) -> usize {
        (self.word >> 15) as usize
    }

    pub(crate) fn ax(self) -> usize {
        (self.word >> 7) as usize
    }

    /// The distance of a jump, counted from the instruction behind it.
    pub(crate) fn sj(self) -> isize {
        (self.word >> 7) as isize - ((1 << 24) - 1)
    }

    /// Whether the instruction leaves as many values as there happen to be, up to the stack's top.
    ///
    /// A tail call counts too: if a function of C that it calls is suspended, the machine goes on behind the
    /// tail call when the function is resumed.
    pub(crate) fn leaves_open_results(self) -> bool {
        match self.opcode {
            Opcode::Call | Opcode::VarArg => self.c() == 0,
            Opcode::TailCall => true,
            _ => false,
        }
    }

    /// Whether the instruction takes all values up to the stack's top.
    pub(crate) fn takes_open_results(self) -> bool {
        matches!(
            self.opcode,
            Opcode::Call | Opcode::TailCall | Opcode::Return | Opcode::SetList
        ) && self.b() == 0
    }
}
