//! Looking: walks what the plan says, tests, sorts and cuts.

use super::parse::Query;
use super::plan::{Order, Plan};
use super::sort::{Row, Sorter, place_of};
use crate::catalog::{Index, Table};
use crate::database::Database;
use crate::error::{Error, Limit, Result};
use crate::key::{PREFIX_SIZE, prefix, space, write_encoded_key};
use crate::store::{Cursor, Direction, Transaction};
use crate::value::{
    skip_ordered, write_array_head, write_bool, write_int, write_map_head, write_null, write_text,
};

/// Bytes of a query's result, and of what it has to sort, at the most.
pub const MAX_RESULT: usize = 64 << 20;

/// Documents that an index leads to are fetched so many at a time.
const FETCH: usize = 512;

/// What to do with a document that was found: `false` ends the walk.
type Visit<'v> = dyn FnMut(&[u8], &[u8]) -> Result<bool> + 'v;

fn too_large() -> Error {
    Error::limit(
        Limit::ResultSize,
        MAX_RESULT as u64,
        "limit",
        "the result has more than 64 MB; set a limit, and go on with an offset",
    )
}

/// The documents of a query, as an array of `[key, document]`.
///
/// # Errors
/// `UnknownTable`; `LimitExceeded` for a result that is too large.
pub fn run(db: &Database, query: &Query) -> Result<Vec<u8>> {
    let table = db.known_table(&query.table)?;
    let mut rows = 0usize;
    let mut body = Vec::new();
    for_each(db, &table, query, &mut |key, document| {
        write_array_head(&mut body, 2);
        write_encoded_key(key, &mut body)?;
        body.extend_from_slice(document);
        rows += 1;
        if body.len() > MAX_RESULT {
            Err(too_large())
        } else {
            Ok(true)
        }
    })?;
    let mut result = Vec::with_capacity(body.len() + 9);
    write_array_head(&mut result, rows);
    result.append(&mut body);
    Ok(result)
}

/// How many documents [`run`] would return.
///
/// # Errors
/// `UnknownTable`.
pub fn count(db: &Database, query: &Query) -> Result<u64> {
    let table = db.known_table(&query.table)?;
    let unsorted = Query {
        sort: Vec::new(),
        ..query.clone()
    };
    let plan = Plan::choose(&unsorted, &table);
    let within = |all: u64| {
        let all = all.saturating_sub(query.offset);
        query.limit.map_or(all, |limit| all.min(limit))
    };
    if plan.filter.is_always() {
        let mut all = 0;
        for (start, end) in &plan.ranges {
            all += db.transaction().count(start, end)?;
        }
        return Ok(within(all));
    }
    let enough = query.limit.map(|limit| limit.saturating_add(query.offset));
    let mut all = 0;
    walk(
        db.transaction(),
        &table,
        &plan,
        usize::MAX,
        &mut |_, document| {
            all += u64::from(plan.filter.holds(document));
            Ok(enough.is_none_or(|enough| all < enough))
        },
    )?;
    Ok(within(all))
}

/// How [`run`] would find the documents.
///
/// # Errors
/// `UnknownTable`.
pub fn explain(db: &Database, query: &Query) -> Result<Vec<u8>> {
    let table = db.known_table(&query.table)?;
    let plan = Plan::choose(query, &table);
    let mut out = Vec::new();
    write_map_head(&mut out, 5);
    write_text(&mut out, "sort");
    write_bool(&mut out, matches!(plan.order, Order::Fields(_)));
    write_text(&mut out, "index");
    match &plan.index {
        Some(index) => write_text(&mut out, &index.name),
        None => write_null(&mut out),
    }
    write_text(&mut out, "access");
    write_text(
        &mut out,
        if plan.index.is_some() {
            "index"
        } else {
            "scan"
        },
    );
    write_text(&mut out, "filter");
    write_bool(&mut out, !plan.filter.is_always());
    write_text(&mut out, "ranges");
    write_int(
        &mut out,
        i64::try_from(plan.ranges.len()).unwrap_or(i64::MAX),
    );
    Ok(out)
}

