//! What queries mean, evaluated slowly on plain values, and nothing of the engine in it.

use std::cmp::Ordering;

use cu_guest::value::{
    write_array_head, write_bool, write_bytes, write_float, write_int, write_map_head, write_null,
    write_text,
};

/// A value that documents and operands are made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// Of cursors only.
    Bytes(Vec<u8>),
    List(Vec<Value>),
    /// Members, in the order of the encoded names.
    Map(Vec<(String, Value)>),
}

impl Value {
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Value::Null => write_null(out),
            Value::Bool(value) => write_bool(out, *value),
            Value::Int(value) => write_int(out, *value),
            Value::Float(value) => write_float(out, *value),
            Value::Text(value) => write_text(out, value),
            Value::Bytes(value) => write_bytes(out, value),
            Value::List(list) => {
                write_array_head(out, list.len());
                list.iter().for_each(|value| value.write(out));
            }
            Value::Map(members) => {
                write_map_head(out, members.len());
                for (name, value) in members {
                    write_text(out, name);
                    value.write(out);
                }
            }
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn class(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Int(_) | Value::Float(_) => 2,
            Value::Text(_) => 3,
            Value::Bytes(_) => 4,
            Value::List(_) => 5,
            Value::Map(_) => 6,
        }
    }

    fn number(&self) -> f64 {
        match self {
            Value::Int(int) => *int as f64,
            Value::Float(float) => *float,
            _ => f64::NAN,
        }
    }

    pub fn order(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Value::List(a), Value::List(b)) => {
                let unequal = a.iter().zip(b).map(|(a, b)| a.order(b));
                unequal
                    .into_iter()
                    .find(|order| order.is_ne())
                    .unwrap_or(a.len().cmp(&b.len()))
            }
            (a, b) if a.class() == 2 && b.class() == 2 => a
                .number()
                .partial_cmp(&b.number())
                .expect("no NaN is generated"),
            (a, b) => a.class().cmp(&b.class()),
        }
    }

    fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Int(_) => "integer",
            Value::Float(_) => "float",
            Value::Text(_) => "text",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Map(_) => "map",
        }
    }
}

/// The members of a document; the last may hold lists.
pub const FIELDS: [&str; 3] = ["a", "b", "c"];

pub type Document = [Value; 3];

