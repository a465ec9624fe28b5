//! Sorting byte strings.

use std::collections::BTreeMap;
use std::rc::Rc;

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
/// It is made of the map that a transaction has for its writes: the component would carry the code of another one
/// for each type of value, five kilobytes each time.
#[derive(Debug, Default)]
pub struct Numbers {
    numbers: BTreeMap<Box<[u8]>, Option<Rc<[u8]>>>,
}

impl Numbers {
    /// The number of a byte string that arrived before.
    #[must_use]
    #[inline(never)]
    pub fn get(&self, bytes: &[u8]) -> Option<usize> {
        let number = self.numbers.get(bytes)?.as_deref()?;
        number.try_into().ok().map(usize::from_be_bytes)
    }

    /// Gives the next number, from 0 on, to a byte string that did not arrive before.
    #[inline(never)]
    pub fn add(&mut self, bytes: &[u8]) -> usize {
        let number = self.numbers.len();
        let stored: Rc<[u8]> = number.to_be_bytes().as_slice().into();
        self.numbers.insert(bytes.into(), Some(stored));
        number
    }

    /// The numbers, in the order of the byte strings.
    #[must_use]
    #[inline(never)]
    pub fn in_order(&self) -> Vec<usize> {
        let numbers = self.numbers.values().flatten();
        numbers
            .filter_map(|number| (**number).try_into().ok().map(usize::from_be_bytes))
            .collect()
    }
}
