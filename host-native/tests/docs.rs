//! The examples of the pages about Lua do what they say.

use std::path::Path;

use cu_db::{CallOptions, Database};

/// A fenced block of Lua.
struct Example {
    line: usize,
    is_reopened: bool,
    source: String,
    returns: Option<String>,
    fails: Option<String>,
}

fn examples(text: &str) -> Vec<Example> {
    let mut all = Vec::new();
    let mut open: Option<Example> = None;
    for (number, line) in text.lines().enumerate() {
        match &mut open {
            None if line.starts_with("```lua") => {
                open = Some(Example {
                    line: number + 1,
                    is_reopened: line.ends_with(" reopened"),
                    source: String::new(),
                    returns: None,
                    fails: None,
                });
            }
            None => {}
            Some(_) if line == "```" => all.extend(open.take()),
            Some(example) => match (line.strip_prefix("--> "), line.strip_prefix("--! ")) {
                (Some(values), _) => example.returns = Some(values.to_owned()),
                (_, Some(message)) => example.fails = Some(message.to_owned()),
                _ => example.source += &format!("{line}\n"),
            },
        }
    }
    all
}

#[test]
fn the_examples_about_functions_do_what_they_say() {
    check("functions.md", 15);
}

#[test]
fn the_examples_about_lua_do_what_they_say() {
    check("lua.md", 12);
}

/// Runs the examples of a page, of which there are more than so many.
fn check(page: &str, least: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(page);
    let text = std::fs::read_to_string(path).expect("the page is in the repository");
    let folder = tempfile::tempdir().unwrap();
    let open = || Database::open(folder.path().join("examples.db")).unwrap();
    let examples = examples(&text);
    assert!(examples.len() > least, "the examples were not found");
    let mut database = Some(open());
    for example in examples {
        let line = example.line;
        if example.is_reopened {
            drop(database.take());
            database = Some(open());
        }
        let database = database.as_ref().expect("it is open");
        let given = database.eval_all(&example.source, (), &CallOptions::default());
        match (given, example.returns, example.fails) {
            (Ok(values), Some(expected), None) => {
                let expected: serde_json::Value =
                    serde_json::from_str(&format!("[{expected}]")).unwrap();
                let values: Vec<_> = values
                    .into_iter()
                    .map(|value| cu_db::json::from_value(value).unwrap())
                    .collect();
                assert_eq!(serde_json::Value::from(values), expected, "line {line}");
            }
            (Err(error), None, Some(message)) => {
                let error = error.to_string();
                assert!(error.contains(&message), "line {line}: {error}");
            }
            (given, ..) => panic!("line {line}: {given:?}"),
        }
    }
}
