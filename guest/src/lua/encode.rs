//! Values from Lua.

use std::ffi::{c_int, c_void};
use std::ops::Range;

use super::bigint;
use super::context::Context;
use super::decode::Shape;
use super::external;
use super::memory::BYTES_PER_INSTRUCTION;
use super::stack::{Kind, Stack};
use crate::error::{Error, Limit, Result};
use crate::function::{Saver, library_name};
use crate::limits::Setting;
use crate::value::{
    MAX_DEPTH, MAX_SIZE, write_array_head, write_bool, write_float, write_int, write_library,
    write_map_head, write_null, write_string,
};

/// Bytes of a copy of an external table, at the most.
pub(crate) const MAX_RESULT_SIZE: usize = 64 << 20;

/// So many bytes of CBOR take about as long to be written as an instruction.
const WRITTEN_PER_INSTRUCTION: usize = 8;

/// Bytes that are written, or entries that are moved, between two looks at the budget.
const STEP: usize = 32 << 10;

/// Places on the stack that a table needs while it is read.
const ROOM: c_int = 4 * (MAX_DEPTH as c_int + 4);

/// Appends the value at an index. `depth` says how many lists and maps it will stand in, `place` where it
/// is going. With a `saver`, it is going into the store, where functions and metatables can be kept. The caller is
/// [`relaxed`](Context::relaxed); the stack is left as it was.
///
/// # Errors
/// `Unstorable` or `LimitExceeded`, with the path to the culprit behind `place`.
pub(crate) fn write_value(
    stack: Stack,
    context: &Context,
    index: c_int,
    depth: usize,
    place: &str,
    saver: Option<&mut Saver<'_>>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let start = out.len();
    if write_scalar(stack, index, out) {
        if out.len() - start > MAX_SIZE {
            out.truncate(start);
            return Err(too_large().under(place));
        }
        context.spend(((out.len() - start) / BYTES_PER_INSTRUCTION) as i64);
        return Ok(());
    }
    let top = stack.top();
    let index = stack.absolute(index);
    let mut encoder = Encoder {
        stack,
        context,
        out,
        limit: start.saturating_add(MAX_SIZE),
        counted: start,
        open: Vec::new(),
        depth,
        entries: Vec::new(),
        saver,
    };
    let result = if stack.reserve(ROOM) {
        encoder.value(index)
    } else {
        Err(Fault::error(Error::unstorable(
            "",
            "Lua's stack is full; call less deeply",
        )))
    };
    let rest = encoder.out.len().saturating_sub(encoder.counted);
    let result = result.and_then(|()| encoder.charge(rest));
    if result.is_err() {
        out.truncate(start);
    }
    stack.set_top(top);
    result.map_err(|fault| fault.into_error(place))
}

/// Appends all values from an index to the top as a list: the results of a call.
///
/// # Errors
/// As [`write_value`], and `LimitExceeded` for more than the call may return.
pub(crate) fn write_results(stack: Stack, context: &Context, first: c_int) -> Result<Vec<u8>> {
    let last = stack.top();
    let mut out = Vec::with_capacity(64);
    let maximum = context.limit(Setting::ResultSize);
    write_array_head(&mut out, usize::try_from(last + 1 - first).unwrap_or(0));
    for index in first..=last {
        let is_short = match stack.kind(index) {
            Kind::String => stack.raw_length(index) < 1024,
            kind => matches!(kind, Kind::Nil | Kind::Boolean | Kind::Number),
        };
        if is_short {
            write_scalar(stack, index, &mut out);
        } else {
            let place = format!("result[{}]", index + 1 - first);
            write_value(stack, context, index, 0, &place, None, &mut out)?;
        }
        if out.len() as u64 > maximum {
            return Err(results_too_large(maximum, index + 1 - first));
        }
    }
    Ok(out)
}

/// The error for results that are too large, the last of them in all.
pub(crate) fn results_too_large(maximum: u64, last: c_int) -> Error {
    Error::limit(
        Limit::ResultSize,
        maximum,
        format!("result[{last}]"),
        format!("the results have more than {maximum} bytes; return them in parts, or allow more"),
    )
}

