//! Sorting byte strings.

/// Sorts bytewise.
///
/// Every sort of the guest goes through here, since the component would carry the code of the sort once
/// for each type of element, ten kilobytes each time.
#[inline(never)]
pub fn sort(rows: &mut [Vec<u8>]) {
    rows.sort_unstable();
}
