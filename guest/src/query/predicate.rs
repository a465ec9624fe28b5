//! Conditions that Lua decides.

use std::cell::OnceCell;
use std::rc::Rc;

use super::condition::{Comparison, Condition, Operator, Predicate};
use crate::catalog::Index;
use crate::database::Database;
use crate::error::{Error, Problem, Result};
use crate::function;
use crate::index::computed_by;
use crate::members::Members;
use crate::name::check_table;
use crate::value::{Item, NULL, elements};

/// What a condition is about: a document, or an element of a list in it.
pub(crate) struct Subject<'a> {
    pub db: &'a Database,
    /// The table's name.
    pub table: &'a str,
    /// The document's key, encoded as in a store key.
    pub key: &'a [u8],
    /// The document, or the element.
    pub value: &'a [u8],
    /// Whether it is the document.
    pub is_whole: bool,
}

impl<'a> Subject<'a> {
    /// A document.
    pub fn new(db: &'a Database, table: &'a str, key: &'a [u8], value: &'a [u8]) -> Self {
        Subject {
            db,
            table,
            key,
            value,
            is_whole: true,
        }
    }

    fn element(&self, value: &'a [u8]) -> Self {
        Subject {
            value,
            is_whole: false,
            ..*self
        }
    }
}

impl Predicate {
    /// Reads one.
    ///
    /// # Errors
    /// `InvalidQuery` with the place in it.
    pub(super) fn parse(value: &[u8], place: &str) -> Result<Predicate> {
        let shape = "a predicate is a map with table, name and, as needed, arguments; send for example {\"table\": \
                     \"predicates\", \"name\": \"isNear\", \"arguments\": [48.2, 16.4]}";
        let names = ["table", "name", "arguments"];
        let members = Members::read(value, place, &names, shape, Error::query)?;
        let text = |name| match members.text(name)? {
            Some(text) => Ok(text.to_string()),
            None => Err(members.wrong(name, "this member is missing")),
        };
        let (table, name) = (text("table")?, text("name")?);
        if let Err(Error::InvalidArgument(problem)) = check_table(&table) {
            return Err(members.wrong("table", &problem.message));
        }
        let arguments = match members.get("arguments").map(|list| (list, Item::of(list))) {
            None => vec![0x80],
            Some((list, Item::List(..))) => list.to_vec(),
            Some(_) => return Err(members.wrong("arguments", "it is no array")),
        };
        Ok(Predicate {
            table,
            name,
            arguments,
            place: place.to_string(),
            function: OnceCell::new(),
        })
    }

    fn prepare(&self, db: &Database) -> Result<()> {
        let found = function::find(db, &self.table, &self.name);
        let Some(function) = found.map_err(|error| error.under(&self.place))? else {
            let error = Error::unknown_function(&self.table, &self.name);
            return Err(error.under(&self.place));
        };
        let _ = self.function.set(function);
        db.lua()?.machine()?.begin_tests(db)
    }

    fn meets(&self, subject: &Subject<'_>) -> Result<bool> {
        let function = self.function.get().map_or(&[NULL][..], Vec::as_slice);
        subject
            .db
            .lua()?
            .machine()?
            .is_met(subject, function, &self.arguments, &self.place)
    }
}

impl Condition {
    /// The first predicate in it.
    pub(super) fn predicate(&self) -> Option<&Predicate> {
        match self {
            Condition::And(all) | Condition::Or(all) => all.iter().find_map(Condition::predicate),
            Condition::Not(condition) => condition.predicate(),
            Condition::Compare(comparison) => comparison.inner().and_then(Condition::predicate),
            Condition::Lua(predicate) => Some(predicate),
        }
    }

    /// Whether Lua is needed to tell.
    pub(crate) fn needs_lua(&self) -> bool {
        match self {
            Condition::And(all) | Condition::Or(all) => all.iter().any(Condition::needs_lua),
            Condition::Not(condition) => condition.needs_lua(),
            Condition::Compare(comparison) => {
                computed_by(&comparison.field).is_some()
                    || comparison.inner().is_some_and(Condition::needs_lua)
            }
            Condition::Lua(_) => true,
        }
    }