/// Calls `visit` with the key and document of each result, in order.
fn for_each(db: &Database, table: &Table, query: &Query, visit: &mut Visit) -> Result<()> {
    let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let limit = query.limit.map_or(usize::MAX, size);
    let offset = size(query.offset);
    let most = limit.saturating_add(offset);
    if limit == 0 {
        return Ok(());
    }
    let plan = Plan::choose(query, table);
    let transaction = db.transaction();
    let fields = match &plan.order {
        Order::Fields(fields) => fields,
        order => {
            let mut seen = 0usize;
            let mut count = |key: &[u8], document: &[u8]| {
                if !plan.filter.holds(document) {
                    return Ok(true);
                }
                seen += 1;
                if seen > offset && !visit(key, document)? {
                    return Ok(false);
                }
                Ok(seen < most)
            };
            return if *order == Order::Walked {
                walk(transaction, table, &plan, most, &mut count)
            } else {
                walk_by_key(transaction, table, &plan, most, &mut count)
            };
        }
    };
    let mut sorter = Sorter::new(most);
    walk(
        transaction,
        table,
        &plan,
        usize::MAX,
        &mut |key, document| {
            if !plan.filter.holds(document) {
                return Ok(true);
            }
            let place = place_of(fields, document, key);
            if sorter.wants(&place) {
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
        },
    )?;
    for row in sorter.into_sorted().into_iter().skip(offset) {
        let length = usize::from(u16::from_be_bytes([row.content[0], row.content[1]]));
        let (key, document) = row.content[2..].split_at(length);
        if !visit(key, document)? {
            break;
        }
    }
    Ok(())
}

/// Gathers the keys that an index leads to and visits their documents in the order of the keys, as
/// far as they are wanted.
fn walk_by_key(
    transaction: &Transaction,
    table: &Table,
    plan: &Plan,
    expected: usize,
    visit: &mut Visit,
) -> Result<()> {
    let mut fetcher = Fetcher::new(transaction, table, plan, expected);
    let mut keys = Vec::new();
    for (start, end) in &plan.ranges {
        let mut cursor = Cursor::new(start.clone(), end.clone(), Direction::Forward);
        while let Some((entry, _)) = cursor.next(transaction)? {
            if let Some(index) = &plan.index {
                keys.push(entry[document_key_at(index, entry)?..].to_vec());
            }
        }
    }
    crate::bytes::sort(&mut keys);
    for key in keys {
        if !fetcher.push(&key, visit)? {
            return Ok(());
        }
    }
    fetcher.flush(visit).map(|_| ())
}

/// Calls `visit` with the encoded key and the document of everything that the plan's ranges lead to.
/// `expected` is how many visits are likely to be enough.
fn walk(
    transaction: &Transaction,
    table: &Table,
    plan: &Plan,
    expected: usize,
    visit: &mut Visit,
) -> Result<()> {
    let mut ranges: Vec<_> = plan.ranges.iter().collect();
    if plan.direction == Direction::Backward {
        ranges.reverse();
    }
    let expected = if plan.filter.is_always() {
        expected
    } else {
        usize::MAX
    };
    let Some(index) = &plan.index else {
        for (start, end) in ranges {
            let cursor = Cursor::new(start.clone(), end.clone(), plan.direction);
            let mut cursor = cursor.expecting(expected);
            while let Some((key, document)) = cursor.next(transaction)? {
                if !visit(&key[PREFIX_SIZE..], document)? {
                    return Ok(());
                }
            }
        }
        return Ok(());
    };
    let mut fetcher = Fetcher::new(transaction, table, plan, expected);
    for (start, end) in ranges {
        let cursor = Cursor::new(start.clone(), end.clone(), plan.direction);
        let mut cursor = cursor.expecting(expected);
        let mut ties = Ties::default();
        while let Some((entry, _)) = cursor.next(transaction)? {
            let at = document_key_at(index, entry)?;
            if plan.direction == Direction::Forward {
                if !fetcher.push(&entry[at..], visit)? {
                    return Ok(());
                }
            } else if !ties.push(&entry[..at], &entry[at..], &mut fetcher, visit)? {
                return Ok(());
            }
        }
        if !ties.flush(&mut fetcher, visit)? {
            return Ok(());
        }
    }
    fetcher.flush(visit).map(|_| ())
}

/// Where the document's key begins in an index entry.
fn document_key_at(index: &Index, entry: &[u8]) -> Result<usize> {
    let mut at = PREFIX_SIZE;
    for _ in &index.fields {
        at += skip_ordered(&entry[at..]).ok_or_else(|| {
            Error::corrupt(
                "store",
                "an index entry can't be read; make the index again",
            )
        })?;
    }
    Ok(at)
}

/// Fetches the documents of index entries, many in one call of the host.
struct Fetcher<'t> {
    transaction: &'t Transaction,
    prefix: Vec<u8>,
    keys: Vec<Vec<u8>>,
    batch: usize,
}

impl<'t> Fetcher<'t> {
    fn new(transaction: &'t Transaction, table: &Table, plan: &Plan, expected: usize) -> Self {
        let expected = if plan.filter.is_always() {
            expected
        } else {
            FETCH
        };
        Fetcher {
            transaction,
            prefix: prefix(space::DOCUMENT, table.id),
            keys: Vec::new(),
            batch: expected.clamp(1, FETCH),
        }
    }

    fn push(&mut self, key: &[u8], visit: &mut Visit) -> Result<bool> {
        self.keys.push([self.prefix.as_slice(), key].concat());
        if self.keys.len() < self.batch {
            Ok(true)
        } else {
            self.flush(visit)
        }
    }

    fn flush(&mut self, visit: &mut Visit) -> Result<bool> {
        let documents = self.transaction.get_many(&self.keys)?;
        for (key, document) in self.keys.drain(..).zip(documents) {
            let Some(document) = document else {
                return Err(Error::corrupt(
                    "store",
                    "an index entry leads to no document; make the index again",
                ));
            };
            if !visit(&key[PREFIX_SIZE..], &document)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Entries of equal values, met from the last to the first: documents that tie are due in the ascending
/// order of their keys, whichever way the index is walked.
#[derive(Default)]
struct Ties {
    components: Vec<u8>,
    keys: Vec<Vec<u8>>,
}

impl Ties {
    fn push(
        &mut self,
        components: &[u8],
        key: &[u8],
        fetcher: &mut Fetcher,
        visit: &mut Visit,
    ) -> Result<bool> {
        if self.components != components {
            if !self.flush(fetcher, visit)? {
                return Ok(false);
            }
            self.components = components.to_vec();
        }
        self.keys.push(key.to_vec());
        Ok(true)
    }

    fn flush(&mut self, fetcher: &mut Fetcher, visit: &mut Visit) -> Result<bool> {
        while let Some(key) = self.keys.pop() {
            if !fetcher.push(&key, visit)? {
                self.keys.clear();
                return Ok(false);
            }
        }
        Ok(true)
    }
}
