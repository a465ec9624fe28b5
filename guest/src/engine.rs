//! The engine: one method for each exported function of `wit/database.wit`.

use std::rc::Rc;

use crate::archive::{self, ArchivePage};
use crate::batch::{self, check_document};
use crate::catalog::{FORMAT, Index};
use crate::changes;
use crate::database::{CatalogCache, Database};
use crate::error::{Error, Limit, Result};
use crate::format;
use crate::function::{self, CallStatistics, FunctionInfo};
use crate::index::{self, Definition};
use crate::key::{Key, PREFIX_SIZE, document_key, prefix, space, successor, write_encoded_key};
use crate::limits::Limits;
use crate::lua::{CallOptions, Console, HostFunctions, Lua, Machine};
use crate::name::HOME;
use crate::query::{self, Cache, Kind, is_kept};
use crate::store::{Cursor, Direction, Store, Transaction};
use crate::value::{
    Item, accept, accept_argument, elements, without_metatables, write_array_head, write_int,
    write_map_head, write_null, write_text,
};

/// Bytes of a page of a scan, about.
const SCAN_PAGE: usize = 1 << 20;

/// What `tables.list` tells of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// How many documents it holds.
    pub documents: u64,
    /// How many indexes it has.
    pub indexes: u32,
}

/// What `indexes.list` tells of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexInfo {
    /// Its name.
    pub name: String,
    /// Its definition, as a value.
    pub definition: Vec<u8>,
    /// How many entries it has.
    pub entries: u64,
}

/// Where a scan starts and ends.
#[derive(Debug, Clone, Default)]
pub struct ScanRange {
    /// The first key that belongs to it.
    pub start: Option<Key>,
    /// The first key that no longer does.
    pub end: Option<Key>,
    /// From the last key to the first one.
    pub backward: bool,
    /// At most so many documents.
    pub limit: u32,
}

/// A page of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanPage {
    /// An array of `[key, document]`.
    pub rows: Vec<u8>,
    /// Where the range goes on.
    pub next: Option<Key>,
}

/// One instance: what it keeps besides the store is a cache.
pub struct Engine {
    store: Box<dyn Store>,
    cache: CatalogCache,
    lua: Rc<Lua>,
    results: Cache,
}

#[expect(
    clippy::missing_errors_doc,
    reason = "wit/database.wit says for each function how it fails"
)]
#[expect(missing_docs, reason = "wit/database.wit documents each function")]
impl Engine {
    /// An engine over a store.
    #[must_use]
    pub fn new(store: Box<dyn Store>, console: Rc<dyn Console>) -> Self {
        Engine {
            store,
            cache: CatalogCache::default(),
            lua: Lua::new(console, None),
            results: Cache::default(),
        }
    }

    /// The same engine, with functions of the host that scripts may call.
    #[must_use]
    pub fn with_functions(self, functions: Rc<dyn HostFunctions>) -> Self {
        Engine {
            lua: self.lua.with_functions(functions),
            ..self
        }
    }

    #[inline(never)]
    fn begin(&mut self) -> Result<Database> {
        let mut db = Database::begin(&*self.store, &self.cache)?;
        db.set_lua(self.lua.clone());
        if self.cache.version() != Some(db.transaction().version())
            && let Some(machine) = self.lua.made()
        {
            machine.forget();
        }
        Ok(db)
    }

    fn read<T>(&mut self, work: impl FnOnce(&Database) -> Result<T>) -> Result<T> {
        let db = self.begin()?;
        let mut result = work(&db);
        if let Err(fatal) = self.lua.close(&db, result.is_err()) {
            result = Err(fatal);
        }
        self.cache = db.into_cache();
        result
    }

    fn write<T>(&mut self, work: impl FnOnce(&mut Database) -> Result<T>) -> Result<T> {
        let mut db = self.begin()?;
        let result = work(&mut db);
        self.lua.close(&db, result.is_err())?;
        let result = result?;
        function::collect(&mut db)?;
        let functions = db
            .transaction()
            .has_written(&[space::OBJECT], &[space::COUNT + 1]);
        let survivors = self.results.survivors(&db);
        self.cache = db.commit()?;
        let version = self.cache.version().unwrap_or_default();
        self.results.committed(survivors, version);
        if let Some(machine) = self.lua.made().filter(|_| functions) {
            machine.forget();
        }
        Ok(result)
    }

