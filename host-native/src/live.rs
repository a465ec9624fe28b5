//! Live queries: a result that is kept up to date from the change feed.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::Waiter;
use crate::{Closer, Database, Error, Key, Position, Query, Value, cbor};

/// The rows of a query, and what becomes of them. See [`Database::live`].
pub struct LiveQuery<'a, R = (Key, Value)> {
    database: &'a Database,
    query: Value,
    /// Whether the rows are the documents that meet a condition, in the order of their keys.
    is_plain: bool,
    table: String,
    rows: Vec<Row>,
    /// The feed is read up to here; the rows are not older.
    position: Position,
    sequence: u64,
    waiter: Waiter,
    failed: bool,
    types: PhantomData<R>,
}

/// One row: what tells it from the others, and its bytes.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    /// The document's key; none where the row is made of many.
    key: Option<Key>,
    /// The key as bytes; the whole row where there is none.
    identity: Vec<u8>,
    bytes: Vec<u8>,
}

/// The head of an array of two: a key and what belongs to it.
const KEYED: u8 = 0x82;

/// How a result differs from the one before.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Update<R> {
    /// The number of a commit that the result shows; later ones may show as well.
    pub sequence: u64,
    /// Rows that are there now.
    pub added: Vec<R>,
    /// Rows, as they are now, of documents that were there and have changed.
    pub changed: Vec<R>,
    /// Rows, as they were, that are no longer there.
    pub removed: Vec<R>,
    /// Rows that stand before or behind others that they did not before. Some of them may be among the changed ones.
    pub moved: Vec<R>,
}

/// What the feed tells of a query.
struct Page {
    changes: Vec<RowChange>,
    next: Position,
    more: bool,
    newest: u64,
}

/// A document that has changed, or with no key the whole table that was dropped.
struct RowChange {
    key: Option<Vec<u8>>,
    row: Option<Vec<u8>>,
}

#[derive(Serialize)]
struct Request<'a> {
    query: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a Position>,
}

impl Database {
    /// Runs a query and keeps its result up to date. The change feed has to be on, and follow the table; a table that
    /// does not exist has no rows. `R` is what a row becomes: `(Key, T)`, or what a group is.
    ///
    /// It reads the changes, and runs the query again only if one of them concerns a document that meets the condition
    /// or did; without `sort`, `limit` and the like, it need not run it again at all.
    ///
    /// ```
    /// use cu_db::{Database, Feed, Key, Path, Query};
    ///
    /// let database = Database::in_memory()?;
    /// database.configure_feed(&Feed::of(["scores"]))?;
    /// database.put("scores", "ann", &7)?;
    /// // `[]` is the document itself.
    /// let best = Query::table("scores").sort_descending(Path::parts([])).limit(3);
    /// let mut live = database.live::<(Key, i64)>(&best)?;
    /// assert_eq!(live.rows()?, [("ann".into(), 7)]);
    /// database.put("scores", "bo", &9)?;
    /// let update = live.next().unwrap()?;
    /// assert_eq!(update.added, [("bo".into(), 9)]);
    /// # Ok::<(), cu_db::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OutOfDate`] if the feed does not follow the table, with how to change that; those of
    /// [`query`](Database::query), but for an unknown table.
    pub fn live<R: DeserializeOwned>(&self, query: &Query) -> Result<LiveQuery<'_, R>, Error> {
        let query: Value = cbor::decode(&query.to_cbor()?)?;
        let is_plain = |name: &Value| ["table", "where", "select"].map(Value::from).contains(name);
        let members = query.as_map().map_or(&[][..], Vec::as_slice);
        let table = members
            .iter()
            .find(|(name, _)| *name == Value::from("table"));
        let mut live = LiveQuery {
            database: self,
            is_plain: members.iter().all(|(name, _)| is_plain(name)),
            table: table
                .and_then(|(_, table)| table.as_text())
                .unwrap_or_default()
                .to_owned(),
            query,
            rows: Vec::new(),
            position: Position::commit(0),
            sequence: 0,
            waiter: Waiter::new(self.host().commits()),
            failed: false,
            types: PhantomData,
        };
        live.rows = live.begin()?;
        Ok(live)
    }
}

