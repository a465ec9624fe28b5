//! B-tree indexes: entries in the key space, kept in step with the documents.

use std::rc::Rc;

use crate::catalog::{Index, Table};
use crate::database::Database;
use crate::error::{Error, Limit, Problem, Result};
use crate::key::{PREFIX_SIZE, prefix, space};
use crate::name::check_index;
use crate::query::parse_path;
use crate::store::Transaction;
use crate::value::{Item, Path, elements, entries};

/// Fields of one index, at the most.
pub const MAX_FIELDS: usize = 8;

/// Bytes of a document's values in one index, at the most: a store key has to stay small.
pub const MAX_ENTRY_SIZE: usize = 2048;

/// The store key of a document's entry.
fn entry_key(index: &Index, document: &[u8], key: &[u8]) -> Result<Vec<u8>> {
    let mut entry = prefix(space::INDEX, index.id);
    index.encode_components(document, &mut entry);
    let size = entry.len() - PREFIX_SIZE;
    if size > MAX_ENTRY_SIZE {
        return Err(Error::limit(
            Limit::KeySize,
            MAX_ENTRY_SIZE as u64,
            "",
            format!(
                "the document has {size} bytes in the fields of index '{}', at most {MAX_ENTRY_SIZE} are \
                 allowed; shorten them, or drop the index",
                index.name
            ),
        ));
    }
    entry.extend_from_slice(key);
    Ok(entry)
}

/// Adds a document's entries to all indexes of its table.
///
/// # Errors
/// `LimitExceeded` if it can't be indexed.
pub(crate) fn add(
    transaction: &mut Transaction,
    table: &Table,
    store_key: &[u8],
    document: &[u8],
) -> Result<()> {
    for index in &table.indexes {
        let entry = entry_key(index, document, &store_key[PREFIX_SIZE..])?;
        transaction.put(&entry, &[])?;
    }
    Ok(())
}

/// What a document that is put, replaced or deleted changes in an index.
pub(crate) struct Change {
    old: Option<Vec<u8>>,
    new: Option<Vec<u8>>,
}

/// Finds out what changes.
pub(crate) fn change(
    index: &Index,
    key: &[u8],
    old: Option<&[u8]>,
    new: Option<&[u8]>,
) -> Result<Change> {
    let entry = |document: &[u8]| entry_key(index, document, key);
    Ok(Change {
        old: old.map(entry).transpose()?,
        new: new.map(entry).transpose()?,
    })
}

impl Change {
    /// Writes the change.
    pub(crate) fn write(self, transaction: &mut Transaction) -> Result<()> {
        if self.old == self.new {
            return Ok(());
        }
        if let Some(old) = self.old {
            transaction.delete(&old)?;
        }
        if let Some(new) = self.new {
            transaction.put(&new, &[])?;
        }
        Ok(())
    }
}

/// What a caller asks for when it makes an index.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    name: String,
    fields: Vec<Path>,
}

impl Definition {
    /// Reads a definition.
    ///
    /// # Errors
    /// `InvalidArgument` with the place in it.
    pub fn parse(definition: &[u8]) -> Result<Definition> {
        if !matches!(Item::of(definition), Item::Map(..)) {
            return Err(Error::argument(
                "definition",
                "the definition is no map; send for example {\"fields\": [\"name\"]}",
            ));
        }
        let mut fields = None;
        let mut name = None;
        for (key, value) in entries(definition) {
            match (Item::of(key), Item::of(value)) {
                (Item::Text("fields"), Item::List(count, _)) => {
                    if !(1..=MAX_FIELDS).contains(&count) {
                        return Err(Error::argument(
                            "definition.fields",
                            format!("an index has 1 to {MAX_FIELDS} fields, not {count}"),
                        ));
                    }
                    let mut paths = Vec::with_capacity(count);
                    for (number, path) in elements(value).enumerate() {
                        let place = format!("definition.fields[{number}]");
                        paths.push(parse_path(path, &place, Error::argument)?);
                    }
                    fields = Some(paths);
                }
                (Item::Text("name"), Item::Text(text)) => {
                    check_index(text, "definition.name")?;
                    name = Some(text.to_string());
                }
                (Item::Text("kind"), Item::Text("btree")) => {}
                (Item::Text("kind"), _) => {
                    return Err(Error::argument(
                        "definition.kind",
                        "the kind of index is unknown; this version has \"btree\"",
                    ));
                }
                (Item::Text(member @ ("fields" | "name")), other) => {
                    return Err(Error::argument(
                        format!("definition.{member}"),
                        format!("{} does not belong here", other.type_name()),
                    ));
                }
                (Item::Text(member), _) => {
                    return Err(Error::argument(
                        format!("definition.{member}"),
                        "an index's definition has the members fields, name and kind",
                    ));
                }
                _ => {
                    return Err(Error::argument("definition", "a member's name is no text"));
                }
            }
        }
        let fields = fields.ok_or_else(|| {
            Error::argument(
                "definition.fields",
                "the fields are missing; name the paths that shall be indexed",
            )
        })?;
        let name = match name {
            Some(name) => name,
            None => {
                let paths: Vec<String> = fields.iter().map(Path::to_string).collect();
                let name = paths.join(",");
                check_index(&name, "definition.name")?;
                name
            }
        };
        Ok(Definition { name, fields })
    }
}

/// Makes an index, and the table if it is absent.
///
/// # Errors
/// `AlreadyExists` if another index has the name; `LimitExceeded` if a document can't be indexed.
pub fn create(db: &mut Database, table_name: &str, definition: Definition) -> Result<Rc<Index>> {
    let table = db.ensure_table(table_name)?;
    if let Some(there) = table
        .indexes
        .iter()
        .find(|index| index.name == definition.name)
    {
        if there.fields == definition.fields {
            return Ok(there.clone());
        }
        return Err(Error::AlreadyExists(Problem {
            place: "definition.name".to_string(),
            message: format!(
                "table '{table_name}' has another index '{}'; drop it first, or choose another name",
                definition.name
            ),
        }));
    }
    let index = Rc::new(Index {
        id: db.next_id()?,
        name: definition.name,
        fields: definition.fields,
    });
    let transaction = db.transaction_mut();
    let mut cursor = transaction
        .prefix(&prefix(space::DOCUMENT, table.id))
        .eager();
    while let Some((store_key, document)) = cursor.next(transaction)? {
        let entry = entry_key(&index, document, &store_key[PREFIX_SIZE..])?;
        transaction.put(&entry, &[])?;
    }
    let mut indexes = table.indexes.clone();
    let at = indexes.partition_point(|there| there.name < index.name);
    indexes.insert(at, index.clone());
    db.set_table(
        table_name,
        Table {
            indexes,
            ..Table::clone(&table)
        },
    )?;
    Ok(index)
}

/// Removes an index. False if there is none of that name.
///
/// # Errors
/// As the store fails.
pub fn remove(db: &mut Database, table_name: &str, name: &str) -> Result<bool> {
    check_index(name, "name")?;
    let Some(table) = db.table(table_name)? else {
        return Ok(false);
    };
    let Some(index) = table.indexes.iter().find(|index| index.name == name) else {
        return Ok(false);
    };
    db.transaction_mut()
        .delete_prefix(&prefix(space::INDEX, index.id))?;
    let mut indexes = table.indexes.clone();
    indexes.retain(|index| index.name != name);
    db.set_table(
        table_name,
        Table {
            indexes,
            ..Table::clone(&table)
        },
    )?;
    Ok(true)
}
