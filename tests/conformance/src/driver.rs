//! Runs cases on a runtime and says what went otherwise.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::arguments::Arguments;
use crate::case::{Case, ExpectedError, Step, Topic};
use crate::cbor::{self, to_hex};
use crate::notation;
use crate::reply::{Failure, Reply};
use crate::show::show;

/// A database on one runtime.
pub trait Runtime {
    /// Calls an exported function.
    ///
    /// # Errors
    /// A sentence, if the case asks for a call or has an argument that does not exist. How the call
    /// itself fails is in the reply.
    fn call(&mut self, call: &str, arguments: &Arguments<'_>) -> Result<Reply, String>;

    /// What was printed since this was last asked.
    fn printed(&mut self) -> Vec<u8>;

    /// Throws the instance away and makes a new one over the same store.
    fn reopen(&mut self);
}

/// The calls that never change what the database holds.
const READING: &[&str] = &[
    "tables.list",
    "documents.get",
    "documents.get-many",
    "documents.scan",
    "indexes.list",
    "indexes.statistics",
    "queries.run",
    "queries.page",
    "queries.count",
    "queries.explain",
    "functions.list",
    "functions.source",
    "changes.read",
    "admin.stats",
    "admin.limits",
    "admin.digest",
    "archive.export-page",
];

/// Runs all cases, prints what failed and the closing line, and returns whether all passed.
/// `make` gives an empty database for each case.
pub fn run<R: Runtime>(name: &str, topics: &[Topic], mut make: impl FnMut() -> R) -> bool {
    let filter = std::env::args()
        .nth(1)
        .filter(|word| !word.starts_with('-'));
    let (mut passed, mut failed) = (0, 0);
    for topic in topics {
        for case in &topic.cases {
            let full_name = format!("{}: {}", topic.name, case.name);
            if filter
                .as_ref()
                .is_some_and(|word| !full_name.contains(word))
            {
                continue;
            }
            if let Some(reason) = case.except.get(name) {
                println!("not on {name}: {full_name}: {reason}");
                continue;
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| run_case(case, &mut make())));
            match outcome.unwrap_or_else(|_| Err("  it panicked".into())) {
                Ok(()) => passed += 1,
                Err(difference) => {
                    failed += 1;
                    println!("FAILED {full_name}\n{difference}");
                }
            }
        }
    }
    println!("conformance ({name}): {passed} passed, {failed} failed");
    println!("{name}: {passed} passed, {failed} failed");
    failed == 0
}

/// Runs one case and compares its state with the pinned one.
fn run_case(case: &Case, runtime: &mut dyn Runtime) -> Result<(), String> {
    let state = state(case, runtime)?;
    if state == case.state {
        return Ok(());
    }
    if case.state.is_empty() {
        return Err("  its state is not pinned yet: run bless".into());
    }
    Err(format!(
        "  state after the last step\n    expected {}\n    actual   {state}",
        case.state
    ))
}

/// Runs one case and returns the state that it leaves.
///
/// # Errors
/// What went otherwise, in readable lines.
pub fn state(case: &Case, runtime: &mut dyn Runtime) -> Result<String, String> {
    let mut before = digest(runtime)?;
    for (number, step) in case.steps.iter().enumerate() {
        let what = step.call.as_deref().unwrap_or("reopen");
        let failed = |difference| format!("  step {number}, {what}: {difference}");
        run_step(step, runtime).map_err(failed)?;
        let after = digest(runtime)?;
        let changes = step.error.is_none() && !step.reopen && !READING.contains(&what);
        if before != after && !changes {
            return Err(failed(
                "it changed the state of the database, which it must not".into(),
            ));
        }
        before = after;
    }
    Ok(before)
}

/// The digest in hexadecimal digits.
fn digest(runtime: &mut dyn Runtime) -> Result<String, String> {
    let none = serde_json::Map::new();
    match runtime.call("admin.digest", &Arguments::new(&none))? {
        Ok(reply) => match cbor::open(&reply) {
            Some((2, 32, digest)) => Ok(to_hex(digest)),
            _ => Err(format!("admin.digest gave {}", show(&reply))),
        },
        Err(failure) => Err(format!("admin.digest failed: {failure:?}")),
    }
}

