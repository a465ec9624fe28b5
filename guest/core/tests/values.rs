//! Values: what is accepted, how it is written, and how it is ordered.

use std::cmp::Ordering;

use cu_core::error::{Error, Limit};
use cu_core::value::{
    Item, MAX_DEPTH, Path, Step, accept, compare, encode_ordered, equal, remove, set, skip,
    skip_ordered, write_array_head, write_bool, write_bytes, write_float, write_int,
    write_map_head, write_null, write_text,
};
use proptest::prelude::*;

/// A value as a tree, for tests only.
#[derive(Debug, Clone)]
enum Tree {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Tree::Null => write_null(out),
            Tree::Bool(value) => write_bool(out, *value),
            Tree::Int(value) => write_int(out, *value),
            Tree::Float(value) => write_float(out, *value),
            Tree::Text(value) => write_text(out, value),
            Tree::Bytes(value) => write_bytes(out, value),
            Tree::List(values) => {
                write_array_head(out, values.len());
                values.iter().for_each(|value| value.write(out));
            }
            Tree::Map(entries) => {
                let mut entries: Vec<_> = entries
                    .iter()
                    .map(|(name, value)| {
                        let mut key = Vec::new();
                        write_text(&mut key, name);
                        (key, value)
                    })
                    .collect();
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                write_map_head(out, entries.len());
                for (key, value) in entries {
                    out.extend_from_slice(&key);
                    value.write(out);
                }
            }
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }
}

fn number() -> impl Strategy<Value = Tree> {
    let edge = prop::sample::select(vec![
        0,
        1,
        -1,
        (1 << 53) - 1,
        1 << 53,
        (1 << 53) + 1,
        -(1 << 53) - 1,
        i64::MAX,
        i64::MAX - 1,
        i64::MIN,
        i64::MIN + 1,
    ]);
    let near = edge
        .clone()
        .prop_flat_map(|edge| (-3i64..=3).prop_map(move |step| edge.saturating_add(step)));
    prop_oneof![
        any::<i64>().prop_map(Tree::Int),
        near.clone().prop_map(Tree::Int),
        near.prop_map(|int| Tree::Float(int as f64)),
        any::<f64>().prop_map(Tree::Float),
        prop::sample::select(vec![
            0.0,
            -0.0,
            0.5,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY
        ])
        .prop_map(Tree::Float),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::Bool),
        number(),
        "[ab\0\u{1}é]{0,4}".prop_map(Tree::Text),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Tree::Bytes),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::List),
            prop::collection::btree_map("[a-d]{0,3}", inner, 0..4)
                .prop_map(|map| Tree::Map(map.into_iter().collect())),
        ]
    })
}

fn ordered(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_ordered(value, &mut out);
    out
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
        .collect()
}

