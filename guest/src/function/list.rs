//! Which functions there are: documents that are functions, and functions inside of documents.

use std::rc::Rc;

use crate::database::Database;
use crate::error::{Error, Result};
use crate::key::{Key, PREFIX_SIZE, prefix, space};
use crate::name::{HOME, check_table};
use crate::value::{Item, NULL, Step, elements, entries, has_objects, remove};

use super::count::read;
use super::number;
use super::object::{Function, Object, Text};

/// A persisted function, as a list of them shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionInfo {
    /// The table that it is in.
    pub table: String,
    /// Its key there; for one inside of a document, the document's key and the path, with dots between.
    pub name: String,
    /// Bytes of its source text, or of its bytecode if it has none.
    pub size: u64,
    /// Whether it has no source text.
    pub bytecode: bool,
    /// The names of the local variables around it that are kept.
    pub upvalues: Vec<String>,
    /// The global names that it refers to, and paths that begin with one.
    pub names: Vec<String>,
    /// When it was persisted, in seconds since 1970.
    pub stored: i64,
}

fn corrupt() -> Error {
    Error::corrupt(
        "store",
        "a persisted function can't be read; restore from a backup",
    )
}

/// The functions of one table, or of all, by table and name.
///
/// # Errors
/// As the store fails.
pub fn list(db: &Database, table: Option<&str>) -> Result<Vec<FunctionInfo>> {
    if let Some(table) = table {
        check_table(table)?;
    }
    let mut all = Vec::new();
    let home = db.catalog().table(HOME).map(|table| (HOME, table));
    for (name, info) in home.into_iter().chain(db.catalog().tables()) {
        if !info.has_functions || table.is_some_and(|table| table != name) {
            continue;
        }
        let mut cursor = db
            .transaction()
            .prefix(&prefix(space::DOCUMENT, info.id))
            .eager();
        while let Some((key, document)) = cursor.next(db.transaction())? {
            let key = Key::decode(&key[PREFIX_SIZE..])?.to_string();
            add(db, name, &key, document, &mut all)?;
        }
    }
    Ok(all)
}

fn add(
    db: &Database,
    table: &str,
    name: &str,
    value: &[u8],
    all: &mut Vec<FunctionInfo>,
) -> Result<()> {
    if !has_objects(value) {
        return Ok(());
    }
    match Item::of(value) {
        Item::Function(id) => all.extend(info(db, table, name, id)?),
        Item::List(..) => {
            for (element, position) in elements(value).zip(1..) {
                add(db, table, &format!("{name}.{position}"), element, all)?;
            }
        }
        _ => {
            for (key, value) in entries(value).filter(|(key, _)| *key != [NULL]) {
                let step = Step::encoded_key(key);
                add(db, table, &format!("{name}.{step}"), value, all)?;
            }
        }
    }
    Ok(())
}

fn info(db: &Database, table: &str, name: &str, id: u64) -> Result<Option<FunctionInfo>> {
    let record = read(db, number(id)?)?.ok_or_else(corrupt)?;
    let Object::Function(function) = Object::parse(&record)? else {
        return Ok(None);
    };
    let (size, bytecode) = with_text(db, &function, |text| match text {
        Text::Source(source, _) => (lines(source, function.lines).len(), false),
        Text::Bytecode(chunk) => (chunk.len(), true),
    })?;
    let kept = function.upvalues.iter().filter(|(_, cell)| cell.is_some());
    Ok(Some(FunctionInfo {
        table: table.to_string(),
        name: name.to_string(),
        size: size as u64,
        bytecode,
        upvalues: kept.map(|(name, _)| (*name).to_string()).collect(),
        names: function
            .names
            .iter()
            .map(|name| (*name).to_string())
            .collect(),
        stored: function.stored,
    }))
}

