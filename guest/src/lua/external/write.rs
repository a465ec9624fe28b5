//! Writing through external tables.

use std::ffi::c_int;
use std::rc::Rc;

use super::caches;
use super::read::is_table;
use super::view::{Inside, View, checked_key, view_bytes};
use crate::error::{Error, Result};
use crate::key::Key;
use crate::lua::context::Context;
use crate::lua::encode::{too_large, write_map_key, write_value};
use crate::lua::stack::{Kind, Stack};
use crate::name::HOME;
use crate::value::{MAX_SIZE, NULL, Step, elements, entries, remove, set, skip};

/// Sets the member whose key and value are at indices.
pub(crate) fn assign(
    stack: Stack,
    context: &Context,
    bytes: &[u8],
    key: c_int,
    value: c_int,
) -> Result<()> {
    let view = View::parse(bytes);
    if stack.kind(value) == Kind::Function {
        return Err(Error::unstorable(
            view.member_path(stack, key),
            "a function can't be assigned; keep it with persist-function, from its source text",
        ));
    }
    match &view {
        View::Root => assign_root(stack, context, &view, key, value),
        View::Table(name) => {
            if !is_table(context, name)? {
                return Err(gone(&view.path()));
            }
            let document = (!stack.is_nil(value))
                .then(|| encoded(stack, context, value, 0, &view.member_path(stack, key)))
                .transpose()?;
            put(
                context,
                name,
                &checked_key(stack, key)?,
                document.as_deref(),
            )
        }
        View::Inside(inside) => assign_inside(stack, context, &view, inside, key, value),
    }
}

fn encoded(
    stack: Stack,
    context: &Context,
    value: c_int,
    depth: usize,
    place: &str,
) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(64);
    write_value(stack, context, value, depth, place, &mut out)?;
    Ok(out)
}

fn gone(path: &str) -> Error {
    Error::argument(
        path,
        "it is no longer there, so nothing can be written to it; look it up again",
    )
}

/// Puts or deletes a document.
fn put(context: &Context, table: &str, key: &Key, document: Option<&[u8]>) -> Result<()> {
    context.external.forget_documents();
    context.with_db(|db| match document {
        Some(document) => db.put(table, key, document),
        None => db.delete(table, key).map(|_| ()),
    })
}

fn assign_root(
    stack: Stack,
    context: &Context,
    view: &View<'_>,
    key: c_int,
    value: c_int,
) -> Result<()> {
    let document_key = checked_key(stack, key)?;
    let name = match &document_key {
        Key::Text(name) if is_table(context, name)? => Some(name.as_str()),
        _ => None,
    };
    if stack.kind(value) == Kind::Table {
        return assign_table(stack, context, &document_key, value);
    }
    let document = (!stack.is_nil(value))
        .then(|| encoded(stack, context, value, 0, &view.member_path(stack, key)))
        .transpose()?;
    // What can fail comes first: a script may catch the error.
    put(context, HOME, &document_key, document.as_deref())?;
    if let Some(name) = name {
        context.with_db(|db| db.drop_table(name))?;
    }
    Ok(())
}

/// Makes a table of the entries of a Lua or external table, in place of what is there.
fn assign_table(stack: Stack, context: &Context, key: &Key, value: c_int) -> Result<()> {
    let Key::Text(name) = key else {
        return Err(Error::argument(
            "key",
            "a table directly in _home needs a name; use a string as the key",
        ));
    };
    crate::name::check_table(name)?;
    if name == HOME {
        return Err(Error::argument(
            "key",
            "_home can't contain itself; use another name",
        ));
    }
    // All is read before anything is written: the value may be what is there now.
    let documents = table_entries(stack, context, name, value)?;
    context.external.forget_documents();
    context.with_db(|db| {
        db.check_documents(name, &documents)?;
        if db.has_table(name) {
            db.clear_table(name)?;
        } else {
            db.create_table(name)?;
            db.delete(HOME, key)?;
        }
        for (key, document) in &documents {
            db.put(name, key, document)?;
        }
        Ok(())
    })
}

