//! How a value stands in the tree: as it is, or compressed.
//!
//! | bytes | value |
//! |---|---|
//! | none | the empty value |
//! | `00`, then the value | the value as it is |
//! | `01`, its length in 4 bytes (little-endian), then a brotli stream | the compressed value |

use std::borrow::Cow;
use std::io::Read;

use brotli::enc::BrotliEncoderParams;

use super::StoreFailure;

const PLAIN: u8 = 0;
const COMPRESSED: u8 = 1;
/// Bytes of a compressed value before the stream.
const HEAD: usize = 5;

/// Shorter values stay as they are: they share a page of the tree with others, which is read as a whole.
pub(super) const LEAST: usize = 4096;

/// Of brotli's twelve qualities the last one that takes no longer than a disk does.
const QUALITY: i32 = 5;

/// What compression has saved, over all values that the store holds compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compression {
    /// How many values there are.
    pub values: u64,
    /// Their bytes before compression.
    pub before: u64,
    /// Their bytes as they are stored.
    pub after: u64,
}

/// Puts a value into `stored` as it is.
pub(super) fn put_plain(value: &[u8], stored: &mut Vec<u8>) {
    stored.clear();
    if !value.is_empty() {
        stored.push(PLAIN);
        stored.extend_from_slice(value);
    }
}

/// The value that is stored so.
pub(super) fn open(stored: &[u8]) -> Result<Cow<'_, [u8]>, StoreFailure> {
    match stored.split_first() {
        None => Ok(Cow::Borrowed(&[])),
        Some((&PLAIN, value)) => Ok(Cow::Borrowed(value)),
        _ => decompress(stored).map(Cow::Owned),
    }
}

/// The length before compression; none if the value is not compressed.
pub(super) fn compressed_from(stored: &[u8]) -> Option<u64> {
    match stored.first_chunk::<HEAD>()? {
        [COMPRESSED, length @ ..] => Some(u32::from_le_bytes(*length).into()),
        _ => None,
    }
}

/// The value compressed; none if that does not save a fifth of it.
pub(super) fn compress(value: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(value.len()).ok()?;
    let parameters = BrotliEncoderParams {
        quality: QUALITY,
        // No window larger than the value; 16 bits are the least that this quality works well with.
        lgwin: (value.len().ilog2() as i32 + 1).clamp(16, 22),
        size_hint: value.len(),
        ..BrotliEncoderParams::default()
    };
    let mut stored = Vec::with_capacity(value.len() / 2);
    stored.push(COMPRESSED);
    stored.extend_from_slice(&length.to_le_bytes());
    brotli::BrotliCompress(&mut &value[..], &mut stored, &parameters).ok()?;
    (stored.len() <= value.len() / 5 * 4).then_some(stored)
}

#[cold]
fn decompress(stored: &[u8]) -> Result<Vec<u8>, StoreFailure> {
    let damaged = || StoreFailure::Corrupt("a value in its tree can't be decompressed".to_owned());
    let length = compressed_from(stored).ok_or_else(damaged)?;
    let mut value = Vec::with_capacity(usize::try_from(length).map_err(|_| damaged())?);
    // Not a byte more than is announced, whatever a damaged stream makes of itself.
    brotli::Decompressor::new(&stored[HEAD..], stored.len().min(1 << 16))
        .take(length + 1)
        .read_to_end(&mut value)
        .map_err(|_| damaged())?;
    if value.len() as u64 == length {
        Ok(value)
    } else {
        Err(damaged())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_whichever_way_they_are_stored() {
        let text = "All work and no play makes a dull day. ".repeat(3_000);
        for value in [&b""[..], b"\0", b"\x01", b"short", text.as_bytes()] {
            let mut stored = vec![9];
            put_plain(value, &mut stored);
            assert_eq!(*open(&stored).unwrap(), *value);
            assert_eq!(compressed_from(&stored), None);
        }
        let stored = compress(text.as_bytes()).unwrap();
        assert!(stored.len() < text.len() / 50);
        assert_eq!(*open(&stored).unwrap(), *text.as_bytes());
        assert_eq!(compressed_from(&stored), Some(text.len() as u64));
    }

    #[test]
    fn what_does_not_get_smaller_stays_as_it_is() {
        let mut noise = vec![0; 100_000];
        getrandom::fill(&mut noise).unwrap();
        assert_eq!(compress(&noise), None);
    }

    #[test]
    fn damage_is_an_error() {
        let stored = compress("text ".repeat(2_000).as_bytes()).unwrap();
        for length in 1..stored.len() {
            assert!(open(&stored[..length]).is_err(), "{length}");
        }
        let mut longer = stored;
        longer[1] -= 1;
        assert!(open(&longer).is_err());
        assert!(open(&[2, 3]).is_err());
    }
}
