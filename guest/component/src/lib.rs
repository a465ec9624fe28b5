//! The component: WIT on the outside, [`Engine`] on the inside, conversions between them.
//!
//! It is a crate of its own because it is compiled for size: what is generated for 22 exports is a third
//! of the component otherwise, and none of it is hot.
#![cfg(target_arch = "wasm32")]

use std::cell::RefCell;
use std::rc::Rc;

use cu_guest::error::{self, StoreFailure};
use cu_guest::store::{Direction, Snapshot, Store};
use cu_guest::{Console, Engine, HostFunctions, Key, Limits, ScanRange, Setting};

mod link;
mod memory;
mod number;

mod generated {
    #![allow(missing_docs, clippy::pedantic, reason = "generated code")]
    wit_bindgen::generate!({ path: "../../wit", world: "database", generate_all });
}

use generated::cu::db::{console, host, store, types};
use generated::exports::cu::db::{
    admin, archive, changes, documents, functions, indexes, lua, queries, tables,
};

struct Component;

generated::export!(Component with_types_in generated);

thread_local! {
    /// The one engine of this instance. Calls do not overlap, so it is never borrowed twice.
    static ENGINE: RefCell<Engine> = RefCell::new(
        Engine::new(Box::new(HostStore), Rc::new(HostConsole)).with_functions(Rc::new(Registered)),
    );
}

fn engine<T>(work: impl FnOnce(&mut Engine) -> error::Result<T>) -> Result<T, types::Error> {
    ENGINE.with_borrow_mut(work).map_err(Into::into)
}

struct HostConsole;

impl Console for HostConsole {
    fn print(&self, text: &[u8]) {
        console::print(text);
    }
}

struct Registered;

impl HostFunctions for Registered {
    fn names(&self) -> Vec<String> {
        host::names()
    }

    fn call(&self, name: &str, arguments: &[u8]) -> Result<Vec<u8>, String> {
        host::call(name, arguments)
    }
}

struct HostStore;

impl Store for HostStore {
    fn open(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        let (snapshot, version) = store::open()?;
        Ok(Box::new(HostSnapshot { version, snapshot }))
    }

    fn peek(&self, key: &[u8]) -> Result<(u64, Option<Vec<u8>>), StoreFailure> {
        Ok(store::peek(key)?)
    }
}

struct HostSnapshot {
    version: u64,
    snapshot: store::Snapshot,
}

