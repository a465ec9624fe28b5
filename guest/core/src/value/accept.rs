//! The gate: bytes from outside become values, or an error that says where they went wrong.

use std::borrow::Cow;

use super::FUNCTION_TAG;
use super::big::{self, MAX_INTEGER_SIZE, NEGATIVE_TAG, POSITIVE_TAG, write_integer};
use super::number::{float_to_int, half_to_float};
use super::scan::Scan;
use super::skip;
use super::write::{
    shortest_float, write_bytes, write_float, write_head, write_int, write_string, write_text,
};
use crate::bytes::sort;
use crate::error::{Error, Limit, Result};

/// Arrays and maps inside each other, at the most.
pub const MAX_DEPTH: usize = 64;

/// Bytes of one value, at the most.
pub const MAX_SIZE: usize = 16 << 20;

/// Takes one value from outside. Deterministic bytes are returned as they are.
///
/// # Errors
/// `InvalidValue` or `LimitExceeded`, with the path to the culprit behind `place`.
pub fn accept<'a>(bytes: &'a [u8], place: &str) -> Result<Cow<'a, [u8]>> {
    accept_within(bytes, place, MAX_SIZE, 0)
}

/// Takes an argument that holds values (a batch, a list of arguments, a query): it may be as large as
/// it likes, and two levels deeper.
///
/// # Errors
/// As [`accept`].
pub fn accept_argument<'a>(bytes: &'a [u8], place: &str) -> Result<Cow<'a, [u8]>> {
    accept_within(bytes, place, usize::MAX, 2)
}

/// Checks bytes that are said to come out of a store: deterministic, and what only Cu writes is allowed.
///
/// # Errors
/// As [`accept`], and `InvalidValue` for bytes that are not deterministic.
pub fn accept_stored(bytes: &[u8], place: &str) -> Result<()> {
    let mut reader = Reader::new(bytes, MAX_DEPTH + 2);
    reader.is_stored = true;
    reader.value(0).map_err(|fault| fault.into_error(place))?;
    if reader.position == bytes.len() && reader.deterministic {
        return Ok(());
    }
    Err(Error::value(
        place,
        "the bytes are not the deterministic encoding of one value",
    ))
}

fn accept_within<'a>(
    bytes: &'a [u8],
    place: &str,
    max_size: usize,
    extra_depth: usize,
) -> Result<Cow<'a, [u8]>> {
    if bytes.len() > max_size {
        return Err(Error::limit(
            Limit::ValueSize,
            max_size as u64,
            place,
            format!(
                "the value has {} bytes, at most {max_size} are allowed; split it into several documents",
                bytes.len()
            ),
        ));
    }
    let max_depth = MAX_DEPTH + extra_depth;
    let mut scan = Scan::new(bytes);
    if scan.value(0, max_depth) == Some(bytes.len()) {
        return Ok(scan.ordered.map_or(Cow::Borrowed(bytes), Cow::Owned));
    }
    drop(scan);
    let mut reader = Reader::new(bytes, max_depth);
    reader.output = Some(Vec::with_capacity(bytes.len()));
    reader.value(0).map_err(|fault| fault.into_error(place))?;
    if reader.position != bytes.len() {
        let fault = Fault::new(format!(
            "{} more bytes follow the value; send one value",
            bytes.len() - reader.position
        ));
        return Err(fault.into_error(place));
    }
    if reader.deterministic {
        return Ok(Cow::Borrowed(bytes));
    }
    Ok(Cow::Owned(reader.output.unwrap_or_default()))
}

/// What is wrong, with the path to it gathered on the way out.
struct Fault {
    path: String,
    message: String,
    limit: Option<(Limit, u64)>,
}

impl Fault {
    fn new(message: impl Into<String>) -> Box<Self> {
        Box::new(Fault {
            path: String::new(),
            message: message.into(),
            limit: None,
        })
    }

    fn inside(mut self: Box<Self>, step: &str) -> Box<Self> {
        self.path.insert_str(0, step);
        self
    }

