//! Pages of the feed.

use super::settings;
use super::state::{State, change_key, split_key};
use crate::archive::next;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::key::{space, write_encoded_key};
use crate::members::Members;
use crate::query::{self, Condition, Query};
use crate::store::{Cursor, Direction};
use crate::value::{
    Item, NULL, elements, write_array_head, write_bool, write_bytes, write_int, write_map_head,
    write_text,
};

/// Bytes of a page, about.
const PAGE: usize = 1 << 20;

/// Bytes of changes that one call looks at, about: few of them may be wanted.
const LOOK: usize = 8 << 20;

const SHAPE: &str = "a request is a map with, as needed, after, limit, cursors, and tables and where or query; for example {\"after\": 17, \"limit\": 100}";

/// Which changes are wanted.
struct Request {
    tables: Option<Vec<String>>,
    condition: Condition,
    /// In whose rows the changes are told.
    query: Option<Query>,
    limit: u64,
    /// Whether each change tells its place.
    cursors: bool,
}

impl Request {
    fn parse(members: &Members) -> Result<Request> {
        let mut request = Request {
            tables: settings::tables(members)?,
            condition: Condition::always(),
            query: None,
            limit: members.number("limit")?.unwrap_or(1000),
            cursors: members.flag("cursors")?,
        };
        if request.limit == 0 {
            return Err(members.wrong("limit", "it is 0; ask for at least 1 change"));
        }
        if let Some(query) = members.get("query") {
            if members.get("tables").or(members.get("where")).is_some() {
                return Err(members.wrong("query", "it stands in place of tables and where"));
            }
            let mut query = query::parse(query).map_err(|error| error.under("query"))?;
            crate::name::check_table(&query.table).map_err(|error| error.under("query"))?;
            request.tables = Some(vec![query.table.clone()]);
            request.condition = std::mem::replace(&mut query.condition, Condition::always());
            request.query = Some(query);
        } else if let Some(condition) = members.get("where")
            && Item::of(condition) != Item::Null
        {
            request.condition = query::parse_condition(condition, "where", 0)?;
        }
        Ok(request)
    }

    fn meets(&self, document: &[u8]) -> Result<bool> {
        Ok(document != [NULL] && self.condition.holds(document)?)
    }
}

/// The bytes of a place: which feed, and the key of the last change, without its beginning.
fn cursor(state: &State, key: &[u8]) -> Vec<u8> {
    [&state.id, &key[space::CHANGE.len()..]].concat()
}

/// A page of the changes that an accepted request asks for.
///
/// # Errors
/// `OutOfDate` if the feed does not have them all; `InvalidArgument` and `InvalidQuery` for what no request has.
pub fn read(db: &Database, request: &[u8]) -> Result<Vec<u8>> {
    let names = ["after", "limit", "tables", "where", "query", "cursors"];
    let members = Members::read(request, "", &names, SHAPE, Error::argument)?;
    let request = Request::parse(&members)?;
    let (Some(settings), Some(state)) = (db.catalog().feed(), State::read(db.transaction())?)
    else {
        return Err(Error::out_of_date(
            "changes",
            "no changes are kept; switch the change feed on with changes.configure, read the documents, and go on from there",
        ));
    };
    let newest = db.transaction().version();
    let oldest = oldest(&state, &request)?;
    let place = members.get("after").filter(|after| *after != [NULL]);
    let start = match place {
        None => change_key(newest + 1, &[]),
        Some(place) => start_behind(place, &state, oldest, newest)?,
    };

    let mut page = Page {
        last: change_key(newest, &[]),
        ..Page::default()
    };
    let end = change_key(newest + 1, &[]);
    let mut walk = Cursor::new(start, end, Direction::Forward);
    let mut seen = 0;
    while let Some((key, change)) = next(&mut walk, db.transaction())? {
        if page.count == request.limit || page.body.len() >= PAGE || seen >= LOOK {
            page.more = true;
            break;
        }
        seen += key.len() + change.len();
        page.add(&state, &request, key, change)?;
        page.last.clear();
        page.last.extend_from_slice(key);
    }
    if !page.more {
        page.last = change_key(newest, &[]);
    }

    let mut out = Vec::with_capacity(page.body.len() + 128);
    write_map_head(&mut out, 5 + usize::from(place.is_none()));
    write_text(&mut out, "more");
    write_bool(&mut out, page.more);
    write_text(&mut out, "next");
    write_bytes(&mut out, &cursor(&state, &page.last));
    write_number(&mut out, "newest", newest);
    write_number(&mut out, "oldest", oldest);
    write_text(&mut out, "changes");
    write_array_head(&mut out, usize::try_from(page.count).unwrap_or(usize::MAX));
    out.append(&mut page.body);
    if place.is_none() {
        write_text(&mut out, "settings");
        settings.write(&mut out);
    }
    Ok(out)
}

