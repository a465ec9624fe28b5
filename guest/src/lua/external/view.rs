//! What an external table stands for: the root, a table, or a place inside a document.

use std::ffi::c_int;

use crate::error::{Error, Result};
use crate::key::Key;
use crate::lua::context::{Context, slot};
use crate::lua::encode;
use crate::lua::stack::{Kind, REGISTRY, Stack};
use crate::name::check_table;
use crate::value::{Item, Step, skip};

/// The key, which no script can make, under which an external table keeps its view.
static VIEW: u8 = 0;

const ROOT: u8 = 0;
const TABLE: u8 = 1;
const INSIDE: u8 = 2;
/// As the root, but for tables with methods: `db`.
const DATABASE: u8 = 3;
/// As a table, with methods.
const NAMED: u8 = 4;

/// A view, read from the bytes that an external table keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) enum View<'a> {
    /// `_home` itself.
    Root,
    /// A table, by name.
    Table(&'a str),
    /// A list or map: a document, or inside of one.
    Inside(Inside<'a>),
}

/// A place inside a document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inside<'a> {
    /// The table's name.
    pub table: &'a str,
    /// The document's key, encoded as in a store key.
    pub key: &'a [u8],
    /// The keys that lead from the document inwards, one encoded value after the other.
    pub steps: &'a [u8],
    /// The view's bytes up to the steps, which name the document.
    pub document: &'a [u8],
}

impl<'a> View<'a> {
    /// Reads a view.
    pub(crate) fn parse(bytes: &'a [u8]) -> View<'a> {
        let text = |bytes: &'a [u8]| std::str::from_utf8(bytes).unwrap_or_default();
        match bytes.split_first() {
            Some((&(TABLE | NAMED), name)) => View::Table(text(name)),
            Some((&INSIDE, rest)) => {
                let (table, rest) = rest[1..].split_at(usize::from(rest[0]));
                let key_size = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
                let (key, steps) = rest[2..].split_at(key_size);
                View::Inside(Inside {
                    table: text(table),
                    key,
                    steps,
                    document: &bytes[..bytes.len() - steps.len()],
                })
            }
            _ => View::Root,
        }
    }

    /// The path as a script writes it: `_home.users.user1`.
    pub(crate) fn path(&self) -> String {
        let mut path = "_home".to_string();
        match self {
            View::Root => {}
            View::Table(name) => push_name(&mut path, name),
            View::Inside(inside) => {
                if inside.table != crate::name::HOME {
                    push_name(&mut path, inside.table);
                }
                match Key::decode(inside.key) {
                    Ok(Key::Text(name)) => push_name(&mut path, &name),
                    Ok(key) => path.push_str(&format!("[{key}]")),
                    Err(_) => path.push_str("[?]"),
                }
                for step in inside.steps() {
                    push_step(&mut path, step);
                }
            }
        }
        path
    }

    /// The path of a member, whose key is at an index.
    pub(crate) fn member_path(&self, stack: Stack, key: c_int) -> String {
        self.path() + &encode::step_of(stack, key)
    }
}

impl<'a> Inside<'a> {
    /// The encoded keys that lead inwards.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.steps;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (step, behind) = rest.split_at(skip(rest));
            rest = behind;
            Some(step)
        })
    }

    /// The same, as a path that edits can follow.
    pub(crate) fn path(&self) -> Vec<Step> {
        self.steps().map(Step::encoded_key).collect()
    }
}

fn push_name(path: &mut String, name: &str) {
    if name.contains(['.', '[']) {
        path.push_str(&format!("[\"{}\"]", name.escape_debug()));
    } else {
        path.push('.');
        path.push_str(name);
    }
}

fn push_step(path: &mut String, step: &[u8]) {
    match Item::of(step) {
        Item::Text(name) => push_name(path, name),
        Item::Int(int) => path.push_str(&format!("[{int}]")),
        _ => path.push_str(&format!("[{}]", Step::encoded_key(step))),
    }
}

/// Whether bytes that come from the store are a view.
pub(crate) fn is_readable(bytes: &[u8]) -> bool {
    match bytes.split_first() {
        Some((&(ROOT | DATABASE), rest)) => rest.is_empty(),
        Some((&(TABLE | NAMED), name)) => {
            std::str::from_utf8(name).is_ok_and(|n| check_table(n).is_ok())
        }
        Some((&INSIDE, rest)) => is_inside(rest).is_some(),
        _ => false,
    }
}

