//! Queries: with any kind of index and without, against a plain evaluation of the documented meaning.
//!
//! `CU_QUERIES` is how many sets of documents and queries are tried, 300 by default; each has 1 to 8 queries, and
//! each is run under every choice of indexes.

mod generate;
mod model;

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cu_guest::query::Pattern;
use cu_guest::store::MemoryStore;
use cu_guest::value::{Item, elements, entries};
use cu_guest::{CallOptions, Console, Engine, Key};
use generate::{Asked, asked, document, test};
use model::{Document, FIELDS, Subject, Value, group, map, stored};
use proptest::prelude::*;

struct Silent;

impl Console for Silent {
    fn print(&self, _: &[u8]) {}
}

fn engine() -> Engine {
    Engine::new(Box::new(MemoryStore::new()), Rc::new(Silent))
}

fn cases() -> u32 {
    std::env::var("CU_QUERIES").map_or(300, |cases| cases.parse().expect("a number"))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_string())
}

/// Which indexes there are: for each, its kind (`unique` for a B-tree that is), its fields with their flags, and
/// whether it is sparse. `k` is another number in each document.
type Choice = &'static [(&'static str, &'static [(&'static str, &'static str)], bool)];

const CHOICES: [Choice; 15] = [
    &[],
    &[("btree", &[("a", "")], false)],
    &[
        ("btree", &[("b", "")], false),
        ("btree", &[("a", "descending")], false),
    ],
    &[("btree", &[("a", ""), ("b", "")], false)],
    &[
        ("btree", &[("b", "descending"), ("a", "")], false),
        ("btree", &[("a", "")], false),
    ],
    &[("btree", &[("c", "multiEntry")], false)],
    &[
        ("btree", &[("b", ""), ("c", "multiEntry")], false),
        ("btree", &[("b", "")], true),
    ],
    &[("btree", &[("c", "multiEntry"), ("a", "descending")], true)],
    &[
        ("hash", &[("a", "")], false),
        ("hash", &[("b", ""), ("c", "")], false),
    ],
    &[("hash", &[("b", "")], true), ("btree", &[("a", "")], true)],
    &[
        ("btree", &[("a", "")], false),
        ("btree", &[("b", "")], false),
        ("btree", &[("c", "")], false),
    ],
    &[
        ("btree", &[("c", "multiEntry")], true),
        ("btree", &[("a", "multiEntry")], false),
    ],
    &[
        ("unique", &[("a", ""), ("k", "")], false),
        ("unique", &[("k", "descending")], true),
    ],
    &[
        (
            "unique",
            &[("b", "descending"), ("a", ""), ("k", "descending")],
            false,
        ),
        ("btree", &[("a", "descending"), ("b", "descending")], true),
    ],
    &[
        ("unique", &[("c", "multiEntry"), ("k", "")], true),
        ("hash", &[("a", ""), ("b", "")], true),
    ],
];

fn index(engine: &mut Engine, number: usize, (kind, fields, sparse): &Choice1) {
    let fields = fields.iter().map(|(field, flag)| match *flag {
        "" => text(field),
        flag => map(&[("field", text(field)), (flag, Value::Bool(true))]),
    });
    let definition = map(&[
        ("background", Value::Bool(number == 1)),
        ("name", text(&format!("{number}"))),
        ("kind", text(if *kind == "unique" { "btree" } else { kind })),
        ("unique", Value::Bool(*kind == "unique")),
        ("fields", Value::List(fields.collect())),
        ("sparse", Value::Bool(*sparse)),
    ]);
    engine.indexes_create("t", &definition.bytes()).unwrap();
}

type Choice1 = (&'static str, &'static [(&'static str, &'static str)], bool);

fn put(engine: &mut Engine, key: i64, document: &Document) {
    let Value::Map(mut members) = stored(document) else {
        panic!("a document is a map")
    };
    members.push(("k".to_string(), Value::Int(key)));
    let document = Value::Map(members).bytes();
    engine
        .documents_put("t", &Key::Integer(key), &document)
        .unwrap();
}

/// An engine with the documents and the indexes. Some documents are there before the indexes, some come behind them,
/// some are replaced.
fn filled(documents: &[Document], late: usize, choice: Choice) -> Engine {
    let mut engine = engine();
    put(&mut engine, 0, &documents[0]);
    for (key, document) in documents.iter().enumerate().take(late) {
        put(&mut engine, key as i64, document);
    }
    for (number, one) in choice.iter().enumerate() {
        index(&mut engine, number, one);
    }
    for (key, document) in documents.iter().enumerate().skip(late) {
        put(&mut engine, key as i64, &documents[0]);
        put(&mut engine, key as i64, document);
    }
    engine
}

fn sort(fields: &[(usize, bool)]) -> Value {
    let field = |(field, descending): &(usize, bool)| {
        map(&[
            ("field", text(FIELDS[*field])),
            ("descending", Value::Bool(*descending)),
        ])
    };
    Value::List(fields.iter().map(field).collect())
}

