//! Reading a condition.

use super::path::{MAX_STEPS, parse_path};
use crate::bytes::sort;
use crate::error::{Error, Result};
use crate::index::computed_path;
use crate::members::Members;
use crate::query::condition::{
    Comparison, Condition, Interval, OPERATORS, Operator, Predicate, Types, type_names,
};
use crate::query::pattern::Pattern;
use crate::value::{
    Item, NULL, Path, class, elements, encode_ordered, entries, equal, skip_ordered,
};

const SHAPE: &str = "a condition is {\"field\", \"op\", \"value\"}, {\"and\": […]}, {\"or\": […]}, {\"not\": …} or {\"lua\": …}";

/// Reads a condition that is inside of `depth` others.
///
/// # Errors
/// `InvalidQuery` with the place in it.
pub(crate) fn parse_condition(condition: &[u8], place: &str, depth: usize) -> Result<Condition> {
    if depth >= MAX_STEPS {
        return Err(Error::query(
            place,
            "more than 64 conditions are inside each other",
        ));
    }
    let names = ["field", "op", "value", "and", "or", "not", "lua"];
    let members = Members::read(condition, place, &names, SHAPE, Error::query)?;
    if let Some(name) = ["and", "or", "not", "lua"]
        .into_iter()
        .find(|name| members.get(name).is_some())
    {
        if members.count() > 1 {
            return Err(Error::query(place, SHAPE));
        }
        let value = members.need(name)?;
        let place = members.place(name);
        if name == "not" {
            let inner = parse_condition(value, &place, depth + 1)?;
            return Ok(Condition::Not(Box::new(inner)));
        }
        if name == "lua" {
            return Predicate::parse(value, &place).map(Condition::Lua);
        }
        let Item::List(..) = Item::of(value) else {
            return Err(Error::query(place, "it is no array of conditions"));
        };
        let mut conditions = Vec::new();
        for (number, inner) in elements(value).enumerate() {
            conditions.push(parse_condition(
                inner,
                &format!("{place}[{number}]"),
                depth + 1,
            )?);
        }
        return Ok(match name {
            "and" => Condition::And(conditions),
            _ => Condition::Or(conditions),
        });
    }
    let field = parse_field(members.need("field")?, &members.place("field"))?;
    let op = members.text("op")?;
    let op = op.ok_or_else(|| members.wrong("op", "the operator is missing"))?;
    if !OPERATORS.contains(&op) {
        return Err(members.wrong(
            "op",
            &format!(
                "the operator '{op}' is unknown; use one of {}",
                OPERATORS.join(", ")
            ),
        ));
    }
    let operator = parse_operator(op, &members, depth)?;
    let comparison = Condition::Compare(Comparison { field, operator });
    Ok(if op == "not in" {
        Condition::Not(Box::new(comparison))
    } else {
        comparison
    })
}

/// A path, or a map with the name of an index that computes values.
fn parse_field(field: &[u8], place: &str) -> Result<Path> {
    let mut members = entries(field).map(|(key, value)| (Item::of(key), Item::of(value)));
    match (members.next(), members.next()) {
        (Some((Item::Text("index"), Item::Text(name))), None) => Ok(computed_path(name)),
        _ => parse_path(field, place, Error::query),
    }
}

fn parse_operator(op: &str, members: &Members, depth: usize) -> Result<Operator> {
    let operand = members.need("value")?;
    let wrong = |message: &str| Err(members.wrong("value", message));
    let value = operand.to_vec();
    Ok(match (op, Item::of(operand)) {
        ("=", _) => Operator::Equal(value),
        ("!=", _) => Operator::NotEqual(value),
        ("<", _) => Operator::Less(value),
        ("<=", _) => Operator::LessOrEqual(value),
        (">", _) => Operator::Greater(value),
        (">=", _) => Operator::GreaterOrEqual(value),
        ("contains", _) => Operator::Contains(value),
        ("between", _) => Operator::Between(parse_interval(operand, members)?),
        ("in" | "not in", Item::List(..)) => Operator::In(in_order(operand)),
        ("in" | "not in", _) => return wrong("it is no array of values"),
        ("startsWith", Item::Text(text)) => Operator::StartsWith(text.to_string()),
        ("endsWith", Item::Text(text)) => Operator::EndsWith(text.to_string()),
        ("exists", Item::Bool(true)) => Operator::NotEqual(vec![NULL]),
        ("exists", Item::Bool(false)) => Operator::Equal(vec![NULL]),
        ("exists", _) => return wrong("it is neither true nor false"),
        ("type", _) => Operator::Type(parse_types(operand, members)?),
        ("matches", Item::Text(pattern)) => match Pattern::parse(pattern.as_bytes()) {
            Ok(pattern) => Operator::Matches(pattern),
            Err(message) => return wrong(message),
        },
        ("any" | "all", _) => {
            let inner = Box::new(parse_condition(
                operand,
                &members.place("value"),
                depth + 1,
            )?);
            if op == "any" {
                Operator::Any(inner)
            } else {
                Operator::All(inner)
            }
        }
        (_, other) => {
            return wrong(&format!("'{op}' takes a text, not {}", other.type_name()));
        }
    })
}

fn parse_interval(operand: &[u8], members: &Members) -> Result<Interval> {
    let place = members.place("value");
    let shape = "'between' takes an array [lower, upper], or a map with lower, upper and, where an end itself is left \
                 out, lowerOpen or upperOpen";
    let interval = if let Item::List(..) = Item::of(operand) {
        let ends: Vec<&[u8]> = elements(operand).collect();
        let [lower, upper] = ends[..] else {
            return Err(Error::query(place, shape));
        };
        Interval {
            lower: lower.to_vec(),
            upper: upper.to_vec(),
            lower_open: false,
            upper_open: false,
        }
    } else {
        let names = ["lower", "upper", "lowerOpen", "upperOpen"];
        let ends = Members::read(operand, &place, &names, shape, Error::query)?;
        Interval {
            lower: ends.need("lower")?.to_vec(),
            upper: ends.need("upper")?.to_vec(),
            lower_open: ends.flag("lowerOpen")?,
            upper_open: ends.flag("upperOpen")?,
        }
    };
    if class(&interval.lower) != class(&interval.upper) {
        return Err(Error::query(
            place,
            "the ends of 'between' are of different types",
        ));
    }
    Ok(interval)
}

fn parse_types(operand: &[u8], members: &Members) -> Result<Types> {
    let mut types = Types::default();
    let mut all: Vec<&[u8]> = elements(operand).collect();
    if let Item::Text(_) = Item::of(operand) {
        all.push(operand);
    }
    let known = all.iter().all(|name| match Item::of(name) {
        Item::Text(name) => types.add(name),
        _ => false,
    });
    if known && !all.is_empty() {
        return Ok(types);
    }
    Err(members.wrong(
        "value",
        &format!(
            "it is neither the name of a type nor an array of some; types are {}",
            type_names()
        ),
    ))
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