/// Appends nil, a boolean, a number or a string; false for anything else.
#[inline]
pub(crate) fn write_scalar(stack: Stack, index: c_int, out: &mut Vec<u8>) -> bool {
    match stack.kind(index) {
        Kind::Nil | Kind::None => write_null(out),
        Kind::Boolean => write_bool(out, stack.to_bool(index)),
        Kind::Number => match stack.to_integer(index) {
            Some(int) => write_int(out, int),
            None => write_float(out, stack.to_number(index)),
        },
        Kind::String => write_string(out, stack.to_bytes(index).unwrap_or_default()),
        Kind::Userdata => match bigint::value(stack, index) {
            Some(value) => out.extend_from_slice(value),
            None => return false,
        },
        _ => return false,
    }
    true
}

/// Appends a key of a table; false for a value that is no key of a map.
#[inline]
pub(crate) fn write_map_key(stack: Stack, index: c_int, out: &mut Vec<u8>) -> bool {
    match stack.kind(index) {
        Kind::Boolean | Kind::String => write_scalar(stack, index, out),
        Kind::Number => {
            let number = stack.to_number(index);
            match (stack.to_integer(index), crate::value::float_to_int(number)) {
                (Some(int), _) | (None, Some(int)) => write_int(out, int),
                _ if number.is_nan() => return false,
                _ => write_float(out, number),
            }
            true
        }
        _ => false,
    }
}

/// The key of a table as a step of a path, for messages.
pub(crate) fn step_of(stack: Stack, index: c_int) -> String {
    match stack.kind(index) {
        Kind::String => {
            let bytes = stack.to_bytes(index).unwrap_or_default();
            match std::str::from_utf8(bytes) {
                Ok(name) if !name.is_empty() && !name.contains(['.', '[']) => format!(".{name}"),
                _ => format!("[\"{}\"]", bytes.escape_ascii()),
            }
        }
        Kind::Number => format!("[{}]", stack.number_text(index)),
        Kind::Boolean => format!("[{}]", stack.to_bool(index)),
        _ => format!("[{}]", bigint::kind_name(stack, index)),
    }
}

/// What is wrong, with the path to it gathered on the way out.
struct Fault {
    path: String,
    error: Error,
}

impl Fault {
    fn error(error: Error) -> Box<Fault> {
        Box::new(Fault {
            path: String::new(),
            error,
        })
    }

    fn inside(mut self: Box<Self>, step: &str) -> Box<Self> {
        self.path.insert_str(0, step);
        self
    }

    fn into_error(self, place: &str) -> Error {
        let ends_the_call = matches!(
            &self.error,
            Error::LimitExceeded(excess)
                if matches!(excess.limit, Limit::Memory | Limit::Instructions | Limit::WallClock)
        );
        if ends_the_call {
            return self.error;
        }
        self.error.under(&format!("{place}{}", self.path))
    }
}

type Written = std::result::Result<(), Box<Fault>>;

struct Encoder<'a, 's> {
    stack: Stack,
    context: &'a Context,
    out: &'a mut Vec<u8>,
    /// The length that `out` may not reach beyond.
    limit: usize,
    /// The length of `out` that the budget has been charged for.
    counted: usize,
    /// The tables that are being written.
    open: Vec<*const c_void>,
    /// How many lists and maps stand around those.
    depth: usize,
    /// Entries of the maps that are being written: where each is, and how long its key is.
    entries: Vec<(Range<usize>, usize)>,
    saver: Option<&'a mut Saver<'s>>,
}

impl Encoder<'_, '_> {
    fn value(&mut self, index: c_int) -> Written {
        if write_scalar(self.stack, index, self.out) {
            return Ok(());
        }
        let kind = self.stack.kind(index);
        if kind == Kind::Function
            && let Some(saver) = &mut self.saver
        {
            return saver.write_root(index, self.out).map_err(Fault::error);
        }
        if kind != Kind::Table {
            return Err(Fault::error(Error::unstorable(
                "",
                match kind {
                    Kind::Function => {
                        "is a function, which can't be returned; keep it in the database, and call it there"
                            .to_string()
                    }
                    other => format!(
                        "is {}, which can't be stored or returned; use nil, booleans, numbers, strings and tables of them",
                        other.name()
                    ),
                },
            )));
        }
        self.table(index)
    }

