//! Running an operation.

use super::changes::make;
use super::operation::{Action, Operation, Precondition, Target};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::key::Key;
use crate::query::{self, Query, Subject};
use crate::value::{write_bool, write_int, write_null};

impl Operation<'_> {
    /// Runs it, and appends its result.
    pub fn run(self, db: &mut Database, results: &mut Vec<u8>) -> Result<()> {
        let key = match &self.target {
            Target::Key(key) => key,
            Target::Query(query) if self.action == Action::Query => {
                let rows = query::run(db, query).map_err(|error| error.under("query"))?;
                results.extend_from_slice(&rows);
                return Ok(());
            }
            Target::Function(name) => {
                let lua = db.lua()?;
                let result = lua.call_in(db, self.table, name, self.value)?;
                results.extend_from_slice(&result);
                return Ok(());
            }
            Target::Query(query) => {
                let count = self.change_all(db, query)?;
                write_int(results, i64::try_from(count).unwrap_or(i64::MAX));
                return Ok(());
            }
        };
        if let Some(precondition) = &self.precondition {
            precondition.check(db, self.table, key)?;
        }
        match self.action {
            Action::Put => {
                db.put(self.table, key, self.value)?;
                write_null(results);
            }
            Action::Insert => {
                if db.get(self.table, key)?.is_some() {
                    return Err(super::there_is_one());
                }
                db.put(self.table, key, self.value)?;
                write_null(results);
            }
            Action::Update => {
                let there = db.get(self.table, key)?;
                if let Some(document) = &there {
                    self.update(db, key, document)?;
                }
                write_bool(results, there.is_some());
            }
            Action::Delete => {
                let there = db.delete(self.table, key)?;
                write_bool(results, there);
            }
            Action::Get | Action::Query | Action::Call => match db.get(self.table, key)? {
                Some(document) => results.extend_from_slice(&document),
                None => write_null(results),
            },
        }
        Ok(())
    }

    fn update(&self, db: &mut Database, key: &Key, document: &[u8]) -> Result<()> {
        let new = make(&self.changes, document)?;
        if *new == *document {
            return Ok(());
        }
        db.put(self.table, key, &new)
    }

    /// Updates or deletes all documents that a query finds, and tells how many there were. A table that is absent
    /// has none.
    fn change_all(&self, db: &mut Database, query: &Query) -> Result<usize> {
        if db.table(self.table)?.is_none() {
            return Ok(0);
        }
        // All are found before any is changed: a change may move a document to where it would be found again.
        let mut found = Vec::new();
        query::for_each(db, query, &mut |key, document| {
            let document = if self.action == Action::Update {
                document.to_vec()
            } else {
                Vec::new()
            };
            found.push((Key::decode(key)?, document));
            Ok(true)
        })?;
        let count = found.len();
        for (key, document) in found {
            if self.action == Action::Update {
                self.update(db, &key, &document)?;
            } else {
                db.delete(self.table, &key)?;
            }
        }
        Ok(count)
    }
}

impl Precondition {
    fn check(&self, db: &Database, table: &str, key: &Key) -> Result<()> {
        let there = db.get(table, key)?;
        let message = match (self, there) {
            (Precondition::Exists, None) => "there is no document of this key",
            (Precondition::Absent, Some(_)) => "there is a document of this key",
            (Precondition::Holds(condition), Some(document))
                if {
                    let mut encoded = Vec::new();
                    key.encode(&mut encoded);
                    condition.prepare(db, table)?;
                    condition.meets(&Subject::new(db, table, &encoded, &document))?
                } =>
            {
                return Ok(());
            }
            (Precondition::Holds(_), Some(_)) => "the document does not meet the condition",
            (Precondition::Holds(_), None) => {
                "there is no document of this key to meet the condition"
            }
            (Precondition::Exists, Some(_)) | (Precondition::Absent, None) => return Ok(()),
        };
        Err(Error::precondition(
            "if",
            format!("{message}; read it again and decide anew"),
        ))
    }
}
