//! What the store holds of a persisted function.
//!
//! Under its number in the functions' part of the key space stands a map: `table` and `name` of the document,
//! `source`, whether that is an `expression`, and `functions`: the function itself and those of the same
//! source that its variables hold. Each is a pair of the path to its prototype and its upvalues, which are
//! pairs of a name and the number of a cell; `_ENV` has null for a cell.
//!
//! Under the function's and the cell's number in the cells' part stands what the variable holds: a value, or one of
//! three tagged items, for what is no value.

use std::borrow::Cow;

use crate::database::Database;
use crate::error::{Error, Result};
use crate::key::{PREFIX_SIZE, prefix, space};
use crate::store::Transaction;
use crate::value::{
    Item, accept, elements, entries, write_array_head, write_bool, write_head, write_int,
    write_map_head, write_null, write_text,
};

/// Tags a function of the same record, by its place there.
pub(super) const INNER_TAG: u64 = crate::value::FUNCTION_TAG + 1;
/// Tags the name of something in the standard library.
pub(super) const LIBRARY_TAG: u64 = crate::value::FUNCTION_TAG + 2;
/// Tags the bytes of an external table's view.
pub(super) const EXTERNAL_TAG: u64 = crate::value::FUNCTION_TAG + 3;

/// A local variable of the script that surrounds a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Upvalue {
    pub name: String,
    /// The cell that it shares with other functions of the record; none for `_ENV`.
    pub cell: Option<u32>,
}

/// A function of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inner {
    /// Where its prototype is: which child of the chunk, which child of that one, …
    pub prototype: Vec<u32>,
    pub upvalues: Vec<Upvalue>,
}

/// A persisted function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub table: String,
    pub name: String,
    pub source: String,
    pub is_expression: bool,
    /// The function itself, and those that its variables hold.
    pub functions: Vec<Inner>,
}

fn corrupt() -> Error {
    Error::corrupt("store", "the record of a persisted function can't be read")
}

fn text(value: &[u8]) -> Result<String> {
    match Item::of(value) {
        Item::Text(text) => Ok(text.to_string()),
        _ => Err(corrupt()),
    }
}

fn number(value: &[u8]) -> Result<u32> {
    match Item::of(value) {
        Item::Int(int) => u32::try_from(int).map_err(|_| corrupt()),
        _ => Err(corrupt()),
    }
}

fn pair(value: &[u8]) -> Result<(&[u8], &[u8])> {
    let mut parts = elements(value);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(first), Some(second), None) => Ok((first, second)),
        _ => Err(corrupt()),
    }
}

fn upvalue(value: &[u8]) -> Result<Upvalue> {
    let (name, cell) = pair(value)?;
    Ok(Upvalue {
        name: text(name)?,
        cell: match Item::of(cell) {
            Item::Null => None,
            _ => Some(number(cell)?),
        },
    })
}

fn inner(value: &[u8]) -> Result<Inner> {
    let (prototype, upvalues) = pair(value)?;
    Ok(Inner {
        prototype: elements(prototype).map(number).collect::<Result<_>>()?,
        upvalues: elements(upvalues).map(upvalue).collect::<Result<_>>()?,
    })
}

impl Record {
    /// Reads a record.
    pub(super) fn parse(bytes: &[u8]) -> Result<Record> {
        let bytes = &accept(bytes, "store").map_err(|_| corrupt())?;
        let mut record = Record {
            table: String::new(),
            name: String::new(),
            source: String::new(),
            is_expression: false,
            functions: Vec::new(),
        };
        for (key, value) in entries(bytes) {
            match Item::of(key) {
                Item::Text("table") => record.table = text(value)?,
                Item::Text("name") => record.name = text(value)?,
                Item::Text("source") => record.source = text(value)?,
                Item::Text("expression") => {
                    record.is_expression = Item::of(value) == Item::Bool(true)
                }
                Item::Text("functions") => {
                    record.functions = elements(value).map(inner).collect::<Result<_>>()?;
                }
                _ => return Err(corrupt()),
            }
        }
        // Cells are numbered from 0 on without gaps, so that there are no more than upvalues.
        let upvalues: usize = record.functions.iter().map(|f| f.upvalues.len()).sum();
        if record.functions.is_empty() || record.cell_count() > upvalues {
            return Err(corrupt());
        }
        Ok(record)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.source.len() + 128);
        write_map_head(&mut out, 5);
        write_text(&mut out, "name");
        write_text(&mut out, &self.name);
        write_text(&mut out, "table");
        write_text(&mut out, &self.table);
        write_text(&mut out, "source");
        write_text(&mut out, &self.source);
        write_text(&mut out, "functions");
        write_array_head(&mut out, self.functions.len());
        for function in &self.functions {
            write_array_head(&mut out, 2);
            write_array_head(&mut out, function.prototype.len());
            for number in &function.prototype {
                write_int(&mut out, i64::from(*number));
            }
            write_array_head(&mut out, function.upvalues.len());
            for upvalue in &function.upvalues {
                write_array_head(&mut out, 2);
                write_text(&mut out, &upvalue.name);
                match upvalue.cell {
                    Some(cell) => write_int(&mut out, i64::from(cell)),
                    None => write_null(&mut out),
                }
            }
        }
        write_text(&mut out, "expression");
        write_bool(&mut out, self.is_expression);
        out
    }

    /// How many cells there are.
    pub(super) fn cell_count(&self) -> usize {
        let cells = self
            .functions
            .iter()
            .flat_map(|function| &function.upvalues);
        cells
            .filter_map(|upvalue| upvalue.cell)
            .max()
            .map_or(0, |last| last as usize + 1)
    }

    /// The name of each cell's variable, once.
    pub(super) fn upvalue_names(&self) -> Vec<String> {
        let mut seen = vec![false; self.cell_count()];
        let mut names = Vec::new();
        for upvalue in self
            .functions
            .iter()
            .flat_map(|function| &function.upvalues)
        {
            if let Some(cell) = upvalue.cell
                && !std::mem::replace(&mut seen[cell as usize], true)
            {
                names.push(upvalue.name.clone());
            }
        }
        names
    }
}