impl Asked {
    fn members(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("table", text("t")),
            ("where", self.test.value()),
            ("sort", sort(&self.sort)),
        ]
    }

    fn bytes(&self) -> Vec<u8> {
        let mut members = self.members();
        members.push(("offset", Value::Int(self.offset as i64)));
        members.extend(self.limit.map(|limit| ("limit", Value::Int(limit as i64))));
        map(&members).bytes()
    }

    /// The keys of all documents that are found, in order.
    fn found(&self, documents: &[Document]) -> Vec<i64> {
        let mut found: Vec<usize> = (0..documents.len())
            .filter(|key| self.test.holds(&Subject::Document(&documents[*key])))
            .collect();
        found.sort_by(|x, y| {
            let by_field = self.sort.iter().map(|(field, descending)| {
                let order = documents[*x][*field].order(&documents[*y][*field]);
                if *descending { order.reverse() } else { order }
            });
            by_field
                .into_iter()
                .find(|order| order.is_ne())
                .unwrap_or(x.cmp(y))
        });
        found.into_iter().map(|key| key as i64).collect()
    }

    fn answer(&self, documents: &[Document]) -> Vec<i64> {
        let found = self.found(documents).into_iter();
        found
            .skip(self.offset)
            .take(self.limit.unwrap_or(usize::MAX))
            .collect()
    }
}

