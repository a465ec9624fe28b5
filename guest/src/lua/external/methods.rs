//! `db`: the tables of `_home` once more, with methods: `db.users:query{…}`.
//!
//! A member of `_home.users` is a document, whatever its name is. So that a method hides none there, methods are
//! members of `db.users` only, where they come before documents of the same name.

use std::ffi::c_int;
use std::rc::Rc;

use mlua::ffi::lua_upvalueindex;

use super::read::{push_key, push_seen};
use super::view::{key_at, named_table, view_bytes, write_document, write_table};
use super::write::assign;
use crate::batch;
use crate::error::{Error, Result};
use crate::index::{self, Definition};
use crate::key::{Key, document_key};
use crate::lua::context::{Context, enter, slot};
use crate::lua::decode::push_value;
use crate::lua::encode::write_value;
use crate::lua::stack::{Native, REGISTRY, Stack, lua_State};
use crate::name::HOME;
use crate::query::{self, Query};
use crate::value::{Item, entries, write_map_head, write_text};

/// The methods by name.
const METHODS: &[(&str, Native)] = &[
    ("count", count),
    ("delete", delete),
    ("drop_index", drop_index),
    ("each", each),
    ("explain", explain),
    ("first", first),
    ("index", index),
    ("insert", insert),
    ("page", page),
    ("query", run),
    ("update", update),
];

/// Documents that `each` looks for at a time: few at first, since loops may end early.
const FIRST_LOOK: i64 = 16;
const LAST_LOOK: i64 = 4096;

/// Makes the table of methods.
pub(super) fn open(stack: Stack) {
    stack.create_table(0, c_int::try_from(METHODS.len()).unwrap_or(0));
    for (name, method) in METHODS {
        stack.set_native(-1, name, *method);
    }
    stack.raw_set_integer(REGISTRY, slot::METHODS);
}

/// Whether this is the name of a method.
pub(super) fn is_method(name: &[u8]) -> bool {
    METHODS.iter().any(|(known, _)| known.as_bytes() == name)
}

/// Pushes the method whose name is at an index and says true, or pushes nothing.
pub(super) fn push_method(stack: Stack, name: c_int) -> bool {
    if !stack.to_bytes(name).is_some_and(is_method) {
        return false;
    }
    let name = stack.absolute(name);
    stack.raw_get_integer(REGISTRY, slot::METHODS);
    stack.copy(name);
    stack.raw_get(-2);
    stack.remove(-2);
    true
}

/// The name of the table whose method runs.
fn this<'a>(stack: Stack, context: &Context) -> Result<&'a str> {
    view_bytes(stack, context, 1)
        .and_then(named_table)
        .ok_or_else(|| {
            Error::argument(
                "",
                "a method belongs to a table of db; call it with a colon, as in db.users:query{limit = 10}",
            )
        })
}

/// The members of the Lua table at index 2 as a map, with others before them.
fn members(stack: Stack, context: &Context, others: &[(&str, &str)]) -> Result<Vec<u8>> {
    let mut given = Vec::new();
    if stack.is_nil(2) {
        write_map_head(&mut given, 0);
    } else {
        write_value(stack, context, 2, 0, "", None, &mut given)?;
    }
    let Item::Map(count, body) = Item::of(&given) else {
        return Err(Error::query(
            "",
            "a method takes a table with named members, as in db.users:query{limit = 10}",
        ));
    };
    for (name, _) in others {
        if entries(&given).any(|(key, _)| Item::of(key) == Item::Text(name)) {
            return Err(Error::query(
                *name,
                "the method has said it already; leave it out",
            ));
        }
    }
    let mut all = Vec::with_capacity(given.len() + 32);
    write_map_head(&mut all, count + others.len());
    for (name, value) in others {
        write_text(&mut all, name);
        write_text(&mut all, value);
    }
    all.extend_from_slice(body);
    Ok(all)
}

fn query_bytes(stack: Stack, context: &Context) -> Result<Vec<u8>> {
    members(stack, context, &[("table", this(stack, context)?)])
}

