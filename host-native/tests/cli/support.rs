//! Runs the command.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;

/// A database in a directory of its own, and the command that works on it.
pub struct Cu {
    directory: tempfile::TempDir,
}

impl Cu {
    pub fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A file with this text.
    pub fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cu"));
        command
            .env("CU_DB", self.path("database"))
            .env_remove("RUST_BACKTRACE");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Runs the command with this text on its standard input.
    pub fn feed(&self, arguments: &[&str], input: &str) -> Output {
        let mut process = self
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        process
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        process.wait_with_output().unwrap()
    }

    /// What a command that succeeds prints.
    pub fn text(&self, arguments: &[&str]) -> String {
        succeeded(self.run(arguments))
    }

    /// What a command that succeeds prints with `--json`: one value for each line.
    pub fn rows(&self, arguments: &[&str]) -> Vec<Json> {
        let text = self.text(&[&["--json"], arguments].concat());
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// As [`rows`](Cu::rows), for a command that prints one value.
    pub fn json(&self, arguments: &[&str]) -> Json {
        let rows = self.rows(arguments);
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.into_iter().next().unwrap()
    }

    /// Exit code and error of a command that fails.
    pub fn error(&self, arguments: &[&str]) -> (i32, Json) {
        let output = self.run(&[&["--json"], arguments].concat());
        let errors = String::from_utf8(output.stderr).unwrap();
        let error: Json = serde_json::from_str(errors.lines().last().unwrap()).unwrap();
        (output.status.code().unwrap(), error["error"].clone())
    }
}

pub fn succeeded(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}