fn keys(result: &[u8]) -> Vec<i64> {
    elements(result)
        .map(|row| match elements(row).next().map(Item::of) {
            Some(Item::Int(key)) => key,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn member<'a>(map: &'a [u8], name: &str) -> Option<&'a [u8]> {
    entries(map).find_map(|(key, value)| (Item::of(key) == Item::Text(name)).then_some(value))
}

/// All pages of a query, each begun behind the one before, and put together.
fn paged(engine: &mut Engine, asked: &Asked) -> Vec<i64> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let mut query = asked.members();
        query.push(("limit", Value::Int(asked.page as i64)));
        query.extend(after.map(|after| ("after", Value::Bytes(after))));
        let page = engine.queries_page(&map(&query).bytes()).unwrap();
        all.extend(keys(&page.rows));
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

/// How many queries were compared with the model.
static COMPARED: AtomicUsize = AtomicUsize::new(0);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn a_query_finds_what_its_words_mean_whatever_is_indexed(
        documents in prop::collection::vec(document(), 1..40),
        asked in prop::collection::vec(asked(), 1..8),
        late in 0..40usize,
    ) {
        for choice in CHOICES {
            let mut engine = filled(&documents, late, choice);
            for asked in &asked {
                COMPARED.fetch_add(1, Ordering::Relaxed);
                let query = asked.bytes();
                let wanted = asked.answer(&documents);
                let explained = || format!("indexes {choice:?}");
                prop_assert_eq!(keys(&engine.queries_run(&query).unwrap()), wanted.clone(), "{}", explained());
                prop_assert_eq!(engine.queries_count(&query).unwrap(), wanted.len() as u64, "{}", explained());
                prop_assert_eq!(paged(&mut engine, asked), asked.found(&documents), "{}", explained());
                engine.queries_explain(&query).unwrap();
            }
        }
        let compared = COMPARED.load(Ordering::Relaxed) / CHOICES.len();
        if compared / 1000 > (compared - asked.len()) / 1000 {
            eprintln!("{compared} queries, each under {} choices of indexes", CHOICES.len());
        }
    }

    #[test]
    fn groups_are_what_their_documents_make_of_them(
        documents in prop::collection::vec(document(), 1..40),
        test in test(),
        by in prop::sample::subsequence(vec![0usize, 1, 2], 0..3),
        field in 0..3usize,
        descending in any::<bool>(),
        least in 1..4i64,
    ) {
        let found: Vec<&Document> = documents
            .iter()
            .filter(|document| test.holds(&Subject::Document(document)))
            .collect();
        let mut groups: Vec<(Vec<&Value>, Vec<&Document>)> = Vec::new();
        for document in &found {
            let values: Vec<&Value> = by.iter().map(|field| &document[*field]).collect();
            let same = |there: &[&Value]| there.iter().zip(&values).all(|(a, b)| a.order(b).is_eq());
            match groups.iter_mut().find(|(there, _)| same(there)) {
                Some((_, group)) => group.push(document),
                None => groups.push((values, vec![document])),
            }
        }
        if by.is_empty() && groups.is_empty() {
            groups.push((Vec::new(), Vec::new()));
        }
        groups.sort_by(|(x, _), (y, _)| {
            let orders = x.iter().zip(y).map(|(x, y)| x.order(y));
            orders.into_iter().find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        });
        groups.retain(|(_, group)| group.len() as i64 >= least);
        if descending {
            groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.len()));
        }
        let wanted: Vec<Value> = groups.iter().map(|(_, documents)| group(documents, &by, field)).collect();
        let aggregate = |op: &str, field: Option<usize>| {
            let mut members = vec![("op", text(op))];
            members.extend(field.map(|field| ("field", text(FIELDS[field]))));
            map(&members)
        };
        let having = map(&[("field", text("n")), ("op", text(">=")), ("value", Value::Int(least))]);
        let count = map(&[("field", text("n")), ("descending", Value::Bool(true))]);
        let query = map(&[
            ("table", text("t")),
            ("where", test.value()),
            ("groupBy", Value::List(by.iter().map(|field| text(FIELDS[*field])).collect())),
            ("having", having),
            ("sort", Value::List(if descending { vec![count] } else { Vec::new() })),
            ("aggregate", map(&[
                ("n", aggregate("count", None)),
                ("there", aggregate("count", Some(field))),
                ("sum", aggregate("sum", Some(field))),
                ("avg", aggregate("avg", Some(field))),
                ("min", aggregate("min", Some(field))),
                ("max", aggregate("max", Some(field))),
            ])),
        ]);
        let query = match query {
            Value::Map(members) => Value::Map(
                members.into_iter().filter(|(name, _)| name != "groupBy" || !by.is_empty()).collect(),
            ),
            other => other,
        };
        // What an index can tell without documents: how many there are in each group, and least and greatest values.
        let few = |names: &[&str]| {
            let Value::Map(members) = &query else { panic!("a query is a map") };
            let aggregate = names.iter().map(|name| {
                let (op, of) = if *name == "n" { ("count", None) } else { (*name, Some(field)) };
                (*name, aggregate(op, of))
            });
            let mut members = members.clone();
            members.retain(|(name, _)| name != "aggregate" && name != "having" && name != "sort");
            members.push(("aggregate".into(), map(&aggregate.collect::<Vec<_>>())));
            Value::Map(members).bytes()
        };
        if !by.is_empty() {
            // Groups of which nothing is counted are the different rows.
            let columns: Vec<Value> = by.iter().map(|field| text(FIELDS[*field])).collect();
            let mut members = vec![("table", text("t")), ("where", test.value())];
            members.push(("groupBy", Value::List(columns.clone())));
            let groups = map(&members).bytes();
            members.pop();
            members.extend([("select", Value::List(columns)), ("distinct", Value::Bool(true))]);
            let distinct = map(&members).bytes();
            for choice in CHOICES {
                let mut engine = filled(&documents, 0, choice);
                let rows = engine.queries_run(&distinct).unwrap();
                prop_assert_eq!(&rows, &engine.queries_run(&groups).unwrap(), "indexes {:?}", choice);
                let different: std::collections::BTreeSet<&[u8]> = elements(&rows).collect();
                prop_assert_eq!(different.len(), elements(&rows).count());
            }
        }
        let counts = few(if by.is_empty() { &["min", "max"] } else { &["n"] });
        for choice in CHOICES {
            let mut engine = filled(&documents, documents.len() / 2, choice);
            let alone = filled(&documents, documents.len() / 2, &[]).queries_run(&counts);
            prop_assert_eq!(engine.queries_run(&counts), alone, "indexes {:?}", choice);
            engine.queries_explain(&counts).unwrap();
            let rows = engine.queries_run(&query.bytes()).unwrap();
            prop_assert_eq!(&rows, &Value::List(wanted.clone()).bytes(), "indexes {:?}", choice);
            prop_assert_eq!(engine.queries_count(&query.bytes()).unwrap(), wanted.len() as u64);
        }
    }

    #[test]
    fn patterns_are_those_of_lua(pattern in "[ab.%^$\\[\\]()*+?wdbf1-]{0,7}", text in "[ab1 ]{0,6}") {
        // A capture of a place is a number to Lua, which no text equals.
        prop_assume!(!pattern.contains("()"));
        let mut arguments = Vec::new();
        Value::List(vec![Value::Text(text.clone()), Value::Text(pattern.clone())]).write(&mut arguments);
        let found = engine().lua_eval("return (string.find(...))", &arguments, &CallOptions::default());
        match (Pattern::parse(pattern.as_bytes()), found) {
            (Ok(ours), Ok(found)) => {
                let found = elements(&found).next().map(Item::of) != Some(Item::Null);
                prop_assert_eq!(ours.matches(text.as_bytes()), Ok(found));
            }
            // Lua finds a fault only where it gets to.
            (Err(_), _) => {}
            (Ok(_), Err(error)) => prop_assert!(false, "'{}' is none: {}", pattern, error),
        }
    }
}

#[test]
fn analysis_tells_what_was_read() {
    let documents: Vec<Document> = (0..30)
        .map(|number| [Value::Int(number % 3), Value::Int(number), Value::Null])
        .collect();
    let mut engine = filled(&documents, 30, CHOICES[1]);
    let query = map(&[
        ("table", text("t")),
        (
            "where",
            map(&[
                ("field", text("a")),
                ("op", text("=")),
                ("value", Value::Int(1)),
            ]),
        ),
        ("analyze", Value::Bool(true)),
    ]);
    let explained = engine.queries_explain(&query.bytes()).unwrap();
    let analysis = member(&explained, "analysis").unwrap();
    for (name, wanted) in [("entries", 10), ("documents", 10), ("rows", 10)] {
        assert_eq!(
            member(analysis, name).map(Item::of),
            Some(Item::Int(wanted))
        );
    }
}