fn parsed(stack: Stack, context: &Context) -> Result<Query> {
    query::parse(&query_bytes(stack, context)?)
}

/// Pushes what a query gave.
fn push_result(stack: Stack, context: &Context, value: &[u8]) -> Result<()> {
    context.spend((value.len() / 8) as i64);
    push_value(stack, context, value)
}

/// What is asked of a query.
#[derive(Clone, Copy)]
enum Asked {
    Rows,
    Page,
    Count,
    Plan,
}

#[inline(never)]
fn ask(state: *mut lua_State, asked: Asked) -> c_int {
    enter(state, |stack, context| {
        let query = parsed(stack, context)?;
        let mut number = 0;
        let mut next = None;
        let found = context.read_db(|db| match asked {
            Asked::Rows => query::run(db, &query),
            Asked::Plan => query::explain(db, &query, false),
            Asked::Page => {
                let page = query::page(db, &query)?;
                next = page.next;
                Ok(page.rows)
            }
            Asked::Count => {
                number = query::count(db, &query)?;
                Ok(Vec::new())
            }
        })?;
        if let Asked::Count = asked {
            stack.push_integer(i64::try_from(number).unwrap_or(i64::MAX));
            return Ok(1);
        }
        push_result(stack, context, &found)?;
        let Asked::Page = asked else { return Ok(1) };
        match next {
            Some(next) => stack.push_bytes(&next),
            None => stack.push_nil(),
        }
        Ok(2)
    })
}

/// `db.users:query{…}`: a list of rows, as the host's `queries.run` has them.
unsafe extern "C-unwind" fn run(state: *mut lua_State) -> c_int {
    ask(state, Asked::Rows)
}

/// `db.users:page{…}`: the rows, and what to send as `after` for the next ones; nil if there are none.
unsafe extern "C-unwind" fn page(state: *mut lua_State) -> c_int {
    ask(state, Asked::Page)
}

/// `db.users:count{…}`: how many rows there are.
unsafe extern "C-unwind" fn count(state: *mut lua_State) -> c_int {
    ask(state, Asked::Count)
}

/// `db.users:explain{…}`: how the rows would be found.
unsafe extern "C-unwind" fn explain(state: *mut lua_State) -> c_int {
    ask(state, Asked::Plan)
}

/// What `first` and `each` have of a row: the document as an external table, or what is selected of it.
fn push_row(
    stack: Stack,
    context: &Context,
    table: &str,
    key: &[u8],
    document: Rc<[u8]>,
    select: Option<&Query>,
) -> Result<()> {
    push_key(stack, &Key::decode(key)?);
    if let Some(query) = select {
        let mut row = Vec::new();
        query::write_selected(query, &document, &mut row);
        return push_value(stack, context, &row);
    }
    let mut view = Vec::new();
    write_document(table, key, &mut view);
    push_seen(stack, context, &document, &view)?;
    context.external.remember(&view, Some(document));
    Ok(())
}

fn refuse_groups(query: &Query) -> Result<()> {
    if query.grouping.is_none() {
        return Ok(());
    }
    Err(Error::query(
        "",
        "rows made of many documents have no keys to go by; use query for them",
    ))
}

/// `db.users:first{…}`: key and document of the first row; nil if there is none.
unsafe extern "C-unwind" fn first(state: *mut lua_State) -> c_int {
    enter(state, |stack, context| {
        let mut query = parsed(stack, context)?;
        refuse_groups(&query)?;
        query.limit = Some(query.limit.unwrap_or(1).min(1));
        let mut found = None;
        context.read_db(|db| {
            query::for_each(db, &query, &mut |key, document| {
                found = Some((key.to_vec(), Rc::from(document)));
                Ok(false)
            })
        })?;
        let Some((key, document)) = found else {
            stack.push_nil();
            return Ok(1);
        };
        let select = query.select.is_some().then_some(&query);
        push_row(stack, context, &query.table, &key, document, select)?;
        Ok(2)
    })
}