impl<R: DeserializeOwned> LiveQuery<'_, R> {
    /// Goes to the end of the feed, and runs the query.
    fn begin(&mut self) -> Result<Vec<Row>, Error> {
        self.waiter.listen();
        let page = self.read(None)?;
        self.position = page.next;
        self.sequence = page.newest;
        self.run()
    }

    fn read(&self, after: Option<&Position>) -> Result<Page, Error> {
        let request = Request {
            query: &self.query,
            after,
        };
        Page::of(&self.database.raw().changes_read(&cbor::encode(&request)?)?)
    }

    fn run(&self) -> Result<Vec<Row>, Error> {
        let rows = match self.database.raw().queries_run(&cbor::encode(&self.query)?) {
            Ok(rows) => rows,
            Err(Error::UnknownTable(table)) if table == self.table => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let rows = cbor::items(&rows)?;
        rows.into_iter().map(Row::of).collect()
    }

    /// The rows as of the last update.
    ///
    /// # Errors
    /// [`Error::Decode`] if a row doesn't fit `R`.
    pub fn rows(&self) -> Result<Vec<R>, Error> {
        decode(self.rows.iter())
    }

    /// The next update, or none if there is none before the time is over, or it was closed. Several commits may be one
    /// update; one that the result does not show is none.
    ///
    /// # Errors
    /// What reading the feed and running the query report: the rows are then as before, and the next call tries again.
    /// [`Error::Decode`] if a row doesn't fit `R`; [`rows`](LiveQuery::rows) says so from then on as well.
    pub fn next_within(&mut self, time: Duration) -> Result<Option<Update<R>>, Error> {
        self.next_until(Instant::now().checked_add(time))
    }

    fn next_until(&mut self, until: Option<Instant>) -> Result<Option<Update<R>>, Error> {
        loop {
            if self.waiter.is_closed() {
                return Ok(None);
            }
            let difference = self.look()?;
            if !difference.is_empty() {
                return difference.decode(self.sequence).map(Some);
            }
            if !self.waiter.wait(until) {
                return Ok(None);
            }
        }
    }

    /// Reads the changes since the last look, and brings the rows up to date.
    fn look(&mut self) -> Result<Difference, Error> {
        self.waiter.listen();
        let mut position = self.position.clone();
        let mut changes = Vec::new();
        let sequence = loop {
            let page = match self.read(Some(&position)) {
                // Changes were deleted before they were told: what there is now is what counts.
                Err(Error::OutOfDate(_)) => {
                    let rows = self.begin()?;
                    return Ok(self.replace(rows));
                }
                page => page?,
            };
            changes.extend(page.changes);
            position = page.next;
            if !page.more {
                break page.newest;
            }
        };
        let difference = if changes.is_empty() {
            Difference::default()
        } else if self.is_plain {
            self.change(changes)?
        } else {
            let rows = self.run()?;
            self.replace(rows)
        };
        self.position = position;
        self.sequence = sequence;
        Ok(difference)
    }

    fn replace(&mut self, rows: Vec<Row>) -> Difference {
        let before = std::mem::replace(&mut self.rows, rows);
        Difference::between(&before, &self.rows)
    }

    /// Makes changes in the rows, which are in the order of their keys.
    fn change(&mut self, changes: Vec<RowChange>) -> Result<Difference, Error> {
        let mut latest: BTreeMap<Key, Option<Row>> = BTreeMap::new();
        for change in changes {
            let Some(identity) = change.key else {
                // The table was dropped, and all that was in it.
                latest = self
                    .rows
                    .iter()
                    .filter_map(|row| Some((row.key.clone()?, None)))
                    .collect();
                continue;
            };
            let key: Key = cbor::decode(&identity)?;
            let row = change.row.map(|row| Row {
                key: Some(key.clone()),
                bytes: [&[KEYED], &identity[..], &row].concat(),
                identity,
            });
            latest.insert(key, row);
        }
        let mut difference = Difference::default();
        for (key, row) in latest {
            let place = self
                .rows
                .binary_search_by(|row| row.key.as_ref().cmp(&Some(&key)));
            match (place, row) {
                (Err(_), None) => {}
                (Err(place), Some(row)) => {
                    difference.added.push(row.clone());
                    self.rows.insert(place, row);
                }
                (Ok(place), None) => difference.removed.push(self.rows.remove(place)),
                (Ok(place), Some(row)) => {
                    if self.rows[place] != row {
                        difference.changed.push(row.clone());
                        self.rows[place] = row;
                    }
                }
            }
        }
        Ok(difference)
    }

    /// Ends the live query from another thread.
    #[must_use]
    pub fn closer(&self) -> Closer {
        Closer::of(&self.waiter)
    }
}

/// Waits for each update. It ends when it is closed, and with the first error.
impl<R: DeserializeOwned> Iterator for LiveQuery<'_, R> {
    type Item = Result<Update<R>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.next_until(None).transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

/// The member of a map.
fn member<'a>(members: &[cbor::Member<'a>], name: &str) -> Option<&'a [u8]> {
    let found = members.iter().find(|(there, _)| *there == name.as_bytes());
    found.map(|(_, value)| *value)
}

