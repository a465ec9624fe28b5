//! Queries, batches and definitions that are wrong at one place: each gets an error of its type that points there.
//!
//! They are made from valid ones, systematically: every node is replaced by a value of every other type, every map
//! gets a member that nobody knows, and loses each of its members.

#[allow(dead_code, reason = "other tests check stores")]
mod common;
#[allow(dead_code, reason = "it is the model of queries")]
#[path = "queries/model.rs"]
mod model;

use common::over;
use cu_guest::store::MemoryStore;
use cu_guest::{Engine, Error, Key};
use model::{Value, map};

fn text(text: &str) -> Value {
    Value::Text(text.to_string())
}

fn texts(all: &[&str]) -> Value {
    Value::List(all.iter().map(|one| text(one)).collect())
}

fn compare(field: &str, op: &str, value: Value) -> Value {
    map(&[("field", text(field)), ("op", text(op)), ("value", value)])
}

fn conditions() -> Vec<Value> {
    let numbers = || Value::List(vec![Value::Int(1), Value::Int(3)]);
    let open = map(&[
        ("lower", Value::Int(1)),
        ("upper", Value::Int(3)),
        ("lowerOpen", Value::Bool(true)),
        ("upperOpen", Value::Bool(false)),
    ]);
    vec![
        compare("a", "=", Value::Int(1)),
        compare("a", "between", numbers()),
        compare("a", "between", open),
        compare("a", "in", numbers()),
        compare("a", "not in", numbers()),
        compare("a", "contains", text("x")),
        compare("a", "startsWith", text("x")),
        compare("a", "endsWith", text("x")),
        compare("a", "exists", Value::Bool(true)),
        compare("a", "type", texts(&["text", "map"])),
        compare("a", "matches", text("^x")),
        compare(
            "a",
            "any",
            map(&[
                ("field", Value::List(vec![])),
                ("op", text(">")),
                ("value", Value::Int(1)),
            ]),
        ),
        compare("a", "all", compare("b.c", "<", Value::Int(1))),
        map(&[(
            "and",
            Value::List(vec![
                compare("a", ">=", Value::Int(1)),
                map(&[("not", compare("b", "!=", text("x")))]),
            ]),
        )]),
        map(&[(
            "or",
            Value::List(vec![
                compare("a", "<=", Value::Int(1)),
                map(&[("and", Value::List(vec![]))]),
            ]),
        )]),
    ]
}

fn queries() -> Vec<Value> {
    let sort = || {
        Value::List(vec![
            map(&[("field", text("a")), ("descending", Value::Bool(true))]),
            text("b"),
        ])
    };
    let mut all: Vec<Value> = conditions()
        .into_iter()
        .map(|condition| map(&[("table", text("t")), ("where", condition)]))
        .collect();
    all.push(map(&[
        ("table", text("t")),
        ("sort", sort()),
        ("limit", Value::Int(3)),
        ("offset", Value::Int(1)),
        (
            "select",
            Value::List(vec![
                text("a"),
                map(&[
                    ("field", Value::List(vec![text("c"), Value::Int(1)])),
                    ("as", text("first")),
                ]),
            ]),
        ),
        ("analyze", Value::Bool(true)),
        ("text", Value::Bool(true)),
    ]));
    all.push(map(&[
        ("table", text("t")),
        ("select", texts(&["a", "b"])),
        ("distinct", Value::Bool(true)),
    ]));
    all.push(map(&[
        ("table", text("t")),
        (
            "groupBy",
            Value::List(vec![
                text("a"),
                map(&[("field", text("b")), ("as", text("c"))]),
            ]),
        ),
        (
            "aggregate",
            map(&[
                ("n", map(&[("op", text("count"))])),
                ("s", map(&[("op", text("sum")), ("field", text("c"))])),
            ]),
        ),
        ("having", compare("n", ">", Value::Int(0))),
        (
            "sort",
            Value::List(vec![map(&[
                ("field", text("n")),
                ("descending", Value::Bool(true)),
            ])]),
        ),
    ]));
    all
}

