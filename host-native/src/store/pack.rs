//! The packing of keys, values and entries in one byte list, as `wit/store.wit` defines it.
//!
//! ```
//! use cu_db::store::pack;
//!
//! let mut entries = Vec::new();
//! pack::put_entry(&mut entries, b"key", Some(b"value"));
//! pack::put_entry(&mut entries, b"deleted", None);
//! let read: Vec<_> = pack::entries(&entries).collect::<Result<_, _>>()?;
//! assert_eq!(read, [(&b"key"[..], Some(&b"value"[..])), (&b"deleted"[..], None)]);
//! # Ok::<(), cu_db::store::pack::Malformed>(())
//! ```

/// Bytes that are not packed as they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed packed bytes")]
pub struct Malformed;

/// Appends a length as unsigned LEB128.
fn put_length(out: &mut Vec<u8>, mut length: u64) {
    while length >= 0x80 {
        out.push((length as u8) | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

/// Appends `bytes`: their length, then they.
///
/// # Panics
/// If they are 4 GiB or longer, which no memory of a component holds.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    assert!(
        bytes.len() < u32::MAX as usize,
        "longer than the packing allows"
    );
    put_length(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends `optional`: 0 for "absent", or the length + 1 and the bytes.
///
/// # Panics
/// As [`put_bytes`].
pub fn put_optional(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => out.push(0),
        Some(bytes) => {
            assert!(
                bytes.len() < u32::MAX as usize,
                "longer than the packing allows"
            );
            put_length(out, bytes.len() as u64 + 1);
            out.extend_from_slice(bytes);
        }
    }
}

/// Appends an entry; as a write, one without a value deletes the key.
///
/// # Panics
/// As [`put_bytes`].
pub fn put_entry(out: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) {
    put_bytes(out, key);
    put_optional(out, value);
}

/// Reads packed bytes from their beginning.
#[derive(Clone, Copy, Debug)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A length of at most 5 bytes, below 2^32.
    fn length(&mut self) -> Result<usize, Malformed> {
        let mut length = 0u64;
        for place in 0..5 {
            let (&byte, rest) = self.0.split_first().ok_or(Malformed)?;
            self.0 = rest;
            length |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return usize::try_from(length).map_err(|_| Malformed);
            }
        }
        Err(Malformed)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.length()?;
        self.take(length)
    }

    fn optional(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.length()? {
            0 => Ok(None),
            length => self.take(length - 1).map(Some),
        }
    }
}

/// Reads items until the bytes end; after the first malformed one nothing follows.
fn items<'a, T>(
    packed: &'a [u8],
    read: impl Fn(&mut Reader<'a>) -> Result<T, Malformed>,
) -> impl Iterator<Item = Result<T, Malformed>> {
    let mut reader = Reader(packed);
    std::iter::from_fn(move || {
        if reader.0.is_empty() {
            return None;
        }
        let item = read(&mut reader);
        if item.is_err() {
            reader.0 = &[];
        }
        Some(item)
    })
}

/// The keys in packed keys.
pub fn keys(packed: &[u8]) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    items(packed, Reader::bytes)
}

/// The values in packed values.
pub fn values(packed: &[u8]) -> impl Iterator<Item = Result<Option<&[u8]>, Malformed>> {
    items(packed, Reader::optional)
}

/// A key, and its value if there is one.
pub type Entry<'a> = (&'a [u8], Option<&'a [u8]>);

/// The entries in packed entries.
pub fn entries(packed: &[u8]) -> impl Iterator<Item = Result<Entry<'_>, Malformed>> {
    items(packed, |reader| Ok((reader.bytes()?, reader.optional()?)))
}

/// The entries in packed entries, each behind the place where it begins.
pub(crate) fn placed_entries(
    packed: &[u8],
) -> impl Iterator<Item = Result<(usize, Entry<'_>), Malformed>> {
    items(packed, |reader| {
        let start = packed.len() - reader.0.len();
        Ok((start, (reader.bytes()?, reader.optional()?)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_size_come_back() {
        for length in [0, 1, 126, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
            let bytes = vec![7; length];
            let mut packed = Vec::new();
            put_entry(&mut packed, &bytes, Some(&bytes));
            put_entry(&mut packed, &bytes, None);
            let read: Vec<_> = entries(&packed).collect::<Result<_, _>>().unwrap();
            assert_eq!(read, [(&bytes[..], Some(&bytes[..])), (&bytes[..], None)]);
        }
    }

    #[test]
    fn truncated_bytes_are_refused_at_every_length() {
        let mut packed = Vec::new();
        put_entry(&mut packed, b"key", Some(&[1; 200]));
        for length in 1..packed.len() {
            assert_eq!(
                entries(&packed[..length]).last(),
                Some(Err(Malformed)),
                "{length}"
            );
        }
    }

    #[test]
    fn lengths_of_more_than_five_bytes_are_refused() {
        assert_eq!(
            keys(&[0x80, 0x80, 0x80, 0x80, 0x80, 0]).next(),
            Some(Err(Malformed))
        );
    }
}
