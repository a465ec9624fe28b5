//! Groups that an index tells of without their documents.
//!
//! Where the entries of an index are exactly the documents that are asked for, and its last field is what they are grouped
//! by, each group is a run of entries: its first document tells the values, its length the count. Likewise the
//! least and the greatest value of the last field are those of the first and the last entry.

use std::cell::Cell;
use std::rc::Rc;

use super::group::{Function, Grouping};
use super::parse::Query;
use super::plan::{Range, match_index};
use crate::catalog::{Index, Table};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::index::{WHOLE, write_component};
use crate::key::{prefix, space, successor};
use crate::store::{Cursor, Direction, Transaction};
use crate::value::{NULL, Path};

/// From so many entries on, the rest of a run is counted by the host instead of being looked at.
const RUN: u64 = 64;

/// Documents that are fetched in one call of the host.
const FETCH: usize = 512;

/// Parts of an index that tell all about some groups.
pub(super) struct Cover<'a> {
    transaction: &'a Transaction,
    table: Rc<Table>,
    pub index: Rc<Index>,
    pub ranges: Vec<Range>,
    /// Whether it is the ends of the ranges that are asked for: the least and the greatest value.
    ends: Option<(bool, bool)>,
    /// Index entries that were met.
    pub entries: Cell<u64>,
    /// Documents that were read.
    pub documents: Cell<u64>,
}

impl<'a> Cover<'a> {
    /// None if documents have to be looked at.
    pub fn find(db: &'a Database, query: &Query) -> Result<Option<Self>> {
        let table = db.known_table(&query.table)?;
        let Some((field, ends)) = query.grouping.as_ref().and_then(asked) else {
            return Ok(None);
        };
        let conjuncts = query.condition.clone().into_conjuncts();
        for index in table.indexes.iter().filter(|index| index.is_ready()) {
            let Some(last) = index.fields.last().filter(|last| last.path == *field) else {
                continue;
            };
            if index.hash || index.fields.iter().any(|field| field.multi_entry) {
                continue;
            }
            let Some(found) = match_index(index, &conjuncts, db.transaction())? else {
                continue;
            };
            if found.answered.len() < conjuncts.len() || found.fixed + 1 < index.fields.len() {
                continue;
            }
            let mut ranges = found.ranges;
            if ends.is_some() {
                // Nulls are no value: they stand before all others, or behind them.
                let (Some(first), true) = (ranges.first(), found.fixed + 1 == index.fields.len())
                else {
                    continue;
                };
                let Some(size) = fixed_size(index, &first.0) else {
                    continue;
                };
                let mut nulls = first.0[..size].to_vec();
                write_component(last, WHOLE, &[NULL], &mut nulls);
                for (start, end) in &mut ranges {
                    if last.descending {
                        *end = nulls.clone().min(std::mem::take(end));
                    } else {
                        *start = successor(&nulls).max(std::mem::take(start));
                    }
                }
                ranges.retain(|(start, end)| start < end);
            }
            return Ok(Some(Cover {
                transaction: db.transaction(),
                index: index.clone(),
                table,
                ranges,
                ends,
                entries: Cell::new(0),
                documents: Cell::new(0),
            }));
        }
        Ok(None)
    }

    /// Calls `visit` with the first document of each group, and how many there are in it; or, where the ends are
    /// asked for, with the documents that have them, in any order.
    pub fn for_each(&self, visit: &mut dyn FnMut(&[u8], u64) -> Result<()>) -> Result<()> {
        let mut found = Vec::new();
        if let Some((least, greatest)) = self.ends {
            let descending = self.index.fields.last().is_some_and(|last| last.descending);
            for (wanted, is_first) in [(least, !descending), (greatest, descending)] {
                if wanted {
                    self.end(is_first, &mut found)?;
                }
            }
        } else {
            for (start, end) in &self.ranges {
                self.runs(start, end, &mut found, visit)?;
            }
        }
        self.flush(&mut found, visit)
    }

