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
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Reason> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(Rule::Truncated.at(0))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Reason> {
        Ok(self.take(1)?[0])
    }

    fn eight(&mut self) -> Result<[u8; 8], Reason> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.take(8)?);
        Ok(bytes)
    }

    /// Groups of seven bits, highest first, the last one marked; within the bound at which `loadUnsigned` gives up.
    fn unsigned(&mut self, limit: u64) -> Result<u64, Reason> {
        let mut value = 0u64;
        loop {
            let byte = self.byte()?;
            if value >= limit >> 7 {
                return Err(Rule::NumberTooLarge.at(0));
            }
            if value == 0 && byte == 0 {
                return Err(Rule::NumberPadded.at(0));
            }
            value = value << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 != 0 {
                return Ok(value);
            }
        }
    }

    /// A number that is to fit a C `int`.
    pub(crate) fn int(&mut self) -> Result<u32, Reason> {
        Ok(self.unsigned(i32::MAX as u64)? as u32)
    }

    /// How many items follow, each of which takes at least so many bytes.
    ///
    /// The loader allocates for all of them before it reads the first, so a number that the rest of the
    /// chunk can't back up has to be refused here.
    pub(crate) fn count(&mut self, bytes_each: usize) -> Result<usize, Reason> {
        let count = self.int()? as usize;
        match count.checked_mul(bytes_each) {
            Some(bytes) if bytes <= self.remaining() => Ok(count),
            _ => Err(Rule::Truncated.at(0)),
        }
    }

    /// A string, if there is one.
    pub(crate) fn string(&mut self) -> Result<Option<&'a [u8]>, Reason> {
        let size = self.unsigned(u64::MAX)?;
        let Some(length) = size.checked_sub(1) else {
            return Ok(None);
        };
        let length = usize::try_from(length).map_err(|_| Rule::Truncated.at(0))?;
        self.take(length).map(Some)
    }

    /// What every chunk begins with. The loader compares the same fields; to compare them here keeps
    /// this verifier from judging code by the rules of another version.
    pub(crate) fn header(&mut self) -> Result<(), Reason> {
        if self.take(SIGNATURE.len())? != SIGNATURE {
            return Err(Rule::NotBinary.at(0));
        }
        match self.byte()? {
            VERSION => {}
            version => return Err(Rule::Version.at(version.into())),
        }
        match self.byte()? {
            FORMAT => {}
            format => return Err(Rule::Format.at(format.into())),
        }
        if self.take(DATA.len())? != DATA {
            return Err(Rule::Damaged.at(0));
        }
        for (what, expected) in [
            (Rule::InstructionSize, 4),
            (Rule::IntegerSize, 8),
            (Rule::FloatSize, 8),
        ] {
            let found = self.byte()?;
            if found != expected {
                return Err(what.at(found.into()));
            }
        }
        if i64::from_le_bytes(self.eight()?) != INTEGER {
            return Err(Rule::IntegerFormat.at(0));
        }
        if f64::from_le_bytes(self.eight()?) != FLOAT {
            return Err(Rule::FloatFormat.at(0));
        }
        Ok(())
    }
}
