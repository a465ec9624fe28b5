//! The cases on the component under wasmtime, each on a database of its own on disk.

use std::process::ExitCode;

use cu_conformance::wasmtime::Native;

fn main() -> ExitCode {
    let topics = match cu_conformance::load() {
        Ok(topics) => topics,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    ExitCode::from(u8::from(!cu_conformance::run(
        "wasmtime",
        &topics,
        Native::new,
    )))
}
