//! The packing of keys, values and entries at the store seam, as `wit/store.wit` documents it.

use crate::error::StoreFailure;

fn write_length(out: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 0x80")]
    out.push(length as u8);
}

/// Appends `bytes`: a key.
pub fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends two byte strings as one: a key.
pub fn write_joined(out: &mut Vec<u8>, first: &[u8], second: &[u8]) {
    write_length(out, first.len() + second.len());
    out.extend_from_slice(first);
    out.extend_from_slice(second);
}

/// Appends `optional`: a value, or its absence.
pub fn write_optional(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        None => out.push(0),
        Some(value) => {
            write_length(out, value.len() + 1);
            out.extend_from_slice(value);
        }
    }
}

/// Reads what a host packed. Positions are kept apart from the bytes, so that a page can own them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unpacker {
    position: usize,
}

/// Where something stands in the packed bytes.
pub type Span = std::ops::Range<usize>;

impl Unpacker {
    /// Whether all was read.
    #[must_use]
    pub fn is_done(&self, packed: &[u8]) -> bool {
        self.position >= packed.len()
    }

    fn length(&mut self, packed: &[u8]) -> Result<usize, StoreFailure> {
        let mut length = 0u64;
        for shift in (0..35).step_by(7) {
            let byte = *packed.get(self.position).ok_or_else(malformed)?;
            self.position += 1;
            length |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return usize::try_from(length).map_err(|_| malformed());
            }
        }
        Err(malformed())
    }

    fn span(&mut self, packed: &[u8], length: usize) -> Result<Span, StoreFailure> {
        let end = self
            .position
            .checked_add(length)
            .filter(|end| *end <= packed.len())
            .ok_or_else(malformed)?;
        Ok(std::mem::replace(&mut self.position, end)..end)
    }

    /// Reads `bytes`.
    ///
    /// # Errors
    /// `Corrupt` if the packing is broken; so do the others.
    pub fn bytes(&mut self, packed: &[u8]) -> Result<Span, StoreFailure> {
        let length = self.length(packed)?;
        self.span(packed, length)
    }

    /// Reads `optional`.
    ///
    /// # Errors
    /// As [`Unpacker::bytes`].
    pub fn optional(&mut self, packed: &[u8]) -> Result<Option<Span>, StoreFailure> {
        match self.length(packed)? {
            0 => Ok(None),
            length => self.span(packed, length - 1).map(Some),
        }
    }
}

fn malformed() -> StoreFailure {
    StoreFailure::Corrupt("the host's store returned entries that are not packed right".to_string())
}
