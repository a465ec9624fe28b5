//! Pins what the programs of `tests/programs` do: runs each under wasmtime and writes a case for it.
//!
//! What stands there already for the same source and differs is kept and reported, unless `--force` is given.

use std::path::Path;
use std::process::ExitCode;

use cu_conformance::wasmtime::Native;
use cu_conformance::{cases_directory, programs};
use serde_json::{Value as Json, json};

fn main() -> ExitCode {
    let force = std::env::args()
        .skip(1)
        .any(|argument| argument == "--force");
    let files = programs::files().and_then(|files| {
        files
            .iter()
            .map(|file| pin(file, force))
            .collect::<Result<Vec<_>, _>>()
    });
    match files {
        Ok(files) => ExitCode::from(u8::from(!files.into_iter().all(|same| same))),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the cases of one file; false if one of them differs from what was pinned.
fn pin(file: &Path, force: bool) -> Result<bool, String> {
    let path = cases_directory()
        .join(programs::topic_of(file))
        .with_extension("json");
    let pinned: Json = match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| error.to_string())?,
        Err(_) => json!({"cases": []}),
    };
    let pinned = pinned["cases"].as_array().cloned().unwrap_or_default();
    let mut same = true;
    let mut cases = Vec::new();
    for program in programs::read(file)? {
        let case = programs::case_of(&program, &mut Native::new())?;
        let before = pinned.iter().find(|before| {
            before["name"] == case["name"] && before["steps"][0]["args"] == case["steps"][0]["args"]
        });
        match before {
            Some(before) if *before != case && !force => {
                eprintln!(
                    "'{}' does otherwise than it did; --force pins it",
                    program.name
                );
                same = false;
                cases.push(before.clone());
            }
            _ => cases.push(case),
        }
    }
    println!("{}: {} programs", file.display(), cases.len());
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let topic = json!({
        "about": format!("What the programs of tests/programs/{name} do. Written by the command `programs`."),
        "cases": cases,
    });
    let text = serde_json::to_string_pretty(&topic).map_err(|error| error.to_string())?;
    std::fs::write(&path, text + "\n").map_err(|error| error.to_string())?;
    Ok(same)
}
