//! Writing through external tables.

use std::ffi::c_int;
use std::rc::Rc;

use super::caches;
use super::methods::is_method;
use super::read::is_table;
use super::view::{
    Inside, View, checked_key, key_at, named_table, view_bytes, write_document, write_table,
};
use crate::error::{Error, Result};
use crate::function::{Saver, bind};
use crate::key::Key;
use crate::lua::context::Context;
use crate::lua::encode::{too_large, write_map_key, write_value};
use crate::lua::stack::{Kind, Stack};
use crate::name::HOME;
use crate::value::{MAX_DEPTH, MAX_SIZE, NULL, Step, elements, entries, remove, set, skip};

/// Sets the member whose key and value are at indices.
pub(crate) fn assign(
    stack: Stack,
    context: &Context,
    bytes: &[u8],
    key: c_int,
    value: c_int,
) -> Result<()> {
    let view = View::parse(bytes);
    match &view {
        View::Root => assign_root(stack, context, &view, key, value),
        View::Table(name) => {
            if named_table(bytes).is_some() {
                if stack.to_bytes(key).is_some_and(is_method) {
                    return Err(Error::argument(
                        view.member_path(stack, key),
                        "is a method of tables of db; write the document of this name through _home",
                    ));
                }
            } else if !is_table(context, name)? {
                return Err(gone(&view.path()));
            }
            let document_key = checked_key(stack, key)?;
            if stack.is_nil(value) {
                return put(context, name, &document_key, None);
            }
            assign_document(stack, context, &view, name, &document_key, key, value)
        }
        View::Inside(inside) => assign_inside(stack, context, &view, inside, key, value),
    }
}

/// What is being assigned, encoded, with the functions in it.
struct Assigned<'a> {
    bytes: Vec<u8>,
    saver: Saver<'a>,
}

fn encoded<'a>(
    stack: Stack,
    context: &'a Context,
    value: c_int,
    depth: usize,
    place: &str,
) -> Result<Assigned<'a>> {
    let mut saver = Saver::new(stack, context, place);
    saver.assigned = Some(value);
    let mut bytes = Vec::with_capacity(64);
    write_value(
        stack,
        context,
        value,
        depth,
        place,
        Some(&mut saver),
        &mut bytes,
    )?;
    Ok(Assigned { bytes, saver })
}

impl Assigned<'_> {
    /// Stores the functions, then the value by `put`, and then binds variables that hold the table which is
    /// assigned to the place where it is now; `view` is that of the value.
    fn store(
        mut self,
        stack: Stack,
        value: c_int,
        view: &[u8],
        put: impl FnOnce(&[u8]) -> Result<()>,
    ) -> Result<()> {
        if self.saver.is_empty() {
            // Nothing was found, so there is nothing to give up either.
            return self.saver.finish().and_then(|_| put(&self.bytes));
        }
        let top = stack.top();
        stack.create_table(0, 1);
        let destinations = stack.top();
        set_destinations(stack, destinations, value, &mut view.to_vec(), MAX_DEPTH);
        self.saver.destinations = Some(destinations);
        let bindings = self.saver.finish();
        stack.set_top(top);
        let bindings = bindings?;
        put(&self.bytes)?;
        bind(stack, &bindings);
        Ok(())
    }
}

/// Writes down the views that the tables inside of a value will have.
fn set_destinations(stack: Stack, out: c_int, value: c_int, view: &mut Vec<u8>, depth: usize) {
    let value = stack.absolute(value);
    if !stack.is_table(value) || depth == 0 || !stack.reserve(8) {
        return;
    }
    stack.copy(value);
    stack.push_bytes(view);
    stack.raw_set(out);
    stack.push_nil();
    while stack.next(value) {
        let length = view.len();
        if stack.is_table(-1) && write_map_key(stack, -2, view) {
            set_destinations(stack, out, -1, view, depth - 1);
        }
        view.truncate(length);
        stack.pop(1);
    }
}

fn assign_document(
    stack: Stack,
    context: &Context,
    view: &View<'_>,
    table: &str,
    document_key: &Key,
    key: c_int,
    value: c_int,
) -> Result<()> {
    let assigned = encoded(stack, context, value, 0, &view.member_path(stack, key))?;
    let mut encoded_key = Vec::new();
    document_key.encode(&mut encoded_key);
    let mut document_view = Vec::new();
    write_document(table, &encoded_key, &mut document_view);
    assigned.store(stack, value, &document_view, |bytes| {
        put(context, table, document_key, Some(bytes))
    })
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
        Some(document) => db.put_value(table, key, document),
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
    // What can fail comes first: a script may catch the error.
    if stack.is_nil(value) {
        put(context, HOME, &document_key, None)?;
    } else {
        assign_document(stack, context, view, HOME, &document_key, key, value)?;
    }
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
    let path = format!("_home.{name}");
    let mut saver = Saver::new(stack, context, &path);
    saver.assigned = Some(value);
    let documents = table_entries(stack, context, name, value, &path, &mut saver)?;
    let bindings = if saver.is_empty() {
        saver.finish()?
    } else {
        let top = stack.top();
        stack.create_table(0, 1);
        table_destinations(stack, name, value);
        saver.destinations = Some(top + 1);
        let bindings = saver.finish();
        stack.set_top(top);
        bindings?
    };
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
            db.put_value(name, key, document)?;
        }
        Ok(())
    })?;
    bind(stack, &bindings);
    Ok(())
}

