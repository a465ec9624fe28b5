//! The globals that a function refers to, and their fields.

use crate::opcode::{Instruction, Opcode};
use crate::prototype::MAXIMUM_DEPTH;
use crate::reader::{Reader, SHORT_STRING};
use crate::{Reason, Rule};

/// Lists what a function and those nested in it refer to by name: globals, and fields of globals as far as
/// their names are in the code (`print`, `string.format`, `_home.users.notify`). Sorted, each once, and only
/// the longest: where there is `string.format`, `string` is left out.
///
/// The code is read from its beginning to its end without regard to jumps, so that this is what a reader
/// would find, and nothing to rely on for safety: a name that is computed isn't found, nor is one behind a
/// local variable of another function, nor more than eight names in a row. In a chunk without names of upvalues the first upvalue of the main
/// function is taken for the environment.
///
/// # Errors
///
/// The chunk is for one that Lua made or that [`verify`](crate::verify) accepted. Of another one this may say
/// why it can't be read, or list anything; it never panics.
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), cu_bytecode::Reason> {
/// // print(string.format("Hello, %s", ...))
/// let chunk = include_bytes!("../tests/corpus/greet.luac");
/// assert_eq!(cu_bytecode::names(chunk)?, ["print", "string.format"]);
/// # Ok(())
/// # }
/// ```
pub fn names(chunk: &[u8]) -> Result<Vec<String>, Reason> {
    let mut reader = Reader::new(chunk);
    reader.header()?;
    let upvalues = u32::from(reader.byte());
    let roots = (0..upvalues).map(|upvalue| Path {
        parent: upvalue,
        name: b"",
        length: 0,
        extended: true,
    });
    let mut walk = Walk {
        reader,
        paths: roots.collect(),
        registers: Vec::new(),
        names: None,
    };
    let main: Vec<_> = (0..upvalues).map(Some).collect();
    walk.function(&main, 0)?;
    let environment = walk.names.unwrap_or(Some(0));
    let mut names = Vec::new();
    for path in (upvalues..).zip(&walk.paths[upvalues as usize..]) {
        if path.1.extended {
            continue;
        }
        let (root, name) = walk.spell(path.0, upvalues);
        if Some(root) == environment
            && let Err(place) = names.binary_search(&name)
        {
            names.insert(place, name);
        }
    }
    // A dot comes before all that names are made of: what extends a name follows it at once.
    let mut longest: Vec<String> = Vec::new();
    for name in names {
        match longest.last_mut() {
            Some(last) if extends(&name, last) => *last = name,
            _ => longest.push(name),
        }
    }
    Ok(longest)
}

fn extends(name: &str, shorter: &str) -> bool {
    let rest = name.strip_prefix(shorter);
    rest.is_some_and(|rest| rest.starts_with('.'))
}

/// A field of what another path leads to. The first paths are the main function's upvalues, which are their
/// own parents.
struct Path<'a> {
    parent: u32,
    name: &'a [u8],
    /// How many names there are from the upvalue on.
    length: usize,
    /// Whether a longer path goes on from here.
    extended: bool,
}

/// What is in a register.
#[derive(Clone, Copy)]
enum Content {
    Unknown,
    /// What a path leads to.
    Path(u32),
    /// The constant of this number.
    Constant(usize),
}

struct Walk<'a> {
    reader: Reader<'a>,
    paths: Vec<Path<'a>>,
    registers: Vec<Content>,
    /// Which of the main function's upvalues is the environment, if upvalues have names.
    names: Option<Option<u32>>,
}

impl<'a> Walk<'a> {
    /// Reads a function; `outer` are the paths that lead to the upvalues of the one around it, or its own if it
    /// is the main function.
    fn function(&mut self, outer: &[Option<u32>], depth: usize) -> Result<(), Reason> {
        if depth >= MAXIMUM_DEPTH {
            return Err(Rule::TooDeep.at(0));
        }
        let reader = &mut self.reader;
        reader.string();
        reader.int();
        reader.int();
        reader.take(3);
        let count = reader.count(4);
        let code = reader.take(count * 4);
        let mut constants = Vec::new();
        for _ in 0..reader.count(1) {
            constants.push(text(reader)?);
        }
        let mut upvalues = Vec::new();
        for number in 0..reader.count(3) {
            let (in_stack, index, _) = (reader.byte(), reader.byte(), reader.byte());
            let index = usize::from(index);
            upvalues.push(match (depth, in_stack) {
                (0, _) => outer.get(number).copied().flatten(),
                (_, 0) => outer.get(index).copied().flatten(),
                _ => None,
            });
        }
        self.code(code, &constants, &upvalues)?;
        for _ in 0..self.reader.count(1) {
            self.function(&upvalues, depth + 1)?;
        }
        let names = self.debug()?;
        if depth == 0 {
            self.names = names;
        }
        Ok(())
    }

    /// Reads over lines and local variables; which upvalue is called `_ENV`, if upvalues have names.
    fn debug(&mut self) -> Result<Option<Option<u32>>, Reason> {
        let reader = &mut self.reader;
        let lines = reader.count(1);
        reader.take(lines);
        for _ in 0..reader.count(2) {
            reader.int();
            reader.int();
        }
        for _ in 0..reader.count(3) {
            reader.string();
            reader.int();
            reader.int();
        }
        let count = reader.count(1) as u32;
        let (mut named, mut environment) = (false, None);
        for number in 0..count {
            if let Some(name) = reader.string() {
                named = true;
                if name == b"_ENV" {
                    environment = environment.or(Some(number));
                }
            }
        }
        reader.there()?;
        Ok(named.then_some(environment))
    }