    fn into_error(self, place: &str) -> Error {
        let path = format!("{place}{}", self.path);
        let path = path.strip_prefix('.').unwrap_or(&path);
        match self.limit {
            Some((limit, maximum)) => Error::limit(limit, maximum, path, self.message),
            None => Error::value(path, self.message),
        }
    }
}

type Checked<T> = std::result::Result<T, Box<Fault>>;

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Whether all that was read so far is in the deterministic encoding.
    deterministic: bool,
    max_depth: usize,
    /// Whether what only Cu writes is allowed.
    is_stored: bool,
    /// Where the deterministic encoding goes, unless the bytes have to be it.
    output: Option<Vec<u8>>,
    /// Where the entries of the maps that are being read stand in the output.
    entries: Vec<Entry>,
}

/// A map's entry in the output.
#[derive(Clone, Copy)]
struct Entry {
    key: usize,
    value: usize,
    end: usize,
}

impl Entry {
    fn key<'o>(&self, output: &'o [u8]) -> &'o [u8] {
        &output[self.key..self.value]
    }
}

enum Length {
    Definite(u64),
    Indefinite,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], max_depth: usize) -> Self {
        Reader {
            bytes,
            position: 0,
            deterministic: true,
            max_depth,
            is_stored: false,
            output: None,
            entries: Vec::new(),
        }
    }

    fn take(&mut self, length: u64) -> Checked<&'a [u8]> {
        let rest = &self.bytes[self.position..];
        match usize::try_from(length).ok().and_then(|l| rest.get(..l)) {
            Some(taken) => {
                self.position += taken.len();
                Ok(taken)
            }
            None => Err(Fault::new(format!(
                "the bytes end too early: {length} more are announced at offset {}, {} are there",
                self.position,
                rest.len()
            ))),
        }
    }

    fn byte(&mut self) -> Checked<u8> {
        Ok(self.take(1)?[0])
    }

    /// The argument of a head. Longer forms than needed are well-formed, but not deterministic.
    fn argument(&mut self, first: u8) -> Checked<Length> {
        let (argument, least) = match first & 0x1f {
            small @ 0..=23 => (u64::from(small), 0),
            24 => (u64::from(self.byte()?), 24),
            25 => (u64::from(u16::from_be_bytes(self.word()?)), 0x100),
            26 => (u64::from(u32::from_be_bytes(self.word()?)), 0x1_0000),
            27 => (u64::from_be_bytes(self.word()?), 0x1_0000_0000),
            31 => return Ok(Length::Indefinite),
            other => {
                return Err(Fault::new(format!(
                    "malformed CBOR: additional information {other} at offset {} is reserved",
                    self.position - 1
                )));
            }
        };
        self.deterministic &= argument >= least;
        Ok(Length::Definite(argument))
    }

    fn word<const N: usize>(&mut self) -> Checked<[u8; N]> {
        Ok(self
            .take(N as u64)?
            .try_into()
            .expect("as many as were asked for"))
    }

    fn definite(&mut self, first: u8) -> Checked<u64> {
        match self.argument(first)? {
            Length::Definite(argument) => Ok(argument),
            Length::Indefinite => Err(Fault::new(format!(
                "malformed CBOR: an indefinite length at offset {} has no meaning there",
                self.position - 1
            ))),
        }
    }

    fn value(&mut self, depth: usize) -> Checked<()> {
        let first = self.byte()?;
        match first >> 5 {
            0 | 1 => {
                let argument = self.definite(first)?;
                // What has no room in 64 bits with a sign is a big integer.
                self.deterministic &= i64::try_from(argument).is_ok();
                if let Some(out) = &mut self.output {
                    write_integer(out, first >> 5 == 1, &argument.to_be_bytes());
                }
                Ok(())
            }
            2 | 3 => {
                let string = self.string(first)?;
                let is_text = first >> 5 == 3;
                if is_text {
                    let text = std::str::from_utf8(&string).map_err(|_| {
                        Fault::new("the text is not UTF-8; send it as a byte string")
                    })?;
                    if let Some(out) = &mut self.output {
                        write_text(out, text);
                    }
                } else if let Some(out) = &mut self.output {
                    write_bytes(out, &string);
                }
                Ok(())
            }
            4 => self.list(first, depth),
            5 => self.map(first, depth),
            6 => self.tagged(first),
            _ => self.simple(first),
        }
    }

    fn string(&mut self, first: u8) -> Checked<Cow<'a, [u8]>> {
        match self.argument(first)? {
            Length::Definite(length) => Ok(Cow::Borrowed(self.take(length)?)),
            Length::Indefinite => {
                self.deterministic = false;
                let mut whole = Vec::new();
                loop {
                    let chunk = self.byte()?;
                    if chunk == 0xff {
                        return Ok(Cow::Owned(whole));
                    }
                    if chunk >> 5 != first >> 5 {
                        return Err(Fault::new(
                            "malformed CBOR: a chunk of a string is of another type",
                        ));
                    }
                    let length = self.definite(chunk)?;
                    let bytes = self.take(length)?;
                    if first >> 5 == 3 && std::str::from_utf8(bytes).is_err() {
                        return Err(Fault::new("a chunk of the text is not UTF-8"));
                    }
                    whole.extend_from_slice(bytes);
                }
            }
        }
    }

    fn deeper(&self, depth: usize) -> Checked<usize> {
        if depth < self.max_depth {
            return Ok(depth + 1);
        }
        let mut fault = Fault::new(format!(
            "more than {MAX_DEPTH} lists and maps are inside each other; make the value flatter"
        ));
        fault.limit = Some((Limit::ValueDepth, MAX_DEPTH as u64));
        Err(fault)
    }

    /// Whether another element follows.
    fn more(&mut self, length: &mut Length) -> bool {
        match length {
            Length::Definite(0) => false,
            Length::Definite(left) => {
                *left -= 1;
                true
            }
            Length::Indefinite => {
                let ends = self.bytes.get(self.position) == Some(&0xff);
                self.position += usize::from(ends);
                !ends
            }
        }
    }

    fn list(&mut self, first: u8, depth: usize) -> Checked<()> {
        let depth = self.deeper(depth)?;
        let mut length = self.argument(first)?;
        self.deterministic &= matches!(length, Length::Definite(_));
        let start = self.begin(4, &length);
        let mut count = 0u64;
        while self.more(&mut length) {
            self.value(depth)
                .map_err(|fault| fault.inside(&format!("[{count}]")))?;
            count += 1;
        }
        self.end(4, &length, start, count);
        Ok(())
    }

    /// Begins a list or a map in the output: where its content stands.
    fn begin(&mut self, major: u8, length: &Length) -> usize {
        let Some(out) = &mut self.output else {
            return 0;
        };
        if let Length::Definite(count) = length {
            write_head(out, major, *count);
        }
        out.len()
    }

    /// Ends a list or a map, whose length may be known only now.
    fn end(&mut self, major: u8, length: &Length, start: usize, count: u64) {
        if let (Length::Indefinite, Some(out)) = (length, &mut self.output) {
            let content = out.split_off(start);
            write_head(out, major, count);
            out.extend_from_slice(&content);
        }
    }

    fn map(&mut self, first: u8, depth: usize) -> Checked<()> {
        let depth = self.deeper(depth)?;
        let mut length = self.argument(first)?;
        self.deterministic &= matches!(length, Length::Definite(_));
        let start = self.begin(5, &length);
        let first_entry = self.entries.len();
        let mut in_order = true;
        let mut previous: &[u8] = &[];
        let mut count = 0u64;
        while self.more(&mut length) {
            let start = self.position;
            let key = self.map_key()?;
            let raw = &self.bytes[start..self.position];
            // Bytewise ascending also means: without duplicates.
            self.deterministic &= raw > previous;
            previous = raw;
            if let Some(out) = &mut self.output {
                let start = out.len();
                out.extend_from_slice(&key);
                let entry = Entry {
                    key: start,
                    value: out.len(),
                    end: 0,
                };
                in_order &= self.entries[first_entry..]
                    .last()
                    .is_none_or(|last| last.key(out) < entry.key(out));
                self.entries.push(entry);
            }
            self.value(depth)
                .map_err(|fault| fault.inside(&step_of(&key)))?;
            if let Some(out) = &self.output {
                let number = first_entry + count as usize;
                self.entries[number].end = out.len();
            }
            count += 1;
        }
        if !in_order {
            self.put_in_order(first_entry, start)?;
        }
        self.entries.truncate(first_entry);
        self.end(5, &length, start, count);
        Ok(())
    }

    /// Brings the entries of a map, from a position of the output on, into the order of their keys.
    fn put_in_order(&mut self, first_entry: usize, start: usize) -> Checked<()> {
        let entries = &self.entries[first_entry..];
        let Some(out) = &mut self.output else {
            return Ok(());
        };
        let content = out.split_off(start);
        // Keys say themselves where they end: sorted by all its bytes, an entry is sorted by its key.
        let mut rows: Vec<Vec<u8>> = entries
            .iter()
            .map(|entry| content[entry.key - start..entry.end - start].to_vec())
            .collect();
        sort(&mut rows);
        let key = |row: &'_ Vec<u8>| skip(row);
        if let Some(twice) = rows
            .windows(2)
            .find(|pair| pair[0][..key(&pair[0])] == pair[1][..key(&pair[1])])
        {
            return Err(Fault::new("the map has this key twice").inside(&step_of(&twice[0])));
        }
        rows.iter().for_each(|row| out.extend_from_slice(row));
        Ok(())
    }

    /// A map's key in the deterministic encoding: what Lua would make of it.
    fn map_key(&mut self) -> Checked<Cow<'a, [u8]>> {
        let start = self.position;
        let before = std::mem::replace(&mut self.deterministic, true);
        let first = self.byte()?;
        let mut key = Vec::new();
        match first >> 5 {
            2 | 3 => {
                let string = self.string(first)?;
                let is_text = std::str::from_utf8(&string).is_ok();
                if first >> 5 == 3 && !is_text {
                    return Err(Fault::new("a map's key is a text that is not UTF-8"));
                }
                // A byte string that is UTF-8 is the same key as the text.
                self.deterministic &= is_text == (first >> 5 == 3);
                if !self.deterministic {
                    write_string(&mut key, &string);
                }
            }
            0 | 1 => {
                let argument = self.definite(first)?;
                let Ok(positive) = i64::try_from(argument) else {
                    return Err(big_key());
                };
                if !self.deterministic {
                    write_int(&mut key, if first >> 5 == 0 { positive } else { !positive });
                }
            }
            6 if matches!(u64::from(first & 0x1f), POSITIVE_TAG | NEGATIVE_TAG) => {
                return Err(big_key());
            }
            _ if matches!(first, 0xf4 | 0xf5) => {}
            // A metatable follows.
            _ if first == super::NULL
                && self.is_stored
                && matches!(
                    super::Item::of(&self.bytes[self.position..]),
                    super::Item::Function(_)
                ) => {}
            _ if matches!(first, 0xf9..=0xfb) => {
                let float = self.float(first)?;
                if float.is_nan() {
                    return Err(Fault::new("a map's key is NaN, which equals no key"));
                }
                match float_to_int(float) {
                    Some(int) => write_int(&mut key, int),
                    None => write_float(&mut key, float),
                }
                self.deterministic = key == self.bytes[start..self.position];
            }
            _ => {
                return Err(Fault::new(
                    "a map's key is no text, byte string, number or boolean",
                ));
            }
        }
        let deterministic = std::mem::replace(&mut self.deterministic, before);
        self.deterministic &= deterministic;
        Ok(if deterministic {
            Cow::Borrowed(&self.bytes[start..self.position])
        } else {
            Cow::Owned(key)
        })
    }

    fn tagged(&mut self, first: u8) -> Checked<()> {
        let tag = self.definite(first)?;
        if matches!(tag, POSITIVE_TAG | NEGATIVE_TAG) {
            return self.big(tag == NEGATIVE_TAG);
        }
        if tag == FUNCTION_TAG && self.is_stored {
            return self.reference();
        }
        if tag != FUNCTION_TAG {
            return Err(Fault::new(format!(
                "CBOR tag {tag} has no meaning here; send dates as texts or numbers"
            )));
        }
        Err(Fault::new(
            "a persisted function can't be sent as a value; persist it under the name it shall have",
        ))
    }

    /// The rest of a big integer, whose tag has been read.
    fn big(&mut self, negative: bool) -> Checked<()> {
        let first = self.byte()?;
        if first >> 5 != 2 {
            return Err(Fault::new(
                "a big integer has to be a byte string behind its tag",
            ));
        }
        let bytes = self.string(first)?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let bytes = &bytes[zeros..];
        if bytes.len() > MAX_INTEGER_SIZE {
            let mut fault = Fault::new(format!(
                "the integer has {} bytes, at most {MAX_INTEGER_SIZE} are allowed; send it as a byte string or a text",
                bytes.len()
            ));
            fault.limit = Some((Limit::ValueSize, MAX_INTEGER_SIZE as u64));
            return Err(fault);
        }
        self.deterministic &= zeros == 0 && big::small(bytes).is_none();
        if let Some(out) = &mut self.output {
            write_integer(out, negative, bytes);
        }
        Ok(())
    }

    /// The content of a reference: a number, a name or a view.
    fn reference(&mut self) -> Checked<()> {
        let first = self.byte()?;
        match first >> 5 {
            0 if self.definite(first)? <= u64::from(u32::MAX) => Ok(()),
            2 => self.string(first).map(|_| ()),
            3 if std::str::from_utf8(&self.string(first)?).is_ok() => Ok(()),
            _ => Err(Fault::new("a reference refers to nothing")),
        }
    }

    fn float(&mut self, first: u8) -> Checked<f64> {
        let float = match first {
            0xf9 => half_to_float(u16::from_be_bytes(self.word()?)),
            0xfa => f64::from(f32::from_bits(u32::from_be_bytes(self.word()?))),
            _ => f64::from_bits(u64::from_be_bytes(self.word()?)),
        };
        Ok(float)
    }

    fn simple(&mut self, first: u8) -> Checked<()> {
        match first {
            0xf4..=0xf6 => {
                if let Some(out) = &mut self.output {
                    out.push(first);
                }
                Ok(())
            }
            0xf9..=0xfb => {
                let start = self.position;
                let float = self.float(first)?;
                self.deterministic &= shortest_float(float) == first
                    && !(float.is_nan() && self.bytes[start..self.position] != [0x7e, 0x00]);
                if let Some(out) = &mut self.output {
                    write_float(out, float);
                }
                Ok(())
            }
            0xf7 => Err(Fault::new(
                "undefined is no value; send null, or leave it out",
            )),
            0xff => Err(Fault::new(format!(
                "malformed CBOR: a break at offset {} ends nothing",
                self.position - 1
            ))),
            _ => Err(Fault::new(format!(
                "CBOR simple value {first:#04x} has no meaning here"
            ))),
        }
    }
}

fn big_key() -> Box<Fault> {
    Fault::new("a map's key does not fit into 64 bits with a sign; use its text")
}

/// `.name` or `[1]`, for the path in a message.
fn step_of(key: &[u8]) -> String {
    match super::Item::of(key) {
        super::Item::Text(text) => format!(".{text}"),
        super::Item::Int(int) => format!("[{int}]"),
        _ => "[…]".to_string(),
    }
}
