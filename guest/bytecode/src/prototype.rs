//! Functions as a chunk holds them: what loading one trusts (`lundump.c`, `loadFunction`).

use crate::debug;
use crate::opcode::Instruction;
use crate::reader::{Reader, SHORT_STRING};
use crate::{Reason, Rule};

/// How deep functions may be nested. The loader calls itself for each level, on the stack of C; the
/// compiler stops at 200 levels of C (`LUAI_MAXCCALLS`), of which a nested function takes at least one.
pub(crate) const MAXIMUM_DEPTH: usize = 200;

/// A closure counts its upvalues in a byte (`luaF_newLclosure`), and the collector goes by that byte.
const MAXIMUM_UPVALUES: usize = 255;

/// What a constant is, as far as instructions care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Constant {
    Nil,
    Boolean,
    Integer,
    Float,
    ShortString,
    LongString,
}

impl Constant {
    fn read(reader: &mut Reader) -> Result<Self, Reason> {
        let tag = reader.byte();
        Ok(match tag {
            0x00 => Constant::Nil,
            0x01 | 0x11 => Constant::Boolean,
            0x03 => {
                reader.take(8);
                Constant::Integer
            }
            0x13 => {
                reader.take(8);
                Constant::Float
            }
            0x04 | 0x14 => {
                let text = reader.string();
                let text = text.ok_or(reader.refuse(Rule::ConstantWithoutText.at(0)))?;
                // The loader goes by the length alone; a tag that disagrees was not written by Lua.
                match (text.len() <= SHORT_STRING, tag) {
                    (true, 0x04) => Constant::ShortString,
                    (false, 0x14) => Constant::LongString,
                    _ => return Err(reader.refuse(Rule::StringTag.at(0))),
                }
            }
            _ => return Err(Rule::ConstantTag.at(tag.into())),
        })
    }

    pub(crate) fn is_string(self) -> bool {
        matches!(self, Constant::ShortString | Constant::LongString)
    }

    pub(crate) fn is_number(self) -> bool {
        matches!(self, Constant::Integer | Constant::Float)
    }
}

/// Where a closure finds one of its upvalues when it is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upvalue {
    /// In a register of the function around it, or among that one's own upvalues.
    pub(crate) in_stack: bool,
    pub(crate) index: u8,
}

/// A function's code and what the code refers to.
#[derive(Debug)]
pub(crate) struct Prototype {
    pub(crate) parameters: usize,
    pub(crate) is_vararg: bool,
    /// How many registers a call reserves (`maxstacksize`).
    pub(crate) registers: usize,
    pub(crate) code: Vec<Instruction>,
    pub(crate) constants: Vec<Constant>,
    pub(crate) upvalues: Vec<Upvalue>,
    pub(crate) children: Vec<Prototype>,
}

/// Reads functions, and remembers in which one it is.
pub(crate) struct Parser<'a> {
    pub(crate) reader: Reader<'a>,
    /// Which child of the main function, which child of that one, …; left as it is after a refusal.
    pub(crate) path: Vec<u32>,
    /// The instruction that was being read, if one was.
    pub(crate) pc: Option<usize>,
}

impl Parser<'_> {
    /// Reads the whole chunk.
    pub(crate) fn chunk(&mut self) -> Result<Prototype, Reason> {
        self.reader.header()?;
        let declared = usize::from(self.reader.byte());
        let main = self.function()?;
        // The loader makes the main closure by the one number and fills it by the other.
        if declared != main.upvalues.len() {
            return Err(Rule::UpvalueCount.at(declared));
        }
        match self.reader.remaining() {
            0 => Ok(main),
            bytes => Err(Rule::TrailingBytes.at(bytes)),
        }
    }

    fn function(&mut self) -> Result<Prototype, Reason> {
        let reader = &mut self.reader;
        reader.string();
        let first_line = reader.int();
        reader.int();
        let parameters = usize::from(reader.byte());
        let is_vararg = match reader.byte() {
            0 => false,
            1 => true,
            flag => return Err(Rule::VarargFlag.at(flag.into())),
        };
        let registers = usize::from(reader.byte());
        // The compiler always reserves two; parameters are laid into registers by the call itself
        // (`luaD_precall`, `luaT_adjustvarargs`).
        if registers < 2 || registers < parameters {
            return Err(reader.refuse(Rule::FrameSize.at(registers)));
        }
        let code = self.code()?;
        let reader = &mut self.reader;
        let mut constants = Vec::new();
        for _ in 0..reader.count(1) {
            constants.push(Constant::read(reader)?);
        }
        let upvalues = Self::upvalues(reader)?;
        let mut children = Vec::new();
        for number in 0..self.reader.count(1) {
            if self.path.len() + 1 >= MAXIMUM_DEPTH {
                return Err(Rule::TooDeep.at(0));
            }
            self.path.push(number as u32);
            children.push(self.function()?);
            self.path.pop();
        }
        debug::read(&mut self.reader, first_line, code.len(), upvalues.len())?;
        let prototype = Prototype {
            parameters,
            is_vararg,
            registers,
            code,
            constants,
            upvalues,
            children,
        };
        self.captures(&prototype)?;
        Ok(prototype)
    }

    fn code(&mut self) -> Result<Vec<Instruction>, Reason> {
        let count = self.reader.count(4);
        let mut code = Vec::with_capacity(count);
        for (pc, word) in self.reader.take(count * 4).chunks_exact(4).enumerate() {
            let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            code.push(Instruction::decode(word).map_err(|number| {
                self.pc = Some(pc);
                Rule::Opcode.at(number.into())
            })?);
        }
        Ok(code)
    }

    fn upvalues(reader: &mut Reader) -> Result<Vec<Upvalue>, Reason> {
        let count = reader.count(3);
        if count > MAXIMUM_UPVALUES {
            return Err(Rule::TooManyUpvalues.at(count));
        }
        let mut upvalues = Vec::with_capacity(count);
        for number in 0..count {
            let (in_stack, index, kind) = (reader.byte(), reader.byte(), reader.byte());
            if in_stack > 1 || kind > 3 {
                return Err(Rule::UpvalueFlags.at(number));
            }
            upvalues.push(Upvalue {
                in_stack: in_stack == 1,
                index,
            });
        }
        Ok(upvalues)
    }

    /// What the children take from this function has to exist in it (`pushclosure` in `lvm.c`).
    fn captures(&mut self, prototype: &Prototype) -> Result<(), Reason> {
        for (child, place) in prototype.children.iter().zip(0..) {
            for (number, upvalue) in child.upvalues.iter().enumerate() {
                let bound = match upvalue.in_stack {
                    true => prototype.registers,
                    false => prototype.upvalues.len(),
                };
                if usize::from(upvalue.index) >= bound {
                    self.path.push(place);
                    return Err(Rule::UpvalueSource.at(number));
                }
            }
        }
        Ok(())
    }
}
