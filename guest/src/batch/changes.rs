//! Reading the changes of an update.

use super::edit;
use crate::error::{Error, Limit, Result};
use crate::members::Members;
use crate::query::parse_path;
use crate::value::{Item, MAX_DEPTH, NULL, Path, elements};

/// What is done to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Set,
    Unset,
    Increment,
    Push,
    Remove,
    Merge,
}

/// The names of all changes.
const KINDS: [(&str, Kind); 6] = [
    ("set", Kind::Set),
    ("unset", Kind::Unset),
    ("increment", Kind::Increment),
    ("push", Kind::Push),
    ("remove", Kind::Remove),
    ("merge", Kind::Merge),
];

/// One change.
#[derive(Debug)]
pub(super) struct Change<'a> {
    kind: Kind,
    field: Path,
    value: &'a [u8],
}

/// Reads the changes of an operation.
pub(super) fn parse_changes<'a>(members: &Members<'a>) -> Result<Vec<Change<'a>>> {
    let changes = members.need("changes")?;
    let Item::List(1.., _) = Item::of(changes) else {
        return Err(members.wrong("changes", "it is no array of at least one change"));
    };
    let mut parsed = Vec::new();
    for (number, change) in elements(changes).enumerate() {
        parsed.push(parse_change(change, &format!("changes[{number}]"))?);
    }
    Ok(parsed)
}

fn parse_change<'a>(change: &'a [u8], place: &str) -> Result<Change<'a>> {
    let shape = "a change is a map with op, field and value; send for example {\"op\": \"set\", \"field\": \
                 \"name\", \"value\": \"Ada\"}";
    let found = Members::read(
        change,
        place,
        &["op", "field", "value"],
        shape,
        Error::argument,
    )?;
    let op = found.text("op")?.unwrap_or_default();
    let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == op) else {
        let known = KINDS.map(|(name, _)| name).join(", ");
        return Err(found.wrong("op", &format!("the change is unknown; use one of {known}")));
    };
    let field = match found.get("field") {
        Some(field) => parse_path(field, &found.place("field"), Error::argument)?,
        None if *kind == Kind::Merge => Path::default(),
        None => return Err(found.wrong("field", "the field is missing")),
    };
    let value = match (kind, found.get("value")) {
        (Kind::Unset, None) => &[],
        (Kind::Unset, Some(_)) => {
            return Err(found.wrong("value", "'unset' takes no value; leave it out"));
        }
        (_, None) => return Err(found.wrong("value", "the value is missing")),
        (Kind::Increment, Some(value))
            if !matches!(Item::of(value), Item::Int(_) | Item::Float(_)) =>
        {
            return Err(found.wrong("value", "'increment' takes a number"));
        }
        (_, Some(value)) => value,
    };
    if *kind == Kind::Unset && field.steps.is_empty() {
        return Err(found.wrong(
            "field",
            "the document itself can't be unset; delete it instead",
        ));
    }
    Ok(Change {
        kind: *kind,
        field,
        value,
    })
}

/// The document with all changes made, in their order.
///
/// # Errors
/// `InvalidArgument` with the number of the change in the place.
pub(super) fn make(changes: &[Change], document: &[u8]) -> Result<Vec<u8>> {
    if let Item::Function(_) = Item::of(document) {
        return Err(Error::argument(
            "key",
            "the document is a function; persist it again instead",
        ));
    }
    let mut document = document.to_vec();
    for (number, change) in changes.iter().enumerate() {
        document = change.make(&document).map_err(|message| {
            Error::argument(
                format!("changes[{number}]"),
                format!("'{}': {message}", change.field),
            )
        })?;
    }
    if document == [NULL] {
        return Err(Error::value(
            "changes",
            "they leave null, which is no document; delete it instead",
        ));
    }
    if edit::depth(&document) > MAX_DEPTH {
        return Err(Error::limit(
            Limit::ValueDepth,
            MAX_DEPTH as u64,
            "changes",
            "they leave more than 64 lists and maps inside each other; put the inner ones into documents of their own",
        ));
    }
    super::check_document(&document).map_err(|error| error.under("changes"))?;
    Ok(document)
}

impl Change<'_> {
    fn make(&self, document: &[u8]) -> Result<Vec<u8>, &'static str> {
        let steps = &self.field.steps;
        let there = self.field.find(document).unwrap_or(&[NULL]);
        let new = match self.kind {
            Kind::Set => self.value.to_vec(),
            Kind::Unset => return Ok(edit::unset(document, steps)),
            Kind::Increment => edit::increment(there, self.value)?,
            Kind::Push => edit::push(there, self.value)?,
            Kind::Remove if there == [NULL] => return Ok(document.to_vec()),
            Kind::Remove => edit::remove_elements(there, self.value)?,
            Kind::Merge => edit::merge(there, self.value),
        };
        edit::set(document, steps, &new)
    }
}
