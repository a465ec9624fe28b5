//! Why a chunk was refused, and where.

use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;

/// A chunk that must not be loaded: which function of it, which instruction, and why.
///
/// ```
/// use cu_bytecode::{Rule, verify};
///
/// let refusal = verify(b"return 1").unwrap_err();
/// assert_eq!(refusal.reason, Rule::NotBinary.at(0));
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

/// What the verifier found wrong, and the number of what is concerned.
///
/// ```
/// use cu_bytecode::{Rule, verify};
///
/// let reason = verify(b"\x1bLua\x53").unwrap_err().reason;
/// assert_eq!((reason.rule(), reason.number()), (Rule::Version, 0x53));
/// ```
// In what WebAssembly returns in a register, since most of the verifier does nothing but hand it on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Reason(NonZeroU32);

/// Bits for the number, below those for the rule.
const NUMBER_BITS: u32 = 24;
const LARGEST_NUMBER: u32 = (1 << NUMBER_BITS) - 1;

impl Reason {
    /// The rule that is broken.
    pub fn rule(self) -> Rule {
        let number = (self.0.get() >> NUMBER_BITS) as usize;
        // Rules are counted from one.
        RULES
            .get(number.wrapping_sub(1))
            .map_or(Rule::Truncated, |rule| rule.0)
    }

    /// The number of what is concerned, counted from 0: a register, a constant, whatever the rule is about. At
    /// most 16,777,215, which stands for larger ones too.
    pub fn number(self) -> u32 {
        self.0.get() & LARGEST_NUMBER
    }
}

impl Rule {
    /// A reason to refuse a chunk: this rule is broken by what has this number, or by so many.
    pub fn at(self, number: usize) -> Reason {
        let number = u32::try_from(number)
            .unwrap_or(u32::MAX)
            .min(LARGEST_NUMBER);
        Reason(NonZeroU32::MIN.saturating_add(((self as u32 + 1) << NUMBER_BITS | number) - 1))
    }
}

/// Declares rules with what to say when they are broken, in which `#` stands for the number.
macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident => $text:literal,)*) => {
        /// A rule that a chunk has to keep to. What it says about a number is about [`Reason::number`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Rule { $($(#[$doc])* $rule),* }

        const RULES: &[(Rule, &str)] = &[$((Rule::$rule, $text)),*];
    };
}

