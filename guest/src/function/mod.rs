//! Persisted functions: source text, and the local variables around it, kept in the store.
//!
//! A function is stored as its source and the places, in what that compiles to, of the prototypes that
//! belong to it. Loading compiles the text, cuts those prototypes out and joins them to their variables;
//! the text itself runs once, when it is persisted, and never again. `record.rs` has the bytes in the
//! store, `prototype.rs` the binary form of Lua functions, `capture.rs` the way from closures to
//! records and `load.rs` the way back.

mod capture;
mod load;
mod prototype;
mod record;
#[cfg(test)]
mod tests;

use std::ffi::CStr;

use mlua::ffi::LUA_OK;

use crate::database::Database;
use crate::error::{Error, Limit, Result, ScriptFailure};
use crate::key::{Key, prefix, space};
use crate::lua::context::Context;
use crate::lua::load_error;
use crate::lua::stack::{Kind, Stack};
use crate::name::{MAX_NAME_SIZE, check_table};
use crate::value::as_function;
use record::Record;

pub(crate) use load::{Loaded, finish, forget, push, save_changed, touch_all};

/// Bytes of a function's source text, at the most.
pub const MAX_SOURCE_SIZE: usize = 102_400;

/// A persisted function, as a list of them shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionInfo {
    /// The table that it is a document of.
    pub table: String,
    /// Its key there.
    pub name: String,
    /// Bytes of source text.
    pub size: u64,
    /// The names of the local variables around it that are kept.
    pub upvalues: Vec<String>,
}

/// A function that is about to be persisted.
pub(crate) struct Draft<'a> {
    pub table: &'a str,
    pub name: &'a str,
    pub key: Key,
    pub source: &'a str,
}

impl<'a> Draft<'a> {
    /// Checks the names and the size.
    ///
    /// # Errors
    /// `InvalidArgument` or `LimitExceeded`.
    pub(crate) fn new(table: &'a str, name: &'a str, source: &'a str) -> Result<Draft<'a>> {
        check_table(table)?;
        if name.len() > MAX_NAME_SIZE {
            return Err(Error::limit(
                Limit::NameSize,
                MAX_NAME_SIZE as u64,
                "name",
                format!(
                    "the function's name has {} bytes, at most {MAX_NAME_SIZE} are allowed",
                    name.len()
                ),
            ));
        }
        let key = Key::string(name.as_bytes(), "name")?;
        if source.len() > MAX_SOURCE_SIZE {
            return Err(Error::limit(
                Limit::SourceSize,
                MAX_SOURCE_SIZE as u64,
                "source",
                format!(
                    "the source has {} bytes, at most {MAX_SOURCE_SIZE} are allowed; keep data in documents",
                    source.len()
                ),
            ));
        }
        Ok(Draft {
            table,
            name,
            key,
            source,
        })
    }
}

/// What tracebacks call a function.
pub(crate) fn chunk_name(table: &str, name: &str) -> String {
    format!("{table}.{name}")
}

/// Compiles a source, which is an expression or a chunk, and pushes the function that gives its value. Says
/// whether it is an expression.
///
/// # Errors
/// `Syntax`.
pub(crate) fn load_source(stack: Stack, source: &str, chunk: &CStr) -> Result<bool> {
    let status = stack.load_text(expression(source).as_bytes(), chunk);
    if status == LUA_OK {
        return Ok(true);
    }
    let as_expression = load_error(stack, status);
    stack.pop(1);
    match stack.load_text(source.as_bytes(), chunk) {
        LUA_OK => Ok(false),
        // Of two messages, that which takes the source for what it was meant to be.
        _ if is_expression(source) => Err(as_expression),
        status => Err(load_error(stack, status)),
    }
}

/// The chunk that gives an expression's value, with the same line numbers.
fn expression(source: &str) -> String {
    format!("return {source}")
}

fn is_expression(source: &str) -> bool {
    source
        .trim_start()
        .strip_prefix("function")
        .is_some_and(|rest| rest.trim_start().starts_with('('))
}

/// Stores the function at stack index 2, which a draft's source has given.
///
/// # Errors
/// `Syntax` if it is no Lua function, `Unstorable` for what it can't keep.
pub(crate) fn store(
    stack: Stack,
    context: &Context,
    draft: &Draft<'_>,
    is_expression: bool,
) -> Result<()> {
    if stack.kind(2) != Kind::Function || stack.is_native(2) {
        let found = match stack.kind(2) {
            Kind::Function => "a function of the standard library",
            other => other.name(),
        };
        return Err(Error::Syntax(ScriptFailure {
            message: format!(
                "the source gives {found}; write function(…) … end, or a chunk that returns one"
            ),
            traceback: String::new(),
        }));
    }
    stack.set_top(2);
    let mut record = Record {
        table: draft.table.to_string(),
        name: draft.name.to_string(),
        source: draft.source.to_string(),
        is_expression,
        functions: Vec::new(),
    };
    let cells = capture::capture(stack, context, &mut record)?;
    context.with_db(|db| {
        let id = db.next_id()?;
        db.put_function(draft.table, &draft.key, id)?;
        record::write(db, id, &record, &cells)
    })
}

/// The number of a function; none if there is none.
///
/// # Errors
/// As [`Database::get`].
pub(crate) fn find(db: &Database, table: &str, name: &str) -> Result<Option<u64>> {
    let key = Key::string(name.as_bytes(), "name")?;
    Ok(db.get(table, &key)?.as_deref().and_then(as_function))
}

/// The functions of one table, or of all, by table and name.
///
/// # Errors
/// As the store fails.
pub fn list(db: &Database, table: Option<&str>) -> Result<Vec<FunctionInfo>> {
    if let Some(table) = table {
        check_table(table)?;
    }
    let mut all: Vec<FunctionInfo> = Vec::new();
    let mut cursor = db.transaction().prefix(&[space::FUNCTION]);
    while let Some((_, bytes)) = cursor.next(db.transaction())? {
        let record = Record::parse(bytes)?;
        if table.is_some_and(|table| table != record.table) {
            continue;
        }
        // Most are persisted once and in any order: there are not enough of them to bring a sort along.
        let place =
            all.partition_point(|info| (&info.table, &info.name) < (&record.table, &record.name));
        let info = FunctionInfo {
            size: record.source.len() as u64,
            upvalues: record.upvalue_names(),
            table: record.table,
            name: record.name,
        };
        all.insert(place, info);
    }
    Ok(all)
}

/// The source text of a function, as it was given; none if there is no such function.
///
/// # Errors
/// As the store fails.
pub fn source(db: &Database, table: &str, name: &str) -> Result<Option<String>> {
    match find(db, table, name)? {
        Some(id) => Ok(Some(record::read(db.transaction(), number(id)?)?.source)),
        None => Ok(None),
    }
}

/// Deletes a function. False if there was none; a document of that name stays.
///
/// # Errors
/// As the store fails.
pub fn delete(db: &mut Database, table: &str, name: &str) -> Result<bool> {
    if find(db, table, name)?.is_none() {
        return Ok(false);
    }
    db.delete(table, &Key::string(name.as_bytes(), "name")?)
}

/// Deletes what a function keeps in the store: the document that stood for it goes.
///
/// # Errors
/// As the store fails.
pub fn free(db: &mut Database, id: u64) -> Result<()> {
    let id = number(id)?;
    let transaction = db.transaction_mut();
    transaction.delete(&prefix(space::FUNCTION, id))?;
    transaction.delete_prefix(&prefix(space::CELL, id))
}

fn number(id: u64) -> Result<u32> {
    u32::try_from(id).map_err(|_| Error::corrupt("store", "a function's number can't be right"))
}