    /// Runs Lua in a transaction. Where it fails, what the machine loaded goes too: it may have changed.
    fn script(
        &mut self,
        work: impl FnOnce(&Machine, Database) -> (Database, Result<Vec<u8>>),
    ) -> Result<Vec<u8>> {
        let db = self.begin()?;
        let machine = self.lua.machine()?;
        let results = &mut self.results;
        let (mut db, result) = work(machine, db);
        let done = result.and_then(|result| {
            let freed = function::collect(&mut db)?;
            let survivors = results.survivors(&db);
            Ok((db.commit()?, survivors, freed, result))
        });
        match done {
            Ok((cache, survivors, freed, result)) => {
                results.committed(survivors, cache.version().unwrap_or_default());
                machine.committed(&freed);
                self.cache = cache;
                Ok(result)
            }
            Err(error) => {
                machine.forget();
                Err(error)
            }
        }
    }

    pub fn tables_list(&mut self) -> Result<Vec<TableInfo>> {
        self.read(table_infos)
    }

    pub fn tables_drop(&mut self, table: &str) -> Result<bool> {
        self.write(|db| db.drop_table(table))
    }

    pub fn documents_get(&mut self, table: &str, key: &Key) -> Result<Option<Vec<u8>>> {
        let key = check_key(key, "key")?;
        // What is known of the table is nearly always still true: then one look at the store is enough.
        if let Some(known) = self.cache.table(table)
            && !known.has_functions
        {
            let (version, document) = self.store.peek(&document_key(known.id, &key))?;
            if self.cache.version() == Some(version) {
                return Ok(document);
            }
        }
        self.read(|db| {
            let document = db.get(table, &key)?;
            Ok(document.map(|document| outward(db, table, document.to_vec())))
        })
    }

    pub fn documents_put(&mut self, table: &str, key: &Key, value: &[u8]) -> Result<()> {
        let key = check_key(key, "key")?;
        let value = accept(value, "value")?;
        check_document(&value)?;
        self.write(|db| db.put(table, &key, &value))
    }

    pub fn documents_delete(&mut self, table: &str, key: &Key) -> Result<bool> {
        let key = check_key(key, "key")?;
        self.write(|db| db.delete(table, &key))
    }

    pub fn documents_get_many(&mut self, table: &str, keys: &[u8]) -> Result<Vec<u8>> {
        let keys = accept_argument(keys, "keys")?;
        let Item::List(count, _) = Item::of(&keys) else {
            return Err(Error::argument("keys", "the keys are no array"));
        };
        let keys = elements(&keys)
            .enumerate()
            .map(|(number, key)| Key::of_value(key, &format!("keys[{number}]")))
            .collect::<Result<Vec<_>>>()?;
        self.read(|db| {
            let mut out = Vec::new();
            write_array_head(&mut out, count);
            let name = table;
            let Some(table) = db.table(table)? else {
                out.resize(out.len() + count, crate::value::NULL);
                return Ok(out);
            };
            let keys: Vec<_> = keys.iter().map(|key| document_key(table.id, key)).collect();
            for document in db.transaction().get_many(&keys)? {
                match document {
                    Some(document) => out.extend_from_slice(&document),
                    None => write_null(&mut out),
                }
            }
            Ok(outward(db, name, out))
        })
    }

    pub fn documents_scan(&mut self, table: &str, range: &ScanRange) -> Result<ScanPage> {
        if range.limit == 0 {
            return Err(Error::argument(
                "range.limit",
                "the limit is 0; ask for at least 1 document",
            ));
        }
        let bound =
            |key: &Option<Key>, place| key.as_ref().map(|key| check_key(key, place)).transpose();
        let start = bound(&range.start, "range.start")?;
        let end = bound(&range.end, "range.end")?;
        self.read(|db| {
            let name = table;
            let table = db.known_table(table)?;
            let all = prefix(space::DOCUMENT, table.id);
            let end = match &end {
                Some(key) => document_key(table.id, key),
                None => successor(&all),
            };
            let start = match &start {
                Some(key) => document_key(table.id, key),
                None => all,
            };
            let mut page = scan_page(db, start, end, range)?;
            page.rows = outward(db, name, page.rows);
            Ok(page)
        })
    }

    pub fn documents_apply(&mut self, operations: &[u8]) -> Result<Vec<u8>> {
        let operations =
            accept_argument(operations, "").map_err(|error| error.at_least_in("operations"))?;
        self.write(|db| {
            let results = batch::apply(db, &operations)?;
            let mut tables = db.catalog().tables();
            if tables.any(|(_, table)| table.has_functions) || has_functions(db, HOME) {
                return Ok(stripped(&results));
            }
            Ok(results)
        })
    }