    /// Follows the code from its first instruction to its last.
    fn code(
        &mut self,
        code: &[u8],
        constants: &[Option<&'a [u8]>],
        upvalues: &[Option<u32>],
    ) -> Result<(), Reason> {
        self.registers.clear();
        self.registers.resize(REGISTERS, Content::Unknown);
        let upvalue = |number: usize| upvalues.get(number).copied().flatten();
        let constant = |number: usize| constants.get(number).copied().flatten();
        for word in code.chunks_exact(4) {
            let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            let i = Instruction::decode(word).map_err(|number| Rule::Opcode.at(number.into()))?;
            let (a, b, c) = (i.a(), i.b(), i.c());
            let content = match i.opcode() {
                Opcode::Move => self.registers[b],
                Opcode::LoadK => Content::Constant(i.bx()),
                Opcode::GetUpval => upvalue(b).map_or(Content::Unknown, Content::Path),
                Opcode::GetTabUp => self.field(upvalue(b), constant(c)),
                Opcode::GetField => self.field(self.path(b), constant(c)),
                Opcode::GetTable => self.field(self.path(b), constant(self.constant(c))),
                Opcode::SelfCall => {
                    let name = match i.k() {
                        true => c,
                        false => self.constant(c),
                    };
                    self.registers[a + 1] = self.registers[b];
                    self.field(self.path(b), constant(name))
                }
                Opcode::SetTabUp => {
                    self.field(upvalue(a), constant(b));
                    continue;
                }
                Opcode::SetField => {
                    self.field(self.path(a), constant(b));
                    continue;
                }
                Opcode::SetTable => {
                    self.field(self.path(a), constant(self.constant(b)));
                    continue;
                }
                // Those that leave the register named first as it is.
                Opcode::SetUpval | Opcode::SetI | Opcode::SetList => continue,
                opcode if opcode.is_metamethod() || opcode.is_test() || opcode.is_return() => {
                    continue;
                }
                Opcode::Close | Opcode::Tbc | Opcode::Jmp | Opcode::ExtraArg => continue,
                // Those that write, or may write, all registers above.
                Opcode::LoadNil
                | Opcode::Call
                | Opcode::TailCall
                | Opcode::VarArg
                | Opcode::ForPrep
                | Opcode::TForPrep
                | Opcode::TForCall => {
                    self.registers[a..].fill(Content::Unknown);
                    continue;
                }
                _ => Content::Unknown,
            };
            self.registers[a] = content;
        }
        Ok(())
    }

    fn path(&self, register: usize) -> Option<u32> {
        match self.registers[register] {
            Content::Path(path) => Some(path),
            _ => None,
        }
    }

    /// The number of the constant in a register; one that there is not, if none is known to be there.
    fn constant(&self, register: usize) -> usize {
        match self.registers[register] {
            Content::Constant(number) => number,
            _ => usize::MAX,
        }
    }

    /// The field of a path, if both are known and the field can be written behind a dot.
    fn field(&mut self, path: Option<u32>, name: Option<&'a [u8]>) -> Content {
        let (Some(parent), Some(name)) = (path, name) else {
            return Content::Unknown;
        };
        let around = &mut self.paths[parent as usize];
        let length = around.length + 1;
        if !is_name(name) || length > MAXIMUM_LENGTH {
            return Content::Unknown;
        }
        around.extended = true;
        self.paths.push(Path {
            parent,
            name,
            length,
            extended: false,
        });
        Content::Path(self.paths.len() as u32 - 1)
    }

    /// The upvalue that a path begins with, and the names behind it.
    fn spell(&self, mut path: u32, roots: u32) -> (u32, String) {
        let mut parts = Vec::new();
        while path >= roots {
            let Path { parent, name, .. } = &self.paths[path as usize];
            parts.push(*name);
            path = *parent;
        }
        let mut spelt = String::new();
        for part in parts.iter().rev() {
            if !spelt.is_empty() {
                spelt.push('.');
            }
            spelt.extend(part.iter().map(|byte| char::from(*byte)));
        }
        (path, spelt)
    }
}

/// Names in a row, so that a chunk made for it does not have a list many times its size.
const MAXIMUM_LENGTH: usize = 8;

/// As many as an operand can number, and one, for the second one that `OP_SELF` writes.
const REGISTERS: usize = 257;

fn is_name(text: &[u8]) -> bool {
    let begins = text.first().is_some_and(|byte| !byte.is_ascii_digit());
    let goes_on = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    begins && text.len() <= SHORT_STRING && text.iter().all(goes_on)
}

/// The text of the next constant, if it is one.
fn text<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, Reason> {
    match reader.byte() {
        0x04 | 0x14 => return Ok(reader.string()),
        0x03 | 0x13 => drop(reader.take(8)),
        0x00 | 0x01 | 0x11 => {}
        tag => return Err(reader.refuse(Rule::ConstantTag.at(tag.into()))),
    }
    Ok(None)
}