fn write_number(out: &mut Vec<u8>, name: &str, number: u64) {
    write_text(out, name);
    write_int(out, i64::try_from(number).unwrap_or(i64::MAX));
}

/// Behind which commit the feed has all that is wanted.
fn oldest(state: &State, request: &Request) -> Result<u64> {
    let mut oldest = state.deleted;
    match &request.tables {
        None => {
            let since = state.since.iter().map(|(_, since)| *since);
            oldest = since.fold(oldest, u64::max);
        }
        Some(tables) => {
            for table in tables {
                let since = state.since(table).ok_or_else(|| {
                    Error::out_of_date(
                        "tables",
                        format!("changes of the table '{table}' are not kept; add it to the tables with changes.configure, read its documents, and go on from there"),
                    )
                })?;
                oldest = oldest.max(since);
            }
        }
    }
    Ok(oldest)
}

/// The first key behind a place.
fn start_behind(place: &[u8], state: &State, oldest: u64, newest: u64) -> Result<Vec<u8>> {
    let no_place = || {
        Error::argument(
            "after",
            "it is no place in the change feed; send a cursor, the next of a page, or the number of a commit",
        )
    };
    let gone = |why: String| {
        let what = "read the documents anew, and go on from a place that is read before them";
        Error::out_of_date("after", format!("{why}; {what}"))
    };
    let (sequence, behind): (u64, &[u8]) = match Item::of(place) {
        Item::Int(sequence) if sequence >= 0 => (sequence.unsigned_abs(), &[]),
        Item::Bytes(cursor) => {
            let (id, rest) = cursor.split_at_checked(8).ok_or_else(no_place)?;
            if id != state.id {
                return Err(gone(
                    "the place is in another change feed than the one that is kept now".to_string(),
                ));
            }
            let (sequence, behind) = rest.split_first_chunk().ok_or_else(no_place)?;
            (u64::from_be_bytes(*sequence), behind)
        }
        _ => return Err(no_place()),
    };
    if sequence > newest {
        return Err(Error::argument(
            "after",
            format!("the newest commit is {newest}; send its number or a lower one"),
        ));
    }
    if sequence < oldest || !behind.is_empty() && sequence == oldest {
        return Err(gone(format!(
            "changes are only kept from behind commit {oldest} on, and those behind {sequence} are wanted"
        )));
    }
    if behind.is_empty() {
        return Ok(change_key(sequence + 1, &[]));
    }
    let mut start = change_key(sequence, behind);
    start.push(0);
    Ok(start)
}

/// Changes in the making.
#[derive(Default)]
struct Page {
    body: Vec<u8>,
    count: u64,
    more: bool,
    /// The key of the change that was looked at last, or where all commits end.
    last: Vec<u8>,
}

impl Page {
    /// Adds a change, if it is wanted.
    fn add(&mut self, state: &State, request: &Request, key: &[u8], change: &[u8]) -> Result<()> {
        let (sequence, table, document_key) = split_key(key).ok_or_else(|| {
            Error::corrupt("store", "a change can't be read; switch the feed off")
        })?;
        if let Some(tables) = &request.tables
            && !tables.iter().any(|wanted| wanted == table)
        {
            return Ok(());
        }
        let mut documents = elements(change);
        let before = documents.next().unwrap_or(&[NULL]);
        let after = documents.next().unwrap_or(&[NULL]);
        let is_dropped = document_key.is_empty();
        let is_after = request.meets(after)?;
        if !is_dropped && !is_after && !request.meets(before)? {
            return Ok(());
        }
        self.count += 1;
        let out = &mut self.body;
        let is_row = request.query.is_some();
        let tells = |document: &[u8]| !is_row && document != [NULL];
        let row = request.query.as_ref().filter(|_| is_after);
        let members = [
            !is_dropped,
            row.is_some(),
            tells(after),
            tells(before),
            request.cursors,
            is_dropped,
        ];
        write_map_head(out, 2 + members.iter().filter(|there| **there).count());
        if !is_dropped {
            write_text(out, "key");
            write_encoded_key(document_key, out)?;
        }
        if let Some(query) = row {
            write_text(out, "row");
            query::write_selected(query, after, out);
        }
        if tells(after) {
            write_text(out, "after");
            out.extend_from_slice(after);
        }
        write_text(out, "table");
        write_text(out, table);
        if tells(before) {
            write_text(out, "before");
            out.extend_from_slice(before);
        }
        if request.cursors {
            write_text(out, "cursor");
            write_bytes(out, &cursor(state, key));
        }
        if is_dropped {
            write_text(out, "dropped");
            write_bool(out, true);
        }
        write_number(out, "sequence", sequence);
        Ok(())
    }
}