fn batches() -> Vec<Value> {
    let change = |op: &str, field: &str, value: Value| {
        map(&[("op", text(op)), ("field", text(field)), ("value", value)])
    };
    let operation = |op: &str, members: &[(&str, Value)]| {
        let mut all = vec![("op", text(op)), ("table", text("t"))];
        all.extend(members.iter().map(|(name, value)| (*name, value.clone())));
        map(&all)
    };
    let changes = Value::List(vec![
        change("set", "b", Value::Int(1)),
        map(&[("op", text("unset")), ("field", text("c"))]),
        change("increment", "a", Value::Int(1)),
        change("push", "l", Value::Int(1)),
        change("remove", "l", Value::Int(1)),
        map(&[
            ("op", text("merge")),
            ("value", map(&[("m", Value::Int(1))])),
        ]),
    ]);
    let operations = Value::List(vec![
        operation(
            "put",
            &[
                ("key", text("k")),
                ("value", map(&[("a", Value::Int(1))])),
                ("if", text("absent")),
            ],
        ),
        operation("insert", &[("key", text("j")), ("value", Value::Int(1))]),
        operation("get", &[("key", Value::Int(1))]),
        operation(
            "update",
            &[
                ("key", text("k")),
                ("changes", changes.clone()),
                ("if", compare("a", "=", Value::Int(1))),
            ],
        ),
        operation("delete", &[("key", text("k")), ("if", text("exists"))]),
        operation(
            "update",
            &[
                ("where", compare("a", ">", Value::Int(1_000))),
                ("changes", changes),
            ],
        ),
        operation(
            "delete",
            &[
                ("where", compare("a", ">", Value::Int(1_000))),
                ("sort", texts(&["a"])),
                ("limit", Value::Int(1)),
            ],
        ),
        map(&[
            ("op", text("query")),
            (
                "query",
                map(&[("table", text("t")), ("limit", Value::Int(1))]),
            ),
        ]),
    ]);
    vec![
        operations.clone(),
        map(&[("mode", text("atomic")), ("operations", operations)]),
    ]
}

fn definitions() -> Vec<Value> {
    let field = map(&[
        ("field", text("b")),
        ("descending", Value::Bool(true)),
        ("multiEntry", Value::Bool(false)),
    ]);
    vec![
        map(&[
            ("fields", Value::List(vec![text("a"), field])),
            ("name", text("i")),
            ("kind", text("btree")),
            ("unique", Value::Bool(false)),
            ("sparse", Value::Bool(true)),
            ("background", Value::Bool(false)),
        ]),
        map(&[("fields", texts(&["a"])), ("kind", text("hash"))]),
    ]
}

/// A step to a node, as a place writes it.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Member(String),
    Element(usize),
}

fn place(path: &[Step]) -> String {
    let mut out = String::new();
    // The places of a batch begin with the operations' numbers, whichever form it has.
    let path = match path {
        [Step::Member(name), rest @ ..] if name == "operations" && !rest.is_empty() => rest,
        path => path,
    };
    for step in path {
        match step {
            Step::Member(name) if out.is_empty() => out.push_str(name),
            Step::Member(name) => {
                out.push('.');
                out.push_str(name);
            }
            Step::Element(number) => out.push_str(&format!("[{number}]")),
        }
    }
    out
}

/// All nodes of a value.
fn nodes(value: &Value, path: &mut Vec<Step>, out: &mut Vec<Vec<Step>>) {
    out.push(path.clone());
    let children: Vec<(Step, &Value)> = match value {
        Value::Map(members) => members
            .iter()
            .map(|(name, value)| (Step::Member(name.clone()), value))
            .collect(),
        Value::List(list) => list
            .iter()
            .enumerate()
            .map(|(number, value)| (Step::Element(number), value))
            .collect(),
        _ => Vec::new(),
    };
    for (step, child) in children {
        path.push(step);
        nodes(child, path, out);
        path.pop();
    }
}

fn at<'a>(value: &'a mut Value, path: &[Step]) -> &'a mut Value {
    let Some((first, rest)) = path.split_first() else {
        return value;
    };
    let child = match (value, first) {
        (Value::Map(members), Step::Member(name)) => {
            &mut members
                .iter_mut()
                .find(|(there, _)| there == name)
                .expect("it is there")
                .1
        }
        (Value::List(list), Step::Element(number)) => &mut list[*number],
        other => panic!("{other:?}"),
    };
    at(child, rest)
}

/// Everything that is wrong at one place: the place, and what was made of the value.
fn mutants(valid: &Value) -> Vec<(Vec<Step>, Value)> {
    let mut all = Vec::new();
    let mut paths = Vec::new();
    nodes(valid, &mut Vec::new(), &mut paths);
    let others = [
        Value::Null,
        Value::Bool(true),
        Value::Int(-7),
        Value::Float(1.5),
        text("nonsense"),
        Value::Bytes(vec![0xff]),
        Value::List(vec![Value::Null]),
        map(&[("nonsense", Value::Int(1))]),
    ];
    for path in paths {
        for other in &others {
            let mut mutant = valid.clone();
            *at(&mut mutant, &path) = other.clone();
            all.push((path.clone(), mutant));
        }
        let mut node = valid.clone();
        let Value::Map(members) = at(&mut node, &path).clone() else {
            continue;
        };
        let mut unknown = valid.clone();
        let mut more: Vec<(&str, Value)> = members
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        more.push(("nonsense", Value::Int(1)));
        *at(&mut unknown, &path) = map(&more);
        all.push((
            [path.clone(), vec![Step::Member("nonsense".to_string())]].concat(),
            unknown,
        ));
        for (name, _) in &members {
            let mut missing = valid.clone();
            let mut fewer = members.clone();
            fewer.retain(|(there, _)| there != name);
            *at(&mut missing, &path) = Value::Map(fewer);
            all.push((
                [path.clone(), vec![Step::Member(name.clone())]].concat(),
                missing,
            ));
        }
    }
    all
}

