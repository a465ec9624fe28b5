//! Sorting byte strings.

use crate::store::Overlay;

/// Sorts bytewise.
///
/// Every sort of the guest goes through here, since the component would carry the code of the sort once
/// for each type of element, ten kilobytes each time.
#[inline(never)]
pub fn sort(rows: &mut [Vec<u8>]) {
    rows.sort_unstable();
}

/// Byte strings, numbered as they arrive and told in their own order.
///
/// It is made of what a transaction has for its writes: the component would carry the code of another map for it,
/// five kilobytes.
#[derive(Debug, Default)]
pub struct Numbers(Overlay);

impl Numbers {
    /// The number of a byte string that arrived before.
    #[must_use]
    #[inline(never)]
    pub fn get(&self, bytes: &[u8]) -> Option<usize> {
        number(self.0.peek(bytes)?)
    }

    /// Gives the next number, from 0 on, to a byte string that did not arrive before.
    #[inline(never)]
    pub fn add(&mut self, bytes: &[u8]) -> usize {
        let number = self.0.len();
        self.0.write(bytes, Some(&number.to_be_bytes()), true);
        number
    }

    /// The numbers, in the order of the byte strings.
    #[must_use]
    #[inline(never)]
    pub fn in_order(&self) -> Vec<usize> {
        let numbers = self.0.range(&[], &[]);
        numbers.filter_map(|(_, value)| number(value)).collect()
    }
}

fn number(stored: Option<&[u8]>) -> Option<usize> {
    stored?.try_into().ok().map(usize::from_be_bytes)
}
