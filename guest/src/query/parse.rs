//! Reading a query.

use super::condition::{Comparison, Condition, Operator};
use crate::bytes::sort;
use crate::error::{Error, Result};
use crate::value::{
    Item, Path, Step, class, elements, encode_ordered, entries, equal, skip_ordered,
};

/// A query, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The table's name.
    pub table: String,
    /// What the documents have to meet.
    pub condition: Condition,
    /// What the documents are sorted by, before their keys.
    pub sort: Vec<SortField>,
    /// How many documents at the most.
    pub limit: Option<u64>,
    /// How many documents to leave out before them.
    pub offset: u64,
}

/// One field of a sort.
#[derive(Debug, Clone, PartialEq)]
pub struct SortField {
    /// Where the value is.
    pub field: Path,
    /// From the greatest value to the least.
    pub descending: bool,
}

/// Steps of a path, and conditions inside each other, at the most.
const MAX_STEPS: usize = 64;

/// Reads a path: a text with dots, or an array of names and positions.
///
/// # Errors
/// What `error` makes of the place and a message.
pub fn parse_path(
    path: &[u8],
    place: &str,
    error: impl Fn(String, String) -> Error,
) -> Result<Path> {
    let fail = |message: &str| Err(error(place.to_string(), message.to_string()));
    let parsed = match Item::of(path) {
        Item::Text(text) => {
            if text.split('.').any(str::is_empty) {
                return fail("the path has an empty name; write for example address.city");
            }
            Path::dotted(text)
        }
        Item::List(..) => {
            let mut steps = Vec::new();
            for step in elements(path) {
                match Item::of(step) {
                    Item::Text(_) | Item::Int(_) => steps.push(Step::encoded_key(step)),
                    // A byte string that is UTF-8 is the same name as the text.
                    Item::Bytes(name) => steps.push(Step::name(name)),
                    _ => return fail("a step of the path is neither a name nor a position"),
                }
            }
            Path { steps }
        }
        _ => return fail("the path is neither a text nor an array"),
    };
    if parsed.steps.len() > MAX_STEPS {
        return fail("the path has more than 64 steps, and no value is that deep");
    }
    Ok(parsed)
}

/// Reads a query.
///
/// # Errors
/// `InvalidQuery` with the place in it.
pub fn parse(query: &[u8]) -> Result<Query> {
    if !matches!(Item::of(query), Item::Map(..)) {
        return Err(Error::query(
            "",
            "the query is no map; send for example {\"table\": \"users\", \"limit\": 10}",
        ));
    }
    let mut table = None;
    let mut parsed = Query {
        table: String::new(),
        condition: Condition::always(),
        sort: Vec::new(),
        limit: None,
        offset: 0,
    };
    for (member, value) in entries(query) {
        match Item::of(member) {
            Item::Text("table") => match Item::of(value) {
                Item::Text(name) => table = Some(name.to_string()),
                _ => return Err(Error::query("table", "the table's name is no text")),
            },
            Item::Text("where") => {
                if Item::of(value) != Item::Null {
                    parsed.condition = parse_condition(value, "where", 0)?;
                }
            }
            Item::Text("sort") => parsed.sort = parse_sort(value)?,
            Item::Text("limit") => {
                if Item::of(value) != Item::Null {
                    parsed.limit = Some(parse_count(value, "limit")?);
                }
            }
            Item::Text("offset") => parsed.offset = parse_count(value, "offset")?,
            Item::Text(other) => {
                return Err(Error::query(
                    other,
                    "a query has the members table, where, sort, limit and offset",
                ));
            }
            _ => return Err(Error::query("", "a member's name is no text")),
        }
    }
    parsed.table = table.ok_or_else(|| Error::query("table", "the table's name is missing"))?;
    Ok(parsed)
}

fn parse_count(value: &[u8], place: &str) -> Result<u64> {
    match Item::of(value) {
        Item::Int(count) if count >= 0 => Ok(count.unsigned_abs()),
        _ => Err(Error::query(place, "it is no integer from 0 on")),
    }
}

fn parse_sort(sort: &[u8]) -> Result<Vec<SortField>> {
    let Item::List(..) = Item::of(sort) else {
        return Err(Error::query(
            "sort",
            "the sort is no array; send for example [{\"field\": \"name\", \"descending\": true}]",
        ));
    };
    let mut fields = Vec::new();
    for (number, field) in elements(sort).enumerate() {
        let place = format!("sort[{number}]");
        let Item::Map(..) = Item::of(field) else {
            fields.push(SortField {
                field: parse_path(field, &place, Error::query)?,
                descending: false,
            });
            continue;
        };
        let (mut path, mut descending) = (None, false);
        for (member, value) in entries(field) {
            match (Item::of(member), Item::of(value)) {
                (Item::Text("field"), _) => {
                    path = Some(parse_path(value, &format!("{place}.field"), Error::query)?);
                }
                (Item::Text("descending"), Item::Bool(value)) => descending = value,
                (Item::Text("descending"), _) => {
                    return Err(Error::query(
                        format!("{place}.descending"),
                        "it is neither true nor false",
                    ));
                }
                (Item::Text(other), _) => {
                    return Err(Error::query(
                        format!("{place}.{other}"),
                        "a sort field has the members field and descending",
                    ));
                }
                _ => return Err(Error::query(place, "a member's name is no text")),
            }
        }
        let field =
            path.ok_or_else(|| Error::query(format!("{place}.field"), "the field is missing"))?;
        fields.push(SortField { field, descending });
    }
    Ok(fields)
}

