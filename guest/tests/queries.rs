//! Queries: with an index and without, against a plain evaluation of the documented meaning.

use std::rc::Rc;

use cu_guest::store::MemoryStore;
use cu_guest::value::{
    Item, elements, encode_ordered, write_array_head, write_bool, write_head, write_int,
    write_null, write_text,
};
use cu_guest::{Console, Engine, Key};
use proptest::prelude::*;

struct Silent;

impl Console for Silent {
    fn print(&self, _: &[u8]) {}
}

fn engine() -> Engine {
    Engine::new(Box::new(MemoryStore::new()), Rc::new(Silent))
}

/// A scalar that documents and operands are made of.
#[derive(Debug, Clone, PartialEq)]
enum Scalar {
    Absent,
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl Scalar {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Scalar::Absent | Scalar::Null => write_null(out),
            Scalar::Bool(value) => write_bool(out, *value),
            Scalar::Int(value) => write_int(out, *value),
            Scalar::Float(value) => cu_guest::value::write_float(out, *value),
            Scalar::Text(value) => write_text(out, value),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn place(&self) -> Vec<u8> {
        let mut out = Vec::new();
        encode_ordered(&self.bytes(), &mut out);
        out
    }

    fn kind(&self) -> u8 {
        match self {
            Scalar::Absent | Scalar::Null => 0,
            Scalar::Bool(_) => 1,
            Scalar::Int(_) | Scalar::Float(_) => 2,
            Scalar::Text(_) => 3,
        }
    }
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        1 => Just(Scalar::Absent),
        1 => Just(Scalar::Null),
        1 => any::<bool>().prop_map(Scalar::Bool),
        4 => (-3i64..4).prop_map(Scalar::Int),
        2 => (-3i64..4).prop_map(|half| Scalar::Float(half as f64 / 2.0)),
        4 => "[ab\0]{0,3}".prop_map(Scalar::Text),
    ]
}

type Document = [Scalar; 2];

#[derive(Debug, Clone)]
enum Test {
    Compare(usize, &'static str, Scalar),
    Between(usize, Scalar, Scalar),
    In(usize, Vec<Scalar>),
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
}

const FIELDS: [&str; 2] = ["a", "b"];

impl Test {
    fn holds(&self, document: &Document) -> bool {
        let within = |value: &Scalar, op: &str, operand: &Scalar| {
            let same = value.kind() == operand.kind();
            let (x, y) = (value.place(), operand.place());
            match (op, value, operand) {
                ("=", ..) => x == y,
                ("!=", ..) => x != y,
                ("<", ..) => same && x < y,
                ("<=", ..) => same && x <= y,
                (">", ..) => same && x > y,
                (">=", ..) => same && x >= y,
                ("startsWith", Scalar::Text(value), Scalar::Text(operand)) => {
                    value.starts_with(operand.as_str())
                }
                ("endsWith", Scalar::Text(value), Scalar::Text(operand)) => {
                    value.ends_with(operand.as_str())
                }
                ("contains", Scalar::Text(value), Scalar::Text(operand)) => {
                    value.contains(operand.as_str())
                }
                _ => false,
            }
        };
        match self {
            Test::Compare(field, op, operand) => within(&document[*field], op, operand),
            Test::Between(field, low, high) => {
                within(&document[*field], ">=", low) && within(&document[*field], "<=", high)
            }
            Test::In(field, operands) => operands
                .iter()
                .any(|operand| within(&document[*field], "=", operand)),
            Test::And(all) => all.iter().all(|test| test.holds(document)),
            Test::Or(any) => any.iter().any(|test| test.holds(document)),
            Test::Not(test) => !test.holds(document),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let comparison = |out: &mut Vec<u8>, field: usize, op: &str, operand: &[u8]| {
            write_head(out, 5, 3);
            write_text(out, "field");
            write_text(out, FIELDS[field]);
            write_text(out, "op");
            write_text(out, op);
            write_text(out, "value");
            out.extend_from_slice(operand);
        };
        let list = |operands: &[&Scalar]| {
            let mut out = Vec::new();
            write_array_head(&mut out, operands.len());
            operands.iter().for_each(|operand| operand.write(&mut out));
            out
        };
        let junction = |out: &mut Vec<u8>, name: &str, tests: &[Test]| {
            write_head(out, 5, 1);
            write_text(out, name);
            write_array_head(out, tests.len());
            tests.iter().for_each(|test| test.write(out));
        };
        match self {
            Test::Compare(field, op, operand) => comparison(out, *field, op, &operand.bytes()),
            Test::Between(field, low, high) => {
                comparison(out, *field, "between", &list(&[low, high]))
            }
            Test::In(field, operands) => {
                let operands: Vec<&Scalar> = operands.iter().collect();
                comparison(out, *field, "in", &list(&operands));
            }
            Test::And(all) => junction(out, "and", all),
            Test::Or(any) => junction(out, "or", any),
            Test::Not(test) => {
                write_head(out, 5, 1);
                write_text(out, "not");
                test.write(out);
            }
        }
    }
}

fn test() -> impl Strategy<Value = Test> {
    let op = prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let text_op = prop::sample::select(vec!["startsWith", "endsWith", "contains"]);
    let leaf = prop_oneof![
        5 => (0..2usize, op, scalar()).prop_map(|(field, op, operand)| Test::Compare(field, op, operand)),
        2 => (0..2usize, text_op, "[ab]{0,2}")
            .prop_map(|(field, op, operand)| Test::Compare(field, op, Scalar::Text(operand))),
        1 => (0..2usize, scalar(), scalar())
            .prop_filter("ends of one type", |(_, low, high)| low.kind() == high.kind())
            .prop_map(|(field, low, high)| Test::Between(field, low, high)),
        1 => (0..2usize, prop::collection::vec(scalar(), 0..4)).prop_map(|(field, operands)| Test::In(field, operands)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 0..4).prop_map(Test::And),
            2 => prop::collection::vec(inner.clone(), 0..3).prop_map(Test::Or),
            1 => inner.prop_map(|test| Test::Not(Box::new(test))),
        ]
    })
}

