//! Documents and queries by chance.

use proptest::prelude::*;

use super::model::{Document, PATTERNS, Test, Value};

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        4 => (-3i64..4).prop_map(Value::Int),
        2 => (-3i64..4).prop_map(|half| Value::Float(half as f64 / 2.0)),
        4 => "[ab\0]{0,3}".prop_map(Value::Text),
    ]
}

/// A scalar, or now and then a list.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![3 => scalar(), 1 => list()]
}

fn list() -> impl Strategy<Value = Value> {
    prop::collection::vec(scalar(), 0..4).prop_map(Value::List)
}

pub fn document() -> impl Strategy<Value = Document> {
    let c = prop_oneof![3 => list(), 1 => scalar()];
    (value(), scalar(), c).prop_map(|(a, b, c)| [a, b, c])
}

fn leaf(field: impl Strategy<Value = Option<usize>> + Clone + 'static) -> BoxedStrategy<Test> {
    let op = prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let text_op = prop::sample::select(vec!["startsWith", "endsWith", "contains"]);
    let types = prop::sample::select(vec![
        "null", "boolean", "integer", "float", "number", "text", "bytes", "list", "map", "function",
    ]);
    let pattern = prop::sample::select(PATTERNS.map(|(pattern, _)| pattern).to_vec());
    let text = |text: &str| Value::Text(text.to_string());
    prop_oneof![
        6 => (field.clone(), op, value()).prop_map(|(field, op, operand)| Test::Compare(field, op, operand)),
        2 => (field.clone(), text_op, "[ab]{0,2}")
            .prop_map(|(field, op, operand)| Test::Compare(field, op, Value::Text(operand))),
        2 => (field.clone(), scalar(), scalar(), any::<[bool; 2]>())
            .prop_filter("ends of one type", |(_, low, high, _)| {
                std::mem::discriminant(low) == std::mem::discriminant(high)
            })
            .prop_map(|(field, low, high, open)| Test::Between(field, [low, high], open)),
        2 => (field.clone(), any::<bool>(), prop::collection::vec(value(), 0..4)).prop_map(|(field, not, operands)| {
            Test::Compare(field, if not { "not in" } else { "in" }, Value::List(operands))
        }),
        2 => (field.clone(), scalar()).prop_map(|(field, operand)| Test::Compare(field, "contains", operand)),
        1 => (field.clone(), any::<bool>()).prop_map(|(field, there)| Test::Compare(field, "exists", Value::Bool(there))),
        1 => (field.clone(), types).prop_map(move |(field, name)| Test::Compare(field, "type", text(name))),
        1 => (field, pattern).prop_map(move |(field, pattern)| Test::Compare(field, "matches", text(pattern))),
    ]
    .boxed()
}

fn junctions(leaf: BoxedStrategy<Test>, depth: u32) -> BoxedStrategy<Test> {
    leaf.prop_recursive(depth, 12, 3, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 0..4).prop_map(Test::And),
            2 => prop::collection::vec(inner.clone(), 0..3).prop_map(Test::Or),
            1 => inner.prop_map(|test| Test::Not(Box::new(test))),
        ]
    })
    .boxed()
}

pub fn test() -> impl Strategy<Value = Test> {
    let field = || (0..3usize).prop_map(Some);
    let element = junctions(leaf(Just(None)), 2);
    let elements = (
        prop_oneof![3 => Just(Some(2)), 1 => field()],
        any::<bool>(),
        element,
    )
        .prop_map(|(field, any, test)| {
            Test::Elements(field, if any { "any" } else { "all" }, Box::new(test))
        });
    junctions(prop_oneof![5 => leaf(field()), 2 => elements].boxed(), 3)
}

/// A query for documents.
#[derive(Debug, Clone)]
pub struct Asked {
    pub test: Test,
    pub sort: Vec<(usize, bool)>,
    pub limit: Option<usize>,
    pub offset: usize,
    pub page: usize,
}

pub fn asked() -> impl Strategy<Value = Asked> {
    (
        test(),
        prop::collection::vec((0..3usize, any::<bool>()), 0..3),
        prop::option::of(0..8usize),
        prop_oneof![3 => Just(0usize), 1 => 0..5usize],
        1..6usize,
    )
        .prop_map(|(test, sort, limit, offset, page)| Asked {
            test,
            sort,
            limit,
            offset,
            page,
        })
}
