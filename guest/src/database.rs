//! The database as one transaction sees it: tables and documents over the store.

use std::rc::Rc;

use crate::catalog::{self, Catalog, Table};
use crate::changes::{Recorder, Settings};
use crate::error::{Error, Result};
use crate::format::{self, Format};
use crate::key::{Key, PREFIX_SIZE, document_key, prefix, space, successor};
use crate::limits::{Limits, Setting};
use crate::lua::Lua;
use crate::name::{HOME, check_table};
use crate::store::{Cursor, Direction, Mark, Store, Transaction};
use crate::value::has_objects;

/// What an engine keeps of the catalog between two calls.
#[derive(Debug, Clone, Default)]
pub struct CatalogCache {
    /// The commit that it was read at, and whether the store's format record was there.
    at: Option<(u64, bool)>,
    catalog: Rc<Catalog>,
}

impl CatalogCache {
    /// The commit that it was read at.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        self.at.map(|(version, _)| version)
    }

    /// A table as it was at that commit.
    pub(crate) fn table(&self, name: &str) -> Option<&Table> {
        self.catalog.table(name).map(|table| &**table)
    }
}

/// A point in a transaction that can be gone back to.
#[must_use = "it has to be given back"]
pub struct Savepoint {
    mark: Mark,
    catalog: Rc<Catalog>,
}

/// One transaction. Dropping it rolls back.
pub struct Database {
    transaction: Transaction,
    catalog: Rc<Catalog>,
    has_format: bool,
    /// Objects that may be referred to no more.
    doubts: Vec<u32>,
    /// Lua, for what persisted functions decide.
    lua: Option<Rc<Lua>>,
    changes: Recorder,
}

impl Database {
    /// Begins a transaction over the newest commit.
    ///
    /// # Errors
    /// As the store fails; `UnsupportedFormat` if the store is newer, or not Cu's.
    #[inline(never)]
    pub fn begin(store: &dyn Store, cache: &CatalogCache) -> Result<Database> {
        let transaction = Transaction::new(store.open()?);
        let (catalog, has_format) = match cache.at {
            Some((version, has_format)) if version == transaction.version() => {
                (cache.catalog.clone(), has_format)
            }
            _ => {
                let has_format = format::read(&transaction)?.is_written()?;
                (Rc::new(Catalog::load(&transaction)?), has_format)
            }
        };
        let mut db = Database {
            changes: Recorder::new(&catalog),
            transaction,
            catalog,
            has_format,
            doubts: Vec::new(),
            lua: None,
        };
        let most = db.limits().get(Setting::TransactionSize);
        db.transaction.limit_writes(most);
        Ok(db)
    }

    /// A database that need not be whole: for an import that is under way.
    ///
    /// # Errors
    /// As the store fails.
    pub(crate) fn unchecked(transaction: Transaction) -> Result<Database> {
        let catalog = Rc::new(Catalog::load(&transaction)?);
        Ok(Database {
            changes: Recorder::new(&catalog),
            transaction,
            catalog,
            has_format: true,
            doubts: Vec::new(),
            lua: None,
        })
    }

    /// Gives it Lua, for what persisted functions decide.
    pub fn set_lua(&mut self, lua: Rc<Lua>) {
        self.lua = Some(lua);
    }

    /// Lua, for what persisted functions decide.
    ///
    /// # Errors
    /// `InvalidArgument` for a database that has none.
    pub(crate) fn lua(&self) -> Result<Rc<Lua>> {
        self.lua
            .clone()
            .ok_or_else(|| Error::argument("", "there is no Lua here that could call a function"))
    }

    /// The transaction alone, with what was written.
    pub(crate) fn into_transaction(self) -> Transaction {
        self.transaction
    }

    /// Ends a transaction that only read; what it knows of the catalog serves the next one.
    #[must_use]
    #[inline(never)]
    pub fn into_cache(self) -> CatalogCache {
        CatalogCache {
            at: Some((self.transaction.version(), self.has_format)),
            catalog: self.catalog,
        }
    }

