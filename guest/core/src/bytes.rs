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

/// The same, which asks after every few thousand of them that were looked at, telling how many, whether to go on. An
/// error leaves them in any order.
///
/// # Errors
/// The first one that `step` returns.
pub fn sort_in_steps<E>(
    rows: &mut Vec<Vec<u8>>,
    step: &mut dyn FnMut(usize) -> Result<(), E>,
) -> Result<(), E> {
    const RUN: usize = 4096;
    if rows.len() <= RUN {
        sort(rows);
        return Ok(());
    }
    for run in rows.chunks_mut(RUN) {
        sort(run);
        step(run.len())?;
    }
    let mut width = RUN;
    while width < rows.len() {
        let mut merged = Vec::with_capacity(rows.len());
        for pair in rows.chunks_mut(2 * width) {
            let (left, right) = pair.split_at_mut(width.min(pair.len()));
            let (mut left, mut right) = (left.iter_mut(), right.iter_mut());
            loop {
                let next = match (left.as_slice().first(), right.as_slice().first()) {
                    (Some(a), Some(b)) if b < a => right.next(),
                    (Some(_), _) => left.next(),
                    (None, _) => right.next(),
                };
                let Some(row) = next else { break };
                merged.push(std::mem::take(row));
                if merged.len().is_multiple_of(RUN) {
                    step(RUN)?;
                }
            }
        }
        *rows = merged;
        width *= 2;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_sort_as_one() {
        let numbered = |count: u32| -> Vec<Vec<u8>> {
            (0..count)
                .map(|number| number.wrapping_mul(2_654_435_761).to_string().into_bytes())
                .collect()
        };
        for count in [0, 1, 4096, 4097, 8192, 30_000] {
            let (mut once, mut in_steps) = (numbered(count), numbered(count));
            sort(&mut once);
            let mut looked = 0;
            let sorted = sort_in_steps::<()>(&mut in_steps, &mut |count| {
                looked += count;
                Ok(())
            });
            assert_eq!(sorted, Ok(()));
            assert_eq!(in_steps, once);
            assert_eq!(looked > 0, count > 4096);
        }
    }

    #[test]
    fn steps_end_with_the_error() {
        let mut rows = vec![vec![1]; 5000];
        assert_eq!(sort_in_steps(&mut rows, &mut |_| Err("over")), Err("over"));
    }
}