    fn table(&mut self, index: c_int) -> Written {
        let depth = self.depth + self.open.len();
        let metatable = self.stack.metatable(index);
        let marks = &self.context.marks;
        if !metatable.is_null() && metatable == marks.external.get() {
            let keep = self.saver.is_some();
            // It charges for itself.
            let before = self.out.len();
            external::write_copy(self.stack, self.context, index, depth, keep, self.out)
                .map_err(Fault::error)?;
            self.counted += self.out.len() - before;
            return self.check();
        }
        if depth >= MAX_DEPTH {
            return Err(Fault::error(too_deep()));
        }
        let identity = self.stack.pointer(index);
        if self.open.contains(&identity) {
            return Err(Fault::error(Error::unstorable(
                "",
                "the table contains itself; leave out the way back",
            )));
        }
        let is_own =
            !metatable.is_null() && metatable != marks.list.get() && metatable != marks.map.get();
        let mut kept = None;
        if is_own && metatable == marks.globals.get() {
            return Err(Fault::error(Error::unstorable(
                "",
                "is the table of globals, which belongs to the call; use a table of your own",
            )));
        }
        if is_own && let Some(saver) = &mut self.saver {
            if let Some(name) = library_name(self.stack, index) {
                write_library(self.out, name);
                return Ok(());
            }
            if saver.write_made(index, self.out).map_err(Fault::error)? {
                return Ok(());
            }
            kept = Some(keep_metatable(saver, self.stack, index).map_err(Fault::error)?);
        }
        self.open.push(identity);
        let stack = self.stack;
        stack.push_nil();
        if kept.is_some() || stack.next(index) {
            // A table with a name among its keys is a map whatever else it has, so its values can be
            // written at once; otherwise all keys have to be seen first.
            let list = if kept.is_some()
                || stack.kind(-2) == Kind::String
                || metatable == marks.map.get() && !metatable.is_null()
            {
                None
            } else {
                self.shape(index)?.list_length()
            };
            match list {
                Some(length) => {
                    stack.pop(2);
                    self.list(index, length)?;
                }
                None => self.map(index, kept)?,
            }
        } else if metatable == marks.list.get() {
            write_array_head(self.out, 0);
        } else {
            write_map_head(self.out, 0);
        }
        self.open.pop();
        self.check()
    }

    /// Checks that the value is not too large, and now and then that the call is not over.
    #[inline]
    fn check(&mut self) -> Written {
        if self.out.len() > self.limit {
            return Err(Fault::error(too_large()));
        }
        let written = self.out.len().saturating_sub(self.counted);
        if written < STEP {
            return Ok(());
        }
        self.counted = self.out.len();
        self.charge(written)
    }

    /// Charges for so many bytes, or entries that take as long.
    fn charge(&self, bytes: usize) -> Written {
        self.context
            .charge((bytes / WRITTEN_PER_INSTRUCTION) as i64)
            .map_err(Fault::error)
    }

    /// The shape of a table whose first key and value are on the top, where they stay.
    fn shape(&self, index: c_int) -> std::result::Result<Shape, Box<Fault>> {
        let stack = self.stack;
        let mut shape = Shape::default();
        shape.add(stack.to_integer(-2));
        stack.copy(-2);
        while stack.next(index) {
            shape.add(stack.to_integer(-2));
            stack.pop(1);
            if shape.count().is_multiple_of(STEP) {
                self.charge(STEP)?;
            }
        }
        Ok(shape)
    }

    fn list(&mut self, index: c_int, length: usize) -> Written {
        let stack = self.stack;
        write_array_head(self.out, length);
        for position in (1i64..).take(length) {
            stack.raw_get_integer(index, position);
            self.value(stack.top())
                .map_err(|fault| fault.inside(&format!("[{position}]")))?;
            stack.pop(1);
            self.check()?;
        }
        Ok(())
    }