    /// Commits.
    ///
    /// # Errors
    /// As the store fails; then nothing was written.
    #[inline(never)]
    pub fn commit(mut self) -> Result<CatalogCache> {
        crate::function::collect(&mut self)?;
        self.record_changes()?;
        if !self.has_format && !self.transaction.is_clean() {
            Format::Complete.write(&mut self.transaction)?;
            self.has_format = true;
        }
        Ok(CatalogCache {
            at: Some((self.transaction.commit()?, self.has_format)),
            catalog: self.catalog,
        })
    }

    /// Sets a savepoint. Each has to be given back, the last one first, to [`Database::release`] or
    /// [`Database::roll_back`].
    pub fn savepoint(&mut self) -> Savepoint {
        Savepoint {
            mark: self.transaction.mark(),
            catalog: self.catalog.clone(),
        }
    }

    /// Keeps what was done since a savepoint.
    pub fn release(&mut self, savepoint: Savepoint) {
        self.transaction.release(savepoint.mark);
    }

    /// Takes back what was done since a savepoint, none of it by functions that Lua has loaded.
    pub(crate) fn undo(&mut self, savepoint: Savepoint) {
        self.transaction.undo(savepoint.mark);
        self.catalog = savepoint.catalog;
    }

    /// Takes back what was done since a savepoint.
    pub fn roll_back(&mut self, savepoint: Savepoint) {
        self.undo(savepoint);
        if let Some(lua) = &self.lua {
            lua.rolled_back(self);
        }
    }

    /// The transaction underneath.
    #[must_use]
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// The transaction underneath.
    pub fn transaction_mut(&mut self) -> &mut Transaction {
        &mut self.transaction
    }

