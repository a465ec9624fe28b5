//! Lua patterns, tested on the bytes of texts without Lua.
//!
//! What a pattern means is in Lua's manual, section 6.4.1. Whether it is one is found out when it is read, so
//! that testing can only succeed, fail, or take too long.

use crate::error::{Error, Limit};

/// Steps of one test, at the most.
pub const MAX_STEPS: u32 = 1_000_000;

/// Items that wait for each other in one test, at the most: each is a call inside of a call.
const MAX_DEPTH: u32 = 200;

/// Captures of one pattern, at the most, as in Lua.
const MAX_CAPTURES: usize = 32;

/// A pattern takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

impl From<Exhausted> for Error {
    fn from(_: Exhausted) -> Self {
        Error::limit(
            Limit::Instructions,
            u64::from(MAX_STEPS),
            "where",
            "a pattern takes more than 1,000,000 steps on one document; use fewer repetitions after each other",
        )
    }
}

/// A pattern, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    bytes: Vec<u8>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(pattern: &[u8]) -> Result<Pattern, &'static str> {
        let mut open = Vec::new();
        let mut captures = 0;
        let mut closed = [false; MAX_CAPTURES];
        let mut at = usize::from(pattern.first() == Some(&b'^'));
        while let Some(&first) = pattern.get(at) {
            match (first, pattern.get(at + 1)) {
                (b'(', _) => {
                    if captures == MAX_CAPTURES {
                        return Err("the pattern has more than 32 captures");
                    }
                    open.push(captures);
                    captures += 1;
                    at += 1;
                }
                (b')', _) => {
                    let capture = open
                        .pop()
                        .ok_or("the pattern closes a capture that is not open")?;
                    closed[capture] = true;
                    at += 1;
                }
                (b'%', Some(b'b')) => {
                    if pattern.len() < at + 4 {
                        return Err("'%b' in the pattern lacks its two characters");
                    }
                    at += 4;
                }
                (b'%', Some(b'f')) => {
                    if pattern.get(at + 2) != Some(&b'[') {
                        return Err("'%f' in the pattern lacks its set");
                    }
                    at = item_end(pattern, at + 2)?;
                }
                (b'%', Some(digit @ b'0'..=b'9')) => {
                    let capture = usize::from(digit - b'0').checked_sub(1);
                    if capture.is_none_or(|capture| !closed[capture]) {
                        return Err("the pattern refers to a capture that is not complete");
                    }
                    at += 2;
                }
                _ => {
                    at = item_end(pattern, at)?;
                    at += usize::from(matches!(pattern.get(at), Some(b'*' | b'+' | b'-' | b'?')));
                }
            }
        }
        if open.is_empty() {
            Ok(Pattern {
                bytes: pattern.to_vec(),
            })
        } else {
            Err("the pattern leaves a capture open")
        }
    }

    /// What every text that matches begins with; none if the pattern is not bound to the beginning.
    #[must_use]
    pub(super) fn beginning(&self) -> Option<&str> {
        let rest = self.bytes.strip_prefix(b"^")?;
        let special = |byte: &u8| b"^$()%.[]*+-?".contains(byte);
        let mut length = rest.iter().position(special).unwrap_or(rest.len());
        // A repetition belongs to the last character, which then may be missing.
        if matches!(rest.get(length), Some(b'*' | b'-' | b'?')) {
            length -= 1;
        }
        std::str::from_utf8(&rest[..length])
            .ok()
            .filter(|start| !start.is_empty())
    }

    /// Whether the pattern occurs in the text.
    ///
    /// # Errors
    /// [`Exhausted`] after [`MAX_STEPS`].
    pub fn matches(&self, text: &[u8]) -> Result<bool, Exhausted> {
        let mut test = Test {
            text,
            pattern: &self.bytes,
            steps: MAX_STEPS,
            depth: MAX_DEPTH,
            captures: Vec::new(),
        };
        if self.bytes.first() == Some(&b'^') {
            return test.from(0, 1);
        }
        for start in 0..=text.len() {
            test.captures.clear();
            if test.from(start, 0)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Where the single-character item that starts at `at` ends.
fn item_end(pattern: &[u8], at: usize) -> Result<usize, &'static str> {
    match pattern.get(at) {
        Some(b'%') if at + 1 < pattern.len() => Ok(at + 2),
        Some(b'%') => Err("the pattern ends with '%'; write '%%' for the character"),
        Some(b'[') => {
            let mut end = at + 1 + usize::from(pattern.get(at + 1) == Some(&b'^'));
            // A bracket that comes first is a member of the set.
            loop {
                end += match pattern.get(end) {
                    Some(b'%') => 2,
                    Some(_) => 1,
                    None => return Err("the pattern lacks a ']'"),
                };
                if pattern.get(end) == Some(&b']') {
                    return Ok(end + 1);
                }
            }
        }
        _ => Ok(at + 1),
    }
}

/// A capture: where it starts, and where it ends if it does.
type Capture = (usize, Option<usize>);

struct Test<'a> {
    text: &'a [u8],
    pattern: &'a [u8],
    steps: u32,
    depth: u32,
    captures: Vec<Capture>,
}

