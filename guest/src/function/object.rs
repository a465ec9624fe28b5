//! The objects of the heap, as the store has them: arrays that begin with the number of their kind.
//!
//! Objects refer to each other by number, with the tag that documents refer to functions with. So whoever
//! counts references needs to know nothing of the kinds. `docs/format.md` has the bytes.

use crate::error::{Error, Result};
use crate::value::{
    Item, elements, skip, write_array_head, write_bool, write_bytes, write_function, write_head,
    write_int, write_null, write_text,
};

const CODE: i64 = 0;
const FUNCTION: i64 = 1;
const CELL: i64 = 2;
const TABLE: i64 = 3;
const MADE: i64 = 4;

/// What a chunk was compiled from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text<'a> {
    /// Source text: a chunk, or an expression if the second is true.
    Source(&'a str, bool),
    /// A binary chunk that passed the verifier, or that this Lua made.
    Bytecode(&'a [u8]),
}

/// A function: a prototype of some code, and the cells of its variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Function<'a> {
    /// The code.
    pub code: u32,
    /// Where its prototype is: which child of the chunk, which child of that one, …
    pub prototype: Vec<u32>,
    /// Its variables: their names, and their cells; no cell for the sandbox's globals.
    pub upvalues: Vec<(&'a str, Option<u32>)>,
    /// The lines of the code that it takes up; none if it was persisted as the code.
    pub lines: Option<(u32, u32)>,
    /// When it was persisted, in seconds since 1970.
    pub stored: i64,
    /// The global names, and paths from them, that it refers to.
    pub names: Vec<&'a str>,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Object<'a> {
    /// A chunk, under the name that tracebacks call it.
    Code {
        name: &'a str,
        text: Text<'a>,
    },
    Function(Function<'a>),
    /// What a variable holds: a value that is no list or map, or a reference.
    Cell(&'a [u8]),
    /// A Lua table: its metatable (null, a mark, or a reference), and a map of such values.
    Table {
        metatable: &'a [u8],
        entries: &'a [u8],
    },
    /// What a function returns, which is called when the object is first needed.
    Made(u32),
}

fn corrupt() -> Error {
    Error::corrupt(
        "store",
        "an object that belongs to a persisted function can't be read; restore from a backup",
    )
}

fn text(value: &[u8]) -> Result<&str> {
    match Item::of(value) {
        Item::Text(text) => Ok(text),
        _ => Err(corrupt()),
    }
}

fn number(value: &[u8]) -> Result<u32> {
    match Item::of(value) {
        Item::Int(int) => u32::try_from(int).map_err(|_| corrupt()),
        _ => Err(corrupt()),
    }
}

/// The number of an object that is referred to.
pub(super) fn reference(value: &[u8]) -> Result<u32> {
    match Item::of(value) {
        Item::Function(id) => u32::try_from(id).map_err(|_| corrupt()),
        _ => Err(corrupt()),
    }
}

fn upvalue(value: &[u8]) -> Result<(&str, Option<u32>)> {
    let mut parts = elements(value);
    let name = text(parts.next().ok_or_else(corrupt)?)?;
    let cell = parts.next().ok_or_else(corrupt)?;
    Ok((
        name,
        match Item::of(cell) {
            Item::Null => None,
            _ => Some(reference(cell)?),
        },
    ))
}

impl<'a> Object<'a> {
    /// Reads an object.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Object<'a>> {
        let mut parts = elements(bytes);
        let mut next = || parts.next().ok_or_else(corrupt);
        let object = match Item::of(next()?) {
            Item::Int(CODE) => Object::Code {
                name: text(next()?)?,
                text: match (Item::of(next()?), Item::of(next()?)) {
                    (Item::Text(source), Item::Bool(is_expression)) => {
                        Text::Source(source, is_expression)
                    }
                    (Item::Bytes(chunk), Item::Bool(false)) => Text::Bytecode(chunk),
                    _ => return Err(corrupt()),
                },
            },
            Item::Int(FUNCTION) => Object::Function(Function {
                code: reference(next()?)?,
                prototype: elements(next()?).map(number).collect::<Result<_>>()?,
                upvalues: elements(next()?).map(upvalue).collect::<Result<_>>()?,
                lines: {
                    let mut lines = elements(next()?).map(number);
                    match (lines.next(), lines.next()) {
                        (Some(first), Some(last)) => Some((first?, last?)),
                        _ => None,
                    }
                },
                stored: match Item::of(next()?) {
                    Item::Int(time) => time,
                    _ => return Err(corrupt()),
                },
                names: elements(next()?).map(text).collect::<Result<_>>()?,
            }),
            Item::Int(CELL) => Object::Cell(next()?),
            Item::Int(TABLE) => Object::Table {
                metatable: next()?,
                entries: next()?,
            },
            Item::Int(MADE) => Object::Made(reference(next()?)?),
            _ => return Err(corrupt()),
        };
        if parts.next().is_some() || skip(bytes) != bytes.len() {
            return Err(corrupt());
        }
        Ok(object)
    }

    /// The beginning of a cell's bytes; what it holds is to follow.
    pub(super) fn begin_cell() -> Vec<u8> {
        let mut out = Vec::with_capacity(16);
        begin(&mut out, CELL, 1);
        out
    }

    /// Its bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        match self {
            Object::Code { name, text } => {
                begin(&mut out, CODE, 3);
                write_text(&mut out, name);
                match text {
                    Text::Source(source, is_expression) => {
                        write_text(&mut out, source);
                        write_bool(&mut out, *is_expression);
                    }
                    Text::Bytecode(chunk) => {
                        write_bytes(&mut out, chunk);
                        write_bool(&mut out, false);
                    }
                }
            }
            Object::Function(function) => write_closure(function, &mut out),
            Object::Cell(value) => {
                begin(&mut out, CELL, 1);
                out.extend_from_slice(value);
            }
            Object::Table { metatable, entries } => {
                begin(&mut out, TABLE, 2);
                out.extend_from_slice(metatable);
                out.extend_from_slice(entries);
            }
            Object::Made(function) => {
                begin(&mut out, MADE, 1);
                write_function(&mut out, u64::from(*function));
            }
        }
        out
    }
}

#[expect(clippy::cast_sign_loss, reason = "the kinds are small numbers")]
fn begin(out: &mut Vec<u8>, kind: i64, members: usize) {
    write_array_head(out, members + 1);
    write_head(out, 0, kind as u64);
}

fn write_closure(function: &Function<'_>, out: &mut Vec<u8>) {
    begin(out, FUNCTION, 6);
    write_function(out, u64::from(function.code));
    write_array_head(out, function.prototype.len());
    for number in &function.prototype {
        write_int(out, i64::from(*number));
    }
    write_array_head(out, function.upvalues.len());
    for (name, cell) in &function.upvalues {
        write_array_head(out, 2);
        write_text(out, name);
        match cell {
            Some(cell) => write_function(out, u64::from(*cell)),
            None => write_null(out),
        }
    }
    match function.lines {
        Some((first, last)) => {
            write_array_head(out, 2);
            write_int(out, i64::from(first));
            write_int(out, i64::from(last));
        }
        None => write_array_head(out, 0),
    }
    write_int(out, function.stored);
    write_array_head(out, function.names.len());
    function.names.iter().for_each(|name| write_text(out, name));
}