impl Snapshot for HostSnapshot {
    fn version(&self) -> u64 {
        self.version
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFailure> {
        Ok(self.snapshot.get(key)?)
    }

    fn get_many(&self, keys: &[u8]) -> Result<Vec<u8>, StoreFailure> {
        Ok(self.snapshot.get_many(keys)?)
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        max_entries: u32,
        max_bytes: u32,
    ) -> Result<Vec<u8>, StoreFailure> {
        let direction = match direction {
            Direction::Forward => store::Direction::Forward,
            Direction::Backward => store::Direction::Backward,
        };
        Ok(self
            .snapshot
            .scan(start, end, direction, max_entries, max_bytes)?)
    }

    fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreFailure> {
        Ok(self.snapshot.count(start, end)?)
    }

    fn reserve(&self) -> Result<u64, StoreFailure> {
        Ok(self.snapshot.reserve()?)
    }

    fn commit(self: Box<Self>, writes: &[u8]) -> Result<u64, StoreFailure> {
        Ok(store::Snapshot::commit(self.snapshot, writes)?)
    }
}

impl From<types::StoreFailure> for StoreFailure {
    fn from(failure: types::StoreFailure) -> Self {
        use types::StoreFailure as F;
        match failure {
            F::Conflict => StoreFailure::Conflict,
            F::ReadOnly => StoreFailure::ReadOnly,
            F::Full(message) => StoreFailure::Full(message),
            F::Corrupt(message) => StoreFailure::Corrupt(message),
            F::Closed(message) => StoreFailure::Closed(message),
            F::Io(message) => StoreFailure::Io(message),
        }
    }
}

impl From<error::Limit> for types::Limit {
    fn from(limit: error::Limit) -> Self {
        use error::Limit as L;
        match limit {
            L::NameSize => types::Limit::NameSize,
            L::KeySize => types::Limit::KeySize,
            L::ValueSize => types::Limit::ValueSize,
            L::ValueDepth => types::Limit::ValueDepth,
            L::BatchSize => types::Limit::BatchSize,
            L::FunctionSize => types::Limit::FunctionSize,
            L::Instructions => types::Limit::Instructions,
            L::Memory => types::Limit::Memory,
            L::CallDepth => types::Limit::CallDepth,
            L::ResultSize => types::Limit::ResultSize,
            L::OutputSize => types::Limit::OutputSize,
            L::TransactionSize => types::Limit::TransactionSize,
            L::WallClock => types::Limit::WallClock,
        }
    }
}

impl From<error::Error> for types::Error {
    #[inline(never)]
    fn from(error: error::Error) -> Self {
        use error::Error as E;
        use types::ErrorCode as C;
        let mut excess = None;
        let mut traceback = String::new();
        let mut place = String::new();
        let mut problem = |code, problem: error::Problem| {
            place = problem.place;
            (code, problem.message)
        };
        let (code, message) = match error {
            E::InvalidArgument(what) => problem(C::InvalidArgument, what),
            E::InvalidValue(what) => problem(C::InvalidValue, what),
            E::InvalidQuery(what) => problem(C::InvalidQuery, what),
            E::UnknownTable(name) => {
                place = name;
                (C::UnknownTable, String::new())
            }
            E::UnknownIndex(what) => problem(C::UnknownIndex, what),
            E::UnknownFunction(what) => problem(C::UnknownFunction, what),
            E::AlreadyExists(what) => problem(C::AlreadyExists, what),
            E::PreconditionFailed(what) => problem(C::PreconditionFailed, what),
            E::LimitExceeded(what) => {
                excess = Some(types::Excess {
                    limit: what.limit.into(),
                    maximum: what.maximum,
                });
                place = what.place;
                (C::LimitExceeded, what.message)
            }
            E::Syntax(what) => (C::Syntax, what.message),
            E::Script(what) => {
                traceback = what.traceback;
                (C::Script, what.message)
            }
            E::Unstorable(what) => problem(C::Unstorable, what),
            E::Store(StoreFailure::Conflict) => (C::StoreConflict, String::new()),
            E::Store(StoreFailure::ReadOnly) => (C::StoreReadOnly, String::new()),
            E::Store(StoreFailure::Full(why)) => (C::StoreFull, why),
            E::Store(StoreFailure::Corrupt(why)) => (C::StoreCorrupt, why),
            E::Store(StoreFailure::Closed(why)) => (C::StoreClosed, why),
            E::Store(StoreFailure::Io(why)) => (C::StoreIo, why),
            E::UnsupportedFormat(what) => problem(C::UnsupportedFormat, what),
            E::Corrupt(what) => problem(C::Corrupt, what),
            E::Incomplete(what) => problem(C::Incomplete, what),
            E::OutOfDate(what) => problem(C::OutOfDate, what),
            E::Cancelled => (C::Cancelled, String::new()),
        };
        types::Error {
            code,
            place,
            message,
            traceback,
            excess,
        }
    }
}

impl From<types::Key> for Key {
    fn from(key: types::Key) -> Self {
        match key {
            types::Key::Integer(int) => Key::Integer(int),
            types::Key::Text(text) => Key::Text(text),
            types::Key::Bytes(bytes) => Key::Bytes(bytes),
        }
    }
}

impl From<Key> for types::Key {
    fn from(key: Key) -> Self {
        match key {
            Key::Integer(int) => types::Key::Integer(int),
            Key::Text(text) => types::Key::Text(text),
            Key::Bytes(bytes) => types::Key::Bytes(bytes),
        }
    }
}

impl From<lua::CallOptions> for cu_guest::CallOptions {
    fn from(options: lua::CallOptions) -> Self {
        cu_guest::CallOptions {
            chunk_name: options.chunk_name,
            instructions: options.instructions,
            memory: options.memory,
            wall_clock: options.wall_clock,
            call_depth: options.call_depth,
            result_size: options.result_size,
            output_size: options.output_size,
            transaction_size: options.transaction_size,
            seed: options.seed,
            time: options.time,
            keep_globals: options.keep_globals,
        }
    }
}

impl From<cu_guest::IndexInfo> for indexes::IndexInfo {
    fn from(info: cu_guest::IndexInfo) -> Self {
        indexes::IndexInfo {
            name: info.name,
            definition: info.definition,
            entries: info.entries,
        }
    }
}

impl tables::Guest for Component {
    fn list() -> Result<Vec<tables::TableInfo>, types::Error> {
        let all = engine(Engine::tables_list)?;
        Ok(all
            .into_iter()
            .map(|info| tables::TableInfo {
                name: info.name,
                documents: info.documents,
                indexes: info.indexes,
            })
            .collect())
    }

