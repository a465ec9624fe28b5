//! The component under wasmtime, over the native host's store on disk.

use std::sync::{Arc, Mutex};

use cu_db::raw::{DatabaseLimits, IndexInfo, Key, ScanRange};
use cu_db::{Database, Error, Value};
use tempfile::TempDir;

use crate::arguments::{Arguments, CallOptions};
use crate::driver::Runtime;
use crate::reply::{
    Failure, Reply, byte_list, flag, limits_record, list, nothing, number, optional, record,
    signed, string,
};

/// A database on disk, in a directory that goes with it.
pub struct Native {
    directory: TempDir,
    printed: Arc<Mutex<Vec<u8>>>,
    /// None only while it is closed and opened again.
    database: Option<Database>,
}

impl Default for Native {
    fn default() -> Self {
        Self::new()
    }
}

impl Native {
    /// A new database.
    ///
    /// # Panics
    /// If there can't be one.
    #[must_use]
    pub fn new() -> Self {
        let mut native = Native {
            directory: tempfile::tempdir().expect("a temporary directory can be made"),
            printed: Arc::default(),
            database: None,
        };
        native.reopen();
        native
    }
}

impl Runtime for Native {
    fn call(&mut self, call: &str, arguments: &Arguments<'_>) -> Result<Reply, String> {
        let database = self.database.as_ref().expect("it is open");
        Ok(call_export(database, call, arguments)?.map_err(failure))
    }

    fn printed(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.printed.lock().expect("no call panicked"))
    }

    fn reopen(&mut self) {
        // The old one lets go of the store's lock first.
        self.database = None;
        let printed = self.printed.clone();
        let database = Database::builder()
            .function("echo", |arguments: Vec<Value>| {
                Ok(arguments.into_iter().next().unwrap_or(Value::Null))
            })
            .function("fail", |_: Vec<Value>| Err("the host says no".to_string()))
            .on_print(move |text| {
                printed
                    .lock()
                    .expect("no call panicked")
                    .extend_from_slice(text)
            })
            .open(self.directory.path().join("case"));
        self.database = Some(database.expect("the database can be opened"));
    }
}

fn key(key: cu_guest::Key) -> Key {
    match key {
        cu_guest::Key::Integer(int) => Key::Integer(int),
        cu_guest::Key::Text(text) => Key::Text(text),
        cu_guest::Key::Bytes(bytes) => Key::Bytes(bytes),
    }
}

fn key_reply(key: Option<Key>) -> Vec<u8> {
    match key {
        Some(Key::Integer(int)) => {
            let mut out = Vec::new();
            crate::cbor::int(int, &mut out);
            out
        }
        Some(Key::Text(text)) => string(&text),
        Some(Key::Bytes(bytes)) => byte_list(&bytes),
        None => nothing(),
    }
}