rules! {
    /// The chunk ends before it is complete, or promises more items than it has bytes for.
    Truncated => "the chunk ends too early",
    /// The chunk does not begin with Lua's signature.
    NotBinary => "this is not a binary Lua chunk",
    /// The chunk is for this version of Lua, as 84 (0x54) is 5.4.
    Version => "made for Lua #, not for 5.4",
    /// The chunk is of this format, and not of the official one.
    Format => "format # is not Lua's own format 0",
    /// The check bytes were changed, as a transfer as text does.
    Damaged => "the chunk was damaged, as by a transfer as text",
    /// Instructions have another size than here.
    InstructionSize => "an instruction takes # bytes there, and 4 here",
    /// Integers have another size than here.
    IntegerSize => "an integer takes # bytes there, and 8 here",
    /// Floats have another size than here.
    FloatSize => "a float takes # bytes there, and 8 here",
    /// Integers are laid out in another way.
    IntegerFormat => "integers have another byte order or form",
    /// Floats are laid out in another way.
    FloatFormat => "floats have another byte order or form",
    /// A number is out of the range that Lua reads.
    NumberTooLarge => "a number is too large",
    /// A number has more bytes than it needs, which Lua never writes.
    NumberPadded => "a number has superfluous bytes",
    /// There are so many bytes behind the main function.
    TrailingBytes => "# bytes follow the main function",
    /// Functions are nested deeper than Lua's compiler can nest them.
    TooDeep => "functions are nested too deep",
    /// The chunk promises so many upvalues, and its main function has another number.
    UpvalueCount => "# upvalues are promised, another number is there",
    /// A constant is of this type, which there is not.
    ConstantTag => "a constant has the unknown type #",
    /// A string constant has no text at all.
    ConstantWithoutText => "a string constant has no text",
    /// A string constant is marked short but is long, or the other way round.
    StringTag => "a string constant's length does not fit its type",
    /// Neither a function with variable arguments nor one without, but this.
    VarargFlag => "the flag for variable arguments is #",
    /// A call reserves so many registers, fewer than Lua always does or than there are parameters.
    FrameSize => "# registers do not suffice",
    /// So many upvalues are more than a closure can hold.
    TooManyUpvalues => "# upvalues are more than 255",
    /// This upvalue's place or kind is none that Lua knows.
    UpvalueFlags => "upvalue # is of an unknown kind",
    /// This upvalue refers to a register or an upvalue that the function around it does not have.
    UpvalueSource => "upvalue # refers to what the enclosing function does not have",
    /// Lines are given for so many instructions, and there is another number of them.
    LineCount => "# lines are given, there is another number of instructions",
    /// Lines do not add up around this entry of the table of absolute lines.
    AbsoluteLine => "line numbers do not add up at absolute line #",
    /// This local variable has no name.
    LocalWithoutName => "local variable # has no name",
    /// This local variable lives outside of the code.
    LocalRange => "local variable # lives outside the code",
    /// Names are given for so many upvalues, and there is another number of them.
    UpvalueNames => "# names are given, there is another number of upvalues",
    /// There is no instruction of this number.
    Opcode => "there is no instruction #",
    /// An instruction touches this register, which is beyond the frame.
    Register => "register # is beyond the frame",
    /// An instruction refers to this constant, which is not there.
    Constant => "there is no constant #",
    /// This constant has to be a number.
    NotNumber => "constant # is not a number",
    /// This constant has to be an integer.
    NotInteger => "constant # is not an integer",
    /// This constant has to be a string.
    NotText => "constant # is not a string",
    /// This constant has to be a short string.
    NotShortText => "constant # is not a short string",
    /// An instruction refers to this upvalue, which is not there.
    Upvalue => "there is no upvalue #",
    /// An instruction refers to this nested function, which is not there.
    Child => "there is no nested function #",
    /// A jump leaves the function, or lands inside of a sequence that has to be entered at its head.
    JumpTarget => "a jump leads out of the function or into a sequence",
    /// A test is followed by the jump that it skips or takes.
    WithoutJump => "a jump has to come next",
    /// Arithmetic is followed by the call of its metamethod.
    WithoutMetamethod => "the call of a metamethod has to come next",
    /// A false that skips an instruction skips a load of true.
    WithoutTrue => "a load of true has to come next",
    /// The instruction is too short for its last operand, which follows it.
    WithoutExtra => "an extra operand has to come next",
    /// The call of an iterator is followed by the end of the same loop.
    WithoutLoopEnd => "the end of the same loop has to come next",
    /// Open results are used by the next instruction, and above where that begins.
    WithoutUse => "a use of all the values has to come next",
    /// An instruction that only makes sense behind another one stands alone.
    Stray => "the instruction does not belong to the one before it",
    /// A metamethod is not that of the operation before it.
    Metamethod => "the metamethod is not that of the operation before it",
    /// The two ends of a loop do not belong together.
    LoopShape => "the two ends of a loop do not belong together",
    /// Variable arguments in a function that has none, or without being prepared at its beginning.
    VarargUse => "variable arguments are used or prepared wrongly",
    /// A return does not put the frame back as the function needs it.
    ReturnShape => "the return does not fit the kind of function",
    /// The last instruction lets the machine run past the end; also if there is no instruction.
    NoReturn => "the code does not end with a return",
    /// A table is made, or filled, far beyond what the code could put into it.
    TableSize => "a table is larger than what the code puts into it",
    /// An instruction takes or gives a number of values that the machine does not expect.
    Count => "a wrong number of values",
    /// This register may be read before anything was put into it.
    Undefined => "register # may hold nothing yet",
    /// This register is taken for a string and need not be one.
    NotString => "register # need not hold a string",
    /// This register is taken for a table and need not be one.
    NotTable => "register # need not hold a new table",
    /// The state of a numeric loop in three registers from this on may have been changed or never prepared.
    LoopState => "register # need not hold the state of a numeric loop",
    /// A closure would share this register, which only the machine may change.
    LoopCaptured => "register # belongs to a loop and can't be shared with a closure",
    /// This register waits to be closed and would be overwritten.
    ToBeClosed => "register # waits to be closed and can't be overwritten",
    /// A variable would be marked to be closed below this one, which is already, or again.
    CloseOrder => "register # waits to be closed and lies above or at this one",
    /// This register would be lost while it is shared with a closure or waits to be closed.
    Lost => "register # is lost while it is shared or waits to be closed",
    /// A return leaves this register shared with a closure, or waiting to be closed.
    LeftOpen => "register # is left shared or waiting to be closed",
    /// What registers hold could not be settled in many times the steps that code made by Lua takes.
    Tangled => "the code is too tangled to follow",
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}.at({})", self.rule(), self.number())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = RULES.get(self.rule() as usize).map_or("", |rule| rule.1);
        let Some(at) = text.bytes().position(|byte| byte == b'#') else {
            return f.write_str(text);
        };
        f.write_str(text.get(..at).unwrap_or_default())?;
        let number = self.number();
        match self.rule() {
            // Half bytes.
            Rule::Version => write!(f, "{}.{}", number >> 4, number & 15)?,
            _ => write!(f, "{number}")?,
        }
        f.write_str(text.get(at + 1..).unwrap_or_default())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("main function")?;
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
