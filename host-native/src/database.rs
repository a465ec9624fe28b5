//! The typed API: Rust values in and out of the component's exports.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::Host;
use crate::raw::{FunctionInfo, FunctionStatistics, TableInfo};
use crate::store::Durability;
use crate::{Batch, Builder, CallOptions, Error, Index, Key, Limits, Query, Value, cbor};

/// A database, open.
///
/// Every method is one transaction: it takes place as a whole or, if it fails, not at all. The
/// methods block. A database can be shared between threads, and a clone is another handle of the same one. Methods that write run one
/// after the other, and wait for the disk together; methods that read run beside them, and see all that was
/// told as done before they began.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use cu_db::Database;
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct City {
///     name: String,
///     population: u64,
/// }
///
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("cities.cu");
/// let database = Database::open(path)?;
/// let city = City { name: "Wellington".to_owned(), population: 215_400 };
/// database.put("cities", "nz/wellington", &city)?;
/// assert_eq!(database.get("cities", "nz/wellington")?, Some(city));
///
/// let people: u64 = database.eval("return _home.cities['nz/wellington'].population", ())?;
/// assert_eq!(people, 215_400);
/// database.close()?;
/// # Ok::<(), cu_db::Error>(())
/// ```
#[derive(Clone)]
pub struct Database {
    host: Arc<Host>,
    durability: Durability,
}

/// An index of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexInfo {
    /// Its name.
    pub name: String,
    /// The definition as it was given, defaults filled in. As long as it is not ready, `build` says how far it is.
    pub definition: Value,
    /// How many entries it has.
    pub entries: u64,
}

/// The database in numbers.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Stats {
    /// Version of the component.
    pub version: String,
    /// Lua's release.
    pub lua: String,
    /// Format of the store.
    pub format: u64,
    /// How many tables there are.
    pub tables: u64,
    /// How many documents there are.
    pub documents: u64,
    /// How many indexes there are.
    pub indexes: u64,
    /// How many functions there are.
    pub functions: u64,
    /// The results of queries that this instance of the component keeps.
    pub cache: CacheStats,
}

/// The results of queries that an instance of the component keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct CacheStats {
    /// How many there are.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How often one was asked for again.
    pub hits: u64,
    /// How often one was worth keeping that was not there.
    pub misses: u64,
}

impl Database {
    /// Opens the database in the directory `path`, and makes it if nothing is there. The directory
    /// around it must exist.
    ///
    /// # Errors
    /// [`Error::Open`]: in use by another process, not a database, of a newer format, no
    /// permission, damaged. What was committed before is as it was.
    pub fn open(path: impl AsRef<std::path::Path>) -> Result<Self, Error> {
        Self::builder().open(path)
    }

    /// Makes an empty database that lives no longer than this handle.
    ///
    /// # Errors
    /// [`Error::Component`] if the component can't be compiled.
    pub fn in_memory() -> Result<Self, Error> {
        Self::builder().in_memory()
    }

    /// Opens with settings: read-only, durability, limits, where printed text goes.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(host: Host) -> Self {
        Self {
            durability: host.durability(),
            host: Arc::new(host),
        }
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    pub(crate) fn durability(&self) -> Durability {
        self.durability
    }

    /// The same database, for calls that count as done as this says, and not as it was opened with.
    ///
    /// ```
    /// use cu_db::{Database, Durability};
    ///
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = directory.path().join("log.cu");
    /// let database = Database::open(path)?;
    /// let quick = database.with_durability(Durability::Relaxed);
    /// for number in 0..100 {
    ///     quick.put("visits", number, &"page")?;
    /// }
    /// database.sync()?; // all of them are on the disk
    /// # Ok::<(), cu_db::Error>(())
    /// ```
    #[must_use]
    pub fn with_durability(&self, durability: Durability) -> Self {
        Self {
            durability,
            ..self.clone()
        }
    }

