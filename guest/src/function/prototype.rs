//! The binary form of Lua 5.4 functions, as far as it takes to cut one out of another.
//!
//! Only what this very Lua has just compiled, or what the verifier has passed, is read and loaded.

use std::ops::Range;

/// Signature, version, format, check data, three sizes, a check integer and a check float.
const HEADER_SIZE: usize = 31;

/// A function's prototype inside of a binary chunk.
pub(super) struct Prototype {
    /// The source's name; a function inside of another one usually leaves it out.
    name: Option<Range<usize>>,
    /// From behind it to the end.
    body: Range<usize>,
    upvalues: u8,
    children: Vec<Prototype>,
}

/// A compiled chunk and the prototypes in it.
pub(super) struct Chunk {
    bytes: Vec<u8>,
    main: Prototype,
}

impl Chunk {
    /// Reads a binary chunk; none if it is not of the form expected.
    pub(super) fn parse(bytes: Vec<u8>) -> Option<Chunk> {
        let mut reader = Reader {
            bytes: &bytes,
            position: HEADER_SIZE + 1,
        };
        let main = reader.function()?;
        (reader.position == bytes.len()).then_some(())?;
        Some(Chunk { bytes, main })
    }

    /// The body of the chunk's own function, which is the same wherever it is nested.
    pub(super) fn body(&self) -> &[u8] {
        &self.bytes[self.main.body.clone()]
    }

    /// The name of its source, as Lua has it.
    pub(super) fn name(&self) -> &[u8] {
        self.main.name.clone().map_or(&[], |name| &self.bytes[name])
    }

    /// Its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first and the last line of the chunk's own function.
    pub(super) fn lines(&self) -> (u32, u32) {
        let mut reader = Reader {
            bytes: &self.bytes,
            position: self.main.body.start,
        };
        let mut line = || u32::try_from(reader.size().unwrap_or(0)).unwrap_or(0);
        (line(), line())
    }

    /// Where a prototype with this body is: which child of the main function, which child of that one, …
    pub(super) fn find(&self, body: &[u8]) -> Option<Vec<u32>> {
        let mut path = Vec::new();
        if self.body() == body {
            return Some(path);
        }
        self.search(&self.main, body, &mut path).then_some(path)
    }

    fn search(&self, from: &Prototype, body: &[u8], path: &mut Vec<u32>) -> bool {
        for (child, number) in from.children.iter().zip(0..) {
            path.push(number);
            if self.bytes[child.body.clone()] == *body || self.search(child, body, path) {
                return true;
            }
            path.pop();
        }
        false
    }

    /// The prototype at a path, as a chunk of its own.
    pub(super) fn cut(&self, path: &[u32]) -> Option<Vec<u8>> {
        let mut prototype = &self.main;
        for number in path {
            prototype = prototype.children.get(usize::try_from(*number).ok()?)?;
        }
        let mut out = self.bytes[..HEADER_SIZE].to_vec();
        out.push(prototype.upvalues);
        // A nested prototype leaves out the source's name, since it is that of the one around it.
        out.extend_from_slice(&self.bytes[HEADER_SIZE + 1..self.main.body.start]);
        out.extend_from_slice(&self.bytes[prototype.body.clone()]);
        Some(out)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Reader<'_> {
    fn skip(&mut self, count: usize) -> Option<()> {
        self.position = self.position.checked_add(count)?;
        (self.position <= self.bytes.len()).then_some(())
    }

    fn byte(&mut self) -> Option<u8> {
        self.skip(1)?;
        Some(self.bytes[self.position - 1])
    }

    /// A number in groups of seven bits, the last of which is marked.
    fn size(&mut self) -> Option<usize> {
        let mut size = 0usize;
        loop {
            let byte = self.byte()?;
            size = size.checked_mul(128)? | usize::from(byte & 0x7f);
            if byte & 0x80 != 0 {
                return Some(size);
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        self.span().map(|_| ())
    }

    /// Where a string is; nothing for none.
    fn span(&mut self) -> Option<Option<Range<usize>>> {
        match self.size()? {
            0 => Some(None),
            size => {
                let start = self.position;
                self.skip(size - 1)?;
                Some(Some(start..self.position))
            }
        }
    }

    fn many(&mut self, each: impl Fn(&mut Self) -> Option<()>) -> Option<()> {
        for _ in 0..self.size()? {
            each(self)?;
        }
        Some(())
    }

    fn constant(&mut self) -> Option<()> {
        match self.byte()? {
            // nil, false, true
            0x00 | 0x01 | 0x11 => Some(()),
            // Integers and floats
            0x03 | 0x13 => self.skip(8),
            // Strings, short and long
            0x04 | 0x14 => self.string(),
            _ => None,
        }
    }

    fn function(&mut self) -> Option<Prototype> {
        let name = self.span()?;
        let start = self.position;
        // First and last line, then parameters, whether variable, and registers.
        self.size()?;
        self.size()?;
        self.skip(3)?;
        let instructions = self.size()?;
        self.skip(instructions.checked_mul(4)?)?;
        self.many(Self::constant)?;
        let upvalues = self.size()?;
        self.skip(upvalues.checked_mul(3)?)?;
        let mut children = Vec::new();
        for _ in 0..self.size()? {
            children.push(self.function()?);
        }
        // Lines by instruction, lines by position, local variables, names of upvalues.
        let lines = self.size()?;
        self.skip(lines)?;
        self.many(|reader| {
            reader.size()?;
            reader.size()?;
            Some(())
        })?;
        self.many(|reader| {
            reader.string()?;
            reader.size()?;
            reader.size()?;
            Some(())
        })?;
        self.many(Self::string)?;
        Some(Prototype {
            name,
            body: start..self.position,
            upvalues: u8::try_from(upvalues).ok()?,
            children,
        })
    }
}