/// Places of what `each` keeps between two steps.
mod kept {
    /// The query.
    pub const QUERY: i32 = 1;
    /// Encoded keys that were found, each behind its length.
    pub const KEYS: i32 = 2;
    /// How far these have been gone through.
    pub const AT: i32 = 3;
    /// The cursor behind which the next ones are; true before the first, false behind the last.
    pub const CURSOR: i32 = 4;
    /// How many are looked for at a time.
    pub const LOOK: i32 = 5;
    /// How many rows are still wanted; nil for all.
    pub const LEFT: i32 = 6;
    /// The table's name.
    pub const TABLE: i32 = 7;
    /// Whether something is selected of the documents.
    pub const SELECTS: i32 = 8;
}

/// `db.users:each{…}`: for `for key, document in …`. Keys are looked for some at a time, and each document when it is due.
unsafe extern "C-unwind" fn each(state: *mut lua_State) -> c_int {
    enter(state, |stack, context| {
        let bytes = query_bytes(stack, context)?;
        let query = query::parse(&bytes)?;
        refuse_groups(&query)?;
        context.read_db(|db| db.known_table(&query.table).map(|_| ()))?;
        stack.push_bytes(&bytes);
        stack.push_bytes(b"");
        stack.push_integer(0);
        stack.push_bool(true);
        stack.push_integer(FIRST_LOOK);
        match query.limit {
            Some(limit) => stack.push_integer(i64::try_from(limit).unwrap_or(i64::MAX)),
            None => stack.push_nil(),
        }
        stack.push_bytes(query.table.as_bytes());
        stack.push_bool(query.select.is_some());
        stack.push_closure(step, kept::SELECTS);
        Ok(1)
    })
}

fn keep(stack: Stack, place: i32) {
    stack.replace(lua_upvalueindex(place));
}

fn kept_number(stack: Stack, place: i32) -> i64 {
    stack.to_integer(lua_upvalueindex(place)).unwrap_or(0)
}

/// One step of the loop that `each` begins.
unsafe extern "C-unwind" fn step(state: *mut lua_State) -> c_int {
    enter(state, |stack, context| {
        let table = stack.to_bytes(lua_upvalueindex(kept::TABLE));
        let table = table.and_then(|name| std::str::from_utf8(name).ok());
        let table = table.unwrap_or_default();
        loop {
            let keys = stack
                .to_bytes(lua_upvalueindex(kept::KEYS))
                .unwrap_or_default();
            let at = usize::try_from(kept_number(stack, kept::AT)).unwrap_or(0);
            let Some((length, rest)) = keys.get(at..).and_then(<[u8]>::split_first_chunk) else {
                if !look(stack, context)? {
                    stack.push_nil();
                    return Ok(1);
                }
                continue;
            };
            let length = usize::from(u16::from_be_bytes(*length));
            let key = rest[..length].to_vec();
            stack.push_integer(i64::try_from(at + 2 + length).unwrap_or(i64::MAX));
            keep(stack, kept::AT);
            let document = context.read_db(|db| match db.catalog().table(table) {
                Some(table) => db
                    .transaction()
                    .get(&document_key(table.id, &Key::decode(&key)?)),
                None => Ok(None),
            })?;
            // The loop may have deleted it.
            if let Some(document) = document {
                let select = if stack.to_bool(lua_upvalueindex(kept::SELECTS)) {
                    Some(kept_query(stack)?)
                } else {
                    None
                };
                push_row(stack, context, table, &key, document, select.as_ref())?;
                return Ok(2);
            }
        }
    })
}

fn kept_query(stack: Stack) -> Result<Query> {
    let bytes = stack.to_bytes(lua_upvalueindex(kept::QUERY));
    query::parse(bytes.unwrap_or_default())
}

