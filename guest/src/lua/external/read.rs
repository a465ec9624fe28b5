//! Reading external tables: one field, the length, the next entry.

use std::ffi::c_int;
use std::rc::Rc;

use super::caches::{self, Entry, Walk};
use super::methods::push_method;
use super::view::{
    Inside, View, is_database, key_at, named_table, push_named, push_view, write_document,
    write_table,
};
use crate::error::Result;
use crate::key::{Key, PREFIX_SIZE};
use crate::lua::context::Context;
use crate::lua::decode::{push_scalar, push_value};
use crate::lua::encode::write_map_key;
use crate::lua::stack::Stack;
use crate::name::{HOME, check_table};
use crate::query::Subject;
use crate::value::Item;

/// Pushes the member whose key is at an index; nil if there is none.
pub(crate) fn push_member(stack: Stack, context: &Context, bytes: &[u8], key: c_int) -> Result<()> {
    match View::parse(bytes) {
        View::Root if is_database(bytes) => {
            // Any table has methods, also one that is yet to come.
            match stack.to_bytes(key).map(std::str::from_utf8) {
                Some(Ok(name)) if check_table(name).is_ok() => push_named(stack, name),
                _ => stack.push_nil(),
            }
            Ok(())
        }
        View::Table(_) if named_table(bytes).is_some() && push_method(stack, key) => Ok(()),
        View::Root => {
            if let Some(name) = stack
                .to_bytes(key)
                .and_then(|name| std::str::from_utf8(name).ok())
                && is_table(context, name)?
            {
                push_table(stack, name);
                return Ok(());
            }
            push_document_at(stack, context, HOME, key)
        }
        View::Table(name) => push_document_at(stack, context, name, key),
        View::Inside(inside) => push_inside(stack, context, bytes, &inside, key),
    }
}

fn push_document_at(stack: Stack, context: &Context, table: &str, key: c_int) -> Result<()> {
    let Some(Ok(key)) = key_at(stack, key) else {
        stack.push_nil();
        return Ok(());
    };
    let mut encoded = Vec::with_capacity(32);
    key.encode(&mut encoded);
    let mut view = Vec::new();
    write_document(table, &encoded, &mut view);
    let inside = Inside {
        table,
        key: &encoded,
        steps: &[],
        document: &view,
    };
    match caches::document(context, &inside)? {
        Some(document) => push_seen(stack, context, &document, &view),
        None => {
            stack.push_nil();
            Ok(())
        }
    }
}

/// Pushes a document that a query has at hand.
pub(crate) fn push_document(stack: Stack, context: &Context, subject: &Subject<'_>) -> Result<()> {
    let mut view = Vec::new();
    write_document(subject.table, subject.key, &mut view);
    push_seen(stack, context, subject.value, &view)?;
    context
        .external
        .remember(&view, Some(Rc::from(subject.value)));
    Ok(())
}

fn push_inside(
    stack: Stack,
    context: &Context,
    bytes: &[u8],
    inside: &Inside<'_>,
    key: c_int,
) -> Result<()> {
    let mut encoded = Vec::with_capacity(32);
    if let Some(document) = caches::document(context, inside)?
        && let Some(container) = caches::container(context, &document, inside)
        && write_map_key(stack, key, &mut encoded)
        && let Some(value) = caches::find(&context.external, &document, container, &encoded)
    {
        return match Item::of(value) {
            Item::List(..) | Item::Map(..) => {
                push_view(stack, &[bytes, &encoded].concat());
                Ok(())
            }
            Item::Function(_) | Item::Library(_) => push_value(stack, context, value),
            scalar => {
                push_scalar(stack, scalar);
                Ok(())
            }
        };
    }
    stack.push_nil();
    Ok(())
}

/// Pushes a value, a list or map as an external table.
pub(super) fn push_seen(stack: Stack, context: &Context, value: &[u8], view: &[u8]) -> Result<()> {
    match Item::of(value) {
        Item::List(..) | Item::Map(..) => {
            push_view(stack, view);
            Ok(())
        }
        _ => push_value(stack, context, value),
    }
}

fn push_table(stack: Stack, name: &str) {
    let mut view = Vec::with_capacity(name.len() + 1);
    write_table(name, &mut view);
    push_view(stack, &view);
}

/// Whether `_home` shows a table under this name.
pub(super) fn is_table(context: &Context, name: &str) -> Result<bool> {
    Ok(name != HOME && context.read_db(|db| Ok(db.has_table(name)))?)
}

/// What `#` gives.
pub(crate) fn length(context: &Context, bytes: &[u8]) -> Result<i64> {
    match View::parse(bytes) {
        View::Root => context.read_db(|db| db.last_integer(HOME)),
        View::Table(name) => context.read_db(|db| db.last_integer(name)),
        View::Inside(inside) => Ok(match caches::document(context, &inside)? {
            Some(document) => caches::container(context, &document, &inside)
                .map_or(0, |container| caches::border(&document[container..])),
            None => 0,
        }),
    }
}

