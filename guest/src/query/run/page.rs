//! Pages: a part of a result, and the cursor behind which the next one begins.

use super::{Rows, Visit, for_each, write_row};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::index::hash;
use crate::key::Key;
use crate::query::parse::Query;
use crate::query::sort::{place_of, split_place};
use crate::value::write_bool;

/// A part of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// An array of rows.
    pub rows: Vec<u8>,
    /// The cursor behind which the next part begins; none for the last part.
    pub next: Option<Vec<u8>>,
}

/// Bytes by which a cursor tells which query it belongs to.
const MARK_SIZE: usize = 8;

/// What the order of a query's rows depends on.
fn mark(query: &Query) -> Vec<u8> {
    let mut order = query.table.clone().into_bytes();
    for field in &query.sort {
        order.push(0);
        write_bool(&mut order, field.descending);
        crate::catalog::write_path(&field.field, &mut order);
    }
    hash(&order)[..MARK_SIZE].to_vec()
}

/// The part of a query's result that its limit allows.
///
/// # Errors
/// As [`run`](super::run); `InvalidQuery` for a query whose rows no cursor can tell apart.
pub fn page(db: &Database, query: &Query) -> Result<Page> {
    if query.grouping.is_some() {
        return Err(Error::query(
            "query",
            "rows made of many documents have no cursor; use run, with limit and offset",
        ));
    }
    let mut rows = Rows::new();
    let next = part(db, query, &mut |key, document| {
        rows.add(|out| write_row(query, key, document, out))?;
        Ok(true)
    })?;
    Ok(Page {
        rows: rows.finish(),
        next,
    })
}

/// Calls `visit` with the key and document of each row that the limit allows, and tells the cursor for those behind.
///
/// # Errors
/// As [`page`], but that there must be no groups.
pub(crate) fn part(db: &Database, query: &Query, visit: &mut Visit) -> Result<Option<Vec<u8>>> {
    let limit = query.limit.unwrap_or(u64::MAX);
    // One more tells whether there is another page.
    let wider = Query {
        limit: query.limit.map(|limit| limit.saturating_add(1)),
        ..query.clone()
    };
    let (mut left, mut last, mut next) = (limit, Vec::new(), None);
    for_each(db, &wider, &mut |key, document| {
        if left == 0 {
            next = Some([mark(query).as_slice(), &last].concat());
            return Ok(false);
        }
        left -= 1;
        if left == 0 {
            last = place_of(&query.sort, document, key);
        }
        visit(key, document)
    })?;
    Ok(next.filter(|_| limit > 0))
}

/// The place behind which a query begins, by its cursor.
///
/// # Errors
/// `InvalidQuery` if it is a cursor of something else.
pub(crate) fn place_behind(query: &Query, cursor: &[u8]) -> Result<Vec<u8>> {
    let place = cursor.strip_prefix(mark(query).as_slice()).filter(|place| {
        split_place(&query.sort, place).is_some_and(|(_, key)| Key::decode(key).is_ok())
    });
    place.map(<[u8]>::to_vec).ok_or_else(|| {
        Error::query(
            "after",
            "the cursor belongs to another table or sort; send it with the query whose page it came with",
        )
    })
}
