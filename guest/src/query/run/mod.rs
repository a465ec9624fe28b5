//! Looking: carries out what the plan says, tests, sorts and cuts.

mod page;
mod walk;

pub use page::{Page, page};
pub(crate) use page::{part, place_behind};
pub(crate) use walk::{Search, Times, Visit};

use super::parse::Query;
use super::plan::{Order, Plan};
use super::sort::{Row, Sorter, place_of};
use crate::database::Database;
use crate::error::{Error, Limit, Result};
use crate::key::write_encoded_key;
use crate::value::write_array_head;

/// Bytes of a query's result, and of what it has to sort, at the most.
pub const MAX_RESULT: usize = 64 << 20;

pub(super) fn too_large() -> Error {
    Error::limit(
        Limit::ResultSize,
        MAX_RESULT as u64,
        "limit",
        "the result has more than 64 MB; set a limit, and go on with a cursor",
    )
}

/// Rows in the making.
pub(super) struct Rows {
    count: usize,
    /// Room for the head of the array, and the rows behind it.
    body: Vec<u8>,
}

/// Bytes of the longest head of an array.
const HEAD: usize = 9;

impl Rows {
    pub(super) fn new() -> Self {
        let mut body = Vec::with_capacity(2048);
        body.resize(HEAD, 0);
        Rows { count: 0, body }
    }

    /// Adds a row, which `write` writes.
    pub(super) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        write(&mut self.body)?;
        self.count += 1;
        if self.body.len() - HEAD > MAX_RESULT {
            Err(too_large())
        } else {
            Ok(())
        }
    }

    /// The array of the rows.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let mut head = Vec::with_capacity(HEAD);
        write_array_head(&mut head, self.count);
        self.body.drain(..HEAD - head.len());
        self.body[..head.len()].copy_from_slice(&head);
        self.body
    }
}

/// What a query asks for: an array of `[key, document]`, or of rows that are made of many documents.
///
/// # Errors
/// `UnknownTable`; `LimitExceeded` for a result that is too large.
pub fn run(db: &Database, query: &Query) -> Result<Vec<u8>> {
    if query.grouping.is_some() {
        return super::group::run(db, query);
    }
    let mut rows = Rows::new();
    for_each(db, query, &mut |key, document| {
        rows.add(|out| write_row(query, key, document, out))?;
        Ok(true)
    })?;
    Ok(rows.finish())
}

/// Appends a row of a query without groups.
fn write_row(query: &Query, key: &[u8], document: &[u8], out: &mut Vec<u8>) -> Result<()> {
    write_array_head(out, 2);
    write_encoded_key(key, out)?;
    write_selected(query, document, out);
    Ok(())
}

/// Appends what is selected of a document.
pub(crate) fn write_selected(query: &Query, document: &[u8], out: &mut Vec<u8>) {
    match &query.select {
        Some(columns) => super::project::write(columns, document, out),
        None => out.extend_from_slice(document),
    }
}

/// How many rows [`run`] would return.
///
/// # Errors
/// `UnknownTable`.
pub fn count(db: &Database, query: &Query) -> Result<u64> {
    if query.grouping.is_some() {
        return super::group::count(db, query);
    }
    let within = |all: u64| {
        let all = all.saturating_sub(query.offset);
        query.limit.map_or(all, |limit| all.min(limit))
    };
    let enough = query.limit.map(|limit| limit.saturating_add(query.offset));
    if query.after.is_some() {
        let mut all = 0;
        let unlimited = Query {
            limit: None,
            offset: 0,
            ..query.clone()
        };
        for_each(db, &unlimited, &mut |_, _| {
            all += 1;
            Ok(enough.is_none_or(|enough| all < enough))
        })?;
        return Ok(within(all));
    }
    let table = db.known_table(&query.table)?;
    query.condition.prepare(db, &query.table)?;
    let unsorted = Query {
        sort: Vec::new(),
        ..query.clone()
    };
    let plan = Plan::choose(&unsorted, &table, db.transaction(), false)?;
    let search = Search::new(db, query, &table, plan);
    if search.plan.filter.is_always() {
        return search.count().map(within);
    }
    let mut all = 0;
    search.walk(usize::MAX, &mut |key, document| {
        all += u64::from(search.meets(key, document)?);
        Ok(enough.is_none_or(|enough| all < enough))
    })?;
    Ok(within(all))
}