    /// Waits until all that was told as done before is on the disk, however it was written.
    ///
    /// # Errors
    /// Only the store's: then commits that were not on the disk have been taken back, as by a crash of the machine.
    pub fn sync(&self) -> Result<(), Error> {
        let snapshot = self.host.store().open_settled()?;
        let point = crate::store::Point {
            version: snapshot.version(),
            generation: snapshot.generation(),
        };
        Ok(self.host.store().settle(point, Durability::Strict)?)
    }

    /// The document under a key; none if it, or the whole table, is absent.
    ///
    /// # Errors
    /// [`Error::Decode`] if the document doesn't fit `T`.
    pub fn get<T: DeserializeOwned>(
        &self,
        table: &str,
        key: impl Into<Key>,
    ) -> Result<Option<T>, Error> {
        let value = self.raw().documents_get(table, &key.into().into())?;
        value.map(|value| cbor::decode(&value)).transpose()
    }

    /// Stores a document under its key, in place of what was there. Makes the table if there was none.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for what encodes as null, and for values outside of the data model.
    pub fn put<T: Serialize + ?Sized>(
        &self,
        table: &str,
        key: impl Into<Key>,
        value: &T,
    ) -> Result<(), Error> {
        self.raw()
            .documents_put(table, &key.into().into(), &cbor::encode(value)?)
    }

    /// Deletes a document. False if it, or the whole table, was absent.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a name or key that can't be one.
    pub fn delete(&self, table: &str, key: impl Into<Key>) -> Result<bool, Error> {
        self.raw().documents_delete(table, &key.into().into())
    }

    /// Many documents, in the order of the keys; none where there is none.
    ///
    /// # Errors
    /// [`Error::Decode`] if a document doesn't fit `T`.
    pub fn get_many<T: DeserializeOwned, K: Into<Key>>(
        &self,
        table: &str,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<T>>, Error> {
        let keys: Vec<Key> = keys.into_iter().map(Into::into).collect();
        cbor::decode(
            &self
                .raw()
                .documents_get_many(table, &cbor::encode(&keys)?)?,
        )
    }

    /// Runs a batch as one transaction. One result for each operation, in order.
    ///
    /// # Errors
    /// Those of its operations; [`Error::place`] begins with the number of the one that failed,
    /// counted from 0. Then none took place.
    pub fn apply(&self, batch: &Batch) -> Result<Vec<Value>, Error> {
        cbor::decode(&self.raw().documents_apply(&batch.to_cbor())?)
    }

    /// As [`apply`](Database::apply), for a batch whose results are of no interest.
    ///
    /// # Errors
    /// As [`apply`](Database::apply).
    pub fn apply_unanswered(&self, batch: &Batch) -> Result<(), Error> {
        self.raw().documents_apply(&batch.to_cbor()).map(drop)
    }

    /// Makes an index over the documents that are there and those to come.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] if another index has this name; making the same one again is none.
    pub fn create_index(&self, table: &str, index: &Index) -> Result<IndexInfo, Error> {
        self.raw()
            .indexes_create(table, &cbor::encode(index)?)
            .and_then(index_info)
    }

    /// Removes an index. False if there was none of this name.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a name that can't be one.
    pub fn drop_index(&self, table: &str, name: &str) -> Result<bool, Error> {
        let mut dropped = false;
        // One that is not ready goes in steps.
        while self.raw().indexes_drop(table, name)? {
            dropped = true;
        }
        Ok(dropped)
    }

    /// The indexes of a table, by name.
    ///
    /// # Errors
    /// [`Error::UnknownTable`].
    pub fn indexes(&self, table: &str) -> Result<Vec<IndexInfo>, Error> {
        self.raw()
            .indexes_list(table)?
            .into_iter()
            .map(index_info)
            .collect()
    }

    /// The tables, by name.
    ///
    /// # Errors
    /// Only the store's.
    pub fn tables(&self) -> Result<Vec<TableInfo>, Error> {
        self.raw().tables_list()
    }

    /// Removes a table with its documents, functions and indexes. False if there was none.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a name that can't be one, and for `_home`.
    pub fn drop_table(&self, table: &str) -> Result<bool, Error> {
        self.raw().tables_drop(table)
    }

    /// The documents that a query asks for, with their keys.
    ///
    /// # Errors
    /// [`Error::UnknownTable`], [`Error::InvalidQuery`]; [`Error::LimitExceeded`] for more than
    /// 64 MB of result.
    pub fn query<T: DeserializeOwned>(&self, query: &Query) -> Result<Vec<(Key, T)>, Error> {
        cbor::decode(&self.raw().queries_run(&query.to_cbor()?)?)
    }

    /// How many documents a query would return.
    ///
    /// # Errors
    /// As [`query`](Database::query).
    pub fn count(&self, query: &Query) -> Result<u64, Error> {
        self.raw().queries_count(&query.to_cbor()?)
    }

    /// How a query would find its documents.
    ///
    /// # Errors
    /// As [`query`](Database::query).
    pub fn explain(&self, query: &Query) -> Result<Value, Error> {
        cbor::decode(&self.raw().queries_explain(&query.to_cbor()?)?)
    }

    /// How a query would find its documents, in lines for people. With [`Query::analyze`], it is run, and what it met and how
    /// long the steps took is told as well.
    ///
    /// # Errors
    /// As [`query`](Database::query).
    pub fn explain_text(&self, query: &Query) -> Result<String, Error> {
        #[derive(Serialize)]
        struct Explained<'a> {
            #[serde(flatten)]
            query: &'a Query,
            text: bool,
        }
        #[derive(serde::Deserialize)]
        struct Plan {
            text: String,
        }
        let query = cbor::encode(&Explained { query, text: true })?;
        let plan: Plan = cbor::decode(&self.raw().queries_explain(&query)?)?;
        Ok(plan.text)
    }

