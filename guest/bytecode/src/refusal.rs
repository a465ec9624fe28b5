//! Why a chunk was refused, and where.

use std::error::Error;
use std::fmt;

/// A chunk that must not be loaded: which function of it, which instruction, and why.
///
/// ```
/// use cu_bytecode::{Reason, verify};
///
/// let refusal = verify(b"return 1").unwrap_err();
/// assert_eq!(refusal.reason, Reason::NotBinary);
/// assert_eq!(refusal.to_string(), "main function: this is not a binary Lua chunk");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The way to the function: which child of the main function, which child of that one, …; counted
    /// from 0, empty for the main function itself.
    pub function: Vec<u32>,
    /// The instruction, counted from 0; none if the fault is not in the code.
    pub pc: Option<usize>,
    /// What is wrong there.
    pub reason: Reason,
}

/// What the verifier found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The chunk ends before it is complete, or promises more items than it has bytes for.
    Truncated,
    /// The chunk does not begin with Lua's signature.
    NotBinary,
    /// The chunk is for another version of Lua.
    Version(u8),
    /// The chunk is of another format than the official one.
    Format(u8),
    /// The check bytes were changed, as a transfer as text does.
    Damaged,
    /// A basic type has another size than here.
    Size {
        /// Which type.
        what: &'static str,
        /// Its size here, in bytes.
        expected: u8,
        /// Its size in the chunk, in bytes.
        found: u8,
    },
    /// Integers are laid out in another way.
    IntegerFormat,
    /// Floats are laid out in another way.
    FloatFormat,
    /// A number is out of the range that Lua reads.
    NumberTooLarge,
    /// A number has more bytes than it needs, which Lua never writes.
    NumberPadded,
    /// There are bytes behind the main function, so many.
    TrailingBytes(usize),
    /// Functions are nested deeper than Lua's compiler can nest them.
    TooDeep,
    /// The chunk promises another number of upvalues than its main function has.
    UpvalueCount {
        /// The number in front of the main function.
        declared: usize,
        /// The main function's own number.
        found: usize,
    },
    /// A constant is of no known type.
    ConstantTag(u8),
    /// A string constant has no text at all.
    ConstantWithoutText,
    /// A string constant is marked short but is long, or the other way round.
    StringTag,
    /// Neither a function with variable arguments nor one without.
    VarargFlag(u8),
    /// Fewer registers than Lua always reserves, or than there are parameters.
    FrameSize {
        /// Registers that a call reserves.
        registers: usize,
        /// Parameters, which are laid into the first registers.
        parameters: usize,
    },
    /// More upvalues than a closure can hold.
    TooManyUpvalues(usize),
    /// An upvalue's place or kind is none that Lua knows.
    UpvalueFlags {
        /// Which upvalue.
        number: usize,
    },
    /// An upvalue refers to a register or an upvalue that the function around it does not have.
    UpvalueSource {
        /// Which upvalue.
        number: usize,
    },
    /// Lines are given for another number of instructions than there are.
    LineCount {
        /// Lines given.
        lines: usize,
        /// Instructions there are.
        instructions: usize,
    },
    /// Lines do not add up around this entry of the table of absolute lines.
    AbsoluteLine {
        /// Which entry.
        number: usize,
    },
    /// A local variable has no name.
    LocalWithoutName {
        /// Which variable.
        number: usize,
    },
    /// A local variable lives outside of the code.
    LocalRange {
        /// Which variable.
        number: usize,
    },
    /// Names are given for another number of upvalues than there are.
    UpvalueNames {
        /// Names given.
        names: usize,
        /// Upvalues there are.
        upvalues: usize,
    },
    /// There is no instruction of this number.
    Opcode(u8),
    /// An instruction touches a register beyond the frame.
    Register(usize),
    /// An instruction refers to a constant that is not there.
    Constant(usize),
    /// An instruction needs a constant of another kind.
    ConstantKind {
        /// Which constant.
        number: usize,
        /// What it has to be.
        expected: &'static str,
    },
    /// An instruction refers to an upvalue that is not there.
    Upvalue(usize),
    /// An instruction refers to a nested function that is not there.
    Child(usize),
    /// A jump leaves the function, or lands inside of a sequence that has to be entered at its head.
    JumpTarget(isize),
    /// Another instruction has to come next.
    Follower {
        /// What has to come.
        expected: &'static str,
    },
    /// An instruction that only makes sense behind another one stands alone.
    Stray,
    /// A metamethod is not that of the operation before it.
    Metamethod,
    /// The two ends of a loop do not belong together.
    LoopShape,
    /// Variable arguments in a function that has none, or without being prepared at its beginning.
    VarargUse,
    /// A return does not put the frame back as the function needs it.
    ReturnShape,
    /// The last instruction lets the machine run past the end; also if there is no instruction.
    NoReturn,
    /// A table is made, or filled, far beyond what the code could put into it.
    TableSize,
    /// An instruction takes or gives a number of values that the machine does not expect.
    Count,
    /// A register may be read before anything was put into it.
    Undefined(usize),
    /// A register is taken for a string and need not be one.
    NotString(usize),
    /// A register is taken for a table and need not be one.
    NotTable(usize),
    /// The state of a numeric loop in these three registers may have been changed or never prepared.
    LoopState(usize),
    /// A closure would share a register that only the machine may change.
    LoopCaptured(usize),
    /// A register that waits to be closed would be overwritten.
    ToBeClosed(usize),
    /// A variable would be marked to be closed below one that is already.
    CloseOrder(usize),
    /// A register would be lost while it is shared with a closure or waits to be closed.
    Lost(usize),
    /// A return leaves this register shared with a closure, or waiting to be closed.
    LeftOpen(usize),
    /// What registers hold could not be settled in many times the steps that code made by Lua takes.
    Tangled,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Reason::*;
        match self {
            Truncated => write!(f, "the chunk ends too early"),
            NotBinary => write!(f, "this is not a binary Lua chunk"),
            Version(found) => write!(f, "made for Lua {}.{}, not for 5.4", found >> 4, found & 15),
            Format(found) => write!(f, "format {found} is not Lua's own format 0"),
            Damaged => write!(f, "the chunk was damaged, as by a transfer as text"),
            Size {
                what,
                expected,
                found,
            } => write!(f, "an {what} takes {found} bytes there and {expected} here"),
            IntegerFormat => write!(f, "integers have another byte order or form"),
            FloatFormat => write!(f, "floats have another byte order or form"),
            NumberTooLarge => write!(f, "a number is too large"),
            NumberPadded => write!(f, "a number has superfluous bytes"),
            TrailingBytes(bytes) => write!(f, "{bytes} bytes follow the main function"),
            TooDeep => write!(f, "functions are nested too deep"),
            UpvalueCount { declared, found } => {
                write!(f, "{declared} upvalues are promised, {found} are there")
            }
            ConstantTag(tag) => write!(f, "a constant has the unknown type {tag:#04x}"),
            ConstantWithoutText => write!(f, "a string constant has no text"),
            StringTag => write!(f, "a string constant's length does not fit its type"),
            VarargFlag(flag) => write!(f, "the flag for variable arguments is {flag}"),
            FrameSize {
                registers,
                parameters,
            } => write!(
                f,
                "{registers} registers do not suffice for {parameters} parameters and two values"
            ),
            TooManyUpvalues(count) => write!(f, "{count} upvalues are more than 255"),
            UpvalueFlags { number } => write!(f, "upvalue {number} is of an unknown kind"),
            UpvalueSource { number } => write!(
                f,
                "upvalue {number} refers to what the enclosing function does not have"
            ),
            LineCount {
                lines,
                instructions,
            } => write!(f, "{lines} lines are given for {instructions} instructions"),
            AbsoluteLine { number } => {
                write!(f, "line numbers do not add up at absolute line {number}")
            }
            LocalWithoutName { number } => write!(f, "local variable {number} has no name"),
            LocalRange { number } => write!(f, "local variable {number} lives outside the code"),
            UpvalueNames { names, upvalues } => {
                write!(f, "{names} names are given for {upvalues} upvalues")
            }
            Opcode(number) => write!(f, "there is no instruction {number}"),
            Register(register) => write!(f, "register {register} is beyond the frame"),
            Constant(number) => write!(f, "there is no constant {number}"),
            ConstantKind { number, expected } => write!(f, "constant {number} is not {expected}"),
            Upvalue(number) => write!(f, "there is no upvalue {number}"),
            Child(number) => write!(f, "there is no nested function {number}"),
            JumpTarget(target) => write!(f, "nothing may jump to {target}"),
            Follower { expected } => write!(f, "{expected} has to come next"),
            Stray => write!(f, "the instruction does not belong to the one before it"),
            Metamethod => write!(f, "the metamethod is not that of the operation before it"),
            LoopShape => write!(f, "the two ends of a loop do not belong together"),
            VarargUse => write!(f, "variable arguments are used or prepared wrongly"),
            ReturnShape => write!(f, "the return does not fit the kind of function"),
            NoReturn => write!(f, "the code does not end with a return"),
            TableSize => write!(f, "a table is larger than what the code puts into it"),
            Count => write!(f, "a wrong number of values"),
            Undefined(register) => write!(f, "register {register} may hold nothing yet"),
            NotString(register) => write!(f, "register {register} need not hold a string"),
            NotTable(register) => write!(f, "register {register} need not hold a new table"),
            LoopState(register) => write!(
                f,
                "register {register} need not hold the state of a numeric loop"
            ),
            LoopCaptured(register) => write!(
                f,
                "register {register} belongs to a loop and can't be shared with a closure"
            ),
            ToBeClosed(register) => write!(
                f,
                "register {register} waits to be closed and can't be overwritten"
            ),
            CloseOrder(register) => write!(
                f,
                "register {register} waits to be closed and lies above or at this one"
            ),
            Lost(register) => write!(
                f,
                "register {register} is lost while a closure shares it or while it waits to be closed"
            ),
            LeftOpen(register) => write!(
                f,
                "register {register} is left shared with a closure or waiting to be closed"
            ),
            Tangled => write!(f, "the code is too tangled to follow"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "main function")?;
        for number in &self.function {
            write!(f, ", nested function {number}")?;
        }
        if let Some(pc) = self.pc {
            write!(f, ", instruction {pc}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl Error for Refusal {}
