//! Reading what rows are made of.

use super::path::parse_path;
use super::{Query, parse_condition};
use crate::error::{Error, Result};
use crate::members::Members;
use crate::query::condition::Condition;
use crate::query::group::{Aggregate, FUNCTIONS, Function, Grouping};
use crate::query::project::Column;
use crate::value::{Item, Path, Step, elements, entries, write_text};

/// Reads columns: paths, or maps with a path and a name for it.
pub(super) fn parse_columns(columns: &[u8], place: &str) -> Result<Vec<Column>> {
    let Item::List(1.., _) = Item::of(columns) else {
        return Err(Error::query(place, "it is no array of at least one path"));
    };
    let mut parsed = Vec::new();
    for (number, column) in elements(columns).enumerate() {
        let place = format!("{place}[{number}]");
        let (field, name) = if let Item::Map(..) = Item::of(column) {
            let shape = "it is neither a path nor a map with field and as";
            let members = Members::read(column, &place, &["field", "as"], shape, Error::query)?;
            let field = parse_path(
                members.need("field")?,
                &members.place("field"),
                Error::query,
            )?;
            (field, members.text("as")?.map(str::to_string))
        } else {
            (parse_path(column, &place, Error::query)?, None)
        };
        let Some(name) = name.or_else(|| field.as_dotted()) else {
            return Err(Error::query(
                place,
                "this path has no name of its own; send for example {\"field\": [\"tags\", 1], \"as\": \"first\"}",
            ));
        };
        let mut encoded = Vec::new();
        write_text(&mut encoded, &name);
        let column = Column {
            name: encoded,
            field,
        };
        match parsed.binary_search_by(|there: &Column| there.name.cmp(&column.name)) {
            Ok(_) => {
                return Err(Error::query(
                    place,
                    format!("there are two of the name '{name}'"),
                ));
            }
            Err(at) => parsed.insert(at, column),
        }
    }
    Ok(parsed)
}

fn parse_aggregates(aggregates: &[u8]) -> Result<Vec<Aggregate>> {
    let Item::Map(1.., _) = Item::of(aggregates) else {
        return Err(Error::query(
            "aggregate",
            "it is no map of at least one; send for example {\"total\": {\"op\": \"sum\", \"field\": \"price\"}}",
        ));
    };
    let mut parsed = Vec::new();
    for (name, aggregate) in entries(aggregates) {
        let Item::Text(text) = Item::of(name) else {
            return Err(Error::query("aggregate", "a name is no text"));
        };
        let place = format!("aggregate.{text}");
        let shape = "an aggregate is a map with op and field";
        let members = Members::read(aggregate, &place, &["op", "field"], shape, Error::query)?;
        let op = members.text("op")?.unwrap_or_default();
        let Some((_, function)) = FUNCTIONS.iter().find(|(known, _)| *known == op) else {
            return Err(members.wrong(
                "op",
                "the function is unknown; use count, sum, avg, min or max",
            ));
        };
        let field = match members.get("field") {
            Some(path) => Some(parse_path(path, &members.place("field"), Error::query)?),
            None if *function == Function::Count => None,
            None => {
                return Err(members.wrong("field", "the field is missing; only count goes without"));
            }
        };
        parsed.push(Aggregate {
            name: name.to_vec(),
            function: *function,
            field,
        });
    }
    Ok(parsed)
}

/// Reads how documents are grouped, if they are, and what depends on that.
pub(super) fn parse_grouping(members: &Members, query: &mut Query) -> Result<()> {
    let mut by = match members.get("groupBy") {
        Some(by) => Some(parse_columns(by, "groupBy")?),
        None => None,
    };
    let aggregates = match members.get("aggregate") {
        Some(aggregates) => parse_aggregates(aggregates)?,
        None => Vec::new(),
    };
    if members.flag("distinct")? {
        if by.is_some() || !aggregates.is_empty() {
            return Err(members.wrong("distinct", "groups are distinct already; leave it out"));
        }
        if query.select.is_none() {
            return Err(members.wrong("distinct", "name in select what shall be distinct"));
        }
        by = query.select.take();
    }
    if by.is_none() && aggregates.is_empty() {
        return match members.get("having") {
            Some(_) => Err(members.wrong(
                "having",
                "it is about groups; use where, or add groupBy or aggregate",
            )),
            None => Ok(()),
        };
    }
    if query.select.is_some() {
        return Err(members.wrong(
            "select",
            "groups have the members of groupBy and aggregate; leave it out",
        ));
    }
    if query.after.is_some() {
        return Err(members.wrong(
            "after",
            "rows made of many documents have no cursor; use offset",
        ));
    }
    let by = by.unwrap_or_default();
    if let Some(twice) = aggregates
        .iter()
        .find(|one| by.iter().any(|column| column.name == one.name))
    {
        let name = String::from_utf8_lossy(&twice.name[1..]).into_owned();
        return Err(Error::query(
            format!("aggregate.{name}"),
            "a member of groupBy has this name already",
        ));
    }
    let names: Vec<&[u8]> = by
        .iter()
        .map(|column| &column.name)
        .chain(aggregates.iter().map(|one| &one.name))
        .map(Vec::as_slice)
        .collect();
    let mut having = match members.get("having") {
        Some(having) => parse_condition(having, "having", 0)?,
        None => Condition::always(),
    };
    if let Some(predicate) = having.predicate() {
        return Err(Error::query(
            predicate.place.clone(),
            "a predicate is asked for documents, not for rows; move it to where",
        ));
    }
    resolve_all(&mut having, &names)?;
    for (number, field) in query.sort.iter_mut().enumerate() {
        resolve(&mut field.field, &names, &format!("sort[{number}]"))?;
    }
    query.grouping = Some(Grouping {
        by,
        aggregates,
        having,
    });
    Ok(())
}

fn resolve_all(condition: &mut Condition, names: &[&[u8]]) -> Result<()> {
    match condition {
        Condition::And(all) | Condition::Or(all) => all
            .iter_mut()
            .try_for_each(|condition| resolve_all(condition, names)),
        Condition::Not(condition) => resolve_all(condition, names),
        Condition::Compare(comparison) => resolve(&mut comparison.field, names, "having"),
        Condition::Lua(_) => Ok(()),
    }
}

/// Makes a path lead into a row: a member of a row may have a name with dots in it.
fn resolve(path: &mut Path, names: &[&[u8]], place: &str) -> Result<()> {
    for length in (1..=path.steps.len()).rev() {
        let start = Path {
            steps: path.steps[..length].to_vec(),
        };
        let Some(text) = start.as_dotted() else {
            continue;
        };
        let step = Step::name(text.as_bytes());
        if names.contains(&step.encoded()) {
            path.steps.splice(..length, [step]);
            return Ok(());
        }
    }
    Err(Error::query(
        place,
        format!(
            "'{path}' is no member of the rows; they have those of groupBy, aggregate or select"
        ),
    ))
}