/// Pushes the key and value behind the key at an index (nil for the first ones), or one nil at the end.
/// Tells how many were pushed.
pub(crate) fn push_next(
    stack: Stack,
    context: &Context,
    bytes: &[u8],
    key: c_int,
) -> Result<c_int> {
    let found = match View::parse(bytes) {
        View::Root if is_database(bytes) => push_next_named(stack, context, key)?,
        View::Root => push_next_of_root(stack, context, key)?,
        View::Table(name) => match next_document(stack, context, name, key)? {
            Some((key, document)) => push_next_document(stack, context, name, &key, document)?,
            None => false,
        },
        View::Inside(inside) => push_next_inside(stack, context, bytes, &inside, key)?,
    };
    if found {
        return Ok(2);
    }
    stack.push_nil();
    Ok(1)
}

/// A document behind its encoded key.
type Keyed = (Vec<u8>, Rc<[u8]>);

fn next_document(
    stack: Stack,
    context: &Context,
    table: &str,
    key: c_int,
) -> Result<Option<Keyed>> {
    let mut last = Vec::with_capacity(32);
    let after = match key_at(stack, key) {
        Some(key) => {
            let key = key?;
            key.encode(&mut last);
            Some(key)
        }
        None => None,
    };
    let known = if after.is_some() {
        context.external.take_walk(table, &last)
    } else {
        None
    };
    let mut walk = match known {
        Some(walk) => walk,
        None => match context.read_db(|db| Ok(db.documents(table, after.as_ref())))? {
            Some(cursor) => Walk {
                table: table.into(),
                last,
                cursor,
            },
            None => return Ok(None),
        },
    };
    let found = context.read_db(|db| {
        let Some((key, document)) = walk.cursor.next(db.transaction())? else {
            return Ok(None);
        };
        Ok(Some((
            key[PREFIX_SIZE..].to_vec(),
            Rc::<[u8]>::from(document),
        )))
    })?;
    if let Some((key, _)) = &found {
        walk.last.clone_from(key);
        context.external.put_walk(walk);
    }
    Ok(found)
}

fn push_next_document(
    stack: Stack,
    context: &Context,
    table: &str,
    key: &[u8],
    document: Rc<[u8]>,
) -> Result<bool> {
    push_key(stack, &Key::decode(key)?);
    let mut view = Vec::new();
    write_document(table, key, &mut view);
    push_seen(stack, context, &document, &view)?;
    context.external.remember(&view, Some(document));
    Ok(true)
}

pub(super) fn push_key(stack: Stack, key: &Key) {
    match key {
        Key::Integer(int) => stack.push_integer(*int),
        Key::Text(text) => stack.push_bytes(text.as_bytes()),
        Key::Bytes(bytes) => stack.push_bytes(bytes),
    }
}

/// The root's own values and its tables, in one order of names.
fn push_next_of_root(stack: Stack, context: &Context, key: c_int) -> Result<bool> {
    let after = key_at(stack, key).transpose()?;
    let table = context.read_db(|db| {
        let mut tables = db.catalog().tables().map(|(name, _)| name);
        Ok(match &after {
            None | Some(Key::Integer(_)) => tables.next(),
            Some(Key::Text(after)) => tables.find(|name| *name > after.as_str()),
            Some(Key::Bytes(_)) => None,
        }
        .map(|name| Key::Text(name.to_string())))
    })?;
    let document = next_document(stack, context, HOME, key)?;
    match (table, document) {
        (Some(table), Some((key, _))) if table <= Key::decode(&key)? => {
            push_next_table(stack, &table)
        }
        (_, Some((key, document))) => push_next_document(stack, context, HOME, &key, document),
        (Some(table), None) => push_next_table(stack, &table),
        (None, None) => Ok(false),
    }
}

/// The tables that are there, for `db`.
fn push_next_named(stack: Stack, context: &Context, key: c_int) -> Result<bool> {
    let after = stack.to_bytes(key).unwrap_or_default();
    let name = context.read_db(|db| {
        let mut tables = db.catalog().tables().map(|(name, _)| name);
        let next = tables.find(|name| name.as_bytes() > after);
        Ok(next.map(str::to_string))
    })?;
    let Some(name) = name else { return Ok(false) };
    stack.push_bytes(name.as_bytes());
    push_named(stack, &name);
    Ok(true)
}

fn push_next_table(stack: Stack, name: &Key) -> Result<bool> {
    push_key(stack, name);
    push_table(stack, &name.to_string());
    Ok(true)
}

fn push_next_inside(
    stack: Stack,
    context: &Context,
    bytes: &[u8],
    inside: &Inside<'_>,
    key: c_int,
) -> Result<bool> {
    let mut encoded = Vec::with_capacity(32);
    if !stack.is_nil(key) && !write_map_key(stack, key, &mut encoded) {
        return Ok(false);
    }
    let Some(document) = caches::document(context, inside)? else {
        return Ok(false);
    };
    let Some(container) = caches::container(context, &document, inside) else {
        return Ok(false);
    };
    let Some((entry, value)) =
        caches::next_entry(&context.external, &document, container, &encoded)
    else {
        return Ok(false);
    };
    encoded.clear();
    match entry {
        Entry::Key(start) => {
            let key = &document[start..value];
            push_scalar(stack, Item::of(key));
            encoded.extend_from_slice(key);
        }
        Entry::Position(position) => {
            let position = i64::try_from(position).unwrap_or(i64::MAX);
            stack.push_integer(position);
            crate::value::write_int(&mut encoded, position);
        }
    }
    match Item::of(&document[value..]) {
        Item::List(..) | Item::Map(..) => push_view(stack, &[bytes, &encoded].concat()),
        _ => push_value(stack, context, &document[value..])?,
    }
    Ok(true)
}