    pub fn indexes_create(&mut self, table: &str, definition: &[u8]) -> Result<IndexInfo> {
        let definition = Definition::parse(&accept(definition, "definition")?)?;
        self.write(|db| {
            let index = index::create(db, table, definition)?;
            index_info(db, &index)
        })
    }

    pub fn indexes_drop(&mut self, table: &str, name: &str) -> Result<bool> {
        self.write(|db| index::remove(db, table, name))
    }

    pub fn indexes_build_step(&mut self, table: &str, name: &str) -> Result<Vec<u8>> {
        self.write(|db| {
            let mut out = Vec::new();
            index::step(db, table, name)?.write(&mut out);
            Ok(out)
        })
    }

    pub fn indexes_statistics(&mut self, table: &str, name: &str) -> Result<Vec<u8>> {
        self.read(|db| {
            let table_name = table;
            let table = db.known_table(table)?;
            let index = index::known(&table, table_name, name)?;
            let mut out = Vec::new();
            index::write_statistics(db, &table, &index, &mut out)?;
            Ok(out)
        })
    }

    pub fn indexes_list(&mut self, table: &str) -> Result<Vec<IndexInfo>> {
        self.read(|db| {
            let table = db.known_table(table)?;
            table
                .indexes
                .iter()
                .map(|index| index_info(db, index))
                .collect()
        })
    }

    pub fn queries_run(&mut self, query: &[u8]) -> Result<Vec<u8>> {
        self.kept(Kind::Run, query, |db, query| {
            let rows = query::run(db, query)?;
            Ok(outward(db, &query.table, rows))
        })
    }

    pub fn queries_page(&mut self, query: &[u8]) -> Result<query::Page> {
        let query = parse_query(query)?;
        self.read(|db| query::page(db, &query))
    }

    pub fn queries_count(&mut self, query: &[u8]) -> Result<u64> {
        let count = self.kept(Kind::Count, query, |db, query| {
            query::count(db, query).map(|count| count.to_be_bytes().to_vec())
        })?;
        let count = count.try_into().map(u64::from_be_bytes);
        Ok(count.unwrap_or_default())
    }

    /// The result of a query, from the cache if it is there.
    fn kept(
        &mut self,
        kind: Kind,
        query: &[u8],
        work: fn(&Database, &query::Query) -> Result<Vec<u8>>,
    ) -> Result<Vec<u8>> {
        let mut results = std::mem::take(&mut self.results);
        let result = self.read(|db| {
            if let Some(result) = results.get(db, kind, query) {
                return Ok(result);
            }
            let parsed = parse_query(query)?;
            let before = db.transaction().scanned();
            let result = work(db, &parsed)?;
            if is_kept(query) {
                let walked = db.transaction().scanned() - before;
                results.put(db, kind, query, &parsed.table, walked, &result);
            }
            Ok(result)
        });
        self.results = results;
        result
    }

    pub fn queries_explain(&mut self, query: &[u8]) -> Result<Vec<u8>> {
        let parsed = parse_query(query)?;
        let mut results = std::mem::take(&mut self.results);
        // The same query, but for what it asks of `explain`.
        let asked = query::without_explain(query);
        let result = self.read(|db| {
            let cached = parsed.analyze && results.has(db, Kind::Run, &asked);
            query::explain(db, &parsed, cached)
        });
        self.results = results;
        result
    }

    pub fn lua_eval(
        &mut self,
        source: &str,
        arguments: &[u8],
        options: &CallOptions,
    ) -> Result<Vec<u8>> {
        let arguments = accept_arguments(arguments)?;
        self.script(|machine, db| machine.eval(db, source, &arguments, options))
    }

    pub fn functions_persist(
        &mut self,
        table: &str,
        name: &str,
        source: &str,
        options: &CallOptions,
    ) -> Result<()> {
        self.script(|machine, db| {
            let (db, result) = machine.persist(db, table, name, source, options);
            (db, result.map(|()| Vec::new()))
        })
        .map(|_| ())
    }

    pub fn functions_persist_bytecode(
        &mut self,
        table: &str,
        name: &str,
        bytecode: &[u8],
        options: &CallOptions,
    ) -> Result<()> {
        self.script(|machine, db| {
            let (db, result) = machine.persist_bytecode(db, table, name, bytecode, options);
            (db, result.map(|()| Vec::new()))
        })
        .map(|_| ())
    }

