//! The guest crate natively, over a store in memory.

use std::cell::RefCell;
use std::rc::Rc;

use cu_guest::store::MemoryStore;
use cu_guest::{Console, Engine, Error, HostFunctions, Key, Limits, Setting};

use crate::arguments::{Arguments, CallOptions};
use crate::driver::Runtime;
use crate::reply::{
    Failure, Reply, byte_list, flag, limits_record, list, nothing, number, optional, record,
    signed, string,
};

/// An engine and the store that stays when the engine is thrown away.
pub struct Guest {
    store: MemoryStore,
    printed: Rc<Printed>,
    engine: Engine,
}

#[derive(Default)]
struct Printed(RefCell<Vec<u8>>);

impl Console for Printed {
    fn print(&self, text: &[u8]) {
        self.0.borrow_mut().extend_from_slice(text);
    }
}

/// The functions that all runtimes register.
struct Registered;

impl HostFunctions for Registered {
    fn names(&self) -> Vec<String> {
        vec!["echo".to_string(), "fail".to_string()]
    }

    fn call(&self, name: &str, arguments: &[u8]) -> Result<Vec<u8>, String> {
        match name {
            "echo" => {
                let first = cu_guest::value::elements(arguments).next();
                Ok(first.map_or_else(nothing, <[u8]>::to_vec))
            }
            _ => Err("the host says no".to_string()),
        }
    }
}

fn engine(store: &MemoryStore, printed: &Rc<Printed>) -> Engine {
    Engine::new(Box::new(store.clone()), printed.clone()).with_functions(Rc::new(Registered))
}

impl Default for Guest {
    fn default() -> Self {
        Self::new()
    }
}

impl Guest {
    /// An engine over an empty store.
    #[must_use]
    pub fn new() -> Self {
        let store = MemoryStore::new();
        let printed = Rc::new(Printed::default());
        let engine = engine(&store, &printed);
        Guest {
            store,
            printed,
            engine,
        }
    }
}

impl Runtime for Guest {
    fn call(&mut self, call: &str, arguments: &Arguments<'_>) -> Result<Reply, String> {
        Ok(call_engine(&mut self.engine, call, arguments)?.map_err(failure))
    }

    fn printed(&mut self) -> Vec<u8> {
        self.printed.0.take()
    }

    fn reopen(&mut self) {
        self.engine = engine(&self.store, &self.printed);
    }
}

