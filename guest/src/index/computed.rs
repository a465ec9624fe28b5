//! Indexes of what a persisted function computes.

use crate::catalog::{Function, Index};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::function;
use crate::key::Key;
use crate::name::HOME;
use crate::value::{
    Item, NULL, Path, Step, elements, entries, has_objects, write_array_head, write_map_head,
    write_null, write_text,
};

/// The path that stands for what an index computes: no value has a member with such a key.
pub(crate) fn computed_path(index: &str) -> Path {
    let mut key = Vec::new();
    write_array_head(&mut key, 1);
    write_text(&mut key, index);
    Path {
        steps: vec![Step::encoded_key(&key)],
    }
}

/// The name of the index that computes what a path stands for; none for any other path.
pub(crate) fn computed_by(path: &Path) -> Option<&str> {
    let [step] = path.steps.as_slice() else {
        return None;
    };
    match Item::of(step.encoded()) {
        Item::List(1, name) => match Item::of(name) {
            Item::Text(name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

impl Index {
    /// What the function of the index gives for a document.
    ///
    /// # Errors
    /// What it raises, with the index and the document.
    pub(crate) fn compute(
        &self,
        db: &Database,
        function: &Function,
        document: &[u8],
        document_key: &[u8],
    ) -> Result<Vec<u8>> {
        let plain;
        let document = if has_objects(document) {
            let mut out = Vec::with_capacity(document.len());
            without_objects(document, &mut out);
            plain = out;
            &plain
        } else {
            document
        };
        // A function is no document to compute something of.
        if document == [NULL] {
            return Ok(vec![NULL]);
        }
        let lua = db.lua()?;
        let value = lua
            .machine()?
            .compute(db, function, document, document_key)
            .map_err(|error| {
                let key = Key::decode(document_key)
                    .map_or_else(|_| "?".to_string(), |key| key.to_string());
                let what = format!("index '{}', document '{key}'", self.name);
                match error {
                    Error::Script(mut failure) => {
                        failure.message = format!("{what}: {}", failure.message);
                        Error::Script(failure)
                    }
                    error @ (Error::Store(_) | Error::Corrupt(_)) => error,
                    error => error.under(&what),
                }
            })?;
        Ok(value)
    }
}

impl Function {
    /// Whether it is what it was when it was marked.
    fn is_as_marked(&self, db: &Database) -> Result<bool> {
        let Some(there) = function::find(db, &self.table, &self.name)? else {
            return Ok(false);
        };
        match function::mark(db, &there) {
            Ok(mark) => Ok(mark == self.mark),
            Err(Error::InvalidArgument(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The same function, with the mark that it has now.
    ///
    /// # Errors
    /// `UnknownFunction` if there is none, `InvalidArgument` for one that can't be relied on.
    pub(super) fn marked(&self, db: &Database) -> Result<Function> {
        let Some(reference) = function::find(db, &self.table, &self.name)? else {
            let error = Error::unknown_function(&self.table, &self.name);
            return Err(error.under("definition.function"));
        };
        Ok(Function {
            mark: function::mark(db, &reference)?,
            ..self.clone()
        })
    }
}

/// Checks that the functions that indexes need are what they were when the indexes were made.
///
/// # Errors
/// `InvalidArgument` if one is not.
pub(crate) fn check_functions(db: &Database) -> Result<()> {
    let home = db.catalog().table(HOME).map(|table| (HOME, table));
    for (name, table) in home.into_iter().chain(db.catalog().tables()) {
        for index in &table.indexes {
            if let Some(function) = &index.function
                && !function.is_as_marked(db)?
            {
                return Err(Error::argument(
                    "",
                    format!(
                        "index '{}' of table '{name}' needs function '{}.{}' and its variables as they are; drop the index first",
                        index.name, function.table, function.name
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// Appends a value with null for functions, and without metatables.
fn without_objects(value: &[u8], out: &mut Vec<u8>) {
    match Item::of(value) {
        Item::Function(_) | Item::Library(_) => write_null(out),
        Item::List(count, _) => {
            write_array_head(out, count);
            elements(value).for_each(|element| without_objects(element, out));
        }
        Item::Map(..) => {
            let members = || entries(value).filter(|(key, _)| *key != [NULL]);
            write_map_head(out, members().count());
            for (key, value) in members() {
                out.extend_from_slice(key);
                without_objects(value, out);
            }
        }
        _ => out.extend_from_slice(&value[..crate::value::skip(value)]),
    }
}

/// A mark as an index's record has it.
pub(crate) fn read_mark(value: &[u8]) -> Option<[u8; 16]> {
    match Item::of(value) {
        Item::Bytes(mark) => mark.try_into().ok(),
        _ => None,
    }
}
