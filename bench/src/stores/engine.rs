//! The candidates, each behind the same seam. Everything passes as packed bytes, as it does between the component and a host.

use std::path::Path;

use cu_db::store::{Direction, DiskOptions, DiskStore, Durability, Snapshot, Store, pack};

use crate::Outcome;

/// An ordered map from bytes to bytes whose commits are durable.
pub trait Engine {
    fn commit(&mut self, writes: &[u8]) -> Outcome<()>;
    /// Runs one read transaction.
    fn read(&self, run: &mut dyn FnMut(&dyn Read) -> Outcome<()>) -> Outcome<()>;
}

pub trait Read {
    fn get_many(&self, keys: &[u8]) -> Outcome<Vec<u8>>;
    fn scan(&self, start: &[u8], end: &[u8], max_entries: u32) -> Outcome<Vec<u8>>;
}

pub type Open = fn(&Path) -> Outcome<Box<dyn Engine>>;

pub const ENGINES: [(&str, Open); 6] = [
    ("log + redb, strict", |path| ours(path, Durability::Strict)),
    ("log + redb, relaxed", |path| {
        ours(path, Durability::Relaxed)
    }),
    ("redb", open_redb),
    ("fjall", open_fjall),
    ("LMDB (heed)", open_lmdb),
    ("SQLite FULL", open_sqlite),
];

struct Ours(DiskStore);

fn ours(path: &Path, durability: Durability) -> Outcome<Box<dyn Engine>> {
    let options = DiskOptions {
        durability,
        ..DiskOptions::default()
    };
    Ok(Box::new(Ours(DiskStore::open(path.join("cu"), options)?)))
}

impl Engine for Ours {
    fn commit(&mut self, writes: &[u8]) -> Outcome<()> {
        let version = self.0.open_to_write()?.version();
        self.0.commit(version, writes)?;
        Ok(())
    }

    fn read(&self, run: &mut dyn FnMut(&dyn Read) -> Outcome<()>) -> Outcome<()> {
        run(&self.0.open_settled()?)
    }
}

impl Read for Box<dyn Snapshot> {
    fn get_many(&self, keys: &[u8]) -> Outcome<Vec<u8>> {
        Ok((**self).get_many(keys)?)
    }

    fn scan(&self, start: &[u8], end: &[u8], max_entries: u32) -> Outcome<Vec<u8>> {
        Ok((**self).scan(start, end, Direction::Forward, max_entries, u32::MAX)?)
    }
}

/// Packs what an iterator of entries gives.
fn page<K: AsRef<[u8]>, V: AsRef<[u8]>>(
    entries: impl Iterator<Item = Outcome<(K, V)>>,
    max_entries: u32,
) -> Outcome<Vec<u8>> {
    let mut page = Vec::new();
    for entry in entries.take(max_entries as usize) {
        let (key, value) = entry?;
        pack::put_entry(&mut page, key.as_ref(), Some(value.as_ref()));
    }
    Ok(page)
}

/// Packs what looking up each key gives.
fn values<V: AsRef<[u8]>>(
    keys: &[u8],
    get: impl Fn(&[u8]) -> Outcome<Option<V>>,
) -> Outcome<Vec<u8>> {
    let mut values = Vec::new();
    for key in pack::keys(keys) {
        pack::put_optional(&mut values, get(key?)?.as_ref().map(AsRef::as_ref));
    }
    Ok(values)
}

mod redb_engine {
    use super::*;
    use crate::redb::{ENTRIES, Redb};
    use redb::{ReadOnlyTable, ReadableDatabase};

    struct Reader(ReadOnlyTable<&'static [u8], &'static [u8]>);

    pub fn open(path: &Path) -> Outcome<Box<dyn Engine>> {
        Ok(Box::new(Redb::open(&path.join("redb"))?))
    }

    impl Engine for Redb {
        fn commit(&mut self, writes: &[u8]) -> Outcome<()> {
            self.write(writes)
        }

        fn read(&self, run: &mut dyn FnMut(&dyn Read) -> Outcome<()>) -> Outcome<()> {
            run(&Reader(self.0.begin_read()?.open_table(ENTRIES)?))
        }
    }

    impl Read for Reader {
        fn get_many(&self, keys: &[u8]) -> Outcome<Vec<u8>> {
            values(keys, |key| {
                Ok(self.0.get(key)?.map(|value| value.value().to_vec()))
            })
        }

        fn scan(&self, start: &[u8], end: &[u8], max_entries: u32) -> Outcome<Vec<u8>> {
            let mut page = Vec::new();
            for entry in self
                .0
                .range::<&[u8]>(start..end)?
                .take(max_entries as usize)
            {
                let (key, value) = entry?;
                pack::put_entry(&mut page, key.value(), Some(value.value()));
            }
            Ok(page)
        }
    }
}
use redb_engine::open as open_redb;