/// Looks for more keys. False if there are none.
fn look(stack: Stack, context: &Context) -> Result<bool> {
    let mut query = kept_query(stack)?;
    let cursor = lua_upvalueindex(kept::CURSOR);
    match stack.to_bytes(cursor) {
        Some(cursor) => {
            query.after = Some(cursor.to_vec());
            query.offset = 0;
        }
        None if !stack.to_bool(cursor) => return Ok(false),
        None => {}
    }
    let size = kept_number(stack, kept::LOOK);
    let left = stack.to_integer(lua_upvalueindex(kept::LEFT));
    let wanted = left.map_or(size, |left| left.min(size));
    query.limit = Some(wanted.unsigned_abs());
    let mut keys = Vec::new();
    let mut found = 0;
    let next = context.read_db(|db| {
        query::part(db, &query, &mut |key, _| {
            write_length(key, &mut keys);
            keys.extend_from_slice(key);
            found += 1;
            Ok(true)
        })
    })?;
    stack.push_bytes(&keys);
    keep(stack, kept::KEYS);
    stack.push_integer(0);
    keep(stack, kept::AT);
    match next {
        Some(next) if left.is_none_or(|left| left > found) => stack.push_bytes(&next),
        _ => stack.push_bool(false),
    }
    keep(stack, kept::CURSOR);
    stack.push_integer((size * 4).min(LAST_LOOK));
    keep(stack, kept::LOOK);
    if let Some(left) = left {
        stack.push_integer(left - found);
        keep(stack, kept::LEFT);
    }
    Ok(found > 0)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a key has at most 1,025 bytes"
)]
fn write_length(key: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(key.len() as u16).to_be_bytes());
}

/// `db.users:insert(key, document)`, which fails if there is a document of this key.
unsafe extern "C-unwind" fn insert(state: *mut lua_State) -> c_int {
    enter(state, |stack, context| {
        let table = this(stack, context)?;
        let key = key_at(stack, 2).ok_or_else(|| {
            Error::argument(
                "key",
                "it can't be a document's key; use a string or an integer",
            )
        })??;
        if stack.is_nil(3) {
            return Err(Error::argument("value", "nil is no document"));
        }
        if context.read_db(|db| db.get(table, &key))?.is_some() {
            return Err(batch::there_is_one());
        }
        let mut plain = Vec::new();
        let mut view = view_bytes(stack, context, 1).unwrap_or_default();
        if stack.to_bytes(2).is_some_and(is_method) && table != HOME {
            // There it is a document like any other.
            context.with_db(|db| db.ensure_table(table).map(|_| ()))?;
            write_table(table, &mut plain);
            view = &plain;
        }
        assign(stack, context, view, 2, 3)?;
        Ok(0)
    })
}

/// Runs an operation of a batch, and pushes its result.
#[inline(never)]
fn operate(state: *mut lua_State, name: &str) -> c_int {
    enter(state, |stack, context| {
        let others = [("op", name), ("table", this(stack, context)?)];
        let operation = members(stack, context, &others)?;
        context.external.forget_documents();
        let result = context.with_db(|db| batch::run_one(db, &operation));
        context.external.forget_documents();
        push_value(stack, context, &result?)?;
        Ok(1)
    })
}

/// `db.users:update{where = …, changes = {…}}`: how many documents there were.
unsafe extern "C-unwind" fn update(state: *mut lua_State) -> c_int {
    operate(state, "update")
}

/// `db.users:delete{where = …}`: how many documents there were.
unsafe extern "C-unwind" fn delete(state: *mut lua_State) -> c_int {
    operate(state, "delete")
}

/// `db.users:index{fields = {…}}`: the index's name.
unsafe extern "C-unwind" fn index(state: *mut lua_State) -> c_int {
    enter(state, |stack, context| {
        let table = this(stack, context)?;
        let definition = Definition::parse(&members(stack, context, &[])?)?;
        let index = context.with_db(|db| index::create(db, table, definition))?;
        stack.push_bytes(index.name.as_bytes());
        Ok(1)
    })
}

/// `db.users:drop_index(name)`: whether there was one.
unsafe extern "C-unwind" fn drop_index(state: *mut lua_State) -> c_int {
    enter(state, |stack, context| {
        let table = this(stack, context)?;
        let name = stack.to_bytes(2).map(std::str::from_utf8);
        let Some(Ok(name)) = name else {
            return Err(Error::argument(
                "name",
                "it is no index's name; use a string",
            ));
        };
        let there = context.with_db(|db| index::remove(db, table, name))?;
        stack.push_bool(there);
        Ok(1)
    })
}