    /// Finds the first document with the value that stands first or last in the ranges.
    fn end(&self, is_first: bool, found: &mut Vec<(Vec<u8>, u64)>) -> Result<()> {
        let direction = if is_first {
            Direction::Forward
        } else {
            Direction::Backward
        };
        let count = self.ranges.len();
        for number in 0..count {
            let (start, end) = &self.ranges[if is_first { number } else { count - 1 - number }];
            let mut cursor = Cursor::new(start.clone(), end.clone(), direction).expecting(1);
            let Some((entry, _)) = cursor.next(self.transaction)? else {
                continue;
            };
            let size = self.index.components_size(entry).ok_or_else(unreadable)?;
            let values = entry[..size].to_vec();
            let mut cursor = self.transaction.prefix(&values).expecting(1);
            if let Some((entry, value)) = cursor.next(self.transaction)? {
                self.entries.set(self.entries.get() + 2);
                found.push((self.index.document_key(entry, value)?.to_vec(), 1));
            }
            break;
        }
        Ok(())
    }

    /// Finds the runs of equal entries in a range.
    fn runs(
        &self,
        start: &[u8],
        end: &[u8],
        found: &mut Vec<(Vec<u8>, u64)>,
        visit: &mut dyn FnMut(&[u8], u64) -> Result<()>,
    ) -> Result<()> {
        let mut start = start.to_vec();
        'jump: loop {
            let mut cursor = Cursor::new(start.clone(), end.to_vec(), Direction::Forward);
            let mut run: Vec<u8> = Vec::new();
            let mut length = 0;
            while let Some((entry, value)) = cursor.next(self.transaction)? {
                self.entries.set(self.entries.get() + 1);
                if length > 0 && entry.starts_with(&run) {
                    length += 1;
                    if length == RUN {
                        let behind = [entry, &[0]].concat();
                        start = successor(&run);
                        length += self.transaction.count(&behind, &start)?;
                        self.close(length, found);
                        continue 'jump;
                    }
                    continue;
                }
                self.close(length, found);
                if found.len() >= FETCH {
                    self.flush(found, visit)?;
                }
                let size = self.index.components_size(entry).ok_or_else(unreadable)?;
                run.clear();
                run.extend_from_slice(&entry[..size]);
                length = 1;
                found.push((self.index.document_key(entry, value)?.to_vec(), 1));
            }
            self.close(length, found);
            return Ok(());
        }
    }

    fn close(&self, length: u64, found: &mut [(Vec<u8>, u64)]) {
        if let Some((_, count)) = found.last_mut().filter(|_| length > 0) {
            *count = length;
        }
    }

    fn flush(
        &self,
        found: &mut Vec<(Vec<u8>, u64)>,
        visit: &mut dyn FnMut(&[u8], u64) -> Result<()>,
    ) -> Result<()> {
        let documents = prefix(space::DOCUMENT, self.table.id);
        let keys: Vec<_> = found
            .iter()
            .map(|(key, _)| [documents.as_slice(), key].concat())
            .collect();
        for (document, (_, count)) in self
            .transaction
            .get_many(&keys)?
            .iter()
            .zip(found.drain(..))
        {
            self.documents.set(self.documents.get() + 1);
            visit(document.as_deref().ok_or_else(unreadable)?, count)?;
        }
        Ok(())
    }
}

fn unreadable() -> Error {
    Error::corrupt(
        "store",
        "an index entry leads to no document; make the index again",
    )
}

/// Where the values before the last one end.
fn fixed_size(index: &Index, entry: &[u8]) -> Option<usize> {
    let before = Index {
        fields: index.fields[..index.fields.len() - 1].to_vec(),
        ..Index::default()
    };
    before.components_size(entry)
}

/// The one field that the groups are about, and, without groups, whether its least and greatest value are asked for.
fn asked(grouping: &Grouping) -> Option<(&Path, Option<(bool, bool)>)> {
    let aggregates = &grouping.aggregates;
    if let [by] = grouping.by.as_slice() {
        let counts = aggregates
            .iter()
            .all(|one| one.function == Function::Count && one.field.is_none());
        return counts.then_some((&by.field, None));
    }
    let field = aggregates.first()?.field.as_ref()?;
    let mut ends = (false, false);
    for one in aggregates {
        match one.function {
            Function::Minimum => ends.0 = true,
            Function::Maximum => ends.1 = true,
            _ => return None,
        }
        if one.field.as_ref() != Some(field) {
            return None;
        }
    }
    grouping.by.is_empty().then_some((field, Some(ends)))
}