    /// Runs Lua code and returns the first value that it returns; null if it returns none.
    /// `arguments` is a tuple or array, the code's `...`; `()` for none.
    ///
    /// # Errors
    /// [`Error::Syntax`], [`Error::Script`], [`Error::Unstorable`], [`Error::LimitExceeded`]; all that
    /// the code wrote is then rolled back.
    pub fn eval<T: DeserializeOwned>(
        &self,
        source: &str,
        arguments: impl Serialize,
    ) -> Result<T, Error> {
        self.eval_with(source, arguments, &CallOptions::default())
    }

    /// As [`eval`](Database::eval), with options.
    ///
    /// # Errors
    /// As [`eval`](Database::eval).
    pub fn eval_with<T: DeserializeOwned>(
        &self,
        source: &str,
        arguments: impl Serialize,
        options: &CallOptions,
    ) -> Result<T, Error> {
        first(&self.raw().lua_eval(
            source,
            &cbor::encode_arguments(&arguments)?,
            &options.to_wit(),
        )?)
    }

    /// As [`eval_with`](Database::eval_with), for code that writes nothing: it runs beside whoever writes, on the database as it
    /// is when it begins. Globals are not kept.
    ///
    /// # Errors
    /// As [`eval`](Database::eval), and [`StoreFailure::ReadOnly`](crate::store::StoreFailure::ReadOnly) if it wrote.
    ///
    /// ```
    /// use cu_db::{CallOptions, Database};
    ///
    /// let database = Database::in_memory()?;
    /// database.put("users", "ann", &31)?;
    /// let age: i64 = database.eval_read("return _home.users.ann", (), &CallOptions::default())?;
    /// assert_eq!(age, 31);
    /// let error = database.eval_read::<()>("_home.users.ann = 32", (), &CallOptions::default());
    /// assert_eq!(error.unwrap_err().code(), "store-read-only");
    /// # Ok::<(), cu_db::Error>(())
    /// ```
    pub fn eval_read<T: DeserializeOwned>(
        &self,
        source: &str,
        arguments: impl Serialize,
        options: &CallOptions,
    ) -> Result<T, Error> {
        let mut options = options.to_wit();
        options.keep_globals = false;
        let arguments = cbor::encode_arguments(&arguments)?;
        first(&self.raw().lua_eval_read(source, &arguments, &options)?)
    }