impl Test<'_> {
    fn step(&mut self) -> Result<(), Exhausted> {
        self.steps = self.steps.checked_sub(1).ok_or(Exhausted)?;
        Ok(())
    }

    /// Whether the pattern from `item` on matches the text from `at` on.
    fn from(&mut self, at: usize, item: usize) -> Result<bool, Exhausted> {
        self.depth = self.depth.checked_sub(1).ok_or(Exhausted)?;
        let result = self.sequence(at, item);
        self.depth += 1;
        result
    }

    fn sequence(&mut self, mut at: usize, mut item: usize) -> Result<bool, Exhausted> {
        let pattern = self.pattern;
        loop {
            self.step()?;
            let Some(&first) = pattern.get(item) else {
                return Ok(true);
            };
            match (first, pattern.get(item + 1)) {
                (b'(', _) => {
                    self.captures.push((at, None));
                    let found = self.from(at, item + 1)?;
                    if !found {
                        self.captures.pop();
                    }
                    return Ok(found);
                }
                (b')', _) => {
                    let Some(open) = self.captures.iter().rposition(|(_, end)| end.is_none())
                    else {
                        return Ok(false);
                    };
                    self.captures[open].1 = Some(at);
                    let found = self.from(at, item + 1)?;
                    if !found {
                        self.captures[open].1 = None;
                    }
                    return Ok(found);
                }
                (b'$', None) => return Ok(at == self.text.len()),
                (b'%', Some(b'b')) => {
                    let Some(end) = self.balanced(at, pattern[item + 2], pattern[item + 3])? else {
                        return Ok(false);
                    };
                    (at, item) = (end, item + 4);
                }
                (b'%', Some(b'f')) => {
                    let end = item_end(pattern, item + 2).unwrap_or(pattern.len());
                    let set = &pattern[item + 2..end];
                    let before = at.checked_sub(1).map_or(0, |before| self.text[before]);
                    let here = self.text.get(at).copied().unwrap_or(0);
                    if in_set(set, before) || !in_set(set, here) {
                        return Ok(false);
                    }
                    item = end;
                }
                (b'%', Some(digit @ b'0'..=b'9')) => {
                    let capture = self.captures.get(usize::from(digit - b'1'));
                    let Some(&(start, Some(end))) = capture else {
                        return Ok(false);
                    };
                    let (text, part) = (self.text, &self.text[start..end]);
                    self.steps = self
                        .steps
                        .saturating_sub(u32::try_from(part.len()).unwrap_or(u32::MAX));
                    if !text[at..].starts_with(part) {
                        return Ok(false);
                    }
                    (at, item) = (at + part.len(), item + 2);
                }
                _ => {
                    let end = item_end(pattern, item).unwrap_or(pattern.len());
                    match pattern.get(end) {
                        Some(b'?') => {
                            if self.one(at, item, end) && self.from(at + 1, end + 1)? {
                                return Ok(true);
                            }
                            item = end + 1;
                        }
                        Some(b'-') => loop {
                            if self.from(at, end + 1)? {
                                return Ok(true);
                            }
                            if !self.one(at, item, end) {
                                return Ok(false);
                            }
                            at += 1;
                        },
                        Some(repeat @ (b'*' | b'+')) => {
                            let least = at + usize::from(*repeat == b'+');
                            let mut most = at;
                            while self.one(most, item, end) {
                                self.step()?;
                                most += 1;
                            }
                            while most >= least {
                                if self.from(most, end + 1)? {
                                    return Ok(true);
                                }
                                let Some(less) = most.checked_sub(1) else {
                                    break;
                                };
                                most = less;
                            }
                            return Ok(false);
                        }
                        _ if self.one(at, item, end) => (at, item) = (at + 1, end),
                        _ => return Ok(false),
                    }
                }
            }
        }
    }

    /// Whether the item matches the character there.
    fn one(&self, at: usize, item: usize, end: usize) -> bool {
        let Some(&byte) = self.text.get(at) else {
            return false;
        };
        match self.pattern[item] {
            b'.' => true,
            b'%' => in_class(self.pattern[item + 1], byte),
            b'[' => in_set(&self.pattern[item..end], byte),
            literal => literal == byte,
        }
    }

    /// The end of what starts with `open` and goes on to the `close` that belongs to it.
    fn balanced(&mut self, at: usize, open: u8, close: u8) -> Result<Option<usize>, Exhausted> {
        if self.text.get(at) != Some(&open) {
            return Ok(None);
        }
        let mut depth = 1;
        for (end, &byte) in self.text.iter().enumerate().skip(at + 1) {
            self.step()?;
            if byte == close {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(end + 1));
                }
            } else if byte == open {
                depth += 1;
            }
        }
        Ok(None)
    }
}

/// Whether the byte is in the class that the letter behind a `%` names, or is that character.
fn in_class(class: u8, byte: u8) -> bool {
    let found = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'g' => byte.is_ascii_graphic(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => matches!(byte, b' ' | b'\t'..=b'\r'),
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        _ => return class == byte,
    };
    found != class.is_ascii_uppercase()
}

/// Whether the byte is in a set, given with its brackets.
fn in_set(set: &[u8], byte: u8) -> bool {
    let inner = &set[1..set.len() - 1];
    let (inner, wanted) = match inner.strip_prefix(b"^") {
        Some(rest) => (rest, false),
        None => (inner, true),
    };
    let mut at = 0;
    while let Some(&first) = inner.get(at) {
        let (found, length) = match (first, inner.get(at + 1), inner.get(at + 2)) {
            (b'%', Some(&class), _) => (in_class(class, byte), 2),
            (_, Some(b'-'), Some(&last)) => ((first..=last).contains(&byte), 3),
            _ => (first == byte, 1),
        };
        if found {
            return wanted;
        }
        at += length;
    }
    !wanted
}