fn with_text<T>(
    db: &Database,
    function: &Function<'_>,
    work: impl FnOnce(Text<'_>) -> T,
) -> Result<T> {
    let record = read(db, function.code)?.ok_or_else(corrupt)?;
    match Object::parse(&record)? {
        Object::Code { text, .. } => Ok(work(text)),
        _ => Err(corrupt()),
    }
}

/// The lines of a text that a function takes up.
fn lines(text: &str, lines: Option<(u32, u32)>) -> &str {
    let Some((first, last)) = lines else {
        return text;
    };
    let end_of = |line: u32| {
        let mut ends = text.match_indices('\n').map(|(at, _)| at);
        match line.checked_sub(1) {
            None => 0,
            Some(before) => ends
                .nth(usize::try_from(before).unwrap_or(usize::MAX))
                .map_or(text.len(), |at| at + 1),
        }
    };
    let (start, end) = (end_of(first.saturating_sub(1)), end_of(last));
    text.get(start..end).unwrap_or(text).trim_end_matches('\n')
}

/// The reference to a function, by the name that the list shows; none if there is none.
///
/// # Errors
/// As [`Database::get`].
pub(crate) fn find(db: &Database, table: &str, name: &str) -> Result<Option<Vec<u8>>> {
    Ok(place(db, table, name)?.map(|(_, _, reference)| reference))
}

/// The document whose key is a text, or else the integer that the text shows, if it is what is looked for.
fn document(
    db: &Database,
    table: &str,
    name: &str,
    is_sought: impl Fn(&[u8]) -> bool,
) -> Result<Option<(Key, Rc<[u8]>)>> {
    let integer = name.parse().ok().map(Key::Integer);
    let integer = integer.filter(|key| key.to_string() == name);
    let keys = Key::string(name.as_bytes(), "name").ok().into_iter();
    for key in keys.chain(integer) {
        if let Some(document) = db.get(table, &key)?
            && is_sought(&document)
        {
            return Ok(Some((key, document)));
        }
    }
    Ok(None)
}

/// A document's key, the steps inside of it, and the reference there.
type Place = (Key, Vec<Step>, Vec<u8>);

fn place(db: &Database, table: &str, name: &str) -> Result<Option<Place>> {
    let is_function =
        |value: &[u8]| matches!(Item::of(value), Item::Function(_) | Item::Library(_));
    Key::string(name.as_bytes(), "name")?;
    let known = db.table(table)?.is_some_and(|table| table.has_functions);
    if !known {
        return Ok(None);
    }
    if let Some((key, document)) = document(db, table, name, is_function)? {
        return Ok(Some((key, Vec::new(), document.to_vec())));
    }
    // The document's key may have dots itself.
    for (dot, _) in name.match_indices('.') {
        let Some((key, document)) = document(db, table, &name[..dot], has_objects)? else {
            continue;
        };
        let mut value = &*document;
        let mut steps = Vec::new();
        let found = name[dot + 1..].split('.').try_for_each(|part| {
            let step = match (Item::of(value), part.parse()) {
                (Item::List(..), Ok(position)) => Step::position(position),
                _ => Step::name(part.as_bytes()),
            };
            value = step.find(value)?;
            steps.push(step);
            Some(())
        });
        if found.is_some() && is_function(value) {
            let value = value[..crate::value::skip(value)].to_vec();
            return Ok(Some((key, steps, value)));
        }
    }
    Ok(None)
}

/// The source text of a function: as it was given, or the lines that it has in the chunk that it comes from. None if
/// there is no such function, or if it has no text.
///
/// # Errors
/// As the store fails.
pub fn source(db: &Database, table: &str, name: &str) -> Result<Option<String>> {
    let Some(reference) = find(db, table, name)? else {
        return Ok(None);
    };
    let Item::Function(id) = Item::of(&reference) else {
        return Ok(None);
    };
    let record = read(db, number(id)?)?.ok_or_else(corrupt)?;
    let Object::Function(function) = Object::parse(&record)? else {
        return Ok(None);
    };
    with_text(db, &function, |text| match text {
        Text::Source(source, _) => Some(lines(source, function.lines).to_string()),
        Text::Bytecode(_) => None,
    })
}

/// Deletes a function. False if there was none; a document of that name stays.
///
/// # Errors
/// As the store fails.
pub fn delete(db: &mut Database, table: &str, name: &str) -> Result<bool> {
    let Some((key, steps, _)) = place(db, table, name)? else {
        return Ok(false);
    };
    if steps.is_empty() {
        return db.delete(table, &key);
    }
    if let Some(document) = db.get(table, &key)?
        && let Ok(edited) = remove(&document, &steps)
    {
        db.put_value(table, &key, &edited)?;
    }
    Ok(true)
}

/// Gives the document that is a function another key in its table, or in another table. False if there was none.
///
/// # Errors
/// `AlreadyExists` if something has the new name.
pub fn rename(
    db: &mut Database,
    table: &str,
    name: &str,
    new_table: &str,
    new_name: &str,
) -> Result<bool> {
    let new = super::Draft::new(new_table, new_name)?;
    let Some((key, steps, reference)) = place(db, table, name)? else {
        return Ok(false);
    };
    if !steps.is_empty() {
        return Err(Error::argument(
            "name",
            "the function is inside of a document; assign it to another member in Lua",
        ));
    }
    if table == new_table && key == new.key {
        return Ok(true);
    }
    if db.get(new_table, &new.key)?.is_some() {
        return Err(Error::AlreadyExists(crate::error::Problem {
            place: "new-name".to_string(),
            message: format!(
                "table '{new_table}' has something under '{new_name}'; delete it first, or choose another name"
            ),
        }));
    }
    db.put_value(new_table, &new.key, &reference)?;
    db.delete(table, &key)
}
