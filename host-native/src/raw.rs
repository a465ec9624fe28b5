//! The component's exports as they are: CBOR bytes in, CBOR bytes out.
//!
//! The methods of [`Raw`] are named after the interface and the function of `wit/database.wit`,
//! and their documentation is there. The types are the ones generated from it.

pub use crate::host::exports::admin::DatabaseLimits;
pub use crate::host::exports::archive::ArchivePage;
pub use crate::host::exports::documents::{ScanPage, ScanRange};
pub use crate::host::exports::functions::{FunctionInfo, FunctionStatistics};
pub use crate::host::exports::indexes::IndexInfo;
pub use crate::host::exports::lua::CallOptions;
pub use crate::host::exports::queries::QueryPage;
pub use crate::host::exports::tables::TableInfo;
pub use crate::host::wit::{Error as WitError, ErrorCode, Excess, Key, Limit, StoreFailure};
use crate::host::{Exports, Host};
use crate::store::Durability;
use crate::{Database, Error};

/// A database's exports. See [`Database::raw`].
#[derive(Clone, Copy)]
pub struct Raw<'a> {
    host: &'a Host,
    durability: Durability,
}

impl<'a> Raw<'a> {
    pub(crate) fn of(host: &'a Host) -> Self {
        Self {
            host,
            durability: host.durability(),
        }
    }

    /// The same, for Lua that writes nothing: on a snapshot, beside whoever writes.
    pub(crate) fn lua_eval_read(
        self,
        source: &str,
        arguments: &Cbor,
        options: &CallOptions,
    ) -> Result<Cbor, Error> {
        self.host.read(|exports, store| {
            exports
                .cu_db_lua()
                .call_eval(store, source, arguments, options)
        })
    }

    pub(crate) fn functions_call_read(
        self,
        table: &str,
        name: &str,
        arguments: &Cbor,
        options: &CallOptions,
    ) -> Result<Cbor, Error> {
        self.host.read(|exports, store| {
            exports
                .cu_db_functions()
                .call_call(store, table, name, arguments, options)
        })
    }

    pub(crate) fn digest(self) -> Result<[u8; 32], Error> {
        self.admin_digest()?
            .try_into()
            .map_err(|_| Error::Component("its digest does not have 32 bytes".to_owned()))
    }
}

impl Database {
    /// The component's exports as they are, with CBOR in place of Rust values.
    pub fn raw(&self) -> Raw<'_> {
        Raw {
            host: self.host(),
            durability: self.durability(),
        }
    }
}

/// Packed entries, as `wit/store.wit` describes them, or other bytes that are no value.
pub type Packed = Vec<u8>;

/// CBOR of one value. The generated functions take vectors, and no slices.
pub type Cbor = Vec<u8>;

/// An export marked `#[read]` runs beside others, on what is settled; the others run one after the other. One marked `#[short]` may be
/// run by another thread that calls such a one, on copies of its arguments.
macro_rules! exports {
    ($($(#[$kind:ident])? $interface:ident.$export:ident: $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        impl Raw<'_> {$(
            #[doc = concat!("`", stringify!($interface), ".", stringify!($name), "`.")]
            ///
            /// # Errors
            /// The export's own, and those of the host.
            pub fn $name(&self, $($argument: $type),*) -> Result<$result, Error> {
                exports!(@run $($kind)? self, $interface.$export($($argument),*))
            }
        )*}
    };
    (@run read $raw:ident, $interface:ident.$export:ident($($argument:ident),*)) => {
        $raw.host.read(|exports: &Exports, store| exports.$interface().$export(store, $($argument),*))
    };
    (@run short $raw:ident, $interface:ident.$export:ident($($argument:ident),*)) => {{
        $(let $argument = $argument.to_owned();)*
        $raw.host.write_in_line($raw.durability, move |exports: &Exports, store| {
            exports.$interface().$export(store, $(&$argument),*)
        })
    }};
    (@run $raw:ident, $interface:ident.$export:ident($($argument:ident),*)) => {
        $raw.host.write($raw.durability, |exports: &Exports, store| exports.$interface().$export(store, $($argument),*))
    };
}