    /// As [`call_function_with`](Database::call_function_with), for a function that writes nothing and leaves its variables as they
    /// are: see [`eval_read`](Database::eval_read). Such calls do not count in
    /// [`function_statistics`](Database::function_statistics).
    ///
    /// # Errors
    /// As [`call_function`](Database::call_function), and
    /// [`StoreFailure::ReadOnly`](crate::store::StoreFailure::ReadOnly) if it wrote.
    pub fn call_function_read<T: DeserializeOwned>(
        &self,
        table: &str,
        name: &str,
        arguments: impl Serialize,
        options: &CallOptions,
    ) -> Result<T, Error> {
        let arguments = cbor::encode_arguments(&arguments)?;
        let options = options.to_wit();
        first(
            &self
                .raw()
                .functions_call_read(table, name, &arguments, &options)?,
        )
    }

    /// As [`eval_with`](Database::eval_with), with all the values that the code returns.
    ///
    /// # Errors
    /// As [`eval`](Database::eval).
    pub fn eval_all(
        &self,
        source: &str,
        arguments: impl Serialize,
        options: &CallOptions,
    ) -> Result<Vec<Value>, Error> {
        cbor::decode(&self.raw().lua_eval(
            source,
            &cbor::encode_arguments(&arguments)?,
            &options.to_wit(),
        )?)
    }

    /// Keeps a function under a name of a table: a function, or a chunk that returns one.
    ///
    /// # Errors
    /// [`Error::Syntax`], [`Error::Script`] from running the chunk, [`Error::Unstorable`] for an upvalue.
    pub fn persist_function(&self, table: &str, name: &str, source: &str) -> Result<(), Error> {
        self.raw()
            .functions_persist(table, name, source, &CallOptions::default().to_wit())
    }

    /// Keeps the function of a binary chunk of Lua 5.4, with nil in its variables.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for anything but what `string.dump` makes, with what is wrong and where.
    pub fn persist_bytecode(&self, table: &str, name: &str, bytecode: &[u8]) -> Result<(), Error> {
        let options = CallOptions::default().to_wit();
        self.raw()
            .functions_persist_bytecode(table, name, bytecode, &options)
    }

    /// Gives a function another name, also in another table. False if there was none.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] if something has the new name.
    pub fn rename_function(
        &self,
        table: &str,
        name: &str,
        new_table: &str,
        new_name: &str,
    ) -> Result<bool, Error> {
        self.raw()
            .functions_rename(table, name, new_table, new_name)
    }

    /// Calls a kept function and returns the first value that it returns, as [`eval`](Database::eval) does.
    ///
    /// # Errors
    /// [`Error::UnknownFunction`], and as [`eval`](Database::eval).
    pub fn call_function<T: DeserializeOwned>(
        &self,
        table: &str,
        name: &str,
        arguments: impl Serialize,
    ) -> Result<T, Error> {
        self.call_function_with(table, name, arguments, &CallOptions::default())
    }

    /// As [`call_function`](Database::call_function), with options.
    ///
    /// # Errors
    /// As [`call_function`](Database::call_function).
    pub fn call_function_with<T: DeserializeOwned>(
        &self,
        table: &str,
        name: &str,
        arguments: impl Serialize,
        options: &CallOptions,
    ) -> Result<T, Error> {
        let arguments = cbor::encode_arguments(&arguments)?;
        first(
            &self
                .raw()
                .functions_call(table, name, &arguments, &options.to_wit())?,
        )
    }

    /// As [`call_function_with`](Database::call_function_with), with all the values that it returns.
    ///
    /// # Errors
    /// As [`call_function`](Database::call_function).
    pub fn call_function_all(
        &self,
        table: &str,
        name: &str,
        arguments: impl Serialize,
        options: &CallOptions,
    ) -> Result<Vec<Value>, Error> {
        let arguments = cbor::encode_arguments(&arguments)?;
        cbor::decode(
            &self
                .raw()
                .functions_call(table, name, &arguments, &options.to_wit())?,
        )
    }