/// The store key of a cell.
pub(super) fn cell_key(id: u32, cell: u32) -> Vec<u8> {
    let mut key = prefix(space::CELL, id);
    key.extend_from_slice(&cell.to_be_bytes());
    key
}

/// Stores a record and all its cells, in place of those that were there.
pub(super) fn write(db: &mut Database, id: u32, record: &Record, cells: &[Vec<u8>]) -> Result<()> {
    let transaction = db.transaction_mut();
    transaction.delete_prefix(&prefix(space::CELL, id))?;
    transaction.put(&prefix(space::FUNCTION, id), &record.to_bytes())?;
    for (cell, number) in cells.iter().zip(0..) {
        transaction.put(&cell_key(id, number), cell)?;
    }
    Ok(())
}

/// Reads a record.
pub(super) fn read(transaction: &Transaction, id: u32) -> Result<Record> {
    match transaction.get(&prefix(space::FUNCTION, id))? {
        Some(bytes) => Record::parse(&bytes),
        None => Err(corrupt()),
    }
}

/// Reads the cells of a record.
pub(super) fn read_cells(
    transaction: &Transaction,
    id: u32,
    record: &Record,
) -> Result<Vec<Vec<u8>>> {
    let mut cells = Vec::with_capacity(record.cell_count());
    let mut cursor = transaction
        .prefix(&prefix(space::CELL, id))
        .expecting(record.cell_count());
    while let Some((key, cell)) = cursor.next(transaction)? {
        if key[PREFIX_SIZE..]
            != u32::try_from(cells.len())
                .map_err(|_| corrupt())?
                .to_be_bytes()
        {
            return Err(corrupt());
        }
        cells.push(cell.to_vec());
    }
    if cells.len() != record.cell_count() {
        return Err(corrupt());
    }
    Ok(cells)
}

/// What a cell holds.
pub(super) enum Cell<'a> {
    Value(&'a [u8]),
    Inner(usize),
    Library(&'a str),
    External(&'a [u8]),
}

impl<'a> Cell<'a> {
    /// Reads a cell.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Cell<'a>> {
        // Tags in this range have heads of three bytes.
        let (tag, content) = match bytes {
            [0xd9, high, low, content @ ..] => {
                (Some(u64::from(u16::from_be_bytes([*high, *low]))), content)
            }
            value => (None, value),
        };
        // All that writes cells writes them deterministically: other bytes are damaged.
        if !matches!(accept(content, "store"), Ok(Cow::Borrowed(_))) {
            return Err(corrupt());
        }
        let Some(tag) = tag else {
            return Ok(Cell::Value(content));
        };
        match (tag, Item::of(content)) {
            (INNER_TAG, Item::Int(place)) => {
                Ok(Cell::Inner(usize::try_from(place).map_err(|_| corrupt())?))
            }
            (LIBRARY_TAG, Item::Text(name)) => Ok(Cell::Library(name)),
            (EXTERNAL_TAG, Item::Bytes(view)) => Ok(Cell::External(view)),
            _ => Err(corrupt()),
        }
    }

    /// The bytes of the cell.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Cell::Value(value) => out.extend_from_slice(value),
            Cell::Inner(place) => {
                write_head(&mut out, 6, INNER_TAG);
                write_head(&mut out, 0, *place as u64);
            }
            Cell::Library(name) => {
                write_head(&mut out, 6, LIBRARY_TAG);
                write_text(&mut out, name);
            }
            Cell::External(view) => {
                write_head(&mut out, 6, EXTERNAL_TAG);
                crate::value::write_bytes(&mut out, view);
            }
        }
        out
    }
}