fn options(options: CallOptions) -> cu_db::raw::CallOptions {
    cu_db::raw::CallOptions {
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

fn index_info(info: IndexInfo) -> Vec<u8> {
    record([
        ("name", string(&info.name)),
        ("definition", info.definition),
        ("entries", number(info.entries)),
    ])
}

/// Calls an export.
fn call_export(
    database: &Database,
    call: &str,
    arguments: &Arguments<'_>,
) -> Result<Result<Vec<u8>, Error>, String> {
    let raw = database.raw();
    let table = || arguments.text("table");
    let name = || arguments.text("name");
    let value = |name| arguments.value(name);
    let document_key = || arguments.key("key").map(key);
    Ok(match call {
        "tables.list" => raw.tables_list().map(|tables| {
            list(tables.iter().map(|info| {
                record([
                    ("name", string(&info.name)),
                    ("documents", number(info.documents)),
                    ("indexes", number(info.indexes.into())),
                ])
            }))
        }),
        "tables.drop" => raw.tables_drop(&table()?).map(flag),
        "documents.get" => raw.documents_get(&table()?, &document_key()?).map(optional),
        "documents.put" => raw
            .documents_put(&table()?, &document_key()?, &value("value")?)
            .map(|()| nothing()),
        "documents.delete" => raw.documents_delete(&table()?, &document_key()?).map(flag),
        "documents.get-many" => raw.documents_get_many(&table()?, &value("keys")?),
        "documents.scan" => {
            let range = arguments.range()?;
            let range = ScanRange {
                start: range.start.map(key),
                end: range.end.map(key),
                backward: range.backward,
                limit: range.limit,
            };
            raw.documents_scan(&table()?, &range)
                .map(|page| record([("rows", page.rows), ("next", key_reply(page.next))]))
        }
        "documents.apply" => raw.documents_apply(&value("operations")?),
        "indexes.create" => raw
            .indexes_create(&table()?, &value("definition")?)
            .map(index_info),
        "indexes.drop" => raw.indexes_drop(&table()?, &name()?).map(flag),
        "indexes.build-step" => raw.indexes_build_step(&table()?, &name()?),
        "indexes.statistics" => raw.indexes_statistics(&table()?, &name()?),
        "indexes.list" => raw
            .indexes_list(&table()?)
            .map(|indexes| list(indexes.into_iter().map(index_info))),
        "queries.run" => raw.queries_run(&value("query")?),
        "queries.page" => raw.queries_page(&value("query")?).map(|page| {
            let next = page.next.as_deref().map(byte_list);
            record([("rows", page.rows), ("next", optional(next))])
        }),
        "queries.count" => raw.queries_count(&value("query")?).map(number),
        "queries.explain" => raw.queries_explain(&value("query")?),
        "lua.eval" => raw.lua_eval(
            &arguments.text("source")?,
            &value("arguments")?,
            &options(arguments.options()?),
        ),
        "functions.persist" => raw
            .functions_persist(
                &table()?,
                &name()?,
                &arguments.text("source")?,
                &options(arguments.options()?),
            )
            .map(|()| nothing()),
        "functions.persist-bytecode" => raw
            .functions_persist_bytecode(
                &table()?,
                &name()?,
                &arguments.bytes("bytecode")?,
                &options(arguments.options()?),
            )
            .map(|()| nothing()),
        "functions.call" => raw.functions_call(
            &table()?,
            &name()?,
            &value("arguments")?,
            &options(arguments.options()?),
        ),
        "functions.list" => {
            let table = arguments.optional_text("table")?;
            raw.functions_list(table.as_deref()).map(|functions| {
                list(functions.iter().map(|info| {
                    record([
                        ("table", string(&info.table)),
                        ("name", string(&info.name)),
                        ("size", number(info.size)),
                        ("bytecode", flag(info.bytecode)),
                        ("names", list(info.names.iter().map(|name| string(name)))),
                        ("stored", signed(info.stored)),
                        (
                            "upvalues",
                            list(info.upvalues.iter().map(|name| string(name))),
                        ),
                    ])
                }))
            })
        }
        "functions.statistics" => raw.functions_statistics().map(|all| {
            list(all.iter().map(|info| {
                // How long it took is another number each time.
                record([
                    ("table", string(&info.table)),
                    ("name", string(&info.name)),
                    ("calls", number(info.calls)),
                    ("failures", number(info.failures)),
                ])
            }))
        }),
        "functions.source" => raw
            .functions_source(&table()?, &name()?)
            .map(|source| optional(source.map(|source| string(&source)))),
        "functions.delete" => raw.functions_delete(&table()?, &name()?).map(flag),
        "functions.rename" => raw
            .functions_rename(
                &table()?,
                &name()?,
                &arguments.text("new-table")?,
                &arguments.text("new-name")?,
            )
            .map(flag),
        "changes.configure" => {
            let settings = arguments.optional_value("settings")?;
            raw.changes_configure(settings.as_ref()).map(|()| nothing())
        }
        "changes.read" => raw.changes_read(&value("request")?),
        "admin.stats" => raw.admin_stats(),
        "admin.limits" => raw.admin_limits().map(|limits| {
            limits_record([
                limits.memory,
                limits.instructions,
                limits.wall_clock,
                limits.call_depth,
                limits.result_size,
                limits.output_size,
                limits.transaction_size,
                limits.function_size,
                limits.cache_size,
            ])
        }),
        "admin.set-limits" => {
            let [
                memory,
                instructions,
                wall_clock,
                call_depth,
                result_size,
                output_size,
                transaction_size,
                function_size,
                cache_size,
            ] = arguments.limits()?;
            raw.admin_set_limits(DatabaseLimits {
                memory,
                instructions,
                wall_clock,
                call_depth,
                result_size,
                output_size,
                transaction_size,
                function_size,
                cache_size,
            })
            .map(|()| nothing())
        }
        "admin.digest" => raw.admin_digest().map(|digest| byte_list(&digest)),
        "archive.export-page" => {
            let after = arguments.optional_bytes("after")?;
            raw.archive_export_page(after.as_deref()).map(|page| {
                record([
                    ("entries", byte_list(&page.entries)),
                    ("next", optional(page.next.map(|next| byte_list(&next)))),
                    ("version", number(page.version)),
                ])
            })
        }
        "archive.import-page" => raw
            .archive_import_page(&arguments.bytes("entries")?)
            .map(|()| nothing()),
        "archive.finish-import" => raw
            .archive_finish_import(&arguments.bytes("digest")?)
            .map(flag),
        "archive.abort-import" => raw.archive_abort_import().map(flag),
        _ => return Err(format!("there is no call '{call}'")),
    })
}

fn failure(error: Error) -> Failure {
    let limit = error.limit();
    let failure = Failure {
        code: error.code().to_string(),
        message: error.to_string(),
        place: error.place().map(str::to_owned),
        limit: limit.map(|(name, _)| name.to_string()),
        maximum: limit.map(|(_, maximum)| maximum),
        ..Failure::default()
    };
    match error {
        Error::UnknownTable(table) => Failure {
            table: Some(table),
            ..failure
        },
        Error::Syntax(script) | Error::Script(script) => Failure {
            message: script.message,
            traceback: Some(script.traceback),
            ..failure
        },
        _ => failure,
    }
}
