//! The corpus of Lua programs in `tests/programs`, and the cases that are made of them.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};

use crate::arguments::Arguments;
use crate::cbor::{self, to_hex};
use crate::driver::Runtime;
use crate::reply::Failure;

/// What every program finds: numbers from this seed, and the time in seconds since 1970.
pub const SEED: u64 = 20_261_124;
/// See [`SEED`].
pub const TIME: i64 = 1_000_000_000;
/// So many instructions, for those that have no end.
pub const INSTRUCTIONS: u64 = 50_000_000;

/// A line that begins a program: its name comes behind.
const BEGINNING: &str = "---- ";
/// Between a name and the reason why the guest crate, natively, can't keep the promise.
const NOT_GUEST: &str = " | not guest: ";

/// One program.
#[derive(Debug, PartialEq, Eq)]
pub struct Program {
    /// What it shows.
    pub name: String,
    /// Its lines.
    pub source: String,
    /// Why the guest crate is excepted, if it is.
    pub not_guest: Option<String>,
}

/// Where the programs are.
#[must_use]
pub fn programs_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../programs")
}

/// The topic of the cases that are made of a file.
#[must_use]
pub fn topic_of(file: &Path) -> String {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    format!("programs-{name}")
}

/// The files of programs, in order.
///
/// # Errors
/// If they can't be read.
pub fn files() -> Result<Vec<PathBuf>, String> {
    let directory = programs_directory();
    let entries = std::fs::read_dir(&directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "lua"));
    files.sort();
    Ok(files)
}

/// The programs of a file.
///
/// # Errors
/// If it can't be read, or does not begin with a program.
pub fn read(file: &Path) -> Result<Vec<Program>, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
    let mut programs: Vec<Program> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix(BEGINNING) {
            let (name, reason) = match name.split_once(NOT_GUEST) {
                Some((name, reason)) => (name, Some(reason.to_string())),
                None => (name, None),
            };
            programs.push(Program {
                name: name.to_string(),
                source: String::new(),
                not_guest: reason,
            });
        } else {
            let program = programs
                .last_mut()
                .ok_or_else(|| wrong(&"it does not begin with a program"))?;
            program.source += line;
            program.source.push('\n');
        }
    }
    Ok(programs)
}

/// The name of the case that is made of a program.
#[must_use]
pub fn case_name(program: &Program) -> String {
    format!("a program: {}", program.name)
}

/// The arguments of a program's only call.
#[must_use]
pub fn arguments_of(program: &Program) -> Map<String, Json> {
    let lines: Vec<_> = program.source.split('\n').collect();
    let arguments = json!({
        "source": {"$lines": lines},
        "arguments": [],
        "options": {"seed": SEED, "time": TIME, "instructions": INSTRUCTIONS},
    });
    match arguments {
        Json::Object(members) => members,
        _ => Map::new(),
    }
}

/// Runs a program and gives the case that expects what it did.
///
/// # Errors
/// If the runtime can't be asked.
pub fn case_of(program: &Program, runtime: &mut dyn Runtime) -> Result<Json, String> {
    let members = arguments_of(program);
    let reply = runtime.call("lua.eval", &Arguments::new(&members))?;
    let printed = runtime.printed();
    let mut step = Map::new();
    step.insert("call".into(), "lua.eval".into());
    step.insert("args".into(), members.into());
    match reply {
        Ok(result) => step.insert("result".into(), json!({"$cbor": to_hex(&result)})),
        Err(failure) => step.insert("error".into(), error_of(failure)),
    };
    if !printed.is_empty() {
        let printed = match String::from_utf8(printed) {
            Ok(text) => json!({"$lines": text.split('\n').collect::<Vec<_>>()}),
            Err(bytes) => json!({"$bytes": to_hex(bytes.as_bytes())}),
        };
        step.insert("printed".into(), printed);
    }
    let none = Map::new();
    let digest = runtime.call("admin.digest", &Arguments::new(&none))?;
    let digest = digest.map_err(|failure| format!("admin.digest: {failure:?}"))?;
    let (_, _, digest) = cbor::open(&digest).ok_or("admin.digest gave no value")?;
    let mut case = Map::new();
    case.insert("name".into(), case_name(program).into());
    if let Some(reason) = &program.not_guest {
        case.insert("except".into(), json!({"guest": reason}));
    }
    case.insert("steps".into(), Json::Array(vec![step.into()]));
    case.insert("state".into(), to_hex(digest).into());
    Ok(case.into())
}

/// All that a failure can be compared by.
fn error_of(failure: Failure) -> Json {
    let is_script = matches!(failure.code.as_str(), "script" | "syntax");
    let mut error = Map::new();
    error.insert("code".into(), failure.code.into());
    let mut add = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            error.insert(name.into(), value);
        }
    };
    add("place", failure.place.map(Into::into));
    add("limit", failure.limit.map(Into::into));
    add("maximum", failure.maximum.map(Into::into));
    if is_script {
        add("message", Some(failure.message.into()));
        add("traceback", failure.traceback.map(Into::into));
    }
    error.into()
}