    fn drop(table: String) -> Result<bool, types::Error> {
        engine(|engine| engine.tables_drop(&table))
    }
}

impl documents::Guest for Component {
    fn get(table: String, key: types::Key) -> Result<Option<Vec<u8>>, types::Error> {
        engine(|engine| engine.documents_get(&table, &key.into()))
    }

    fn put(table: String, key: types::Key, value: Vec<u8>) -> Result<(), types::Error> {
        engine(|engine| engine.documents_put(&table, &key.into(), &value))
    }

    fn delete(table: String, key: types::Key) -> Result<bool, types::Error> {
        engine(|engine| engine.documents_delete(&table, &key.into()))
    }

    fn get_many(table: String, keys: Vec<u8>) -> Result<Vec<u8>, types::Error> {
        engine(|engine| engine.documents_get_many(&table, &keys))
    }

    fn scan(
        table: String,
        range: documents::ScanRange,
    ) -> Result<documents::ScanPage, types::Error> {
        let range = ScanRange {
            start: range.start.map(Into::into),
            end: range.end.map(Into::into),
            backward: range.backward,
            limit: range.limit,
        };
        let page = engine(|engine| engine.documents_scan(&table, &range))?;
        Ok(documents::ScanPage {
            rows: page.rows,
            next: page.next.map(Into::into),
        })
    }

    fn apply(operations: Vec<u8>) -> Result<Vec<u8>, types::Error> {
        engine(|engine| engine.documents_apply(&operations))
    }
}

impl indexes::Guest for Component {
    fn create(table: String, definition: Vec<u8>) -> Result<indexes::IndexInfo, types::Error> {
        engine(|engine| engine.indexes_create(&table, &definition)).map(Into::into)
    }

    fn drop(table: String, name: String) -> Result<bool, types::Error> {
        engine(|engine| engine.indexes_drop(&table, &name))
    }

    fn build_step(table: String, name: String) -> Result<Vec<u8>, types::Error> {
        engine(|engine| engine.indexes_build_step(&table, &name))
    }

    fn statistics(table: String, name: String) -> Result<Vec<u8>, types::Error> {
        engine(|engine| engine.indexes_statistics(&table, &name))
    }

    fn list(table: String) -> Result<Vec<indexes::IndexInfo>, types::Error> {
        let all = engine(|engine| engine.indexes_list(&table))?;
        Ok(all.into_iter().map(Into::into).collect())
    }
}

impl queries::Guest for Component {
    fn run(query: Vec<u8>) -> Result<Vec<u8>, types::Error> {
        engine(|engine| engine.queries_run(&query))
    }

    fn page(query: Vec<u8>) -> Result<queries::QueryPage, types::Error> {
        let page = engine(|engine| engine.queries_page(&query))?;
        Ok(queries::QueryPage {
            rows: page.rows,
            next: page.next,
        })
    }

    fn count(query: Vec<u8>) -> Result<u64, types::Error> {
        engine(|engine| engine.queries_count(&query))
    }

    fn explain(query: Vec<u8>) -> Result<Vec<u8>, types::Error> {
        engine(|engine| engine.queries_explain(&query))
    }
}

impl lua::Guest for Component {
    fn eval(
        source: String,
        arguments: Vec<u8>,
        options: lua::CallOptions,
    ) -> Result<Vec<u8>, types::Error> {
        engine(|engine| engine.lua_eval(&source, &arguments, &options.into()))
    }
}

impl functions::Guest for Component {
    fn persist(
        table: String,
        name: String,
        source: String,
        options: lua::CallOptions,
    ) -> Result<(), types::Error> {
        engine(|engine| engine.functions_persist(&table, &name, &source, &options.into()))
    }

    fn persist_bytecode(
        table: String,
        name: String,
        bytecode: Vec<u8>,
        options: lua::CallOptions,
    ) -> Result<(), types::Error> {
        engine(|engine| {
            engine.functions_persist_bytecode(&table, &name, &bytecode, &options.into())
        })
    }

