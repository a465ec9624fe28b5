//! Walking: from ranges of the store to documents.

use std::cell::Cell;
use std::time::Instant;

use super::too_large;
use crate::bytes::sort;
use crate::catalog::Table;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::key::{PREFIX_SIZE, prefix, space};
use crate::pack::write_joined;
use crate::query::parse::Query;
use crate::query::plan::{Access, Plan, Walk};
use crate::query::predicate::Subject;
use crate::store::{Cursor, Direction, Transaction};

/// Documents that an index leads to are fetched so many at a time.
const FETCH: usize = 512;

/// Bytes of the keys that are gathered, at the most.
const MAX_GATHERED: usize = 256 << 20;

/// What to do with a document that was found, by its encoded key: `false` ends the walk.
pub(crate) type Visit<'v> = dyn FnMut(&[u8], &[u8]) -> Result<bool> + 'v;

/// A plan, being carried out.
pub(crate) struct Search<'a> {
    pub transaction: &'a Transaction,
    pub table: &'a Table,
    pub plan: Plan,
    /// Whether documents are tested by Lua.
    needs_lua: bool,
    db: &'a Database,
    name: &'a str,
    /// Index entries that were met.
    pub entries: Cell<u64>,
    /// Documents that were read.
    pub documents: Cell<u64>,
    /// How long steps take, for whoever wants to know.
    pub times: Option<Times>,
}

/// Nanoseconds that steps of a search take.
#[derive(Default)]
pub(crate) struct Times {
    /// Gathering keys from indexes, and sorting them.
    pub keys: Cell<u64>,
    /// Fetching documents by their keys.
    pub documents: Cell<u64>,
    /// Sorting documents.
    pub sort: Cell<u64>,
}

fn more(count: &Cell<u64>) {
    count.set(count.get() + 1);
}

impl<'a> Search<'a> {
    pub fn new(db: &'a Database, query: &'a Query, table: &'a Table, plan: Plan) -> Self {
        Search {
            transaction: db.transaction(),
            table,
            needs_lua: plan.filter.needs_lua(),
            plan,
            db,
            name: &query.table,
            entries: Cell::new(0),
            documents: Cell::new(0),
            times: None,
        }
    }

    /// When a step begins; none where nobody wants to know.
    pub fn begin_step(&self) -> Option<Instant> {
        self.times.as_ref().map(|_| Instant::now())
    }

    pub fn end_step(&self, begun: Option<Instant>, of: fn(&Times) -> &Cell<u64>) {
        if let (Some(begun), Some(times)) = (begun, &self.times) {
            let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let time = of(times);
            time.set(time.get().saturating_add(nanos));
        }
    }

    /// Whether a document meets what the ranges leave open.
    pub fn meets(&self, key: &[u8], document: &[u8]) -> Result<bool> {
        more(&self.documents);
        if self.needs_lua {
            let subject = Subject::new(self.db, self.name, key, document);
            return self.plan.filter.meets(&subject);
        }
        Ok(self.plan.filter.holds(document)?)
    }

    /// Calls `visit` with the key and the document of everything that the plan leads to, tested or not, in the
    /// order in which it is met. `expected` is how many visits are likely to be enough.
    pub fn walk(&self, expected: usize, visit: &mut Visit) -> Result<()> {
        let expected = if self.plan.filter.is_always() {
            expected
        } else {
            usize::MAX
        };
        match &self.plan.access {
            Access::Table((start, end)) => {
                let cursor = Cursor::new(start.clone(), end.clone(), Direction::Forward);
                let mut cursor = cursor.expecting(expected);
                while let Some((key, document)) = cursor.next(self.transaction)? {
                    if !visit(&key[PREFIX_SIZE..], document)? {
                        break;
                    }
                }
                Ok(())
            }
            Access::Index(walk) if !walk.repeats => {
                let mut fetcher = self.fetcher(expected);
                let mut push = |key: &[u8]| fetcher.push(key, visit);
                if self.entries(walk, expected, &mut push)? {
                    fetcher.flush(visit)?;
                }
                Ok(())
            }
            _ => self.walk_by_key(expected, &[], visit),
        }
    }

    /// Gathers the keys that indexes lead to and visits their documents in the order of the keys, as far as they
    /// are wanted, from behind a key on.
    pub fn walk_by_key(&self, expected: usize, behind: &[u8], visit: &mut Visit) -> Result<()> {
        let expected = if self.plan.filter.is_always() {
            expected
        } else {
            usize::MAX
        };
        let mut fetcher = self.fetcher(expected);
        let begun = self.begin_step();
        let keys = self.keys()?;
        self.end_step(begun, |times| &times.keys);
        for key in keys {
            if key.as_slice() > behind && !fetcher.push(&key, visit)? {
                return Ok(());
            }
        }
        fetcher.flush(visit).map(|_| ())
    }

