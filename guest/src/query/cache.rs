//! Results that are kept until a commit may have changed them.
//!
//! All of them are of one commit. When the store is at another one, they are given up, but for those that a commit of
//! this very instance has left alone, since it is known what that wrote. So a result is never stale, whoever writes.

use crate::database::Database;
use crate::key::{prefix, space, successor};
use crate::value::{Item, accept_argument, entries, write_map_head};

/// Results that are kept, at the most: they are looked through one by one.
const ENTRIES: usize = 64;

/// Bytes of entries and documents that a query has to have walked over for its result to be worth keeping. One
/// for ten documents by an index walks over one or two thousand.
const WORTH: usize = 32 << 10;

/// Bytes that a commit may have written at the most for its writes to be gone through.
const SMALL_COMMIT: usize = 1 << 20;

/// What a result is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The rows.
    Run,
    /// How many there are.
    Count,
}

struct Entry {
    kind: Kind,
    query: Vec<u8>,
    /// The table's number.
    table: u32,
    result: Vec<u8>,
}

impl Entry {
    fn size(&self) -> u64 {
        (self.query.len() + self.result.len() + size_of::<Entry>()) as u64
    }
}

/// What is kept, the result that was used last behind all others.
#[derive(Default)]
pub struct Cache {
    version: u64,
    entries: Vec<Entry>,
    size: u64,
    hits: u64,
    misses: u64,
}

/// What a commit leaves of the cache.
pub struct Survivors {
    version: u64,
    /// For each entry, whether it stays.
    stays: Vec<bool>,
}

impl Cache {
    /// Gives up all results unless they are of the commit that a transaction sees.
    fn meet(&mut self, version: u64) {
        if self.version != version {
            self.clear();
            self.version = version;
        }
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.size = 0;
    }

    /// Where the result of a query is, if it is still right.
    fn find(&mut self, db: &Database, kind: Kind, query: &[u8]) -> Option<usize> {
        self.meet(db.transaction().version());
        if db.transaction().written() > 0 {
            return None;
        }
        let same = |entry: &Entry| entry.kind == kind && entry.query == query;
        self.entries.iter().position(same)
    }

    /// Whether the result of a query is there.
    pub fn has(&mut self, db: &Database, kind: Kind, query: &[u8]) -> bool {
        self.find(db, kind, query).is_some()
    }

    /// The result of a query, if it is there and still right.
    pub fn get(&mut self, db: &Database, kind: Kind, query: &[u8]) -> Option<Vec<u8>> {
        if self.entries.is_empty() {
            return None;
        }
        let at = self.find(db, kind, query)?;
        let entry = self.entries.remove(at);
        let result = entry.result.clone();
        self.entries.push(entry);
        self.hits += 1;
        Some(result)
    }

    /// Keeps the result of a query that has walked over so many bytes, if it was not cheap.
    pub fn put(
        &mut self,
        db: &Database,
        kind: Kind,
        query: &[u8],
        table: &str,
        walked: usize,
        result: &[u8],
    ) {
        let transaction = db.transaction();
        if walked < WORTH {
            return;
        }
        self.misses += 1;
        self.meet(transaction.version());
        let limit = db.cache_size();
        let Some(table) = db.catalog().table(table) else {
            return;
        };
        let entry = Entry {
            kind,
            query: query.to_vec(),
            table: table.id,
            result: result.to_vec(),
        };
        // One result shall not drive out all others.
        if transaction.written() > 0 || entry.size() > limit / 4 {
            return;
        }
        self.size += entry.size();
        self.entries.push(entry);
        while self.size > limit || self.entries.len() > ENTRIES {
            let gone = self.entries.remove(0);
            self.size -= gone.size();
        }
    }

    /// What a commit that is about to be made would leave.
    pub fn survivors(&self, db: &Database) -> Option<Survivors> {
        let transaction = db.transaction();
        let version = transaction.version();
        let wrote = |start: &[u8], end: &[u8]| transaction.has_written(start, end);
        if self.entries.is_empty()
            || self.version != version
            || transaction.written() > SMALL_COMMIT
            || wrote(space::LIMITS, &successor(space::LIMITS))
            || wrote(space::TABLE, &successor(space::TABLE))
        {
            return None;
        }
        let stays = |entry: &Entry| {
            let documents = prefix(space::DOCUMENT, entry.table);
            !wrote(&documents, &successor(&documents))
        };
        Some(Survivors {
            version,
            stays: self.entries.iter().map(stays).collect(),
        })
    }

    /// Goes on behind a commit, with what it has left.
    pub fn committed(&mut self, survivors: Option<Survivors>, version: u64) {
        let survivors = survivors.filter(|one| {
            // Nobody else may have committed in between.
            self.version == one.version && (one.version..=one.version + 1).contains(&version)
        });
        let Some(Survivors { stays, .. }) = survivors else {
            return self.clear();
        };
        let mut stays = stays.into_iter();
        self.entries.retain(|_| stays.next() == Some(true));
        self.size = self.entries.iter().map(Entry::size).sum();
        self.version = version;
    }

    /// Results, their bytes, how often one was used, and how often one was made that was not cheap.
    #[must_use]
    pub fn numbers(&self) -> [(&'static str, u64); 4] {
        [
            ("hits", self.hits),
            ("bytes", self.size),
            ("misses", self.misses),
            ("entries", self.entries.len() as u64),
        ]
    }
}

/// Whether a query's result depends on the table alone. What Lua decides may depend on anything.
#[must_use]
pub fn is_kept(query: &[u8]) -> bool {
    const LUA: &[u8] = b"\x63lua";
    !query.windows(LUA.len()).any(|part| part == LUA)
}

/// A query without what only `explain` knows of: what the same query is kept under.
#[must_use]
pub fn without_explain(query: &[u8]) -> Vec<u8> {
    let Ok(query) = accept_argument(query, "") else {
        return Vec::new();
    };
    let asks =
        |(name, _): &(&[u8], &[u8])| !matches!(Item::of(name), Item::Text("analyze" | "text"));
    let mut out = Vec::new();
    write_map_head(&mut out, entries(&query).filter(asks).count());
    for (name, value) in entries(&query).filter(asks) {
        out.extend_from_slice(name);
        out.extend_from_slice(value);
    }
    out
}
