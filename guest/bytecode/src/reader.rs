//! Bytes, numbers and strings of a binary chunk, and its header (`lundump.c`).

use crate::{Reason, Rule};

/// The longest string that Lua keeps in its table of short strings (`LUAI_MAXSHORTLEN`).
pub(crate) const SHORT_STRING: usize = 40;

/// `ESC Lua`, version 5.4, format 0, then bytes that a transfer as text would damage.
const SIGNATURE: &[u8] = b"\x1bLua";
const VERSION: u8 = 0x54;
const FORMAT: u8 = 0;
const DATA: &[u8] = b"\x19\x93\r\n\x1a\n";
const INTEGER: i64 = 0x5678;
const FLOAT: f64 = 370.5;

/// Reads a chunk from its front; never past its end.
///
/// What can't be read is nothing, or zero, and so is all that follows: whoever goes on reading comes to an end,
/// and has to ask then whether all was [there](Reader::there). What is judged meanwhile may be judged by zeros,
/// so that a refusal has to be one [with regard](Reader::refuse) to it.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    failure: Option<Reason>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader {
            rest: bytes,
            failure: None,
        }
    }

    /// Whether all that was read was there.
    pub(crate) fn there(&self) -> Result<(), Reason> {
        self.failure.map_or(Ok(()), Err)
    }

    /// A reason to refuse what was read, unless it was not there.
    pub(crate) fn refuse(&self, reason: Reason) -> Reason {
        self.failure.unwrap_or(reason)
    }

    #[inline(never)]
    fn fail(&mut self, rule: Rule) {
        self.failure = Some(self.refuse(rule.at(0)));
        self.rest = &[];
    }

    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    #[inline(never)]
    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                taken
            }
            None => {
                self.fail(Rule::Truncated);
                &[]
            }
        }
    }

    #[inline(never)]
    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    fn eight(&mut self) -> [u8; 8] {
        self.take(8).try_into().unwrap_or_default()
    }

    /// Groups of seven bits, highest first, the last one marked; within the bound at which `loadUnsigned` gives up.
    #[inline(never)]
    fn unsigned(&mut self, limit: u64) -> u64 {
        let mut value = 0u64;
        loop {
            let byte = self.byte();
            if value >= limit >> 7 {
                self.fail(Rule::NumberTooLarge);
                return 0;
            }
            if value == 0 && byte == 0 {
                self.fail(Rule::NumberPadded);
                return 0;
            }
            value = value << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 != 0 {
                return value;
            }
        }
    }

    /// A number that is to fit a C `int`.
    #[inline(never)]
    pub(crate) fn int(&mut self) -> u32 {
        self.unsigned(i32::MAX as u64) as u32
    }

    /// How many items follow, each of which takes at least so many bytes.
    ///
    /// The loader allocates for all of them before it reads the first, so a number that the rest of the
    /// chunk can't back up has to be refused here.
    #[inline(never)]
    pub(crate) fn count(&mut self, bytes_each: usize) -> usize {
        let count = self.int() as usize;
        match count.checked_mul(bytes_each) {
            Some(bytes) if bytes <= self.remaining() => count,
            _ => {
                self.fail(Rule::Truncated);
                0
            }
        }
    }

    /// A string, if there is one.
    #[inline(never)]
    pub(crate) fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.unsigned(u64::MAX).checked_sub(1)?;
        // What does not fit an address is not there either.
        Some(self.take(usize::try_from(length).unwrap_or(usize::MAX)))
    }

    /// What every chunk begins with. The loader compares the same fields; to compare them here keeps
    /// this verifier from judging code by the rules of another version.
    pub(crate) fn header(&mut self) -> Result<(), Reason> {
        if self.take(SIGNATURE.len()) != SIGNATURE {
            return Err(self.refuse(Rule::NotBinary.at(0)));
        }
        match self.byte() {
            VERSION => {}
            version => return Err(self.refuse(Rule::Version.at(version.into()))),
        }
        match self.byte() {
            FORMAT => {}
            format => return Err(self.refuse(Rule::Format.at(format.into()))),
        }
        if self.take(DATA.len()) != DATA {
            return Err(self.refuse(Rule::Damaged.at(0)));
        }
        for (what, expected) in [
            (Rule::InstructionSize, 4),
            (Rule::IntegerSize, 8),
            (Rule::FloatSize, 8),
        ] {
            let found = self.byte();
            if found != expected {
                return Err(self.refuse(what.at(found.into())));
            }
        }
        if i64::from_le_bytes(self.eight()) != INTEGER {
            return Err(self.refuse(Rule::IntegerFormat.at(0)));
        }
        if f64::from_le_bytes(self.eight()) != FLOAT {
            return Err(self.refuse(Rule::FloatFormat.at(0)));
        }
        Ok(())
    }
}