/// Writes the views of a table and of its documents into the table on the top.
fn table_destinations(stack: Stack, name: &str, value: c_int) {
    let out = stack.top();
    let mut view = Vec::new();
    write_table(name, &mut view);
    stack.copy(value);
    stack.push_bytes(&view);
    stack.raw_set(out);
    stack.push_nil();
    while stack.next(value) {
        if let Some(Ok(key)) = key_at(stack, -2) {
            let mut encoded_key = Vec::new();
            key.encode(&mut encoded_key);
            view.clear();
            write_document(name, &encoded_key, &mut view);
            set_destinations(stack, out, -1, &mut view, MAX_DEPTH);
        }
        stack.pop(1);
    }
}

/// What a document that is encoded counts for, in instructions.
const PER_DOCUMENT: i64 = 16;

fn table_entries(
    stack: Stack,
    context: &Context,
    name: &str,
    value: c_int,
    path: &str,
    saver: &mut Saver<'_>,
) -> Result<Vec<(Key, Vec<u8>)>> {
    let mut all = Vec::new();
    match view_bytes(stack, context, value).map(View::parse) {
        Some(View::Table(table)) => {
            let documents = super::copy::documents(context, table, 0, true);
            for row in documents.map_err(|error| error.under(path))? {
                let document = row[skip(&row)..].to_vec();
                all.push((Key::of_value(&row, "key")?, document));
            }
        }
        Some(_) => {
            let mut copy = Vec::new();
            write_value(stack, context, value, 0, path, Some(saver), &mut copy)?;
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
            if stack.push_metatable(value) {
                let identity = stack.pointer(-1);
                stack.pop(1);
                let marks = &context.marks;
                if identity != marks.list.get() && identity != marks.map.get() {
                    return Err(Error::unstorable(
                        path,
                        format!(
                            "has a metatable, which a table directly in _home can't keep; give it to a document, as in _home.{name}.one"
                        ),
                    ));
                }
            }
            stack.push_nil();
            while stack.next(value) {
                context.charge(PER_DOCUMENT)?;
                let member = stack.top();
                let place = path.to_string() + &crate::lua::encode::step_of(stack, member - 1);
                let key = checked_key(stack, member - 1)?;
                let mut document = Vec::with_capacity(64);
                write_value(
                    stack,
                    context,
                    member,
                    0,
                    &place,
                    Some(saver),
                    &mut document,
                )?;
                all.push((key, document));
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
                crate::lua::bigint::kind_name(stack, key)
            ),
        ));
    }
    let mut steps = inside.path();
    steps.push(Step::encoded_key(&last));
    if stack.is_nil(value) {
        return replace(context, view, inside, &steps, None);
    }
    let place = view.member_path(stack, key);
    let assigned = encoded(stack, context, value, steps.len(), &place)?;
    let whole = [inside.document, inside.steps, &last].concat();
    assigned.store(stack, value, &whole, |bytes| {
        replace(context, view, inside, &steps, Some(bytes))
    })
}

/// Replaces the list that a view stands for by a sorted copy, which is at an index.
pub(super) fn replace_sorted(
    stack: Stack,
    context: &Context,
    view: &View<'_>,
    inside: &Inside<'_>,
    value: c_int,
) -> Result<()> {
    let steps = inside.path();
    let assigned = encoded(stack, context, value, steps.len(), &view.path())?;
    let whole = [inside.document, inside.steps].concat();
    assigned.store(stack, value, &whole, |bytes| {
        replace(context, view, inside, &steps, Some(bytes))
    })
}

/// Gives the list or map of a view a metatable, as the reference to it; none for empty bytes.
pub(super) fn set_metatable(
    context: &Context,
    view: &View<'_>,
    inside: &Inside<'_>,
    reference: &[u8],
) -> Result<()> {
    let mut steps = inside.path();
    steps.push(Step::encoded_key(&[NULL]));
    let new = (!reference.is_empty()).then_some(reference);
    replace(context, view, inside, &steps, new)
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