    /// The functions of one table, or of all, by table and name.
    ///
    /// # Errors
    /// [`Error::UnknownTable`].
    pub fn functions(&self, table: Option<&str>) -> Result<Vec<FunctionInfo>, Error> {
        self.raw().functions_list(table)
    }

    /// How often functions were called through this database, and how long that took, by table and name. It is in
    /// memory only, and begins anew with each instance of the component.
    ///
    /// # Errors
    /// Only the store's.
    pub fn function_statistics(&self) -> Result<Vec<FunctionStatistics>, Error> {
        self.raw().functions_statistics()
    }

    /// The source text of a function; none if there is no such function.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a name that can't be one.
    pub fn function_source(&self, table: &str, name: &str) -> Result<Option<String>, Error> {
        self.raw().functions_source(table, name)
    }

    /// Deletes a function. False if there was none.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a name that can't be one.
    pub fn delete_function(&self, table: &str, name: &str) -> Result<bool, Error> {
        self.raw().functions_delete(table, name)
    }

    /// The database in numbers.
    ///
    /// # Errors
    /// Only the store's.
    pub fn stats(&self) -> Result<Stats, Error> {
        cbor::decode(&self.raw().admin_stats()?)
    }

    /// The limits in force for calls that do not say otherwise, defaults filled in.
    ///
    /// # Errors
    /// Only the store's.
    pub fn limits(&self) -> Result<Limits, Error> {
        Ok(self.raw().admin_limits()?.into())
    }

    /// Sets the limits of the database, all of them: what is `None` goes back to its default.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for one out of its range; then none is set.
    pub fn set_limits(&self, limits: &Limits) -> Result<(), Error> {
        self.raw().admin_set_limits((*limits).into())
    }

    /// SHA-256 over everything the database holds, the same on every runtime.
    ///
    /// # Errors
    /// Only the store's.
    pub fn digest(&self) -> Result<[u8; 32], Error> {
        self.raw().digest()
    }

    /// Reads the whole store and checks every checksum in it.
    ///
    /// # Errors
    /// [`Error::Store`] with what is damaged.
    pub fn verify(&self) -> Result<(), Error> {
        Ok(self.host.store().verify()?)
    }

    /// Bytes that the database takes on the disk; 0 in memory.
    ///
    /// # Errors
    /// Only the store's.
    pub fn size_on_disk(&self) -> Result<u64, Error> {
        Ok(self.host.store().size_on_disk()?)
    }

    /// Bytes of memory that all instances of the component have: it grows with what calls need, and stays. There is one that
    /// writes, and as many that read as were needed at the same time. 0 before the first call; one that had to be ended by force gives its
    /// memory back.
    pub fn component_memory(&self) -> usize {
        self.host.memory()
    }

    /// What compression of large values has saved on the disk. A value is compressed some time after it was
    /// written, at the latest when the database is closed.
    ///
    /// # Errors
    /// Only the store's.
    pub fn compression(&self) -> Result<crate::store::Compression, Error> {
        Ok(self.host.store().compression()?)
    }

    /// Closes the database, for all its handles, which dropping the last of them does as well, and tells if that fails. What was
    /// acknowledged is kept in any case.
    ///
    /// # Errors
    /// Only the store's.
    pub fn close(self) -> Result<(), Error> {
        self.host.discard();
        Ok(self.host.store().close()?)
    }
}

pub(crate) fn index_info(index: crate::raw::IndexInfo) -> Result<IndexInfo, Error> {
    Ok(IndexInfo {
        name: index.name,
        definition: cbor::decode(&index.definition)?,
        entries: index.entries,
    })
}

/// The first value of a CBOR array, null for an empty one.
fn first<T: DeserializeOwned>(values: &[u8]) -> Result<T, Error> {
    cbor::decode(cbor::first(values)?.unwrap_or(&[0xf6]))
}