fn run_step(step: &Step, runtime: &mut dyn Runtime) -> Result<(), String> {
    let Some(call) = &step.call else {
        runtime.reopen();
        return Ok(());
    };
    let arguments = Arguments::new(&step.args);
    let reply = runtime.call(call, &arguments)?;
    arguments.finish()?;
    let printed = runtime.printed();
    match (&step.error, reply) {
        (Some(expected), Err(failure)) => compare_failure(expected, &failure)?,
        (Some(expected), Ok(result)) => {
            return Err(differ(&format!("error {}", expected.code), &show(&result)));
        }
        (None, Err(failure)) => {
            let expected = expected_result(step)?;
            return Err(differ(&show(&expected), &describe(&failure)));
        }
        (None, Ok(result)) => {
            let expected = expected_result(step)?;
            let result = match &step.only {
                Some(names) => only(&result, names)?,
                None => result,
            };
            if expected != result {
                return Err(differ(&show(&expected), &show(&result)));
            }
        }
    }
    let expected = match &step.printed {
        Some(text) => {
            let text = notation::encode(text)?;
            let (_, _, body) = cbor::open(&text).ok_or("printed is a text")?;
            body.to_vec()
        }
        None => Vec::new(),
    };
    if printed != expected {
        let readable = |bytes: &[u8]| format!("\"{}\"", bytes.escape_ascii());
        return Err(format!(
            "printed{}",
            differ(&readable(&expected), &readable(&printed))
        ));
    }
    Ok(())
}

fn expected_result(step: &Step) -> Result<Vec<u8>, String> {
    notation::encode(step.result.as_ref().unwrap_or(&serde_json::Value::Null))
}

/// The map with the named members alone.
fn only(result: &[u8], names: &[String]) -> Result<Vec<u8>, String> {
    let mut entries = cbor::entries(result).ok_or_else(|| format!("{} is no map", show(result)))?;
    let names: Vec<_> = names
        .iter()
        .map(|name| crate::reply::string(name))
        .collect();
    entries.retain(|(name, _)| names.contains(name));
    let mut out = Vec::new();
    cbor::map(entries, &mut out)?;
    Ok(out)
}

fn compare_failure(expected: &ExpectedError, actual: &Failure) -> Result<(), String> {
    let same = expected.code == actual.code
        && (expected.place.is_none() || expected.place == actual.place)
        && (expected.limit.is_none() || expected.limit == actual.limit)
        && (expected.maximum.is_none() || expected.maximum == actual.maximum)
        && (expected.table.is_none() || expected.table == actual.table)
        && expected
            .message
            .as_ref()
            .is_none_or(|whole| *whole == actual.message)
        && expected
            .says
            .as_ref()
            .is_none_or(|part| actual.message.contains(part))
        && expected.traceback.as_ref().is_none_or(|part| {
            actual
                .traceback
                .as_ref()
                .is_some_and(|whole| whole.contains(part))
        });
    if !same {
        return Err(differ(&format!("{expected:?}"), &describe(actual)));
    }
    if actual.message.trim().is_empty() {
        return Err(differ("an error with a message", &describe(actual)));
    }
    Ok(())
}

fn describe(failure: &Failure) -> String {
    let mut out = format!("error {}", failure.code);
    for (name, value) in [
        ("place", &failure.place),
        ("limit", &failure.limit),
        ("table", &failure.table),
        ("message", &Some(failure.message.clone())),
        ("traceback", &failure.traceback),
    ] {
        if let Some(value) = value {
            let _ = write!(out, " {name}={value:?}");
        }
    }
    if let Some(maximum) = failure.maximum {
        let _ = write!(out, " maximum={maximum}");
    }
    out
}

fn differ(expected: &str, actual: &str) -> String {
    format!("\n    expected {expected}\n    actual   {actual}")
}