exports! {
    #[read]
    cu_db_tables.call_list: tables_list() -> Vec<TableInfo>;
    cu_db_tables.call_drop: tables_drop(table: &str) -> bool;
    #[read]
    cu_db_documents.call_get: documents_get(table: &str, key: &Key) -> Option<Cbor>;
    #[short]
    cu_db_documents.call_put: documents_put(table: &str, key: &Key, value: &Cbor) -> ();
    #[short]
    cu_db_documents.call_delete: documents_delete(table: &str, key: &Key) -> bool;
    #[read]
    cu_db_documents.call_get_many: documents_get_many(table: &str, keys: &Cbor) -> Cbor;
    #[read]
    cu_db_documents.call_scan: documents_scan(table: &str, range: &ScanRange) -> ScanPage;
    cu_db_documents.call_apply: documents_apply(operations: &Cbor) -> Cbor;
    cu_db_indexes.call_create: indexes_create(table: &str, definition: &Cbor) -> IndexInfo;
    cu_db_indexes.call_build_step: indexes_build_step(table: &str, name: &str) -> Cbor;
    cu_db_indexes.call_drop: indexes_drop(table: &str, name: &str) -> bool;
    #[read]
    cu_db_indexes.call_list: indexes_list(table: &str) -> Vec<IndexInfo>;
    #[read]
    cu_db_indexes.call_statistics: indexes_statistics(table: &str, name: &str) -> Cbor;
    #[read]
    cu_db_queries.call_run: queries_run(query: &Cbor) -> Cbor;
    #[read]
    cu_db_queries.call_page: queries_page(query: &Cbor) -> QueryPage;
    #[read]
    cu_db_queries.call_count: queries_count(query: &Cbor) -> u64;
    #[read]
    cu_db_queries.call_explain: queries_explain(query: &Cbor) -> Cbor;
    cu_db_lua.call_eval: lua_eval(source: &str, arguments: &Cbor, options: &CallOptions) -> Cbor;
    cu_db_functions.call_persist: functions_persist(
        table: &str, name: &str, source: &str, options: &CallOptions
    ) -> ();
    cu_db_functions.call_persist_bytecode: functions_persist_bytecode(
        table: &str, name: &str, bytecode: &[u8], options: &CallOptions
    ) -> ();
    cu_db_functions.call_call: functions_call(
        table: &str, name: &str, arguments: &Cbor, options: &CallOptions
    ) -> Cbor;
    #[read]
    cu_db_functions.call_list: functions_list(table: Option<&str>) -> Vec<FunctionInfo>;
    cu_db_functions.call_statistics: functions_statistics() -> Vec<FunctionStatistics>;
    #[read]
    cu_db_functions.call_source: functions_source(table: &str, name: &str) -> Option<String>;
    cu_db_functions.call_delete: functions_delete(table: &str, name: &str) -> bool;
    cu_db_functions.call_rename: functions_rename(
        table: &str, name: &str, new_table: &str, new_name: &str
    ) -> bool;
    cu_db_changes.call_configure: changes_configure(settings: Option<&Cbor>) -> ();
    #[read]
    cu_db_changes.call_read: changes_read(request: &Cbor) -> Cbor;
    #[read]
    cu_db_admin.call_stats: admin_stats() -> Cbor;
    #[read]
    cu_db_admin.call_limits: admin_limits() -> DatabaseLimits;
    cu_db_admin.call_set_limits: admin_set_limits(limits: DatabaseLimits) -> ();
    #[read]
    cu_db_admin.call_digest: admin_digest() -> Vec<u8>;
    #[read]
    cu_db_archive.call_export_page: archive_export_page(after: Option<&[u8]>) -> ArchivePage;
    cu_db_archive.call_import_page: archive_import_page(entries: &Packed) -> ();
    cu_db_archive.call_finish_import: archive_finish_import(digest: &Packed) -> bool;
    cu_db_archive.call_abort_import: archive_abort_import() -> bool;
}