fn options(options: CallOptions) -> cu_guest::CallOptions {
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

/// As the contract's record has them.
const SETTINGS: [Setting; 9] = [
    Setting::Memory,
    Setting::Instructions,
    Setting::WallClock,
    Setting::CallDepth,
    Setting::ResultSize,
    Setting::OutputSize,
    Setting::TransactionSize,
    Setting::FunctionSize,
    Setting::CacheSize,
];

fn key(key: Option<Key>) -> Vec<u8> {
    let mut out = Vec::new();
    match key {
        Some(key) => key.write_value(&mut out),
        None => out = nothing(),
    }
    out
}

fn index_info(info: cu_guest::IndexInfo) -> Vec<u8> {
    record([
        ("name", string(&info.name)),
        ("definition", info.definition),
        ("entries", number(info.entries)),
    ])
}

/// Calls the engine's method for an export.
fn call_engine(
    engine: &mut Engine,
    call: &str,
    arguments: &Arguments<'_>,
) -> Result<cu_guest::Result<Vec<u8>>, String> {
    let table = || arguments.text("table");
    let name = || arguments.text("name");
    let value = |name| arguments.value(name);
    let document_key = || arguments.key("key");
    Ok(match call {
        "tables.list" => engine.tables_list().map(|tables| {
            list(tables.iter().map(|info| {
                record([
                    ("name", string(&info.name)),
                    ("documents", number(info.documents)),
                    ("indexes", number(info.indexes.into())),
                ])
            }))
        }),
        "tables.drop" => engine.tables_drop(&table()?).map(flag),
        "documents.get" => engine
            .documents_get(&table()?, &document_key()?)
            .map(optional),
        "documents.put" => engine
            .documents_put(&table()?, &document_key()?, &value("value")?)
            .map(|()| nothing()),
        "documents.delete" => engine
            .documents_delete(&table()?, &document_key()?)
            .map(flag),
        "documents.get-many" => engine.documents_get_many(&table()?, &value("keys")?),
        "documents.scan" => {
            let range = arguments.range()?;
            let range = cu_guest::ScanRange {
                start: range.start,
                end: range.end,
                backward: range.backward,
                limit: range.limit,
            };
            engine
                .documents_scan(&table()?, &range)
                .map(|page| record([("rows", page.rows), ("next", key(page.next))]))
        }
        "documents.apply" => engine.documents_apply(&value("operations")?),
        "indexes.create" => engine
            .indexes_create(&table()?, &value("definition")?)
            .map(index_info),
        "indexes.drop" => engine.indexes_drop(&table()?, &name()?).map(flag),
        "indexes.build-step" => engine.indexes_build_step(&table()?, &name()?),
        "indexes.statistics" => engine.indexes_statistics(&table()?, &name()?),
        "indexes.list" => engine
            .indexes_list(&table()?)
            .map(|indexes| list(indexes.into_iter().map(index_info))),
        "queries.run" => engine.queries_run(&value("query")?),
        "queries.page" => engine.queries_page(&value("query")?).map(|page| {
            let next = page.next.as_deref().map(byte_list);
            record([("rows", page.rows), ("next", optional(next))])
        }),
        "queries.count" => engine.queries_count(&value("query")?).map(number),
        "queries.explain" => engine.queries_explain(&value("query")?),
        "lua.eval" => engine.lua_eval(
            &arguments.text("source")?,
            &value("arguments")?,
            &options(arguments.options()?),
        ),
        "functions.persist" => engine
            .functions_persist(
                &table()?,
                &name()?,
                &arguments.text("source")?,
                &options(arguments.options()?),
            )
            .map(|()| nothing()),
        "functions.persist-bytecode" => engine
            .functions_persist_bytecode(
                &table()?,
                &name()?,
                &arguments.bytes("bytecode")?,
                &options(arguments.options()?),
            )
            .map(|()| nothing()),
        "functions.call" => engine.functions_call(
            &table()?,
            &name()?,
            &value("arguments")?,
            &options(arguments.options()?),
        ),
        "functions.list" => {
            let table = arguments.optional_text("table")?;
            engine.functions_list(table.as_deref()).map(|functions| {
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
        "functions.statistics" => engine.functions_statistics().map(|all| {
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
        "functions.source" => engine
            .functions_source(&table()?, &name()?)
            .map(|source| optional(source.map(|source| string(&source)))),
        "functions.delete" => engine.functions_delete(&table()?, &name()?).map(flag),
        "functions.rename" => engine
            .functions_rename(
                &table()?,
                &name()?,
                &arguments.text("new-table")?,
                &arguments.text("new-name")?,
            )
            .map(flag),
        "changes.configure" => {
            let settings = arguments.optional_value("settings")?;
            engine
                .changes_configure(settings.as_deref())
                .map(|()| nothing())
        }
        "changes.read" => engine.changes_read(&value("request")?),
        "admin.stats" => engine.admin_stats(),
        "admin.limits" => engine
            .admin_limits()
            .map(|limits| limits_record(SETTINGS.map(|setting| limits.set(setting)))),
        "admin.set-limits" => {
            let limits = SETTINGS
                .into_iter()
                .zip(arguments.limits()?)
                .fold(Limits::default(), |limits, (setting, value)| {
                    limits.with(setting, value)
                });
            engine.admin_set_limits(limits).map(|()| nothing())
        }
        "admin.digest" => engine.admin_digest().map(|digest| byte_list(&digest)),
        "archive.export-page" => {
            let after = arguments.optional_bytes("after")?;
            engine.archive_export_page(after.as_deref()).map(|page| {
                record([
                    ("entries", byte_list(&page.entries)),
                    ("next", optional(page.next.map(|next| byte_list(&next)))),
                    ("version", number(page.version)),
                ])
            })
        }
        "archive.import-page" => engine
            .archive_import_page(&arguments.bytes("entries")?)
            .map(|()| nothing()),
        "archive.finish-import" => engine
            .archive_finish_import(&arguments.bytes("digest")?)
            .map(flag),
        "archive.abort-import" => engine.archive_abort_import().map(flag),
        _ => return Err(format!("there is no call '{call}'")),
    })
}

fn failure(error: Error) -> Failure {
    let code = error.code().to_string();
    let message = error.to_string();
    let mut failure = Failure {
        code,
        message,
        ..Failure::default()
    };
    match error {
        Error::InvalidArgument(problem)
        | Error::InvalidValue(problem)
        | Error::InvalidQuery(problem)
        | Error::UnknownIndex(problem)
        | Error::UnknownFunction(problem)
        | Error::AlreadyExists(problem)
        | Error::PreconditionFailed(problem)
        | Error::Unstorable(problem)
        | Error::UnsupportedFormat(problem)
        | Error::Corrupt(problem)
        | Error::Incomplete(problem)
        | Error::OutOfDate(problem) => failure.place = Some(problem.place),
        Error::UnknownTable(table) => failure.table = Some(table),
        Error::LimitExceeded(excess) => {
            failure.place = Some(excess.place);
            failure.limit = Some(limit_name(excess.limit));
            failure.maximum = Some(excess.maximum);
        }
        Error::Syntax(script) | Error::Script(script) => {
            failure.message = script.message;
            failure.traceback = Some(script.traceback);
        }
        Error::Store(_) | Error::Cancelled => {}
    }
    failure
}

/// `ValueDepth` as the contract writes it: `value-depth`.
fn limit_name(limit: impl std::fmt::Debug) -> String {
    let mut name = String::new();
    for letter in format!("{limit:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