impl Page {
    /// The rows stay the bytes that they are, so that they can be compared with those of a query.
    fn of(page: &[u8]) -> Result<Page, Error> {
        let members = cbor::members(page)?;
        let value = |name| member(&members, name).unwrap_or_default();
        let change = |change| {
            let members = cbor::members(change)?;
            Ok(RowChange {
                key: member(&members, "key").map(<[u8]>::to_vec),
                row: member(&members, "row").map(<[u8]>::to_vec),
            })
        };
        let changes = cbor::items(value("changes"))?.into_iter().map(change);
        Ok(Page {
            changes: changes.collect::<Result<_, Error>>()?,
            next: cbor::decode(value("next"))?,
            more: cbor::decode(value("more"))?,
            newest: cbor::decode(value("newest"))?,
        })
    }
}

impl Row {
    fn of(bytes: &[u8]) -> Result<Row, Error> {
        let (key, identity) = match bytes {
            [KEYED, rest @ ..] => {
                let key = &rest[..cbor::length(rest)?];
                (Some(cbor::decode(key)?), key)
            }
            _ => (None, bytes),
        };
        Ok(Row {
            key,
            identity: identity.to_vec(),
            bytes: bytes.to_vec(),
        })
    }
}

fn decode<'r, R: DeserializeOwned>(rows: impl Iterator<Item = &'r Row>) -> Result<Vec<R>, Error> {
    rows.map(|row| cbor::decode(&row.bytes)).collect()
}

/// What an update tells, not decoded yet.
#[derive(Debug, Default)]
struct Difference {
    added: Vec<Row>,
    changed: Vec<Row>,
    removed: Vec<Row>,
    moved: Vec<Row>,
}

impl Difference {
    fn between(before: &[Row], now: &[Row]) -> Self {
        let numbered = |rows: &[Row]| -> BTreeMap<Vec<u8>, usize> {
            let identities = rows.iter().map(|row| row.identity.clone());
            identities.zip(0..).collect()
        };
        let (old, new) = (numbered(before), numbered(now));
        let place = |row: &Row| old.get(&row.identity).copied();
        // Where the rows that stayed were, in the order in which they are now.
        let stayed: Vec<usize> = now.iter().filter_map(place).collect();
        let still = rising(&stayed);
        let chosen = |rows: &[Row], is_chosen: &dyn Fn(&Row) -> bool| -> Vec<Row> {
            rows.iter().filter(|row| is_chosen(row)).cloned().collect()
        };
        Self {
            added: chosen(now, &|row| place(row).is_none()),
            changed: chosen(now, &|row| {
                place(row).is_some_and(|place| before[place] != *row)
            }),
            removed: chosen(before, &|row| !new.contains_key(&row.identity)),
            moved: chosen(now, &|row| {
                place(row).is_some_and(|place| !still.contains(&place))
            }),
        }
    }

    fn is_empty(&self) -> bool {
        let parts = [&self.added, &self.changed, &self.removed, &self.moved];
        parts.iter().all(|rows| rows.is_empty())
    }

    fn decode<R: DeserializeOwned>(&self, sequence: u64) -> Result<Update<R>, Error> {
        Ok(Update {
            sequence,
            added: decode(self.added.iter())?,
            changed: decode(self.changed.iter())?,
            removed: decode(self.removed.iter())?,
            moved: decode(self.moved.iter())?,
        })
    }
}

/// A longest part of different numbers that rises: all others have to move to where they are.
fn rising(numbers: &[usize]) -> BTreeSet<usize> {
    // The last number of the best part of each length, and what comes before each number in its part.
    let mut ends: Vec<usize> = Vec::new();
    let mut previous: BTreeMap<usize, usize> = BTreeMap::new();
    for &number in numbers {
        let length = ends.partition_point(|end| *end < number);
        if let Some(before) = length.checked_sub(1) {
            previous.insert(number, ends[before]);
        }
        match ends.get_mut(length) {
            Some(end) => *end = number,
            None => ends.push(number),
        }
    }
    let last = ends.last().copied();
    std::iter::successors(last, |number| previous.get(number).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(identity: u8, content: u8) -> Row {
        Row::of(&[0x82, identity, content]).unwrap()
    }

    #[test]
    fn an_update_tells_what_was_added_changed_removed_and_moved() {
        let before = [row(1, 1), row(2, 1), row(3, 1), row(4, 1)];
        let now = [row(5, 1), row(4, 1), row(1, 1), row(2, 2)];
        let difference = Difference::between(&before, &now);
        let update: Update<(u8, u8)> = difference.decode(9).unwrap();
        assert_eq!(update.sequence, 9);
        assert_eq!(update.added, [(5, 1)]);
        assert_eq!(update.changed, [(2, 2)]);
        assert_eq!(update.removed, [(3, 1)]);
        assert_eq!(update.moved, [(4, 1)]);
    }

    #[test]
    fn the_fewest_rows_have_moved() {
        assert_eq!(rising(&[]), BTreeSet::new());
        assert_eq!(rising(&[5, 0, 1, 2, 9, 3]), BTreeSet::from([0, 1, 2, 3]));
        assert_eq!(rising(&[3, 2, 1]).len(), 1);
    }
}
