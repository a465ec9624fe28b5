//! Walking an index in the order of a sort, and going on where a page ended.

use super::{Access, Order, Plan};
use crate::catalog::Index;
use crate::key::{PREFIX_SIZE, prefix, space, successor};
use crate::query::parse::SortField;
use crate::query::sort::split_place;
use crate::store::Direction;

/// Which way to walk an index so that it comes in the order of the sort, its first `fixed` fields being
/// all equal. Without a sort, the order is that of the document keys.
pub(super) fn sorted_by(index: &Index, fixed: usize, sort: &[SortField]) -> Option<Direction> {
    if sort.is_empty() {
        return (fixed == index.fields.len()).then_some(Direction::Forward);
    }
    if index.hash || index.fields.iter().any(|field| field.multi_entry) {
        return None;
    }
    let mut backward = None;
    let mut sort = sort.iter().peekable();
    let mut fields = index.fields.iter().enumerate();
    while let Some(wanted) = sort.peek() {
        match fields.next() {
            Some((_, field)) if field.path == wanted.field => {
                let against = field.descending != wanted.descending;
                if *backward.get_or_insert(against) != against {
                    return None;
                }
                sort.next();
            }
            // Among equal values, a fixed field does not matter to the order.
            Some((number, _)) if number < fixed => {}
            _ => return None,
        }
    }
    // What the sort does not name would come in the order of the rest of the index, not of the keys.
    if fields.any(|(number, _)| number >= fixed) {
        return None;
    }
    Some(match backward {
        Some(true) => Direction::Backward,
        _ => Direction::Forward,
    })
}

impl Plan {
    /// Leaves out what comes before a place in the query's order, as far as that saves reading it. Whoever walks
    /// has to compare the places all the same.
    pub(in crate::query) fn begin_behind(&mut self, place: &[u8], table: u32, sort: &[SortField]) {
        if self.order != Order::Walked {
            return;
        }
        let Some((components, key)) = split_place(sort, place) else {
            return;
        };
        match &mut self.access {
            Access::Table((start, _)) => {
                *start = prefix(space::DOCUMENT, table);
                start.extend_from_slice(key);
                start.push(0);
            }
            Access::Index(walk) if !walk.index.hash => {
                // Ranges have their fixed values in common.
                let Some((first, _)) = walk.ranges.first() else {
                    return;
                };
                let mut entry = first.clone();
                if self.fixed < walk.index.fields.len() {
                    let Some(fixed) = fixed_size(&walk.index, self.fixed, first) else {
                        return;
                    };
                    entry.truncate(fixed);
                    for field in &walk.index.fields[self.fixed..] {
                        let found = sort.iter().position(|sort| sort.field == field.path);
                        let Some(at) = found else { return };
                        let inverted = sort[at].descending != field.descending;
                        let bytes = components[at].iter();
                        entry.extend(bytes.map(|byte| if inverted { !*byte } else { *byte }));
                    }
                }
                if self.direction == Direction::Backward {
                    // Among equal values, keys come forward all the same.
                    let end = successor(&entry);
                    walk.ranges.retain(|(start, _)| *start < end);
                    if let Some(last) = walk.ranges.last_mut() {
                        last.1 = end.min(std::mem::take(&mut last.1));
                    }
                } else {
                    entry.extend_from_slice(key);
                    entry.push(0);
                    walk.ranges.retain(|(_, end)| *end > entry);
                    if let Some(first) = walk.ranges.first_mut() {
                        first.0 = entry.max(std::mem::take(&mut first.0));
                    }
                }
            }
            _ => {}
        }
    }
}

/// Where the first `fixed` values of an entry end.
fn fixed_size(index: &Index, fixed: usize, entry: &[u8]) -> Option<usize> {
    if fixed == 0 {
        return Some(PREFIX_SIZE);
    }
    let part = Index {
        fields: index.fields[..fixed].to_vec(),
        ..Index::default()
    };
    part.components_size(entry)
}