fn table_entries(
    stack: Stack,
    context: &Context,
    name: &str,
    value: c_int,
) -> Result<Vec<(Key, Vec<u8>)>> {
    let path = format!("_home.{name}");
    let mut all = Vec::new();
    match view_bytes(stack, context, value).map(View::parse) {
        Some(View::Table(table)) => {
            let documents = super::copy::documents(context, table, 0);
            for row in documents.map_err(|error| error.under(&path))? {
                let document = row[skip(&row)..].to_vec();
                all.push((Key::of_value(&row, "key")?, document));
            }
        }
        Some(_) => {
            let copy = encoded(stack, context, value, 0, &path)?;
            for (element, position) in elements(&copy).zip(1..) {
                if element != [NULL] {
                    all.push((Key::Integer(position), element.to_vec()));
                }
            }
            for (key, document) in entries(&copy) {
                all.push((Key::of_value(key, "key")?, document.to_vec()));
            }
        }
        None => {
            stack.push_nil();
            while stack.next(value) {
                let member = stack.top();
                let place = path.clone() + &crate::lua::encode::step_of(stack, member - 1);
                let key = checked_key(stack, member - 1)?;
                all.push((key, encoded(stack, context, member, 0, &place)?));
                stack.pop(1);
            }
        }
    }
    Ok(all)
}

fn assign_inside(
    stack: Stack,
    context: &Context,
    view: &View<'_>,
    inside: &Inside<'_>,
    key: c_int,
    value: c_int,
) -> Result<()> {
    let mut last = Vec::with_capacity(32);
    if !write_map_key(stack, key, &mut last) {
        return Err(Error::argument(
            view.path(),
            format!(
                "{} can't be a key of a stored table; use strings, numbers or booleans",
                stack.kind(key).name()
            ),
        ));
    }
    let mut steps = inside.path();
    steps.push(Step::encoded_key(&last));
    let new = (!stack.is_nil(value))
        .then(|| {
            encoded(
                stack,
                context,
                value,
                steps.len(),
                &view.member_path(stack, key),
            )
        })
        .transpose()?;
    replace(context, view, inside, &steps, new.as_deref())
}

/// Replaces the list or map that a view stands for.
pub(super) fn replace_whole(
    context: &Context,
    view: &View<'_>,
    inside: &Inside<'_>,
    new: &[u8],
) -> Result<()> {
    replace(context, view, inside, &inside.path(), Some(new))
}

fn replace(
    context: &Context,
    view: &View<'_>,
    inside: &Inside<'_>,
    steps: &[Step],
    new: Option<&[u8]>,
) -> Result<()> {
    let document = caches::document(context, inside)?.ok_or_else(|| gone(&view.path()))?;
    if caches::container(context, &document, inside).is_none() {
        return Err(gone(&view.path()));
    }
    let edited = match new {
        Some(new) => set(&document, steps, new),
        None => remove(&document, steps),
    }
    .map_err(|_| gone(&view.path()))?;
    if edited.len() > MAX_SIZE {
        return Err(too_large().under(&view.path()));
    }
    if *edited == *document {
        return Ok(());
    }
    put(
        context,
        inside.table,
        &Key::decode(inside.key)?,
        Some(&edited),
    )?;
    context
        .external
        .remember(inside.document, Some(Rc::<[u8]>::from(edited)));
    Ok(())
}

/// Sets a position of an external list to the value at an index.
pub(super) fn assign_position(
    stack: Stack,
    context: &Context,
    bytes: &[u8],
    position: i64,
    value: c_int,
) -> Result<()> {
    stack.push_integer(position);
    let key = stack.top();
    assign(stack, context, bytes, key, value)?;
    stack.pop(1);
    Ok(())
}
