//! Reading an operation.

use super::changes::{Change, parse_changes};
use super::check_document;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::key::{Key, document_key};
use crate::members::Members;
use crate::pack::write_bytes;
use crate::query::{Condition, Query, parse_condition, parse_selection};
use crate::value::Item;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Put,
    Insert,
    Update,
    Get,
    Delete,
    Query,
    Call,
}

/// An empty array.
const NO_ARGUMENTS: &[u8] = &[0x80];

/// The operations by their names, and the members that each may have besides `op`.
const ACTIONS: [(&str, Action, &[&str]); 7] = [
    ("put", Action::Put, &["table", "key", "value", "if"]),
    ("insert", Action::Insert, &["table", "key", "value"]),
    (
        "update",
        Action::Update,
        &["table", "key", "where", "sort", "limit", "changes", "if"],
    ),
    ("get", Action::Get, &["table", "key"]),
    (
        "delete",
        Action::Delete,
        &["table", "key", "where", "sort", "limit", "if"],
    ),
    ("query", Action::Query, &["query"]),
    ("call", Action::Call, &["table", "name", "arguments"]),
];

/// Which documents are meant.
#[derive(Debug)]
pub(super) enum Target<'a> {
    /// The one of a key.
    Key(Key),
    /// Those that a query finds.
    Query(Box<Query>),
    /// None: a function of this name is called.
    Function(&'a str),
}

/// What has to be there.
#[derive(Debug)]
pub(super) enum Precondition {
    Exists,
    Absent,
    Holds(Condition),
}

/// An operation, checked.
#[derive(Debug)]
pub(super) struct Operation<'a> {
    pub action: Action,
    pub table: &'a str,
    pub target: Target<'a>,
    /// What is put, or the arguments of a call.
    pub value: &'a [u8],
    pub changes: Vec<Change<'a>>,
    pub precondition: Option<Precondition>,
}

impl<'a> Operation<'a> {
    pub fn parse(operation: &'a [u8]) -> Result<Self> {
        let shape = "an operation is a map with op and what belongs to it; send for example {\"op\": \"put\", \
                     \"table\": …, \"key\": …, \"value\": …}";
        let names = [
            "op",
            "table",
            "key",
            "value",
            "where",
            "sort",
            "limit",
            "changes",
            "if",
            "query",
            "name",
            "arguments",
        ];
        let members = Members::read(operation, "", &names, shape, Error::argument)?;
        let op = members.text("op")?;
        let op = op.ok_or_else(|| members.wrong("op", "the operation's name is missing"))?;
        let Some((_, action, allowed)) = ACTIONS.iter().find(|(name, ..)| *name == op) else {
            let known = ACTIONS.map(|(name, ..)| name).join(", ");
            return Err(members.wrong(
                "op",
                &format!("the operation '{op}' is unknown; use one of {known}"),
            ));
        };
        if let Some(other) = members
            .names()
            .find(|name| *name != "op" && !allowed.contains(name))
        {
            return Err(members.wrong(other, &format!("'{op}' has no such member; leave it out")));
        }
        if *action == Action::Query {
            let query = crate::query::parse(members.need("query")?);
            return Ok(Operation {
                action: *action,
                table: "",
                target: Target::Query(Box::new(query.map_err(|error| error.under("query"))?)),
                value: &[],
                changes: Vec::new(),
                precondition: None,
            });
        }
        let table = members.text("table")?;
        let table = table.ok_or_else(|| members.wrong("table", "the table's name is missing"))?;
        if *action == Action::Call {
            let name = members.text("name")?;
            let name =
                name.ok_or_else(|| members.wrong("name", "the function's name is missing"))?;
            let arguments = members.get("arguments").unwrap_or(NO_ARGUMENTS);
            let Item::List(..) = Item::of(arguments) else {
                return Err(members.wrong("arguments", "it is no array"));
            };
            return Ok(Operation {
                action: *action,
                table,
                target: Target::Function(name),
                value: arguments,
                changes: Vec::new(),
                precondition: None,
            });
        }
        let target = parse_target(&members, table)?;
        let value = if allowed.contains(&"value") {
            let value = members.need("value")?;
            check_document(value)?;
            value
        } else {
            &[]
        };
        let changes = if *action == Action::Update {
            parse_changes(&members)?
        } else {
            Vec::new()
        };
        Ok(Operation {
            action: *action,
            table,
            target,
            value,
            changes,
            precondition: parse_precondition(&members)?,
        })
    }

    /// Packs the store keys that will be read, in the order in which they will.
    pub fn add_wanted(&self, db: &Database, wanted: &mut Vec<u8>) {
        let (Target::Key(key), Some(table)) = (&self.target, db.catalog().table(self.table)) else {
            return;
        };
        if self.action != Action::Put || self.precondition.is_some() || table.needs_old() {
            write_bytes(wanted, &document_key(table.id, key));
        }
        for index in table
            .indexes
            .iter()
            .filter(|index| index.unique && index.function.is_none() && !self.value.is_empty())
        {
            let mut encoded = Vec::new();
            key.encode(&mut encoded);
            // What can't be indexed is refused when it is put.
            for entry in index.entries(db, self.value, &encoded).unwrap_or_default() {
                write_bytes(wanted, &entry);
            }
        }
    }
}

fn parse_target<'a>(members: &Members<'a>, table: &str) -> Result<Target<'a>> {
    if members.get("where").is_none() {
        if let Some(other) = ["sort", "limit"]
            .into_iter()
            .find(|name| members.get(name).is_some())
        {
            return Err(members.wrong(other, "it belongs to a where; add one, or leave it out"));
        }
        let key = members
            .get("key")
            .ok_or_else(|| members.wrong("key", "the key is missing"))?;
        return Ok(Target::Key(Key::of_value(key, "key")?));
    }
    if let Some(other) = ["key", "if"]
        .into_iter()
        .find(|name| members.get(name).is_some())
    {
        return Err(members.wrong(
            other,
            "where says which documents are meant; leave one of both out",
        ));
    }
    Ok(Target::Query(Box::new(parse_selection(members, table)?)))
}

fn parse_precondition(members: &Members) -> Result<Option<Precondition>> {
    let Some(value) = members.get("if") else {
        return Ok(None);
    };
    Ok(Some(match Item::of(value) {
        Item::Text("exists") => Precondition::Exists,
        Item::Text("absent") => Precondition::Absent,
        Item::Map(..) => Precondition::Holds(parse_condition(value, "if", 0)?),
        _ => return Err(members.wrong("if", "it is neither exists nor absent nor a condition")),
    }))
}