    pub fn functions_call(
        &mut self,
        table: &str,
        name: &str,
        arguments: &[u8],
        options: &CallOptions,
    ) -> Result<Vec<u8>> {
        let arguments = accept_arguments(arguments)?;
        let result = self.script(|machine, db| machine.call(db, table, name, &arguments, options));
        let has_run = !matches!(
            result,
            // A host may run a call again that its store has refused; one that is not there has not run.
            Err(Error::Store(_) | Error::UnknownFunction(_) | Error::InvalidArgument(_))
        );
        if has_run
            && let Some(machine) = self.lua.made()
            && let Some(started) = machine.take_begun()
        {
            let instructions = machine.instructions_run();
            self.lua.statistics.borrow_mut().count(
                table,
                name,
                started,
                instructions,
                result.is_err(),
            );
        }
        result
    }

    pub fn functions_statistics(&mut self) -> Result<Vec<CallStatistics>> {
        Ok(self.lua.statistics.borrow().all().to_vec())
    }

    pub fn functions_list(&mut self, table: Option<&str>) -> Result<Vec<FunctionInfo>> {
        self.read(|db| function::list(db, table))
    }

    pub fn functions_source(&mut self, table: &str, name: &str) -> Result<Option<String>> {
        self.read(|db| function::source(db, table, name))
    }

    pub fn functions_delete(&mut self, table: &str, name: &str) -> Result<bool> {
        self.write(|db| function::delete(db, table, name))
    }

    pub fn functions_rename(
        &mut self,
        table: &str,
        name: &str,
        new_table: &str,
        new_name: &str,
    ) -> Result<bool> {
        self.write(|db| function::rename(db, table, name, new_table, new_name))
    }

    pub fn changes_configure(&mut self, settings: Option<&[u8]>) -> Result<()> {
        let settings = match settings {
            Some(settings) => {
                let settings = accept_argument(settings, "settings")?;
                Some(changes::Settings::parse(&settings, "settings")?)
            }
            None => None,
        };
        self.write(|db| changes::configure(db, settings))
    }

    pub fn changes_read(&mut self, request: &[u8]) -> Result<Vec<u8>> {
        let request = accept_argument(request, "").map_err(|error| error.at_least_in("request"))?;
        self.read(|db| changes::read(db, &request).map_err(|error| error.at_least_in("request")))
    }

    pub fn admin_stats(&mut self) -> Result<Vec<u8>> {
        let kept = self.results.numbers();
        self.read(|db| {
            let functions = function::list(db, None)?.len() as u64;
            let tables = table_infos(db)?;
            let indexes = tables.iter().map(|table| u64::from(table.indexes)).sum();
            let documents = tables.iter().map(|table| table.documents).sum();
            let write_count = |out: &mut Vec<u8>, count: u64| {
                write_int(out, i64::try_from(count).unwrap_or(i64::MAX));
            };
            let mut out = Vec::new();
            write_map_head(&mut out, 8);
            write_text(&mut out, "lua");
            write_text(&mut out, Machine::release());
            write_text(&mut out, "cache");
            write_map_head(&mut out, kept.len());
            for (name, number) in kept {
                write_text(&mut out, name);
                write_count(&mut out, number);
            }
            write_text(&mut out, "format");
            write_int(&mut out, FORMAT);
            write_text(&mut out, "tables");
            write_count(&mut out, tables.len() as u64);
            write_text(&mut out, "indexes");
            write_count(&mut out, indexes);
            write_text(&mut out, "version");
            write_text(&mut out, env!("CARGO_PKG_VERSION"));
            write_text(&mut out, "documents");
            write_count(&mut out, documents);
            write_text(&mut out, "functions");
            write_count(&mut out, functions);
            Ok(out)
        })
    }

    pub fn admin_limits(&mut self) -> Result<Limits> {
        self.read(|db| Ok(db.limits().filled()))
    }

    pub fn admin_set_limits(&mut self, limits: Limits) -> Result<()> {
        limits.check("limits")?;
        self.write(|db| db.set_limits(limits))
    }

    /// Works while an import is under way, too.
    pub fn admin_digest(&mut self) -> Result<Vec<u8>> {
        let transaction = Transaction::new(self.store.open()?);
        format::read(&transaction)?;
        archive::digest(&transaction)
    }

    pub fn archive_export_page(&mut self, after: Option<&[u8]>) -> Result<ArchivePage> {
        self.read(|db| archive::export_page(db, after))
    }