proptest! {
    #[test]
    fn no_encoding_of_a_text_begins_another(a in "[a\0\u{1}\u{2}]{0,4}", b in "[a\0\u{1}\u{2}]{0,4}") {
        let (x, y) = (ordered(&Tree::Text(a.clone()).bytes()), ordered(&Tree::Text(b.clone()).bytes()));
        prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        prop_assert!(a == b || !y.starts_with(&x));
    }

    #[test]
    fn deterministic_bytes_are_accepted_as_they_are(tree in tree()) {
        let bytes = tree.bytes();
        let accepted = accept(&bytes, "value").unwrap();
        prop_assert!(matches!(accepted, std::borrow::Cow::Borrowed(_)));
        prop_assert_eq!(skip(&bytes), bytes.len());
    }

    #[test]
    fn any_bytes_are_accepted_or_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(accepted) = accept(&bytes, "value") {
            prop_assert_eq!(skip(&accepted), accepted.len());
            let again = accept(&accepted, "value").unwrap();
            prop_assert!(matches!(again, std::borrow::Cow::Borrowed(_)));
        }
    }

    #[test]
    fn the_order_of_encodings_is_the_order_of_values(a in tree(), b in tree()) {
        let (a, b) = (a.bytes(), b.bytes());
        let (x, y) = (ordered(&a), ordered(&b));
        prop_assert_eq!(compare(&a, &b), x.cmp(&y));
        prop_assert_eq!(equal(&a, &b), x == y);
        prop_assert_eq!(skip_ordered(&x), Some(x.len()));
        prop_assert!(x == y || !y.starts_with(&x));
    }

    #[test]
    fn numbers_compare_by_their_exact_value(a in number(), b in number()) {
        let exact = |tree: &Tree| match tree {
            Tree::Int(int) => Some((i128::from(*int), 0.0)),
            Tree::Float(float) if float.is_finite() && float.abs() < 1e30 => {
                Some((float.trunc() as i128, float.fract()))
            }
            _ => None,
        };
        if let (Some(x), Some(y)) = (exact(&a), exact(&b)) {
            prop_assert_eq!(Some(compare(&a.bytes(), &b.bytes())), x.partial_cmp(&y));
        }
    }

    #[test]
    fn what_is_set_is_found_and_the_rest_stays(
        map in prop::collection::btree_map("[a-d]{0,3}", tree(), 0..5),
        name in "[a-d]{0,3}",
        new in tree(),
    ) {
        let before = Tree::Map(map.clone().into_iter().collect()).bytes();
        let step = Step::name(name.as_bytes());
        let after = set(&before, std::slice::from_ref(&step), &new.bytes()).unwrap();
        let mut model = map.clone();
        model.insert(name.clone(), new);
        prop_assert_eq!(&after, &Tree::Map(model.into_iter().collect()).bytes());
        let removed = remove(&after, std::slice::from_ref(&step)).unwrap();
        let mut model = map;
        model.remove(&name);
        prop_assert_eq!(removed, Tree::Map(model.into_iter().collect()).bytes());
    }

    #[test]
    fn floats_survive_in_their_shortest_form(bits in any::<u64>()) {
        let float = f64::from_bits(bits);
        for float in [float, f64::from(float as f32), (float % 2048.0).round(), (float % 16.0 * 1024.0).round() / 1024.0] {
            let bytes = Tree::Float(float).bytes();
            match Item::of(&bytes) {
                Item::Float(read) => prop_assert!(read.to_bits() == float.to_bits() || read.is_nan() && float.is_nan()),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}

#[test]
fn half_precision_edges_are_two_bytes() {
    for (float, bytes) in [
        (0.0, "f90000"),
        (-0.0, "f98000"),
        (1.0, "f93c00"),
        (65504.0, "f97bff"),
        (65505.0, "fa477fe100"),
        (5.960_464_477_539_063e-8, "f90001"),
        (0.000_061_035_156_25, "f90400"),
        (2.980_232_238_769_531_3e-8, "fa33000000"),
        (f64::INFINITY, "f97c00"),
        (1.1, "fb3ff199999999999a"),
        (100_000.0, "fa47c35000"),
    ] {
        assert_eq!(Tree::Float(float).bytes(), hex(bytes), "{float}");
    }
}

#[test]
fn other_forms_are_rewritten() {
    for (given, wanted) in [
        ("1800", "00"),
        ("1b0000000000000001", "01"),
        ("fb3ff0000000000000", "f93c00"),
        ("fb7ff8000000000001", "f97e00"),
        ("f97e01", "f97e00"),
        ("9f0102ff", "820102"),
        ("bf616201616102ff", "a2616102616201"),
        ("a2616201616102", "a2616102616201"),
        ("5f41614162ff", "426162"),
        ("7f61616162ff", "626162"),
        ("a1416101", "a1616101"),
        ("a1f93c0001", "a10101"),
    ] {
        assert_eq!(
            *accept(&hex(given), "value").unwrap(),
            hex(wanted),
            "{given}"
        );
    }
}

#[test]
fn what_is_no_value_is_refused_with_its_place() {
    for (given, place) in [
        ("", "value"),
        ("ff", "value"),
        ("0000", "value"),
        ("f7", "value"),
        ("f818", "value"),
        ("c100", "value"),
        ("c200", "value"),
        ("c26161", "value"),
        ("c25f4101614101ff", "value"),
        ("c3", "value"),
        ("c2c24101", "value"),
        ("a11b800000000000000001", "value"),
        ("a1c249010000000000000000f5", "value"),
        ("8101c24101", "value"),
        ("d99c4001", "value"),
        ("61ff", "value"),
        ("830102", "value[2]"),
        ("a16161f7", "value.a"),
        ("a261610161 6102".replace(' ', "").as_str(), "value.a"),
        ("a2416101616102", "value.a"),
        ("a1f601", "value"),
        ("a1f97e0001", "value"),
        ("1c", "value"),
        ("9bffffffffffffffff00", "value[1]"),
        ("5bffffffffffffffff", "value"),
    ] {
        match accept(&hex(given), "value") {
            Err(Error::InvalidValue(problem)) => assert_eq!(problem.place, place, "{given}"),
            other => panic!("{given}: {other:?}"),
        }
    }
}

#[test]
fn values_may_be_64_deep_and_no_deeper() {
    let nested = |depth: usize| [vec![0x81; depth], vec![0x01]].concat();
    assert!(accept(&nested(MAX_DEPTH), "value").is_ok());
    match accept(&nested(MAX_DEPTH + 1), "value") {
        Err(Error::LimitExceeded(excess)) => assert_eq!(excess.limit, Limit::ValueDepth),
        other => panic!("{other:?}"),
    }
    assert!(accept(&nested(1 << 20), "value").is_err());
}

#[test]
fn paths_lead_through_maps_and_lists() {
    let value = Tree::Map(vec![(
        "a".into(),
        Tree::List(vec![
            Tree::Int(1),
            Tree::Map(vec![("b".into(), Tree::Text("x".into()))]),
        ]),
    )])
    .bytes();
    let path = Path {
        steps: vec![Step::name(b"a"), Step::position(2), Step::name(b"b")],
    };
    assert_eq!(
        path.find(&value),
        Some(Tree::Text("x".into()).bytes().as_slice())
    );
    assert_eq!(Path::dotted("a.b").find(&value), None);
    assert_eq!(Path::default().find(&value), Some(value.as_slice()));
}

#[test]
fn lists_grow_at_their_end_and_become_maps_with_other_keys() {
    let list = Tree::List(vec![Tree::Int(7), Tree::Int(8)]).bytes();
    let one = Tree::Int(9).bytes();
    let set_at = |step: Step| set(&list, &[step], &one).unwrap();
    assert_eq!(
        set_at(Step::position(3)),
        Tree::List(vec![Tree::Int(7), Tree::Int(8), Tree::Int(9)]).bytes()
    );
    assert_eq!(set_at(Step::position(5)), hex("a3010702080509"));
    assert_eq!(set_at(Step::name(b"x")), hex("a301070208617809"));
    let remove_at = |position| remove(&list, &[Step::position(position)]).unwrap();
    assert_eq!(remove_at(2), Tree::List(vec![Tree::Int(7)]).bytes());
    assert_eq!(
        remove_at(1),
        Tree::List(vec![Tree::Null, Tree::Int(8)]).bytes()
    );
    assert_eq!(remove_at(9), list);
}

#[test]
fn types_stand_in_the_documented_order() {
    let values = [
        Tree::Null,
        Tree::Bool(false),
        Tree::Bool(true),
        Tree::Float(f64::NAN),
        Tree::Float(f64::NEG_INFINITY),
        Tree::Int(i64::MIN),
        Tree::Float(-0.5),
        Tree::Int(0),
        Tree::Float(0.5),
        Tree::Int(1 << 53),
        Tree::Int((1 << 53) + 1),
        Tree::Float(((1i64 << 53) + 2) as f64),
        Tree::Int(i64::MAX),
        Tree::Float(9_223_372_036_854_775_808.0),
        Tree::Float(f64::INFINITY),
        Tree::Text(String::new()),
        Tree::Text("a".into()),
        Tree::Text("a\0".into()),
        Tree::Text("a\0\0".into()),
        Tree::Text("a\u{1}".into()),
        Tree::Text("aa".into()),
        Tree::Bytes(vec![]),
        Tree::List(vec![]),
        Tree::List(vec![Tree::Null]),
        Tree::List(vec![Tree::Int(1)]),
        Tree::Map(vec![]),
    ];
    for pair in values.windows(2) {
        let (a, b) = (pair[0].bytes(), pair[1].bytes());
        assert_eq!(
            ordered(&a).cmp(&ordered(&b)),
            Ordering::Less,
            "{:?} {:?}",
            pair[0],
            pair[1]
        );
    }
    assert!(equal(&Tree::Int(1).bytes(), &Tree::Float(1.0).bytes()));
    assert!(equal(&Tree::Float(0.0).bytes(), &Tree::Float(-0.0).bytes()));
}
