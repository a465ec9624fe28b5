//! A quick look at bytes from outside: most of them are deterministic already.

use super::number::half_to_float;
use super::skip;
use super::write::shortest_float;

/// The argument of a head, and where its bytes end. None for longer forms than needed, and for indefinite lengths.
#[inline]
fn argument(bytes: &[u8], at: usize, first: u8) -> Option<(u64, usize)> {
    let rest = &bytes[at..];
    let (argument, size, least) = match first & 0x1f {
        small @ 0..=23 => return Some((u64::from(small), at)),
        24 => (u64::from(*rest.first()?), 1, 24),
        25 => (
            u64::from(u16::from_be_bytes(*rest.first_chunk()?)),
            2,
            0x100,
        ),
        26 => (
            u64::from(u32::from_be_bytes(*rest.first_chunk()?)),
            4,
            0x1_0000,
        ),
        27 => (u64::from_be_bytes(*rest.first_chunk()?), 8, 0x1_0000_0000),
        _ => return None,
    };
    (argument >= least).then_some((argument, at + size))
}

/// Where the bytes of a string end.
#[inline]
fn string(bytes: &[u8], at: usize, first: u8) -> Option<usize> {
    let (length, at) = argument(bytes, at, first)?;
    let end = at.checked_add(usize::try_from(length).ok()?)?;
    let string = bytes.get(at..end)?;
    (first >> 5 == 2 || is_utf8(string)).then_some(end)
}

/// Most texts are short and ASCII.
#[inline]
fn is_utf8(mut text: &[u8]) -> bool {
    let whole = text;
    while let Some((word, rest)) = text.split_first_chunk() {
        if u64::from_ne_bytes(*word) & 0x8080_8080_8080_8080 != 0 {
            return std::str::from_utf8(whole).is_ok();
        }
        text = rest;
    }
    text.iter().fold(0, |all, byte| all | byte) < 0x80 || std::str::from_utf8(whole).is_ok()
}

#[inline]
fn float(bytes: &[u8], at: usize, first: u8) -> Option<usize> {
    let rest = &bytes[at..];
    let (float, size) = match first {
        0xf9 => {
            let half = u16::from_be_bytes(*rest.first_chunk()?);
            // Of all NaNs, one is deterministic.
            if half & 0x7c00 == 0x7c00 && half & 0x03ff != 0 && half != 0x7e00 {
                return None;
            }
            (half_to_float(half), 2)
        }
        0xfa => (
            f64::from(f32::from_bits(u32::from_be_bytes(*rest.first_chunk()?))),
            4,
        ),
        _ => (f64::from_bits(u64::from_be_bytes(*rest.first_chunk()?)), 8),
    };
    (shortest_float(float) == first).then_some(at + size)
}

/// Reads bytes that are in the deterministic encoding and of the plain sort: no tags, and maps with no other keys than
/// texts and integers. The entries of a map may come in any order.
pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    /// The same bytes with all maps in order, once one of them was not.
    pub ordered: Option<Vec<u8>>,
    /// A map's entries while they are put in order.
    moved: Vec<u8>,
}

impl<'a> Scan<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Scan {
            bytes,
            ordered: None,
            moved: Vec::new(),
        }
    }

    /// Where the value at a position ends. None says nothing of a value but that it has to be read thoroughly.
    pub fn value(&mut self, at: usize, depth: usize) -> Option<usize> {
        let bytes = self.bytes;
        let first = *bytes.get(at)?;
        let at = at + 1;
        match first >> 5 {
            0 | 1 => {
                let (argument, at) = argument(bytes, at, first)?;
                i64::try_from(argument).ok().map(|_| at)
            }
            2 | 3 => string(bytes, at, first),
            4 => {
                let depth = depth.checked_sub(1)?;
                let (count, mut at) = argument(bytes, at, first)?;
                for _ in 0..count {
                    at = self.value(at, depth)?;
                }
                Some(at)
            }
            5 => {
                let depth = depth.checked_sub(1)?;
                let (count, start) = argument(bytes, at, first)?;
                let mut at = start;
                let mut in_order = true;
                let mut previous: &[u8] = &[];
                for _ in 0..count {
                    let start = at;
                    let first = *bytes.get(at)?;
                    at = match first >> 5 {
                        3 => string(bytes, at + 1, first)?,
                        0 | 1 => self.value(at, 0)?,
                        _ => return None,
                    };
                    let key = &bytes[start..at];
                    // Bytewise ascending also means: without duplicates.
                    in_order &= key > previous;
                    previous = key;
                    at = self.value(at, depth)?;
                }
                if !in_order {
                    self.put_in_order(start, at)?;
                }
                Some(at)
            }
            7 => match first {
                0xf4..=0xf6 => Some(at),
                0xf9..=0xfb => float(bytes, at, first),
                _ => None,
            },
            _ => None,
        }
    }

    /// Brings the entries of a map, which stand from one position to another, into the order of their keys. Those of the
    /// maps in it are in order already: so all stay as long as they are.
    fn put_in_order(&mut self, start: usize, end: usize) -> Option<()> {
        /// More entries are better put into order in another way.
        const MOST: usize = 24;
        // An entry, its value, and where both end.
        let mut entries = [(0, 0, 0); MOST];
        let mut count = 0;
        let mut at = start;
        while at < end {
            let value = at + skip(&self.bytes[at..]);
            let behind = value + skip(&self.bytes[value..]);
            let key = |(entry, value, _): (usize, usize, usize)| &self.bytes[entry..value];
            let here = (at, value, behind);
            let mut place = count;
            while place > 0 && key(entries[place - 1]) > key(here) {
                place -= 1;
            }
            if count == MOST || place > 0 && key(entries[place - 1]) == key(here) {
                return None;
            }
            entries.copy_within(place..count, place + 1);
            entries[place] = here;
            count += 1;
            at = behind;
        }
        let ordered = self.ordered.get_or_insert_with(|| self.bytes.to_vec());
        self.moved.clear();
        for (entry, _, behind) in &entries[..count] {
            self.moved.extend_from_slice(&ordered[*entry..*behind]);
        }
        ordered[start..end].copy_from_slice(&self.moved);
        Some(())
    }
}