fn parse_condition(condition: &[u8], place: &str, depth: usize) -> Result<Condition> {
    let shape = "a condition is {\"field\", \"op\", \"value\"}, {\"and\": […]}, {\"or\": […]} or {\"not\": …}";
    if !matches!(Item::of(condition), Item::Map(..)) {
        return Err(Error::query(place, shape));
    }
    if depth >= MAX_STEPS {
        return Err(Error::query(
            place,
            "more than 64 conditions are inside each other",
        ));
    }
    let (mut field, mut op, mut operand, mut junction) = (None, None, None, None);
    for (member, value) in entries(condition) {
        match Item::of(member) {
            Item::Text("field") => field = Some(value),
            Item::Text("op") => op = Some(value),
            Item::Text("value") => operand = Some(value),
            Item::Text(name @ ("and" | "or" | "not")) if junction.is_none() => {
                junction = Some((name, value));
            }
            Item::Text(other) => return Err(Error::query(format!("{place}.{other}"), shape)),
            _ => return Err(Error::query(place, shape)),
        }
    }
    if let Some((name, value)) = junction {
        if field.is_some() || op.is_some() || operand.is_some() {
            return Err(Error::query(place, shape));
        }
        let place = format!("{place}.{name}");
        if name == "not" {
            let inner = parse_condition(value, &place, depth + 1)?;
            return Ok(Condition::Not(Box::new(inner)));
        }
        let Item::List(..) = Item::of(value) else {
            return Err(Error::query(place, "it is no array of conditions"));
        };
        let conditions = elements(value)
            .enumerate()
            .map(|(number, inner)| parse_condition(inner, &format!("{place}[{number}]"), depth + 1))
            .collect::<Result<Vec<_>>>()?;
        return Ok(match name {
            "and" => Condition::And(conditions),
            _ => Condition::Or(conditions),
        });
    }
    let field =
        field.ok_or_else(|| Error::query(format!("{place}.field"), "the field is missing"))?;
    let field = parse_path(field, &format!("{place}.field"), Error::query)?;
    let op = match op.map(Item::of) {
        Some(Item::Text(op)) => op,
        Some(_) => {
            return Err(Error::query(
                format!("{place}.op"),
                "the operator is no text",
            ));
        }
        None => {
            return Err(Error::query(
                format!("{place}.op"),
                "the operator is missing",
            ));
        }
    };
    let operator = parse_operator(op, operand, place)?;
    Ok(Condition::Compare(Comparison { field, operator }))
}

fn parse_operator(op: &str, operand: Option<&[u8]>, place: &str) -> Result<Operator> {
    if !super::OPERATORS.contains(&op) {
        return Err(Error::query(
            format!("{place}.op"),
            format!(
                "the operator '{op}' is unknown; use one of {}",
                super::OPERATORS.join(" ")
            ),
        ));
    }
    let place = format!("{place}.value");
    let operand = operand.ok_or_else(|| Error::query(place.as_str(), "the operand is missing"))?;
    let text = || match Item::of(operand) {
        Item::Text(text) => Ok(text.to_string()),
        other => Err(Error::query(
            place.as_str(),
            format!("'{op}' takes a text, not {}", other.type_name()),
        )),
    };
    let value = operand.to_vec();
    Ok(match op {
        "=" => Operator::Equal(value),
        "!=" => Operator::NotEqual(value),
        "<" => Operator::Less(value),
        "<=" => Operator::LessOrEqual(value),
        ">" => Operator::Greater(value),
        ">=" => Operator::GreaterOrEqual(value),
        "between" => {
            let ends: Vec<&[u8]> = elements(operand).collect();
            let [low, high] = ends[..] else {
                return Err(Error::query(place, "'between' takes an array [low, high]"));
            };
            if class(low) != class(high) {
                return Err(Error::query(
                    place,
                    "the ends of 'between' are of different types",
                ));
            }
            Operator::Between(low.to_vec(), high.to_vec())
        }
        "in" => {
            let Item::List(..) = Item::of(operand) else {
                return Err(Error::query(place, "'in' takes an array of values"));
            };
            Operator::In(in_order(operand))
        }
        "contains" => Operator::Contains(value),
        "startsWith" => Operator::StartsWith(text()?),
        _ => Operator::EndsWith(text()?),
    })
}

/// The elements of a list in the order of all values, each once.
fn in_order(list: &[u8]) -> Vec<Vec<u8>> {
    let mut rows: Vec<Vec<u8>> = elements(list)
        .map(|value| {
            let mut row = Vec::with_capacity(2 * value.len() + 16);
            encode_ordered(value, &mut row);
            row.extend_from_slice(value);
            row
        })
        .collect();
    // No encoding is the beginning of another: rows are in the order of what they begin with.
    sort(&mut rows);
    let mut values: Vec<Vec<u8>> = Vec::with_capacity(rows.len());
    for mut row in rows {
        let value = row.split_off(skip_ordered(&row).unwrap_or(0));
        if values.last().is_none_or(|last| !equal(last, &value)) {
            values.push(value);
        }
    }
    values
}
