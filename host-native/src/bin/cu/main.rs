//! The command `cu`. See `cu --help`.

mod arguments;
mod backup;
mod commands;
mod export;
mod failure;
mod functions;
mod import;
mod input;
mod output;
mod query;
mod records;
mod repl;
mod watch;

use std::panic;
use std::process::ExitCode;

use arguments::Arguments;
use clap::Parser;

fn main() -> ExitCode {
    // redb panics on some damaged files. The store makes an error of it, which says the same
    // in words that help.
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !panic
            .location()
            .is_some_and(|location| location.file().contains("/redb-"))
        {
            report(panic);
        }
    }));

    let arguments = Arguments::parse();
    match commands::run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(arguments.json);
            failure.exit_code()
        }
    }
}