/// Something if the bytes are a table's name, a key and steps, each with its length before it but the last.
fn is_inside(rest: &[u8]) -> Option<()> {
    let (&length, rest) = rest.split_first()?;
    let (table, rest) = rest.split_at_checked(usize::from(length))?;
    check_table(std::str::from_utf8(table).ok()?).ok()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (key, mut steps) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Key::decode(key).ok()?;
    while !steps.is_empty() {
        let (step, behind) = steps.split_at(skip(steps));
        crate::value::accept(step, "store").ok()?;
        steps = behind;
    }
    Some(())
}

/// Appends the view of a table.
pub(crate) fn write_table(name: &str, out: &mut Vec<u8>) {
    out.push(TABLE);
    out.extend_from_slice(name.as_bytes());
}

/// Whether a view is that of `db`.
pub(super) fn is_database(view: &[u8]) -> bool {
    view.first() == Some(&DATABASE)
}

/// The name of a table of `db`; none for any other view.
pub(super) fn named_table(view: &[u8]) -> Option<&str> {
    match view.split_first() {
        Some((&NAMED, name)) => std::str::from_utf8(name).ok(),
        _ => None,
    }
}

/// Pushes a table of `db`.
pub(super) fn push_named(stack: Stack, name: &str) {
    push_view(stack, &[&[NAMED], name.as_bytes()].concat());
}

/// Pushes `db`.
pub(crate) fn push_database(stack: Stack) {
    push_view(stack, &[DATABASE]);
}

/// Appends the view of a document. Names and keys have been checked, so their lengths fit.
#[expect(clippy::cast_possible_truncation, reason = "names and keys are short")]
pub(crate) fn write_document(table: &str, encoded_key: &[u8], out: &mut Vec<u8>) {
    out.reserve(table.len() + encoded_key.len() + 32);
    out.extend_from_slice(&[INSIDE, table.len() as u8]);
    out.extend_from_slice(table.as_bytes());
    out.extend_from_slice(&(encoded_key.len() as u16).to_be_bytes());
    out.extend_from_slice(encoded_key);
}

/// Whether the value is an external table.
#[inline]
pub(crate) fn is_external(stack: Stack, context: &Context, index: c_int) -> bool {
    stack.is_table(index) && stack.metatable(index) == context.marks.external.get()
}

/// The bytes of the view of an external table; none for any other value. They live as long as the external
/// table does.
#[inline]
pub(crate) fn view_bytes<'a>(stack: Stack, context: &Context, index: c_int) -> Option<&'a [u8]> {
    if !is_external(stack, context, index) {
        return None;
    }
    stack.raw_get_pointer(index, &raw const VIEW as *const _);
    let bytes = stack.to_bytes(-1);
    stack.pop(1);
    bytes
}

/// Pushes an external table.
#[inline]
pub(crate) fn push_view(stack: Stack, bytes: &[u8]) {
    stack.create_table(0, 1);
    stack.push_bytes(bytes);
    stack.raw_set_pointer(-2, &raw const VIEW as *const _);
    stack.raw_get_integer(REGISTRY, slot::EXTERNAL);
    stack.set_metatable(-2);
}

/// Pushes the external root as a new table.
pub(crate) fn push_root(stack: Stack) {
    push_view(stack, &[ROOT]);
}

/// The document key that a Lua value is; none if it can't be one.
pub(crate) fn key_at(stack: Stack, index: c_int) -> Option<Result<Key>> {
    match stack.kind(index) {
        Kind::String => {
            let bytes = stack.to_bytes(index).unwrap_or_default();
            Some(Key::string(bytes, "key"))
        }
        Kind::Number => stack
            .to_integer(index)
            .or_else(|| crate::value::float_to_int(stack.to_number(index)))
            .map(|int| Ok(Key::Integer(int))),
        _ => None,
    }
}

/// The document key that a Lua value has to be.
pub(crate) fn checked_key(stack: Stack, index: c_int) -> Result<Key> {
    key_at(stack, index).unwrap_or_else(|| {
        Err(Error::argument(
            "key",
            format!(
                "{} can't be a document's key; use a string or an integer",
                crate::lua::bigint::kind_name(stack, index)
            ),
        ))
    })
}
