//! Exit codes and errors.

use std::fs;

use crate::support::Cu;

#[test]
fn a_wrong_command_line_is_code_2() {
    let cu = Cu::new();
    for arguments in [
        &["frobnicate"][..],
        &[],
        &["get", "t"],
        &["query", "t", "--distinct"],
    ] {
        assert_eq!(cu.run(arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(cu.run(&["put", "t", "k", "{"]).status.code(), Some(1));
    cu.text(&["put", "t", "k", "1"]);
    for condition in [&["--where", "{"][..], &["x"]] {
        let arguments = [&["query", "t"], condition].concat();
        assert_eq!(cu.run(&arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn help_has_examples_and_exit_codes() {
    let cu = Cu::new();
    let help = cu.text(&["--help"]);
    assert!(
        help.contains("Examples:") && help.contains("Exit codes:"),
        "{help}"
    );
    assert!(cu.text(&["query", "--help"]).contains("--explain"));
    assert!(!cu.path("database").exists());
}

#[test]
fn reading_makes_no_database() {
    let cu = Cu::new();
    let (code, error) = cu.error(&["get", "t", "k"]);
    assert_eq!((code, error["code"].as_str().unwrap()), (3, "not-found"));
    assert!(!cu.path("database").exists());
}

#[test]
fn errors_carry_their_code_and_place() {
    let cu = Cu::new();
    cu.text(&["put", "t", "k", "1"]);
    let (code, error) = cu.error(&["query", "nowhere"]);
    assert_eq!(
        (code, error["code"].as_str().unwrap()),
        (1, "unknown-table")
    );
    let (code, error) = cu.error(&[
        "query",
        "t",
        "--where",
        r#"{"field":"x","op":"~","value":1}"#,
    ]);
    assert_eq!(
        (code, error["code"].as_str().unwrap()),
        (1, "invalid-query")
    );
    assert_eq!(error["place"], "where.op");
    let people = cu.run(&["query", "nowhere"]);
    assert!(
        String::from_utf8(people.stderr)
            .unwrap()
            .starts_with("error: ")
    );
}

#[test]
fn what_is_no_database_is_code_3_and_left_alone() {
    let cu = Cu::new();
    let file = cu.file("notes.txt", "remember the milk");
    let (code, error) = cu.error(&["--db", &file, "put", "t", "k", "1"]);
    assert_eq!((code, error["code"].as_str().unwrap()), (3, "foreign"));
    assert_eq!(fs::read_to_string(file).unwrap(), "remember the milk");

    cu.text(&["put", "t", "k", "1"]);
    fs::write(cu.path("database").join("format"), "cu-database 9\n").unwrap();
    let (code, error) = cu.error(&["get", "t", "k"]);
    assert_eq!(
        (code, error["code"].as_str().unwrap()),
        (3, "unsupported-format")
    );
    fs::write(cu.path("database").join("format"), "cu-database 2\n").unwrap();
    fs::write(cu.path("database").join("tree.redb"), vec![0x55; 40_960]).unwrap();
    let (code, error) = cu.error(&["get", "t", "k"]);
    assert_eq!(
        (code, error["code"].as_str().unwrap()),
        (3, "store-corrupt")
    );
}

#[test]
fn read_only_means_so() {
    let cu = Cu::new();
    cu.text(&["put", "t", "k", "1"]);
    let (code, error) = cu.error(&["--read-only", "put", "t", "k", "2"]);
    assert_eq!(
        (code, error["code"].as_str().unwrap()),
        (3, "store-read-only")
    );
    assert_eq!(cu.text(&["get", "t", "k"]), "1\n");
}

#[test]
fn a_component_that_is_none_is_code_4() {
    let cu = Cu::new();
    let file = cu.file("component.wasm", "no wasm");
    let (code, error) = cu.error(&["--component", &file, "tables"]);
    assert_eq!((code, error["code"].as_str().unwrap()), (4, "component"));
}

#[test]
fn a_broken_cache_is_no_hindrance() {
    let cu = Cu::new();
    cu.text(&["put", "t", "k", "1"]);
    let cache = cu.path("cache");
    let run = |arguments: &[&str]| {
        let output = cu
            .command()
            .env("XDG_CACHE_HOME", &cache)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success());
    };
    run(&["get", "t", "k"]);
    let artifact = fs::read_dir(cache.join("cu"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let good = fs::read(&artifact).unwrap();
    fs::write(&artifact, &good[..good.len() / 2]).unwrap();
    run(&["get", "t", "k"]);
    assert_eq!(fs::read(&artifact).unwrap(), good);

    // A directory that can't be one, and a file that others can write.
    fs::remove_dir_all(&cache).unwrap();
    fs::write(&cache, "in the way").unwrap();
    run(&["get", "t", "k"]);
}