mod fjall_engine {
    use super::*;
    use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot};

    struct Fjall(Database, Keyspace);
    struct Reader<'a>(Snapshot, &'a Keyspace);

    pub fn open(path: &Path) -> Outcome<Box<dyn Engine>> {
        let database = Database::builder(path.join("fjall"))
            .cache_size(256 << 20)
            .open()?;
        let keyspace = database.keyspace("entries", KeyspaceCreateOptions::default)?;
        Ok(Box::new(Fjall(database, keyspace)))
    }

    impl Engine for Fjall {
        fn commit(&mut self, writes: &[u8]) -> Outcome<()> {
            let mut batch = self.0.batch().durability(Some(PersistMode::SyncData));
            for entry in pack::entries(writes) {
                let (key, value) = entry?;
                match value {
                    Some(value) => batch.insert(&self.1, key, value),
                    None => batch.remove(&self.1, key),
                }
            }
            Ok(batch.commit()?)
        }

        fn read(&self, run: &mut dyn FnMut(&dyn Read) -> Outcome<()>) -> Outcome<()> {
            run(&Reader(self.0.snapshot(), &self.1))
        }
    }

    impl Read for Reader<'_> {
        fn get_many(&self, keys: &[u8]) -> Outcome<Vec<u8>> {
            values(keys, |key| Ok(self.0.get(self.1, key)?))
        }

        fn scan(&self, start: &[u8], end: &[u8], max_entries: u32) -> Outcome<Vec<u8>> {
            page(
                self.0
                    .range(self.1, start..end)
                    .map(|entry| Ok(entry.into_inner()?)),
                max_entries,
            )
        }
    }
}
use fjall_engine::open as open_fjall;

mod lmdb_engine {
    use super::*;
    use heed::types::Bytes;
    use heed::{Database, Env, EnvOpenOptions, RoTxn};

    struct Lmdb(Env, Database<Bytes, Bytes>);
    struct Reader<'a>(RoTxn<'a, heed::WithTls>, Database<Bytes, Bytes>);

    pub fn open(path: &Path) -> Outcome<Box<dyn Engine>> {
        let path = path.join("lmdb");
        std::fs::create_dir_all(&path)?;
        // SAFETY: nobody else has these files.
        let env = unsafe { EnvOpenOptions::new().map_size(16 << 30).open(path)? };
        let mut transaction = env.write_txn()?;
        let database = env.create_database(&mut transaction, None)?;
        transaction.commit()?;
        Ok(Box::new(Lmdb(env, database)))
    }

    impl Engine for Lmdb {
        fn commit(&mut self, writes: &[u8]) -> Outcome<()> {
            let mut transaction = self.0.write_txn()?;
            for entry in pack::entries(writes) {
                let (key, value) = entry?;
                match value {
                    Some(value) => self.1.put(&mut transaction, key, value)?,
                    None => drop(self.1.delete(&mut transaction, key)?),
                }
            }
            Ok(transaction.commit()?)
        }

        fn read(&self, run: &mut dyn FnMut(&dyn Read) -> Outcome<()>) -> Outcome<()> {
            run(&Reader(self.0.read_txn()?, self.1))
        }
    }

    impl Read for Reader<'_> {
        fn get_many(&self, keys: &[u8]) -> Outcome<Vec<u8>> {
            values(keys, |key| Ok(self.1.get(&self.0, key)?))
        }

        fn scan(&self, start: &[u8], end: &[u8], max_entries: u32) -> Outcome<Vec<u8>> {
            let bounds = (
                std::ops::Bound::Included(start),
                std::ops::Bound::Excluded(end),
            );
            let range = self.1.range(&self.0, &bounds)?;
            page(range.map(|entry| Ok(entry?)), max_entries)
        }
    }
}
use lmdb_engine::open as open_lmdb;

mod sqlite_engine {
    use super::*;
    use rusqlite::{Connection, OptionalExtension, params};

    struct Sqlite(Connection);

    pub fn open(path: &Path) -> Outcome<Box<dyn Engine>> {
        let connection = Connection::open(path.join("sqlite"))?;
        connection.execute_batch(
            "pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -262144;
             create table if not exists entries (k blob primary key, v blob not null) without rowid",
        )?;
        Ok(Box::new(Sqlite(connection)))
    }

    impl Engine for Sqlite {
        fn commit(&mut self, writes: &[u8]) -> Outcome<()> {
            let transaction = self.0.transaction()?;
            {
                let mut put =
                    transaction.prepare_cached("insert or replace into entries values (?, ?)")?;
                let mut delete = transaction.prepare_cached("delete from entries where k = ?")?;
                for entry in pack::entries(writes) {
                    match entry? {
                        (key, Some(value)) => put.execute(params![key, value])?,
                        (key, None) => delete.execute(params![key])?,
                    };
                }
            }
            Ok(transaction.commit()?)
        }

        fn read(&self, run: &mut dyn FnMut(&dyn Read) -> Outcome<()>) -> Outcome<()> {
            let transaction = self.0.unchecked_transaction()?;
            run(self)?;
            Ok(transaction.commit()?)
        }
    }

    impl Read for Sqlite {
        fn get_many(&self, keys: &[u8]) -> Outcome<Vec<u8>> {
            let mut get = self.0.prepare_cached("select v from entries where k = ?")?;
            let mut found = Vec::new();
            for key in pack::keys(keys) {
                let value: Option<Vec<u8>> = get.query_row([key?], |row| row.get(0)).optional()?;
                pack::put_optional(&mut found, value.as_deref());
            }
            Ok(found)
        }

        fn scan(&self, start: &[u8], end: &[u8], max_entries: u32) -> Outcome<Vec<u8>> {
            let mut scan = self.0.prepare_cached(
                "select k, v from entries where k >= ? and k < ? order by k limit ?",
            )?;
            let mut rows = scan.query(params![start, end, max_entries])?;
            let mut page = Vec::new();
            while let Some(row) = rows.next()? {
                pack::put_entry(
                    &mut page,
                    row.get_ref(0)?.as_blob()?,
                    Some(row.get_ref(1)?.as_blob()?),
                );
            }
            Ok(page)
        }
    }
}
use sqlite_engine::open as open_sqlite;