    fn call(
        table: String,
        name: String,
        arguments: Vec<u8>,
        options: lua::CallOptions,
    ) -> Result<Vec<u8>, types::Error> {
        engine(|engine| engine.functions_call(&table, &name, &arguments, &options.into()))
    }

    fn list(table: Option<String>) -> Result<Vec<functions::FunctionInfo>, types::Error> {
        let all = engine(|engine| engine.functions_list(table.as_deref()))?;
        Ok(all
            .into_iter()
            .map(|info| functions::FunctionInfo {
                table: info.table,
                name: info.name,
                size: info.size,
                bytecode: info.bytecode,
                upvalues: info.upvalues,
                names: info.names,
                stored: info.stored,
            })
            .collect())
    }

    fn statistics() -> Result<Vec<functions::FunctionStatistics>, types::Error> {
        let all = engine(Engine::functions_statistics)?;
        Ok(all
            .into_iter()
            .map(|info| functions::FunctionStatistics {
                table: info.table,
                name: info.name,
                calls: info.calls,
                failures: info.failures,
                instructions: info.instructions,
                nanoseconds: info.nanoseconds,
            })
            .collect())
    }

    fn source(table: String, name: String) -> Result<Option<String>, types::Error> {
        engine(|engine| engine.functions_source(&table, &name))
    }

    fn delete(table: String, name: String) -> Result<bool, types::Error> {
        engine(|engine| engine.functions_delete(&table, &name))
    }

    fn rename(
        table: String,
        name: String,
        new_table: String,
        new_name: String,
    ) -> Result<bool, types::Error> {
        engine(|engine| engine.functions_rename(&table, &name, &new_table, &new_name))
    }
}

impl changes::Guest for Component {
    fn configure(settings: Option<Vec<u8>>) -> Result<(), types::Error> {
        engine(|engine| engine.changes_configure(settings.as_deref()))
    }

    fn read(request: Vec<u8>) -> Result<Vec<u8>, types::Error> {
        engine(|engine| engine.changes_read(&request))
    }
}

impl admin::Guest for Component {
    fn stats() -> Result<Vec<u8>, types::Error> {
        engine(Engine::admin_stats)
    }

    fn limits() -> Result<admin::DatabaseLimits, types::Error> {
        let limits = engine(Engine::admin_limits)?;
        Ok(admin::DatabaseLimits {
            memory: limits.set(Setting::Memory),
            instructions: limits.set(Setting::Instructions),
            wall_clock: limits.set(Setting::WallClock),
            call_depth: limits.set(Setting::CallDepth),
            result_size: limits.set(Setting::ResultSize),
            output_size: limits.set(Setting::OutputSize),
            transaction_size: limits.set(Setting::TransactionSize),
            function_size: limits.set(Setting::FunctionSize),
            cache_size: limits.set(Setting::CacheSize),
        })
    }

    fn set_limits(limits: admin::DatabaseLimits) -> Result<(), types::Error> {
        let limits = Limits::default()
            .with(Setting::Memory, limits.memory)
            .with(Setting::Instructions, limits.instructions)
            .with(Setting::WallClock, limits.wall_clock)
            .with(Setting::CallDepth, limits.call_depth)
            .with(Setting::ResultSize, limits.result_size)
            .with(Setting::OutputSize, limits.output_size)
            .with(Setting::TransactionSize, limits.transaction_size)
            .with(Setting::FunctionSize, limits.function_size)
            .with(Setting::CacheSize, limits.cache_size);
        engine(|engine| engine.admin_set_limits(limits))
    }

    fn digest() -> Result<Vec<u8>, types::Error> {
        engine(Engine::admin_digest)
    }
}

impl archive::Guest for Component {
    fn export_page(after: Option<Vec<u8>>) -> Result<archive::ArchivePage, types::Error> {
        let page = engine(|engine| engine.archive_export_page(after.as_deref()))?;
        Ok(archive::ArchivePage {
            entries: page.entries,
            next: page.next,
            version: page.version,
        })
    }

    fn import_page(entries: Vec<u8>) -> Result<(), types::Error> {
        engine(|engine| engine.archive_import_page(&entries))
    }

    fn finish_import(digest: Vec<u8>) -> Result<bool, types::Error> {
        engine(|engine| engine.archive_finish_import(&digest))
    }

    fn abort_import() -> Result<bool, types::Error> {
        engine(Engine::archive_abort_import)
    }
}