/// Runs all mutants. An error has to be of one of the types, and its place has to be where the mutation is, or in the
/// map or list around it. Gives how many were refused, and how many at the very node or in it.
fn refused(
    valid: Vec<Value>,
    before: &str,
    codes: &[&str],
    call: impl Fn(&mut Engine, &[u8]) -> Result<(), Error>,
) -> (usize, usize) {
    let (mut refused, mut exact) = (0, 0);
    for valid in valid {
        let fresh = || {
            let mut engine = over(&MemoryStore::new());
            let document = map(&[("a", Value::Int(1))]).bytes();
            engine
                .documents_put("t", &Key::Integer(1), &document)
                .unwrap();
            engine
        };
        let mut engine = fresh();
        let done = call(&mut engine, &valid.bytes());
        assert!(done.is_ok(), "{valid:?}: {done:?}");
        for (path, mutant) in mutants(&valid) {
            let Err(error) = call(&mut fresh(), &mutant.bytes()) else {
                continue;
            };
            let code = error.code();
            // What is not there when its turn comes is told where that is.
            if matches!(
                code,
                "precondition-failed" | "already-exists" | "unknown-table"
            ) {
                continue;
            }
            let (told, message) = error.into_parts();
            assert!(codes.contains(&code), "{code} at {told} for {mutant:?}");
            assert!(message.len() > 10, "{message}");
            let whole = match (before, place(&path)) {
                ("", path) => path,
                (before, path) if path.is_empty() => before.to_string(),
                (before, path) => format!("{before}.{path}"),
            };
            let around = match (before, path.split_last()) {
                ("", Some((_, [Step::Member(name)]))) if name == "operations" => String::new(),
                ("", Some((_, around))) => place(around),
                (before, Some((_, []))) => before.to_string(),
                (before, Some((_, around))) => format!("{before}.{}", place(around)),
                (_, None) => String::new(),
            };
            // A member may be wrong because of another one of the same map, an element because of its list, changes
            // because of what they make together, and a name of a column wherever it is used.
            assert!(
                told.starts_with(&around)
                    || !told.is_empty() && whole.starts_with(&told)
                    || message.contains("is no member of the rows"),
                "'{told}' for a mistake at '{whole}': {message}"
            );
            refused += 1;
            exact += usize::from(told.starts_with(&whole));
        }
    }
    (refused, exact)
}

#[test]
fn a_query_that_is_wrong_is_refused_at_the_place() {
    let codes = ["invalid-query", "unknown-table"];
    let (all, exact) = refused(queries(), "", &codes, |engine, query| {
        engine.queries_run(query).map(drop)
    });
    eprintln!("{all} wrong queries, {exact} of them refused exactly there");
    assert!(all > 500 && exact * 10 > all * 9, "{exact} of {all}");
}

#[test]
fn a_batch_that_is_wrong_is_refused_at_the_place() {
    let codes = [
        "invalid-argument",
        "invalid-query",
        "invalid-value",
        "precondition-failed",
        "already-exists",
        "unknown-table",
    ];
    let (all, exact) = refused(batches(), "", &codes, |engine, batch| {
        let before = engine.admin_digest().unwrap();
        let done = engine.documents_apply(batch).map(drop);
        if done.is_err() {
            assert_eq!(engine.admin_digest().unwrap(), before);
        }
        done
    });
    eprintln!("{all} wrong batches, {exact} of them refused exactly there");
    assert!(all > 500 && exact * 10 > all * 8, "{exact} of {all}");
}

#[test]
fn a_definition_that_is_wrong_is_refused_at_the_place() {
    let codes = ["invalid-argument", "already-exists"];
    let (all, exact) = refused(definitions(), "definition", &codes, |engine, definition| {
        engine.indexes_create("t", definition).map(drop)
    });
    eprintln!("{all} wrong definitions, {exact} of them refused exactly there");
    assert!(all > 60 && exact * 10 > all * 8, "{exact} of {all}");
}