    pub fn archive_import_page(&mut self, entries: &[u8]) -> Result<()> {
        archive::import_page(&*self.store, entries)
    }

    pub fn archive_finish_import(&mut self, digest: &[u8]) -> Result<bool> {
        archive::finish_import(&*self.store, &self.lua, digest)
    }

    pub fn archive_abort_import(&mut self) -> Result<bool> {
        archive::abort_import(&*self.store)
    }
}

fn has_functions(db: &Database, table: &str) -> bool {
    let table = db.catalog().table(table);
    table.is_some_and(|table| table.has_functions)
}

fn stripped(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    without_metatables(value, &mut out);
    out
}

/// Documents of a table, or a list of them, as callers get them: metatables stay inside.
fn outward(db: &Database, table: &str, documents: Vec<u8>) -> Vec<u8> {
    if has_functions(db, table) {
        return stripped(&documents);
    }
    documents
}

/// A key from outside, checked, and a text where the bytes are one.
fn check_key(key: &Key, place: &str) -> Result<Key> {
    match key {
        Key::Integer(int) => Ok(Key::Integer(*int)),
        Key::Text(text) => Key::string(text.as_bytes(), place),
        Key::Bytes(bytes) => Key::string(bytes, place),
    }
}

fn parse_query(query: &[u8]) -> Result<query::Query> {
    accept_argument(query, "")
        .and_then(|query| query::parse(&query))
        .map_err(|error| error.at_least_in("query"))
}

fn table_infos(db: &Database) -> Result<Vec<TableInfo>> {
    let catalog = db.catalog();
    let mut all = Vec::new();
    let home = catalog.table(HOME).map(|table| (HOME, table));
    for (name, table) in home.into_iter().chain(catalog.tables()) {
        let documents = count_prefix(db, space::DOCUMENT, table.id)?;
        if name != HOME || documents > 0 || !table.indexes.is_empty() {
            let info = TableInfo {
                name: name.to_string(),
                documents,
                indexes: u32::try_from(table.indexes.len()).unwrap_or(u32::MAX),
            };
            let at = all.partition_point(|there: &TableInfo| there.name < info.name);
            all.insert(at, info);
        }
    }
    Ok(all)
}

fn accept_arguments(arguments: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>> {
    let arguments = accept_argument(arguments, "arguments")?;
    match Item::of(&arguments) {
        Item::List(count, _) if count <= 200 => Ok(arguments),
        Item::List(..) => Err(Error::limit(
            Limit::CallDepth,
            200,
            "arguments",
            "there are more than 200 arguments; send a list as one of them",
        )),
        _ => Err(Error::argument("arguments", "the arguments are no array")),
    }
}

fn count_prefix(db: &Database, space: u8, id: u32) -> Result<u64> {
    let start = prefix(space, id);
    db.transaction().count(&start, &successor(&start))
}

fn index_info(db: &Database, index: &Index) -> Result<IndexInfo> {
    let mut definition = Vec::new();
    index.write_definition(&mut definition);
    Ok(IndexInfo {
        name: index.name.clone(),
        definition,
        entries: count_prefix(db, space::INDEX, index.id)?,
    })
}

fn scan_page(db: &Database, start: Vec<u8>, end: Vec<u8>, range: &ScanRange) -> Result<ScanPage> {
    let direction = if range.backward {
        Direction::Backward
    } else {
        Direction::Forward
    };
    let limit = usize::try_from(range.limit).unwrap_or(usize::MAX);
    let mut cursor = Cursor::new(start, end, direction).expecting(limit.saturating_add(1));
    let mut body = Vec::new();
    let mut rows = 0usize;
    let mut last = Vec::new();
    let mut next = None;
    while let Some((key, document)) = cursor.next(db.transaction())? {
        let key = &key[PREFIX_SIZE..];
        if rows == limit || body.len() >= SCAN_PAGE {
            // Forward the page goes on at the key that no longer fits, backward it ends before the last one.
            next = Some(Key::decode(if range.backward { &last } else { key })?);
            break;
        }
        write_array_head(&mut body, 2);
        write_encoded_key(key, &mut body)?;
        body.extend_from_slice(document);
        last.clear();
        last.extend_from_slice(key);
        rows += 1;
    }
    let mut out = Vec::with_capacity(body.len() + 9);
    write_array_head(&mut out, rows);
    out.append(&mut body);
    Ok(ScanPage { rows: out, next })
}
