//! `cu repl`: Lua line by line.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use cu_db::{CallOptions, Database, Error, Value};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Completer, Editor, Helper, Highlighter, Hinter};

use crate::failure::Failure;
use crate::output::Output;

const HELP: &str = "\
Lua code runs when it is complete; an expression prints its value. Each input is one transaction.
Globals are kept until the end. `_home` is the database: _home.users.ann = {name = \"Ann\"}
  .help    this text
  .tables  the tables
  .quit    the end, as Ctrl-D";

/// Compiles without running, and returns Lua's complaint.
const COMPILE: &str = "local _, complaint = load((...), 'repl', 't') return complaint";

pub fn run(database: &Database, output: Output) -> Result<(), Failure> {
    let failed =
        |error: ReadlineError| Failure::Input(format!("the terminal can't be used: {error}"));
    let mut editor = Editor::<Complete<'_>, FileHistory>::new().map_err(failed)?;
    editor.set_helper(Some(Complete { database }));
    let history = io::stdin().is_terminal().then(history_file).flatten();
    if let Some(history) = &history {
        // The first time there is none.
        drop(editor.load_history(history));
    }
    if io::stdin().is_terminal() {
        output.remark(&format!("Cu {}, .help for help", env!("CARGO_PKG_VERSION")));
    }
    loop {
        match editor.readline("cu> ") {
            Ok(line) => {
                let line = line.trim();
                if line.is_empty() {
                    continue;
                }
                drop(editor.add_history_entry(line));
                if line == ".quit" {
                    break;
                }
                // What fails is printed, and the next line gets its chance.
                if let Err(failure) = input(database, line, output) {
                    failure.print(output.json);
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failed(error)),
        }
    }
    if let Some(history) = &history {
        drop(editor.append_history(history));
    }
    Ok(())
}

fn input(database: &Database, line: &str, output: Output) -> Result<(), Failure> {
    match line {
        ".help" => output.line(HELP),
        ".tables" => {
            let tables = database.tables()?.into_iter();
            output.rows(
                &["name", "documents", "indexes"],
                tables
                    .map(|table| {
                        vec![
                            table.name.into(),
                            table.documents.into(),
                            table.indexes.into(),
                        ]
                    })
                    .collect(),
            )
        }
        code => output.values(evaluate(database, code)?),
    }
}

/// Runs an expression or else a statement.
fn evaluate(database: &Database, code: &str) -> Result<Vec<Value>, Error> {
    let options = CallOptions::default().chunk_name("repl").keep_globals(true);
    match database.eval_all(&format!("return {code}"), (), &options) {
        Err(Error::Syntax(_)) => database.eval_all(code, (), &options),
        result => result,
    }
}

/// `$XDG_STATE_HOME/cu/history`, or `~/.local/state/cu/history`, in a directory that exists.
fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let directory = state
        .or_else(|| Some(std::env::home_dir()?.join(".local/state")))?
        .join("cu");
    fs::create_dir_all(&directory).ok()?;
    Some(directory.join("history"))
}

/// Goes on reading lines while the code isn't complete.
#[derive(Completer, Helper, Highlighter, Hinter)]
struct Complete<'a> {
    database: &'a Database,
}

impl Validator for Complete<'_> {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let code = context.input();
        let complaint = |code: &str| {
            self.database
                .eval::<Option<String>>(COMPILE, (code,))
                .unwrap_or_default()
        };
        if code.trim_start().starts_with('.') || complaint(&format!("return {code}")).is_none() {
            return Ok(ValidationResult::Valid(None));
        }
        let unfinished = complaint(code).is_some_and(|complaint| complaint.ends_with("<eof>"));
        Ok(if unfinished {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}
