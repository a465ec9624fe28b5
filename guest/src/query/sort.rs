//! Sorting what a query found, and keeping only the first of it.

use std::collections::BinaryHeap;

use super::parse::SortField;
use crate::value::{NULL, encode_ordered, skip_ordered};

/// Something found, with the bytes it is sorted by. Ordered by those alone.
#[derive(Debug)]
pub(super) struct Row {
    pub place: Vec<u8>,
    pub content: Vec<u8>,
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Row {}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Row {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}

/// The bytes that a document is sorted by: its fields, the descending ones inverted, and its key.
pub(super) fn place_of(sort: &[SortField], document: &[u8], key: &[u8]) -> Vec<u8> {
    let mut place = Vec::with_capacity(32);
    for field in sort {
        let start = place.len();
        encode_ordered(field.field.find(document).unwrap_or(&[NULL]), &mut place);
        if field.descending {
            place[start..].iter_mut().for_each(|byte| *byte = !*byte);
        }
    }
    place.extend_from_slice(key);
    place
}

/// Takes the bytes that [`place_of`] made apart: those of each field, and the key. None if they are of another sort.
pub(super) fn split_place<'a>(
    sort: &[SortField],
    place: &'a [u8],
) -> Option<(Vec<&'a [u8]>, &'a [u8])> {
    let mut rest = place;
    let mut fields = Vec::with_capacity(sort.len());
    for field in sort {
        let size = if field.descending {
            let inverted: Vec<u8> = rest.iter().map(|byte| !*byte).collect();
            skip_ordered(&inverted)?
        } else {
            skip_ordered(rest)?
        };
        let (component, behind) = rest.split_at(size);
        fields.push(component);
        rest = behind;
    }
    Some((fields, rest))
}

/// Takes rows in any order and keeps the first `most`: a heap, so that a limit needs no full sort.
#[derive(Debug)]
pub(super) struct Sorter {
    most: usize,
    rows: BinaryHeap<Row>,
    /// Bytes kept.
    pub size: usize,
}

impl Sorter {
    pub fn new(most: usize) -> Self {
        Sorter {
            most,
            rows: BinaryHeap::new(),
            size: 0,
        }
    }

    /// Whether a row of this place would be kept.
    pub fn wants(&self, place: &[u8]) -> bool {
        self.rows.len() < self.most
            || self
                .rows
                .peek()
                .is_some_and(|last| place < last.place.as_slice())
    }

    pub fn push(&mut self, row: Row) {
        self.size += row.place.len() + row.content.len();
        self.rows.push(row);
        if self.rows.len() > self.most
            && let Some(last) = self.rows.pop()
        {
            self.size -= last.place.len() + last.content.len();
        }
    }

    pub fn into_sorted(self) -> Vec<Row> {
        self.rows.into_sorted_vec()
    }
}
