//! The cases on the guest crate itself, without WebAssembly.

use std::process::ExitCode;

use cu_conformance::guest::Guest;

fn main() -> ExitCode {
    let topics = match cu_conformance::load() {
        Ok(topics) => topics,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    ExitCode::from(u8::from(!cu_conformance::run("guest", &topics, Guest::new)))
}