    /// The limits that were set for the database; [`Limits::get`] fills the defaults in.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.catalog.limits()
    }

    /// Sets the limits of the database. The transaction itself is under none of them.
    ///
    /// # Errors
    /// As a write fails.
    pub fn set_limits(&mut self, limits: Limits) -> Result<()> {
        let most = Limits::default().get(Setting::TransactionSize);
        self.transaction.limit_writes(most);
        Rc::make_mut(&mut self.catalog).set_limits(&mut self.transaction, limits)
    }

    /// Sets the settings of the change feed; [`crate::changes::configure`] has what else there is to do.
    pub(crate) fn set_feed(&mut self, feed: Option<Settings>) -> Result<()> {
        Rc::make_mut(&mut self.catalog).set_feed(&mut self.transaction, feed)
    }

    /// What the change feed has to know of this transaction.
    pub(crate) fn recorder(&mut self) -> &mut Recorder {
        &mut self.changes
    }

    /// The catalog as the transaction sees it.
    #[must_use]
    pub fn catalog(&self) -> &Rc<Catalog> {
        &self.catalog
    }

    /// Takes an object for one that may be referred to no more, until [`crate::function::collect`] has looked.
    pub(crate) fn doubt(&mut self, id: u32) {
        if self.doubts.last() != Some(&id) {
            self.doubts.push(id);
        }
    }

    pub(crate) fn take_doubts(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.doubts)
    }

    /// Bytes of the results of queries that an instance keeps, at the most.
    #[must_use]
    pub fn cache_size(&self) -> u64 {
        self.limits().get(Setting::CacheSize)
    }

    /// Bytes of a persisted function's bytecode, at the most.
    #[must_use]
    pub fn function_size(&self) -> u64 {
        self.limits().get(Setting::FunctionSize)
    }

    /// All tables, by number.
    pub(crate) fn all_tables(&self) -> Vec<Rc<Table>> {
        let mut all: Vec<Rc<Table>> = Vec::new();
        let named = self.catalog.tables().map(|(_, table)| table);
        for table in named.chain(self.catalog.table(HOME)) {
            let at = all.partition_point(|there| there.id < table.id);
            all.insert(at, table.clone());
        }
        all
    }

    /// A number that no table, index or object has.
    ///
    /// # Errors
    /// As the store fails; so do all that follow.
    pub fn next_id(&mut self) -> Result<u32> {
        catalog::next_id(&mut self.transaction)
    }

    /// A table by its name; none if it is absent.
    ///
    /// # Errors
    /// `InvalidArgument` if it can't be a name; so do all that take one.
    #[inline(never)]
    pub fn table(&self, name: &str) -> Result<Option<Rc<Table>>> {
        let table = self.catalog.table(name);
        if table.is_none() {
            // What is there has passed the check already.
            check_table(name)?;
        }
        Ok(table.cloned())
    }

    /// A table that has to be there.
    ///
    /// # Errors
    /// `UnknownTable` if it is not.
    pub fn known_table(&self, name: &str) -> Result<Rc<Table>> {
        self.table(name)?
            .ok_or_else(|| Error::UnknownTable(name.to_string()))
    }

    /// A table, made if it is absent.
    ///
    /// # Errors
    /// As [`Database::table`].
    #[inline(never)]
    pub fn ensure_table(&mut self, name: &str) -> Result<Rc<Table>> {
        if let Some(table) = self.table(name)? {
            return Ok(table);
        }
        let table = Table {
            id: self.next_id()?,
            has_functions: false,
            indexes: Vec::new(),
        };
        self.set_table(name, table)
    }

    /// Sets what the catalog says of a table.
    pub(crate) fn set_table(&mut self, name: &str, table: Table) -> Result<Rc<Table>> {
        Rc::make_mut(&mut self.catalog).put(&mut self.transaction, name, table)
    }

    /// Whether there is a table of this name; `_home` always is.
    #[must_use]
    pub fn has_table(&self, name: &str) -> bool {
        self.catalog.table(name).is_some()
    }

    /// The names of the tables but `_home`, in order.
    #[must_use]
    pub fn table_names(&self) -> Vec<String> {
        self.catalog
            .tables()
            .map(|(name, _)| name.to_string())
            .collect()
    }

    /// Makes a table; nothing happens if it is there.
    ///
    /// # Errors
    /// As [`Database::ensure_table`].
    pub fn create_table(&mut self, name: &str) -> Result<()> {
        self.ensure_table(name).map(|_| ())
    }

    /// Removes a table and all that is in it. False if it is absent.
    ///
    /// # Errors
    /// `InvalidArgument` for `_home`.
    pub fn drop_table(&mut self, name: &str) -> Result<bool> {
        if name == HOME {
            return Err(Error::argument(
                "table",
                "_home is always there; delete its documents instead",
            ));
        }
        let Some(table) = self.table(name)? else {
            return Ok(false);
        };
        self.clear(&table)?;
        Rc::make_mut(&mut self.catalog).remove(&mut self.transaction, name)?;
        Ok(true)
    }

    /// Deletes all documents of a table, and keeps the table and its indexes.
    ///
    /// # Errors
    /// As [`Database::table`].
    pub fn clear_table(&mut self, name: &str) -> Result<()> {
        match self.table(name)? {
            Some(table) => self.clear(&table),
            None => Ok(()),
        }
    }

    fn clear(&mut self, table: &Table) -> Result<()> {
        if table.has_functions {
            let mut gone = Vec::new();
            let mut cursor = self
                .transaction
                .prefix(&prefix(space::DOCUMENT, table.id))
                .eager();
            while let Some((_, document)) = cursor.next(&self.transaction)? {
                if has_objects(document) {
                    gone.push(document.to_vec());
                }
            }
            for document in gone {
                crate::function::release(self, &document)?;
            }
        }
        self.transaction
            .delete_prefix(&prefix(space::DOCUMENT, table.id))?;
        for index in &table.indexes {
            crate::index::clear(&mut self.transaction, index)?;
        }
        Ok(())
    }

    /// A document; none if it or its table is absent.
    ///
    /// # Errors
    /// As [`Database::table`].
    pub fn get(&self, table: &str, key: &Key) -> Result<Option<Rc<[u8]>>> {
        match self.table(table)? {
            Some(table) => self.transaction.get(&document_key(table.id, key)),
            None => Ok(None),
        }
    }

    /// Stores a document. The bytes are an accepted value and not null.
    ///
    /// # Errors
    /// As [`Database::table`]; `LimitExceeded` if it can't be indexed.
    pub fn put(&mut self, table: &str, key: &Key, document: &[u8]) -> Result<()> {
        let table = self.ensure_table(table)?;
        self.replace(&table, key, Some(document)).map(|_| ())
    }

    /// Deletes a document. False if it or its table is absent.
    ///
    /// # Errors
    /// As [`Database::table`].
    pub fn delete(&mut self, table: &str, key: &Key) -> Result<bool> {
        match self.table(table)? {
            Some(table) => self.replace(&table, key, None),
            None => Ok(false),
        }
    }

    /// Checks that documents can be put into a table in the place of all that is there, before anything is written.
    ///
    /// # Errors
    /// As [`Database::put`].
    pub fn check_documents(&self, table: &str, documents: &[(Key, Vec<u8>)]) -> Result<()> {
        let Some(table) = self.table(table)? else {
            return Ok(());
        };
        for index in &table.indexes {
            let mut all = Vec::new();
            for (key, document) in documents {
                let store_key = document_key(table.id, key);
                let entries = index.entries(self, document, &store_key[PREFIX_SIZE..]);
                all.append(&mut entries.map_err(|error| error.under("value"))?);
            }
            // Of the documents that are there now, none will be: only the new ones can stand in each other's way.
            if index.unique {
                crate::bytes::sort(&mut all);
                if all.windows(2).any(|two| two[0] == two[1]) {
                    return Err(Error::already_exists(
                        "value",
                        format!(
                            "index '{}' is unique, and two of the documents have the same values; change one of both",
                            index.name
                        ),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Stores a document that may have functions in it.
    ///
    /// # Errors
    /// As [`Database::put`].
    pub fn put_value(&mut self, table_name: &str, key: &Key, document: &[u8]) -> Result<()> {
        let mut table = self.ensure_table(table_name)?;
        if !table.has_functions && has_objects(document) {
            table = self.set_table(
                table_name,
                Table {
                    has_functions: true,
                    ..Table::clone(&table)
                },
            )?;
        }
        self.replace(&table, key, Some(document)).map(|_| ())
    }

    /// Puts a document, or nothing, in the place of what is there, and brings the indexes along. Whether
    /// something was there is known only where the table needs to know, or nothing is put.
    #[inline(never)]
    fn replace(&mut self, table: &Table, key: &Key, new: Option<&[u8]>) -> Result<bool> {
        let store_key = document_key(table.id, key);
        let old = if table.needs_old() || new.is_none() {
            self.transaction.get(&store_key)?
        } else {
            None
        };
        if new.is_none() && old.is_none() {
            return Ok(false);
        }
        // All entries are known before any is written: a script may catch the error and go on.
        let key = &store_key[PREFIX_SIZE..];
        let changes = table
            .indexes
            .iter()
            .map(|index| crate::index::change(self, index, key, old.as_deref(), new))
            .collect::<Result<Vec<_>>>()
            .map_err(|error| error.under("value"))?;
        if table.has_functions {
            // The new references count first: what is in both documents stays.
            crate::function::retain(self, new.unwrap_or_default())?;
            crate::function::release(self, old.as_deref().unwrap_or_default())?;
        }
        for change in changes {
            change.write(&mut self.transaction)?;
        }
        match new {
            Some(document) => self.transaction.put(&store_key, document)?,
            None => self.transaction.delete(&store_key)?,
        }
        Ok(old.is_some())
    }

    /// Walks the documents of a table in the order of their keys, behind `after`. None if it is absent.
    ///
    /// [`Key::decode`] reads the entries' keys from [`PREFIX_SIZE`] on.
    #[must_use]
    pub fn documents(&self, table: &str, after: Option<&Key>) -> Option<Cursor> {
        let table = self.catalog.table(table)?;
        let all = prefix(space::DOCUMENT, table.id);
        let end = successor(&all);
        let start = match after {
            Some(key) => {
                let mut start = document_key(table.id, key);
                start.push(0);
                start
            }
            None => all,
        };
        Some(Cursor::new(start, end, Direction::Forward))
    }

    /// The largest positive integer among a table's keys; 0 if there is none.
    ///
    /// # Errors
    /// As the store fails.
    pub fn last_integer(&self, table: &str) -> Result<i64> {
        let Some(table) = self.catalog.table(table) else {
            return Ok(0);
        };
        let first = document_key(table.id, &Key::Integer(1));
        let mut end = document_key(table.id, &Key::Integer(i64::MAX));
        end.push(0);
        let mut cursor = Cursor::new(first, end, Direction::Backward).expecting(1);
        match cursor.next(&self.transaction)? {
            Some((key, _)) => match Key::decode(&key[PREFIX_SIZE..])? {
                Key::Integer(last) => Ok(last),
                _ => Ok(0),
            },
            None => Ok(0),
        }
    }
}
