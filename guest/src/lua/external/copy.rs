//! Copying what an external table stands for out of it, as a value.

use std::ffi::c_int;

use super::caches;
use super::view::{View, view_bytes};
use crate::error::{Error, Result};
use crate::key::{Key, PREFIX_SIZE, write_encoded_key};
use crate::lua::context::Context;
use crate::lua::decode::Shape;
use crate::lua::encode::{MAX_RESULT_SIZE, too_deep, too_large};
use crate::lua::stack::Stack;
use crate::name::HOME;
use crate::value::{
    Item, MAX_DEPTH, elements, entries, has_objects, skip, without_metatables, write_array_head,
    write_map_head, write_null, write_text,
};

/// So many bytes of a document take about as long to be copied as an instruction.
const BYTES_PER_INSTRUCTION: usize = 8;

/// Appends the value of the external table at an index, which will stand inside of `depth` lists and maps. Functions
/// and metatables stay in it if they are to be kept.
///
/// # Errors
/// `Unstorable` for a persisted function in it that can't be kept; `LimitExceeded` if it is too deep or too large.
pub(crate) fn write_copy(
    stack: Stack,
    context: &Context,
    index: c_int,
    depth: usize,
    keep: bool,
    out: &mut Vec<u8>,
) -> Result<()> {
    let bytes = view_bytes(stack, context, index).unwrap_or_default();
    match View::parse(bytes) {
        View::Root => {
            let mut all = documents(context, HOME, depth + 1, keep)?;
            for name in context.read_db(|db| Ok(db.table_names()))? {
                let mut row = Vec::new();
                write_text(&mut row, &name);
                all.retain(|other| !other.starts_with(&row));
                let documents = documents(context, &name, depth + 2, keep)
                    .map_err(|error| error.under(&format!(".{name}")))?;
                write_entries(context, documents, &mut row)?;
                all.push(row);
            }
            write_entries(context, all, out)
        }
        View::Table(name) => {
            let documents = documents(context, name, depth + 1, keep)?;
            write_entries(context, documents, out)
        }
        View::Inside(inside) => {
            let document = caches::document(context, &inside)?;
            let place = document.as_ref().and_then(|document| {
                let container = caches::container(context, document, &inside)?;
                Some(&document[container..])
            });
            let Some(value) = place else {
                write_map_head(out, 0);
                return Ok(());
            };
            let value = &value[..skip(value)];
            context.charge((value.len() / BYTES_PER_INSTRUCTION) as i64)?;
            check_depth(value, depth)?;
            write_document(value, keep, out)
        }
    }
}

/// The documents of a table as the entries of a map: each a key and a document, encoded one behind the other.
pub(super) fn documents(
    context: &Context,
    table: &str,
    depth: usize,
    keep: bool,
) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    let mut size = 0;
    context.read_db(|db| {
        let Some(cursor) = db.documents(table, None) else {
            return Ok(());
        };
        let mut cursor = cursor.eager();
        while let Some((key, document)) = cursor.next(db.transaction())? {
            let key = &key[PREFIX_SIZE..];
            let fault = |error: Error| match Key::decode(key) {
                Ok(Key::Text(name)) => error.under(&format!(".{name}")),
                Ok(other) => error.under(&format!("[{other}]")),
                Err(corrupt) => corrupt,
            };
            check_depth(document, depth).map_err(fault)?;
            let mut row = Vec::with_capacity(key.len() + 4 + document.len());
            write_encoded_key(key, &mut row)?;
            write_document(document, keep, &mut row).map_err(fault)?;
            size += row.len();
            context.charge((row.len() / BYTES_PER_INSTRUCTION) as i64)?;
            if size > MAX_RESULT_SIZE {
                return Err(too_large());
            }
            all.push(row);
        }
        Ok(())
    })?;
    Ok(all)
}

/// Appends a document, or a part of one.
fn write_document(value: &[u8], keep: bool, out: &mut Vec<u8>) -> Result<()> {
    if keep {
        out.extend_from_slice(value);
        return Ok(());
    }
    let start = out.len();
    without_metatables(value, out);
    if has_objects(&out[start..]) {
        return Err(Error::unstorable(
            "",
            "has a persisted function in it, which can't be returned; return the members that are wanted",
        ));
    }
    Ok(())
}

/// Writes entries as the list or map that a Lua table with these keys stands for.
fn write_entries(context: &Context, mut all: Vec<Vec<u8>>, out: &mut Vec<u8>) -> Result<()> {
    let mut shape = Shape::default();
    for row in &all {
        shape.add(match Item::of(row) {
            Item::Int(int) => Some(int),
            _ => None,
        });
    }
    // No key is the beginning of another: these are sorted by their keys.
    context.sort(&mut all)?;
    match shape.list_length() {
        Some(length) => {
            // Encoded integers of one sign are in the order of the numbers.
            write_array_head(out, length);
            let mut position = 1;
            for row in all {
                while Item::of(&row) != Item::Int(position) {
                    write_null(out);
                    position += 1;
                }
                out.extend_from_slice(&row[skip(&row)..]);
                position += 1;
            }
        }
        None => {
            write_map_head(out, all.len());
            all.iter().for_each(|row| out.extend_from_slice(row));
        }
    }
    Ok(())
}

/// Checks that a value may stand inside of so many lists and maps.
pub(super) fn check_depth(value: &[u8], depth: usize) -> Result<()> {
    // What is stored has passed this check where it stands.
    if depth == 0 || depth + depth_of(value) <= MAX_DEPTH {
        return Ok(());
    }
    Err(too_deep())
}

fn depth_of(value: &[u8]) -> usize {
    match Item::of(value) {
        Item::List(..) => 1 + elements(value).map(depth_of).max().unwrap_or(0),
        Item::Map(..) => {
            1 + entries(value)
                .map(|(_, value)| depth_of(value))
                .max()
                .unwrap_or(0)
        }
        _ => 0,
    }
}
