//! The chunks that closures may come from: texts that this call, or the session, has compiled, and code that
//! objects of the store hold.

use std::ffi::{CStr, CString};

use super::object::Text;
use super::prototype::Chunk;
use crate::error::{Error, Result};
use crate::lua::context::Context;
use crate::lua::stack::Stack;

/// Bytes of text, and number of texts, that are known at a time. Closures of others are persisted from their bytecode.
const KEPT: usize = 4 << 20;
const KEPT_COUNT: usize = 4096;

/// A chunk.
pub(super) struct Source {
    /// What tracebacks call it.
    pub name: CString,
    text: SourceText,
    /// What it compiles to, once that was asked for.
    chunk: Option<Chunk>,
    /// The slot of the object that holds it.
    pub slot: Option<usize>,
}

enum SourceText {
    Source(String, bool),
    Bytecode(Vec<u8>),
}

/// All chunks that are known.
#[derive(Default)]
pub(crate) struct Sources {
    /// Texts, in the order in which they were compiled.
    texts: Vec<Source>,
    /// Bytes of the texts, about.
    size: usize,
    /// What objects hold, or held; each keeps its place.
    code: Vec<Source>,
}

/// The chunk that gives an expression's value, with the same line numbers.
pub(super) fn expression(source: &str) -> String {
    format!("return {source}")
}

fn unexpected() -> Error {
    Error::corrupt("source", "Lua's binary form is not as expected")
}

impl Source {
    pub(super) fn new(name: &CStr, text: Text<'_>) -> Source {
        Source {
            name: name.to_owned(),
            text: match text {
                Text::Source(source, is_expression) => {
                    SourceText::Source(source.to_string(), is_expression)
                }
                Text::Bytecode(chunk) => SourceText::Bytecode(chunk.to_vec()),
            },
            chunk: None,
            slot: None,
        }
    }

    pub(super) fn text(&self) -> Text<'_> {
        match &self.text {
            SourceText::Source(source, is_expression) => Text::Source(source, *is_expression),
            SourceText::Bytecode(chunk) => Text::Bytecode(chunk),
        }
    }

    fn size(&self) -> usize {
        match &self.text {
            SourceText::Source(source, _) => source.len(),
            SourceText::Bytecode(chunk) => chunk.len(),
        }
    }

    /// What it compiles to.
    ///
    /// # Errors
    /// `Syntax` if it does not compile any more, `InvalidArgument` for bytecode that the verifier refuses,
    /// `LimitExceeded`.
    pub(super) fn chunk(&mut self, stack: Stack, context: &Context) -> Result<&Chunk> {
        if self.chunk.is_none() {
            self.chunk = Some(self.compile(stack, context)?);
        }
        self.chunk.as_ref().ok_or_else(unexpected)
    }

    fn compile(&self, stack: Stack, context: &Context) -> Result<Chunk> {
        let whole;
        let text = match &self.text {
            // Bytes of the store may be anybody's, and Lua trusts a binary chunk blindly.
            SourceText::Bytecode(chunk) => {
                super::bytecode::check(chunk)?;
                return Chunk::parse(chunk.clone()).ok_or_else(unexpected);
            }
            SourceText::Source(source, true) => {
                whole = expression(source);
                &whole
            }
            SourceText::Source(source, false) => source,
        };
        context.charge(i64::try_from(text.len() / 4).unwrap_or(i64::MAX))?;
        let status = stack.load_text(text.as_bytes(), &self.name);
        if status != mlua::ffi::LUA_OK {
            let error = crate::lua::load_error(stack, status);
            stack.pop(1);
            return Err(error);
        }
        let chunk = stack.dump();
        stack.pop(1);
        Chunk::parse(chunk).ok_or_else(unexpected)
    }

    /// Where the prototype is whose binary form, as a chunk of its own, is given.
    fn find(
        &mut self,
        stack: Stack,
        context: &Context,
        closure: &Chunk,
    ) -> Result<Option<Vec<u32>>> {
        if self.name.as_bytes() != closure.name() {
            return Ok(None);
        }
        context.charge(i64::try_from(self.size() / 64).unwrap_or(i64::MAX))?;
        Ok(self.chunk(stack, context)?.find(closure.body()))
    }
}

impl Sources {
    /// Takes a text that a call has compiled.
    pub(crate) fn add(&mut self, name: &CStr, source: &str, is_expression: bool) {
        let text = Text::Source(source, is_expression);
        self.size += source.len();
        self.texts.push(Source::new(name, text));
        if self.size > KEPT || self.texts.len() > KEPT_COUNT {
            // The newer half stays: closures are mostly persisted by the chunk that makes them.
            let left = self.texts.len().div_ceil(2).min(self.texts.len() - 1);
            self.texts.drain(..left);
            self.size = self.texts.iter().map(Source::size).sum();
        }
    }

    /// Takes code that an object holds, and tells its place.
    pub(super) fn push(&mut self, source: Source) -> usize {
        self.code.push(source);
        self.code.len() - 1
    }

    pub(super) fn code(&mut self, place: usize) -> &mut Source {
        &mut self.code[place]
    }

    /// Bytes of all texts.
    pub(super) fn size(&self) -> usize {
        self.texts.iter().chain(&self.code).map(Source::size).sum()
    }

    /// The code that a closure comes from, and where in it its prototype is. A text that has it becomes code; a closure
    /// whose text nobody knows is code by itself.
    pub(super) fn of(
        &mut self,
        stack: Stack,
        context: &Context,
        closure: Chunk,
    ) -> Result<(usize, Vec<u32>)> {
        for place in (0..self.code.len()).rev() {
            if let Some(prototype) = self.code[place].find(stack, context, &closure)? {
                return Ok((place, prototype));
            }
        }
        for place in (0..self.texts.len()).rev() {
            if let Some(prototype) = self.texts[place].find(stack, context, &closure)? {
                let text = self.texts.remove(place);
                return Ok((self.push(text), prototype));
            }
        }
        let name = CString::new(closure.name()).unwrap_or_default();
        let mut source = Source::new(&name, Text::Bytecode(closure.bytes()));
        source.chunk = Some(closure);
        Ok((self.push(source), Vec::new()))
    }

    /// Ends a call: texts are forgotten, but those that closures in globals that are kept may come from.
    pub(crate) fn end(&mut self, keep: bool) {
        if !keep {
            self.texts.clear();
            self.size = 0;
        }
    }
}