/// A condition. A field is the number of a member, or none for the value itself, inside of `any` and `all`.
#[derive(Debug, Clone)]
pub enum Test {
    Compare(Option<usize>, &'static str, Value),
    /// The ends, and whether each is left out.
    Between(Option<usize>, [Value; 2], [bool; 2]),
    Elements(Option<usize>, &'static str, Box<Test>),
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
}

/// Lua patterns, each with what it means.
pub type Pattern = (&'static str, fn(&str) -> bool);
pub const PATTERNS: [Pattern; 5] = [
    ("^a", |text| text.starts_with('a')),
    ("^ab?b", |text| text.starts_with("ab")),
    ("b$", |text| text.ends_with('b')),
    ("a.-b", |text| {
        text.split_once('a')
            .is_some_and(|(_, rest)| rest.contains('b'))
    }),
    ("^[ab]+$", |text| {
        !text.is_empty() && text.chars().all(|char| "ab".contains(char))
    }),
];

pub enum Subject<'a> {
    Document(&'a Document),
    Value(&'a Value),
}

impl Subject<'_> {
    fn get(&self, field: Option<usize>) -> &Value {
        match (self, field) {
            (Subject::Document(document), Some(field)) => &document[field],
            (Subject::Value(value), None) => value,
            _ => &Value::Null,
        }
    }
}

fn compare(value: &Value, op: &str, operand: &Value) -> bool {
    let order = value.order(operand);
    let same = value.class() == operand.class();
    match (op, value, operand) {
        ("=", ..) => order.is_eq(),
        ("!=", ..) => order.is_ne(),
        ("<", ..) => same && order.is_lt(),
        ("<=", ..) => same && order.is_le(),
        (">", ..) => same && order.is_gt(),
        (">=", ..) => same && order.is_ge(),
        ("in", _, Value::List(operands)) => operands.iter().any(|one| value.order(one).is_eq()),
        ("not in", _, Value::List(operands)) => operands.iter().all(|one| value.order(one).is_ne()),
        ("contains", Value::List(list), _) => list.iter().any(|one| one.order(operand).is_eq()),
        ("contains", Value::Text(text), Value::Text(part)) => text.contains(part.as_str()),
        ("startsWith", Value::Text(text), Value::Text(part)) => text.starts_with(part.as_str()),
        ("endsWith", Value::Text(text), Value::Text(part)) => text.ends_with(part.as_str()),
        ("exists", _, Value::Bool(there)) => (*value != Value::Null) == *there,
        ("type", _, Value::Text(name)) => {
            value.type_name() == name || (name == "number" && value.class() == 2)
        }
        ("matches", Value::Text(text), Value::Text(pattern)) => {
            let known = PATTERNS.iter().find(|(known, _)| known == pattern);
            known.expect("the pattern is one of these").1(text)
        }
        _ => false,
    }
}

impl Test {
    pub fn holds(&self, subject: &Subject) -> bool {
        match self {
            Test::Compare(field, op, operand) => compare(subject.get(*field), op, operand),
            Test::Between(field, [low, high], [low_open, high_open]) => {
                let value = subject.get(*field);
                compare(value, if *low_open { ">" } else { ">=" }, low)
                    && compare(value, if *high_open { "<" } else { "<=" }, high)
            }
            Test::Elements(field, op, test) => match (subject.get(*field), *op) {
                (Value::List(list), "any") => {
                    list.iter().any(|one| test.holds(&Subject::Value(one)))
                }
                (Value::List(list), _) => list.iter().all(|one| test.holds(&Subject::Value(one))),
                _ => false,
            },
            Test::And(all) => all.iter().all(|test| test.holds(subject)),
            Test::Or(any) => any.iter().any(|test| test.holds(subject)),
            Test::Not(test) => !test.holds(subject),
        }
    }

    /// The condition as callers write it.
    pub fn value(&self) -> Value {
        let path = |field: &Option<usize>| match field {
            Some(field) => Value::Text(FIELDS[*field].into()),
            None => Value::List(Vec::new()),
        };
        let comparison = |field: &Option<usize>, op: &str, operand: Value| {
            map(&[
                ("op", Value::Text(op.into())),
                ("field", path(field)),
                ("value", operand),
            ])
        };
        let all = |tests: &[Test]| Value::List(tests.iter().map(Test::value).collect());
        match self {
            Test::Compare(field, op, operand) => comparison(field, op, operand.clone()),
            Test::Between(field, ends, [false, false]) => {
                comparison(field, "between", Value::List(ends.to_vec()))
            }
            Test::Between(field, [low, high], [low_open, high_open]) => comparison(
                field,
                "between",
                map(&[
                    ("lower", low.clone()),
                    ("upper", high.clone()),
                    ("lowerOpen", Value::Bool(*low_open)),
                    ("upperOpen", Value::Bool(*high_open)),
                ]),
            ),
            Test::Elements(field, op, test) => comparison(field, op, test.value()),
            Test::And(tests) => map(&[("and", all(tests))]),
            Test::Or(tests) => map(&[("or", all(tests))]),
            Test::Not(test) => map(&[("not", test.value())]),
        }
    }
}

pub fn map(members: &[(&str, Value)]) -> Value {
    let mut members: Vec<_> = members
        .iter()
        .map(|(name, value)| ((*name).to_string(), value.clone()))
        .collect();
    members.sort_by_key(|(name, _)| (name.len(), name.clone()));
    Value::Map(members)
}

/// A document as it is stored: what is null is absent.
pub fn stored(document: &Document) -> Value {
    let there = FIELDS
        .iter()
        .zip(document)
        .filter(|(_, value)| **value != Value::Null);
    let members: Vec<_> = there.map(|(name, value)| (*name, value.clone())).collect();
    map(&members)
}

/// One row of groups: what `groupBy` and all aggregates of a field make of some documents.
pub fn group(documents: &[&Document], by: &[usize], field: usize) -> Value {
    let values: Vec<&Value> = documents.iter().map(|document| &document[field]).collect();
    let there: Vec<&Value> = values
        .iter()
        .copied()
        .filter(|value| **value != Value::Null)
        .collect();
    let numbers: Vec<&Value> = there
        .iter()
        .copied()
        .filter(|value| value.class() == 2)
        .collect();
    let total: f64 = numbers.iter().map(|value| value.number()).sum();
    let whole = numbers.iter().all(|value| matches!(value, Value::Int(_)));
    let first = |wanted: Ordering| {
        there
            .iter()
            .copied()
            .fold(None, |best: Option<&Value>, value| match best {
                Some(best) if value.order(best) != wanted => Some(best),
                _ => Some(value),
            })
    };
    let mut members: Vec<(&str, Option<Value>)> = by
        .iter()
        .map(|field| (FIELDS[*field], Some(documents[0][*field].clone())))
        .collect();
    members.extend([
        ("n", Some(Value::Int(documents.len() as i64))),
        ("there", Some(Value::Int(there.len() as i64))),
        (
            "sum",
            Some(if whole {
                Value::Int(total as i64)
            } else {
                Value::Float(total)
            }),
        ),
        (
            "avg",
            (!numbers.is_empty()).then(|| Value::Float(total / numbers.len() as f64)),
        ),
        ("min", first(Ordering::Less).cloned()),
        ("max", first(Ordering::Greater).cloned()),
    ]);
    let members: Vec<_> = members
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .filter(|(_, value)| *value != Value::Null)
        .collect();
    map(&members)
}