    /// Looks for the functions that will be asked about documents of a table.
    ///
    /// # Errors
    /// `UnknownFunction` with the place of the condition; `UnknownIndex` for an index that computes nothing.
    pub(crate) fn prepare(&self, db: &Database, table: &str) -> Result<()> {
        match self {
            Condition::And(all) | Condition::Or(all) => all
                .iter()
                .try_for_each(|condition| condition.prepare(db, table)),
            Condition::Not(condition) => condition.prepare(db, table),
            Condition::Compare(comparison) => {
                if let Some(name) = computed_by(&comparison.field) {
                    index_of(db, table, name)?;
                }
                match comparison.inner() {
                    Some(condition) => condition.prepare(db, table),
                    None => Ok(()),
                }
            }
            Condition::Lua(predicate) => predicate.prepare(db),
        }
    }

    /// Whether a document meets the condition, which was prepared. What Lua has to tell is asked last.
    ///
    /// # Errors
    /// `LimitExceeded` if a pattern takes too long to tell; what Lua raises.
    pub(crate) fn meets(&self, subject: &Subject<'_>) -> Result<bool> {
        if !self.needs_lua() {
            return Ok(self.holds(subject.value)?);
        }
        match self {
            Condition::And(all) => Ok(!any(all, false, subject)?),
            Condition::Or(all) => any(all, true, subject),
            Condition::Not(condition) => Ok(!condition.meets(subject)?),
            Condition::Compare(comparison) => comparison.meets(subject),
            Condition::Lua(predicate) => predicate.meets(subject),
        }
    }
}

/// Whether any of the conditions is, or is not, met.
fn any(conditions: &[Condition], met: bool, subject: &Subject<'_>) -> Result<bool> {
    for needs_lua in [false, true] {
        for condition in conditions.iter().filter(|one| one.needs_lua() == needs_lua) {
            if condition.meets(subject)? == met {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

impl Comparison {
    /// The condition on the elements.
    fn inner(&self) -> Option<&Condition> {
        match &self.operator {
            Operator::Any(condition) | Operator::All(condition) => Some(condition),
            _ => None,
        }
    }

    fn meets(&self, subject: &Subject<'_>) -> Result<bool> {
        let computed;
        let value = match computed_by(&self.field) {
            Some(_) if !subject.is_whole => {
                return Err(Error::query(
                    "where",
                    "an index computes values of documents, and not of elements; ask for it outside of any and all",
                ));
            }
            Some(name) => {
                computed = computed_value(subject, name)?;
                &computed
            }
            None => self.field.find(subject.value).unwrap_or(&[NULL]),
        };
        let (condition, is_any) = match &self.operator {
            Operator::Any(condition) => (condition, true),
            Operator::All(condition) => (condition, false),
            operator => return Ok(operator.holds(value)?),
        };
        for element in elements(value) {
            if condition.meets(&subject.element(element))? == is_any {
                return Ok(is_any);
            }
        }
        Ok(!is_any && matches!(Item::of(value), Item::List(..)))
    }
}

/// An index that computes values.
fn index_of(db: &Database, table: &str, name: &str) -> Result<Rc<Index>> {
    let table = db.known_table(table)?;
    let mut indexes = table.indexes.iter();
    let found = indexes.find(|index| index.name == name && index.function.is_some());
    found.cloned().ok_or_else(|| {
        Error::UnknownIndex(Problem {
            place: "where".to_string(),
            message: format!(
                "no index '{name}' of the table has its values from a function; make one, or use a path as the field"
            ),
        })
    })
}

fn computed_value(subject: &Subject<'_>, name: &str) -> Result<Vec<u8>> {
    let index = index_of(subject.db, subject.table, name)?;
    match &index.function {
        Some(function) => index.compute(subject.db, function, subject.value, subject.key),
        None => Ok(vec![NULL]),
    }
}