#[derive(Debug, Clone)]
struct Asked {
    test: Test,
    sort: Vec<(usize, bool)>,
    limit: Option<usize>,
    offset: usize,
}

fn asked() -> impl Strategy<Value = Asked> {
    (
        test(),
        prop::collection::vec((0..2usize, any::<bool>()), 0..3),
        prop::option::of(0..8usize),
        prop_oneof![3 => Just(0usize), 1 => 0..5usize],
    )
        .prop_map(|(test, sort, limit, offset)| Asked {
            test,
            sort,
            limit,
            offset,
        })
}

impl Asked {
    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_head(&mut out, 5, 4 + u64::from(self.limit.is_some()));
        write_text(&mut out, "table");
        write_text(&mut out, "t");
        write_text(&mut out, "where");
        self.test.write(&mut out);
        write_text(&mut out, "sort");
        write_array_head(&mut out, self.sort.len());
        for (field, descending) in &self.sort {
            write_head(&mut out, 5, 2);
            write_text(&mut out, "field");
            write_text(&mut out, FIELDS[*field]);
            write_text(&mut out, "descending");
            write_bool(&mut out, *descending);
        }
        write_text(&mut out, "offset");
        write_int(&mut out, self.offset as i64);
        if let Some(limit) = self.limit {
            write_text(&mut out, "limit");
            write_int(&mut out, limit as i64);
        }
        out
    }

    fn answer(&self, documents: &[Document]) -> Vec<i64> {
        let mut found: Vec<(Vec<u8>, i64)> = documents
            .iter()
            .zip(0i64..)
            .filter(|(document, _)| self.test.holds(document))
            .map(|(document, key)| {
                let mut place = Vec::new();
                for (field, descending) in &self.sort {
                    let part = document[*field].place();
                    place.extend(
                        part.iter()
                            .map(|byte| if *descending { !byte } else { *byte }),
                    );
                }
                (place, key)
            })
            .collect();
        found.sort();
        found
            .into_iter()
            .map(|(_, key)| key)
            .skip(self.offset)
            .take(self.limit.unwrap_or(usize::MAX))
            .collect()
    }
}

fn put(engine: &mut Engine, key: i64, document: &Document) {
    let fields: Vec<_> = FIELDS
        .iter()
        .zip(document)
        .filter(|(_, value)| **value != Scalar::Absent)
        .collect();
    let mut out = Vec::new();
    write_head(&mut out, 5, fields.len() as u64);
    for (name, value) in fields {
        write_text(&mut out, name);
        value.write(&mut out);
    }
    engine.documents_put("t", &Key::Integer(key), &out).unwrap();
}

fn keys(result: &[u8]) -> Vec<i64> {
    elements(result)
        .map(|row| match elements(row).next().map(Item::of) {
            Some(Item::Int(key)) => key,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn index(engine: &mut Engine, fields: &[&str]) {
    let mut out = Vec::new();
    write_head(&mut out, 5, 1);
    write_text(&mut out, "fields");
    write_array_head(&mut out, fields.len());
    fields.iter().for_each(|field| write_text(&mut out, field));
    engine.indexes_create("t", &out).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_query_finds_what_its_words_mean_whatever_is_indexed(
        documents in prop::collection::vec([scalar(), scalar()], 1..40),
        asked in prop::collection::vec(asked(), 1..8),
        late in 0..40usize,
    ) {
        let indexes: [&[&[&str]]; 5] = [&[], &[&["a"]], &[&["b"], &["a"]], &[&["a", "b"]], &[&["b", "a"], &["a"]]];
        for choice in indexes {
            let mut engine = engine();
            put(&mut engine, 0, &documents[0]);
            // Half of the documents are there before the index, the others come behind it; some are replaced.
            for (key, document) in documents.iter().enumerate().take(late) {
                put(&mut engine, key as i64, document);
            }
            choice.iter().for_each(|fields| index(&mut engine, fields));
            for (key, document) in documents.iter().enumerate().skip(late) {
                put(&mut engine, key as i64, &documents[0]);
                put(&mut engine, key as i64, document);
            }
            for asked in &asked {
                let query = asked.bytes();
                let wanted = asked.answer(&documents);
                prop_assert_eq!(keys(&engine.queries_run(&query).unwrap()), wanted.clone(), "indexes {:?}", choice);
                prop_assert_eq!(engine.queries_count(&query).unwrap(), wanted.len() as u64);
            }
        }
    }
}