/// Calls `visit` with the key and document of each result, in order.
pub(crate) fn for_each(db: &Database, query: &Query, visit: &mut Visit) -> Result<()> {
    let table = db.known_table(&query.table)?;
    query.condition.prepare(db, &query.table)?;
    let plan = Plan::choose(query, &table, db.transaction(), false)?;
    Search::new(db, query, &table, plan).for_each(query, visit)
}

impl Search<'_> {
    /// How many documents the ranges lead to.
    pub(super) fn count(&self) -> Result<u64> {
        if self.plan.access.gathers() {
            return Ok(self.keys()?.len() as u64);
        }
        match &self.plan.access {
            super::plan::Access::Table((start, end)) => self.transaction.count(start, end),
            access => {
                let mut all = 0;
                for (start, end) in access.walks().iter().flat_map(|walk| &walk.ranges) {
                    all += self.transaction.count(start, end)?;
                }
                Ok(all)
            }
        }
    }

    /// Calls `visit` with the key and document of each result, in order.
    pub(super) fn for_each(&mut self, query: &Query, visit: &mut Visit) -> Result<()> {
        let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let limit = query.limit.map_or(usize::MAX, size);
        let offset = size(query.offset);
        let most = limit.saturating_add(offset);
        let behind = match &query.after {
            Some(cursor) => place_behind(query, cursor)?,
            None => Vec::new(),
        };
        if limit == 0 {
            return Ok(());
        }
        if !behind.is_empty() {
            self.plan.begin_behind(&behind, self.table.id, &query.sort);
        }
        if let Order::Fields(_) = self.plan.order {
            return self.sorted(query, &behind, most, offset, visit);
        }
        let mut seen = 0usize;
        let mut passed = behind.is_empty();
        let mut found = |key: &[u8], document: &[u8]| {
            if !self.meets(key, document)? {
                return Ok(true);
            }
            if !passed {
                if place_of(&query.sort, document, key) <= behind {
                    return Ok(true);
                }
                passed = true;
            }
            seen += 1;
            if seen > offset && !visit(key, document)? {
                return Ok(false);
            }
            Ok(seen < most)
        };
        if self.plan.order == Order::Walked {
            self.walk(most, &mut found)
        } else {
            // Without a sort, the place is the key.
            self.walk_by_key(most, &behind, &mut found)
        }
    }

    fn sorted(
        &self,
        query: &Query,
        behind: &[u8],
        most: usize,
        offset: usize,
        visit: &mut Visit,
    ) -> Result<()> {
        let mut sorter = Sorter::new(most);
        self.walk(usize::MAX, &mut |key, document| {
            if !self.meets(key, document)? {
                return Ok(true);
            }
            let place = place_of(&query.sort, document, key);
            if place.as_slice() > behind && sorter.wants(&place) {
                let mut content = Vec::with_capacity(key.len() + document.len() + 2);
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a key has at most 1,025 bytes"
                )]
                content.extend_from_slice(&(key.len() as u16).to_be_bytes());
                content.extend_from_slice(key);
                content.extend_from_slice(document);
                sorter.push(Row { place, content });
                if sorter.size > 2 * MAX_RESULT {
                    return Err(too_large());
                }
            }
            Ok(true)
        })?;
        let begun = self.begin_step();
        let sorted = sorter.into_sorted();
        self.end_step(begun, |times| &times.sort);
        for row in sorted.into_iter().skip(offset) {
            let length = usize::from(u16::from_be_bytes([row.content[0], row.content[1]]));
            let (key, document) = row.content[2..].split_at(length);
            if !visit(key, document)? {
                break;
            }
        }
        Ok(())
    }
}
