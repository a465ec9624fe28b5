//! A binary chunk taken apart, to be put together again with faults in it.

/// Signature, version, format, check bytes, three sizes, a check integer and a check float.
pub const HEADER_SIZE: usize = 31;

#[derive(Clone, Debug)]
pub struct Chunk {
    pub header: Vec<u8>,
    pub upvalues: u8,
    pub main: Function,
}

#[derive(Clone, Debug)]
pub enum Body {
    Nothing,
    Number([u8; 8]),
    Text(Option<Vec<u8>>),
}

#[derive(Clone, Debug)]
pub struct Constant {
    pub tag: u8,
    pub body: Body,
}

impl Constant {
    pub fn text(text: &[u8]) -> Self {
        Constant {
            tag: if text.len() <= 40 { 0x04 } else { 0x14 },
            body: Body::Text(Some(text.to_vec())),
        }
    }

    pub fn integer(value: i64) -> Self {
        Constant {
            tag: 0x03,
            body: Body::Number(value.to_le_bytes()),
        }
    }

    pub fn float(value: f64) -> Self {
        Constant {
            tag: 0x13,
            body: Body::Number(value.to_le_bytes()),
        }
    }

    pub fn nil() -> Self {
        Constant {
            tag: 0x00,
            body: Body::Nothing,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Function {
    pub source: Option<Vec<u8>>,
    pub first_line: usize,
    pub last_line: usize,
    pub parameters: u8,
    pub is_vararg: u8,
    pub registers: u8,
    pub code: Vec<u32>,
    pub constants: Vec<Constant>,
    /// Whether in the stack, index, kind.
    pub upvalues: Vec<[u8; 3]>,
    pub children: Vec<Function>,
    pub lines: Vec<u8>,
    /// Instruction and line.
    pub absolute_lines: Vec<(usize, usize)>,
    /// Name, first instruction, first instruction beyond.
    pub locals: Vec<(Option<Vec<u8>>, usize, usize)>,
    pub names: Vec<Option<Vec<u8>>>,
}

impl Chunk {
    /// Takes a chunk apart that Lua has made.
    ///
    /// Panics if the chunk is not of that form.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut parts = Parts { rest: bytes };
        Chunk {
            header: parts.take(HEADER_SIZE).to_vec(),
            upvalues: parts.byte(),
            main: parts.function(),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.header.clone();
        out.push(self.upvalues);
        self.main.write(&mut out);
        out
    }
}

impl Function {
    pub fn count(&self) -> usize {
        1 + self.children.iter().map(Function::count).sum::<usize>()
    }

    /// The function of this number, counted from the outside in.
    pub fn nth_mut(&mut self, mut number: usize) -> Option<&mut Function> {
        if number == 0 {
            return Some(self);
        }
        number -= 1;
        for child in &mut self.children {
            let count = child.count();
            if number < count {
                return child.nth_mut(number);
            }
            number -= count;
        }
        None
    }

    /// Lua writes upvalues without names as having names that are missing.
    pub fn forget_missing_names(&mut self) {
        if self.names.iter().all(Option::is_none) {
            self.names.clear();
        }
        self.children
            .iter_mut()
            .for_each(Function::forget_missing_names);
    }

    pub fn strip(&mut self) {
        self.source = None;
        self.lines.clear();
        self.absolute_lines.clear();
        self.locals.clear();
        self.names.clear();
        self.children.iter_mut().for_each(Function::strip);
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_head(out);
        number(out, self.children.len());
        self.children.iter().for_each(|child| child.write(out));
        self.write_tail(out);
    }

    /// What stands in front of the number of children.
    pub fn write_head(&self, out: &mut Vec<u8>) {
        string(out, self.source.as_deref());
        number(out, self.first_line);
        number(out, self.last_line);
        out.extend([self.parameters, self.is_vararg, self.registers]);
        number(out, self.code.len());
        out.extend(self.code.iter().flat_map(|word| word.to_le_bytes()));
        number(out, self.constants.len());
        for constant in &self.constants {
            out.push(constant.tag);
            match &constant.body {
                Body::Nothing => {}
                Body::Number(bytes) => out.extend(bytes),
                Body::Text(text) => string(out, text.as_deref()),
            }
        }
        number(out, self.upvalues.len());
        out.extend(self.upvalues.iter().flatten());
    }

    /// What stands behind the children.
    pub fn write_tail(&self, out: &mut Vec<u8>) {
        number(out, self.lines.len());
        out.extend(&self.lines);
        number(out, self.absolute_lines.len());
        for (pc, line) in &self.absolute_lines {
            number(out, *pc);
            number(out, *line);
        }
        number(out, self.locals.len());
        for (name, start, end) in &self.locals {
            string(out, name.as_deref());
            number(out, *start);
            number(out, *end);
        }
        number(out, self.names.len());
        for name in &self.names {
            string(out, name.as_deref());
        }
    }
}

pub fn number(out: &mut Vec<u8>, mut value: usize) {
    let mut bytes = [0; 10];
    let mut at = bytes.len();
    loop {
        at -= 1;
        bytes[at] = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            break;
        }
    }
    bytes[9] |= 0x80;
    out.extend(&bytes[at..]);
}

fn string(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        None => number(out, 0),
        Some(text) => {
            number(out, text.len() + 1);
            out.extend(text);
        }
    }
}

struct Parts<'a> {
    rest: &'a [u8],
}

impl Parts<'_> {
    fn take(&mut self, count: usize) -> &[u8] {
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn number(&mut self) -> usize {
        let mut value = 0;
        loop {
            let byte = self.byte();
            value = value << 7 | usize::from(byte & 0x7f);
            if byte & 0x80 != 0 {
                return value;
            }
        }
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        let size = self.number().checked_sub(1)?;
        Some(self.take(size).to_vec())
    }

    fn many<T>(&mut self, mut each: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.number()).map(|_| each(self)).collect()
    }

    fn function(&mut self) -> Function {
        Function {
            source: self.string(),
            first_line: self.number(),
            last_line: self.number(),
            parameters: self.byte(),
            is_vararg: self.byte(),
            registers: self.byte(),
            code: self.many(|p| u32::from_le_bytes(p.take(4).try_into().expect("four bytes"))),
            constants: self.many(|p| {
                let tag = p.byte();
                let body = match tag {
                    0x03 | 0x13 => Body::Number(p.take(8).try_into().expect("eight bytes")),
                    0x04 | 0x14 => Body::Text(p.string()),
                    _ => Body::Nothing,
                };
                Constant { tag, body }
            }),
            upvalues: self.many(|p| [p.byte(), p.byte(), p.byte()]),
            children: self.many(Self::function),
            lines: self.many(Self::byte),
            absolute_lines: self.many(|p| (p.number(), p.number())),
            locals: self.many(|p| (p.string(), p.number(), p.number())),
            names: self.many(Self::string),
        }
    }
}
