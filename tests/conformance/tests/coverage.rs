//! Forgetting is impossible: what the contract names and no case uses fails here.

use std::collections::BTreeSet;

use cu_conformance::{Topic, programs};
use cu_guest::query::OPERATORS;
use serde_json::Value as Json;
use wit_parser::{Resolve, TypeDefKind, TypeId, WorldItem};

const FAILING: &str = "a store that fails is made by each host's own tests, on its own medium";

/// Errors that no call through the exports can cause on a store that works, each with the reason.
const HOST_ONLY: &[(&str, &str)] = &[
    ("store-conflict", FAILING),
    ("store-read-only", FAILING),
    ("store-full", FAILING),
    ("store-corrupt", FAILING),
    ("store-closed", FAILING),
    ("store-io", FAILING),
    (
        "unknown-index",
        "no export of this version needs an index that is named: dropping tells by false",
    ),
    (
        "cancelled",
        "nothing in this version asks for it: the variant is there for later hosts",
    ),
];

/// Limits that no case can reach, each with the reason.
const HOST_ONLY_LIMITS: &[(&str, &str)] = &[];

fn contract() -> (Resolve, wit_parser::WorldId) {
    let mut resolve = Resolve::default();
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");
    let (package, _) = resolve.push_dir(directory).expect("wit/ is a package");
    let world = resolve
        .select_world(&[package], Some("database"))
        .expect("wit/ has the world");
    (resolve, world)
}

fn topics() -> Vec<Topic> {
    cu_conformance::load().expect("the cases can be read")
}

fn type_named(resolve: &Resolve, name: &str) -> TypeId {
    let found = resolve.types.iter().find(|(_, ty)| {
        ty.name.as_deref() == Some(name)
            && matches!(ty.kind, TypeDefKind::Variant(_) | TypeDefKind::Enum(_))
    });
    found.expect("the contract has this type").0
}

fn words_of(resolve: &Resolve, name: &str) -> Vec<String> {
    match &resolve.types[type_named(resolve, name)].kind {
        TypeDefKind::Variant(variant) => variant.cases.iter().map(|c| c.name.clone()).collect(),
        TypeDefKind::Enum(words) => words.cases.iter().map(|case| case.name.clone()).collect(),
        _ => unreachable!("it was searched for by kind"),
    }
}

fn missing(wanted: &[String], used: &BTreeSet<String>, excused: &[(&str, &str)]) -> Vec<String> {
    let excused = |word: &String| excused.iter().any(|(name, _)| name == word);
    wanted
        .iter()
        .filter(|word| !used.contains(*word) && !excused(word))
        .cloned()
        .collect()
}

#[test]
fn every_export_has_a_case() {
    let (resolve, world) = contract();
    let mut exports = Vec::new();
    for item in resolve.worlds[world].exports.values() {
        let WorldItem::Interface { id, .. } = item else {
            continue;
        };
        let interface = &resolve.interfaces[*id];
        let name = interface
            .name
            .as_deref()
            .expect("the exported interfaces have names");
        exports.extend(
            interface
                .functions
                .keys()
                .map(|function| format!("{name}.{function}")),
        );
    }
    let used = topics()
        .iter()
        .flat_map(|topic| &topic.cases)
        .flat_map(|case| &case.steps)
        .filter_map(|step| step.call.clone())
        .collect();
    assert!(exports.len() >= 22, "the world was read: {exports:?}");
    assert_eq!(missing(&exports, &used, &[]), Vec::<String>::new());
}

#[test]
fn every_error_code_has_a_case_or_a_reason() {
    let (resolve, _) = contract();
    let topics = topics();
    let errors = || {
        let steps = topics
            .iter()
            .flat_map(|topic| &topic.cases)
            .flat_map(|case| &case.steps);
        steps.filter_map(|step| step.error.as_ref())
    };
    let codes = errors().map(|error| error.code.clone()).collect();
    assert_eq!(
        missing(&words_of(&resolve, "error-code"), &codes, HOST_ONLY),
        Vec::<String>::new()
    );
    let limits = errors().filter_map(|error| error.limit.clone()).collect();
    let wanted = words_of(&resolve, "limit");
    assert_eq!(
        missing(&wanted, &limits, HOST_ONLY_LIMITS),
        Vec::<String>::new()
    );
}

/// Collects the operators of all conditions, and whether their case makes an index.
fn operators(value: &Json, found: &mut BTreeSet<String>) {
    match value {
        Json::Object(members) => {
            if let (Some(Json::String(operator)), true) =
                (members.get("op"), members.contains_key("field"))
            {
                found.insert(operator.clone());
            }
            members.values().for_each(|member| operators(member, found));
        }
        Json::Array(list) => list.iter().for_each(|element| operators(element, found)),
        _ => {}
    }
}

#[test]
fn every_operator_has_a_case_with_and_without_an_index() {
    let (mut with, mut without) = (BTreeSet::new(), BTreeSet::new());
    for case in topics().iter().flat_map(|topic| &topic.cases) {
        let mut indexed = false;
        for step in &case.steps {
            indexed |= step.call.as_deref() == Some("indexes.create");
            if let (Some("queries.run"), Some(query)) =
                (step.call.as_deref(), step.args.get("query"))
            {
                operators(query, if indexed { &mut with } else { &mut without });
            }
        }
    }
    let wanted: Vec<String> = OPERATORS.iter().map(|name| (*name).to_string()).collect();
    assert_eq!(
        missing(&wanted, &with, &[]),
        Vec::<String>::new(),
        "with an index"
    );
    assert_eq!(
        missing(&wanted, &without, &[]),
        Vec::<String>::new(),
        "without an index"
    );
}

#[test]
fn names_are_promises_and_told_apart() {
    let mut names = BTreeSet::new();
    for topic in topics() {
        for case in topic.cases {
            assert!(
                case.name.contains(' '),
                "'{}' is no promise in words",
                case.name
            );
            assert!(
                names.insert(case.name.clone()),
                "'{}' is there twice",
                case.name
            );
        }
    }
}

#[test]
fn each_of_more_than_two_hundred_programs_has_a_case_of_its_source() {
    let topics = topics();
    let mut count = 0;
    for file in programs::files().expect("there are programs") {
        let name = programs::topic_of(&file);
        let topic = topics.iter().find(|topic| topic.name == name);
        let cases = &topic.expect("its programs were pinned").cases;
        let programs = programs::read(&file).expect("a file of programs");
        assert_eq!(
            programs.len(),
            cases.len(),
            "{name}: run the command `programs`"
        );
        for (program, case) in programs.iter().zip(cases) {
            assert_eq!(programs::case_name(program), case.name, "{name}");
            assert_eq!(
                programs::arguments_of(program),
                case.steps[0].args,
                "{}",
                case.name
            );
            count += 1;
        }
    }
    assert!(count > 200, "{count}");
}
