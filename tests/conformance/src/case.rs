//! The case files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json};

/// One file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// The file's name without its ending.
    #[serde(skip)]
    pub name: String,
    /// What the cases are about.
    pub about: String,
    /// The cases, in order.
    pub cases: Vec<Case>,
}

/// A promise, and the calls that show whether it is kept. Begins with an empty database.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The promise, in words.
    pub name: String,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// The runtimes that can't keep the promise, each with the reason.
    #[serde(default)]
    pub except: BTreeMap<String, String>,
    /// The digest of the database after the last step, in hexadecimal digits.
    pub state: String,
}

/// One call and what it must give; or `reopen`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// `interface.function`, as in the world `database`.
    pub call: Option<String>,
    /// The arguments by name.
    #[serde(default)]
    pub args: Map<String, Json>,
    /// The result; absent for functions that return nothing.
    #[serde(default, deserialize_with = "present")]
    pub result: Option<Json>,
    /// Compare these members of the result only.
    pub only: Option<Vec<String>>,
    /// How it must fail.
    pub error: Option<ExpectedError>,
    /// What it must print; by default nothing.
    pub printed: Option<Json>,
    /// Throws the instance away and goes on with a new one over the same store.
    #[serde(default)]
    pub reopen: bool,
}

/// How a call must fail. Members that are absent are not compared.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedError {
    /// The error's case.
    pub code: String,
    /// Where it was wrong.
    pub place: Option<String>,
    /// Which limit was exceeded.
    pub limit: Option<String>,
    /// The limit in force.
    pub maximum: Option<u64>,
    /// The table that is unknown.
    pub table: Option<String>,
    /// The whole message; for `script` and `syntax` only.
    pub message: Option<String>,
    /// A part of the message; for `script` and `syntax` only.
    pub says: Option<String>,
    /// A part of the traceback.
    pub traceback: Option<String>,
}

/// Keeps `null` apart from "not there".
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

/// Where the case files are.
#[must_use]
pub fn cases_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cases")
}

/// Reads all case files, by name.
///
/// # Errors
/// A sentence with the file and what is wrong in it.
pub fn load() -> Result<Vec<Topic>, String> {
    let directory = cases_directory();
    let unreadable = |error| format!("{}: {error}", directory.display());
    let mut paths = std::fs::read_dir(&directory)
        .map_err(unreadable)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Topic, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let mut topic: Topic = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
    topic.name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    for case in &topic.cases {
        for (number, step) in case.steps.iter().enumerate() {
            check(step)
                .map_err(|error| wrong(&format_args!("'{}', step {number}: {error}", case.name)))?;
        }
    }
    Ok(topic)
}

fn check(step: &Step) -> Result<(), String> {
    if step.call.is_some() == step.reopen {
        return Err("a step is either a call or reopen".into());
    }
    if step.result.is_some() && step.error.is_some() {
        return Err("a step has a result or an error".into());
    }
    if let Some(error) = &step.error {
        let words = error.message.is_some() || error.says.is_some();
        if words && !matches!(error.code.as_str(), "script" | "syntax") {
            return Err("messages are for people; only those of scripts may be compared".into());
        }
    }
    Ok(())
}
