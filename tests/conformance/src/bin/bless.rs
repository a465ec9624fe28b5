//! Pins the states of the cases: runs them on the guest crate and writes the digests into the files.
//!
//! A digest that stands there already and differs is kept and reported, unless `--force` is given:
//! it means that the bytes in the store changed, and with them the format. Cases that the guest crate
//! is excepted from are left alone.

use std::process::ExitCode;

use cu_conformance::guest::Guest;
use cu_conformance::{Topic, cases_directory};

const MEMBER: &str = "\"state\": \"";

fn main() -> ExitCode {
    let force = std::env::args()
        .skip(1)
        .any(|argument| argument == "--force");
    let topics = match cu_conformance::load() {
        Ok(topics) => topics,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut all_pinned = true;
    for topic in &topics {
        match bless(topic, force) {
            Ok(written) => println!("{}: {written} of {} written", topic.name, topic.cases.len()),
            Err(error) => {
                all_pinned = false;
                eprintln!("{}:\n{error}", topic.name);
            }
        }
    }
    ExitCode::from(u8::from(!all_pinned))
}

/// Writes the states of one file, and nothing at all if one of its cases fails.
fn bless(topic: &Topic, force: bool) -> Result<usize, String> {
    let path = cases_directory().join(&topic.name).with_extension("json");
    let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
    let parts: Vec<&str> = text.split(MEMBER).collect();
    if parts.len() != topic.cases.len() + 1 {
        return Err(format!(
            "each case needs one {MEMBER}\", and nothing else may have it"
        ));
    }
    let mut out = parts[0].to_string();
    let (mut written, mut failures) = (0, String::new());
    for (case, part) in topic.cases.iter().zip(&parts[1..]) {
        if case.except.contains_key("guest") {
            out += &format!("{MEMBER}{part}");
            continue;
        }
        let rest = part.strip_prefix(case.state.as_str()).unwrap_or(part);
        let state = match cu_conformance::state(case, &mut Guest::new()) {
            Ok(state) if state == case.state || case.state.is_empty() || force => state,
            Ok(state) => {
                failures += &format!("'{}' is pinned at another state than {state}\n", case.name);
                case.state.clone()
            }
            Err(difference) => {
                failures += &format!("'{}' fails:\n{difference}\n", case.name);
                case.state.clone()
            }
        };
        written += usize::from(state != case.state);
        out += &format!("{MEMBER}{state}{rest}");
    }
    std::fs::write(&path, out).map_err(|error| error.to_string())?;
    if failures.is_empty() {
        Ok(written)
    } else {
        Err(failures)
    }
}