    /// Writes a table whose first key and value are on the top; they are popped. If it has a metatable to be kept, just
    /// the nil before the first key is there.
    fn map(&mut self, index: c_int, metatable: Option<Vec<u8>>) -> Written {
        let stack = self.stack;
        let first = self.entries.len();
        let head = self.out.len();
        // Nearly all maps have fewer than 24 entries, and a head of one byte.
        self.out.push(0);
        let body = self.out.len();
        let mut more = true;
        if let Some(metatable) = metatable {
            let start = self.out.len();
            write_null(self.out);
            self.out.extend_from_slice(&metatable);
            self.entries.push((start..self.out.len(), 1));
            more = stack.next(index);
        }
        while more {
            let value = stack.top();
            let start = self.out.len();
            if !write_map_key(stack, value - 1, self.out) {
                return Err(Fault::error(Error::unstorable(
                    "",
                    format!(
                        "{} can't be a key of a stored table; use strings, numbers or booleans",
                        bigint::kind_name(stack, value - 1)
                    ),
                )));
            }
            let key_size = self.out.len() - start;
            self.value(value)
                .map_err(|fault| fault.inside(&step_of(stack, value - 1)))?;
            self.entries.push((start..self.out.len(), key_size));
            self.check()?;
            stack.pop(1);
            more = stack.next(index);
        }
        self.sort(first, body)?;
        let count = self.entries.len() - first;
        self.entries.truncate(first);
        let mut real_head = Vec::new();
        write_map_head(&mut real_head, count);
        if let [only] = real_head[..] {
            self.out[head] = only;
        } else {
            self.out.splice(head..body, real_head);
        }
        Ok(())
    }

    /// Brings the entries of a map, which is the last thing written, into the order of their keys.
    fn sort(&mut self, first: usize, body: usize) -> Written {
        const FEW: usize = 24;
        let entries = &mut self.entries[first..];
        let out = &mut *self.out;
        let key = |entry: &(Range<usize>, usize)| entry.0.start..entry.0.start + entry.1;
        if entries.is_sorted_by(|a, b| out[key(a)] < out[key(b)]) {
            return Ok(());
        }
        if entries.len() > FEW {
            // No key is the beginning of another, so that whole entries are in the order of their keys.
            let mut rows = Vec::with_capacity(entries.len());
            for part in entries.chunks(STEP) {
                rows.extend(part.iter().map(|(span, _)| out[span.clone()].to_vec()));
                self.context
                    .charge(part.len() as i64)
                    .map_err(Fault::error)?;
            }
            self.context.sort(&mut rows).map_err(Fault::error)?;
            out.truncate(body);
            rows.iter().for_each(|row| out.extend_from_slice(row));
            return Ok(());
        }
        for unsorted in 1..entries.len() {
            let mut place = unsorted;
            while place > 0 && out[key(&entries[place])] < out[key(&entries[place - 1])] {
                entries.swap(place, place - 1);
                place -= 1;
            }
        }
        let written = out.split_off(body);
        for (span, _) in entries {
            out.extend_from_slice(&written[span.start - body..span.end - body]);
        }
        Ok(())
    }
}

/// The reference to the metatable of the table at an index.
fn keep_metatable(saver: &mut Saver<'_>, stack: Stack, index: c_int) -> Result<Vec<u8>> {
    let mut reference = Vec::new();
    stack.push_metatable(index);
    let written = saver.write_root(stack.top(), &mut reference);
    stack.pop(1);
    written.map(|()| reference)
}

pub(crate) fn too_deep() -> Error {
    Error::limit(
        Limit::ValueDepth,
        MAX_DEPTH as u64,
        "",
        format!("more than {MAX_DEPTH} tables are inside each other; make the value flatter"),
    )
}

pub(crate) fn too_large() -> Error {
    Error::limit(
        Limit::ValueSize,
        MAX_SIZE as u64,
        "",
        format!("the value has more than {MAX_SIZE} bytes; split it into several"),
    )
}
