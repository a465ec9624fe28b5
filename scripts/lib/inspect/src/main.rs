//! `cu-inspect COMPONENT LIMITS`: prints the sizes and imports of a component, and fails when
//! they leave what the limits file allows. `--test` prints one line for each check and a
//! closing line with their number.

mod component;
mod limits;

use std::process::ExitCode;

use component::{Interfaces, Sizes};
use limits::Limits;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let test = arguments
        .first()
        .is_some_and(|argument| argument == "--test");
    if test {
        arguments.remove(0);
    }
    let [component, limits] = arguments.as_slice() else {
        eprintln!("usage: cu-inspect [--test] COMPONENT LIMITS");
        return ExitCode::from(2);
    };
    match inspect(component, limits, test) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

/// Prints the report; false if a limit is exceeded.
fn inspect(component: &str, limits: &str, test: bool) -> Result<bool, String> {
    let bytes = std::fs::read(component).map_err(|error| format!("{component}: {error}"))?;
    let text = std::fs::read_to_string(limits).map_err(|error| format!("{limits}: {error}"))?;
    let limits = Limits::parse(&text).map_err(|error| format!("{limits}: {error}"))?;
    let interfaces = Interfaces::of(&bytes).map_err(|error| format!("{component}: {error}"))?;
    let sizes = Sizes::of(&bytes).map_err(|error| format!("{component}: {error}"))?;

    if !test {
        println!(
            "{component}: {} bytes, gzip {}, brotli {}",
            sizes.raw, sizes.gzip, sizes.brotli
        );
        for name in &interfaces.imports {
            println!("  imports {name}");
        }
    }
    let checks = limits.check(&interfaces, &sizes);
    let failed = checks.iter().filter(|check| !check.holds).count();
    for check in &checks {
        if test {
            println!(
                "{} ... {}",
                check.promise,
                if check.holds { "ok" } else { "FAILED" }
            );
        }
        if !check.holds {
            eprintln!("error: {}", check.detail);
        }
    }
    if test {
        println!(
            "component: {} passed, {failed} failed",
            checks.len() - failed
        );
    }
    Ok(failed == 0)
}