    fn fetcher(&self, expected: usize) -> Fetcher<'_> {
        Fetcher {
            search: self,
            transaction: self.transaction,
            prefix: prefix(space::DOCUMENT, self.table.id),
            keys: Vec::new(),
            count: 0,
            batch: expected.clamp(1, FETCH),
        }
    }

    /// The keys of the documents that the indexes lead to, in order, each once.
    pub fn keys(&self) -> Result<Vec<Vec<u8>>> {
        let walks = self.plan.access.walks();
        let mut keys = Vec::new();
        if let Access::Intersection(_) = self.plan.access {
            for (number, walk) in walks.iter().enumerate() {
                let mut here = Vec::new();
                self.gather(walk, &mut here)?;
                sort(&mut here);
                if number > 0 {
                    here.retain(|key| keys.binary_search(key).is_ok());
                }
                keys = here;
            }
        } else {
            for walk in walks {
                self.gather(walk, &mut keys)?;
            }
            sort(&mut keys);
        }
        if self.plan.access.gathers() {
            keys.dedup();
        }
        Ok(keys)
    }

    fn gather(&self, walk: &Walk, keys: &mut Vec<Vec<u8>>) -> Result<()> {
        let mut size = 0;
        self.entries(walk, usize::MAX, &mut |key| {
            size += key.len() + size_of::<Vec<u8>>();
            if size > MAX_GATHERED {
                return Err(too_large());
            }
            keys.push(key.to_vec());
            Ok(true)
        })
        .map(|_| ())
    }

    /// Calls `visit` with the key of the document that each entry leads to. False if it ended the walk.
    pub fn entries(
        &self,
        walk: &Walk,
        expected: usize,
        visit: &mut dyn FnMut(&[u8]) -> Result<bool>,
    ) -> Result<bool> {
        let backward = self.plan.direction == Direction::Backward;
        let count = walk.ranges.len();
        for number in 0..count {
            let (start, end) = &walk.ranges[if backward { count - 1 - number } else { number }];
            let cursor = Cursor::new(start.clone(), end.clone(), self.plan.direction);
            let mut cursor = cursor.expecting(expected);
            let mut ties = Ties::default();
            while let Some((entry, value)) = cursor.next(self.transaction)? {
                more(&self.entries);
                let key = walk.index.document_key(entry, value)?;
                let goes_on = if backward && !walk.index.unique {
                    ties.push(&entry[..entry.len() - key.len()], key, visit)?
                } else if backward {
                    let components = walk.index.components_size(entry).unwrap_or(entry.len());
                    ties.push(&entry[..components], key, visit)?
                } else {
                    visit(key)?
                };
                if !goes_on {
                    return Ok(false);
                }
            }
            if !ties.flush(visit)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Fetches the documents of index entries, many in one call of the host.
struct Fetcher<'t> {
    search: &'t Search<'t>,
    transaction: &'t Transaction,
    prefix: Vec<u8>,
    /// Packed.
    keys: Vec<u8>,
    count: usize,
    batch: usize,
}

impl Fetcher<'_> {
    fn push(&mut self, key: &[u8], visit: &mut Visit) -> Result<bool> {
        write_joined(&mut self.keys, &self.prefix, key);
        self.count += 1;
        if self.count < self.batch {
            Ok(true)
        } else {
            self.flush(visit)
        }
    }

    fn flush(&mut self, visit: &mut Visit) -> Result<bool> {
        self.count = 0;
        let keys = std::mem::take(&mut self.keys);
        let begun = self.search.begin_step();
        let values = self.transaction.read_many(&keys)?;
        self.search.end_step(begun, |times| &times.documents);
        let goes_on = self
            .transaction
            .visit_many(&keys, &values, &mut |key, document| {
                let document = document.ok_or_else(|| {
                    Error::corrupt(
                        "store",
                        "an index entry leads to no document; make the index again",
                    )
                })?;
                visit(&key[PREFIX_SIZE..], document)
            })?;
        self.keys = keys;
        self.keys.clear();
        Ok(goes_on)
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
        visit: &mut dyn FnMut(&[u8]) -> Result<bool>,
    ) -> Result<bool> {
        if self.components != components {
            if !self.flush(visit)? {
                return Ok(false);
            }
            self.components = components.to_vec();
        }
        self.keys.push(key.to_vec());
        Ok(true)
    }

    fn flush(&mut self, visit: &mut dyn FnMut(&[u8]) -> Result<bool>) -> Result<bool> {
        while let Some(key) = self.keys.pop() {
            if !visit(&key)? {
                self.keys.clear();
                return Ok(false);
            }
        }
        Ok(true)
    }
}
