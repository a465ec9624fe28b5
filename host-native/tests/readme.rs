//! The calls of the command in the README and in the quick start do what these say.

use std::path::Path;
use std::process::Command;

/// The lines of a page's shell blocks that call `cu`.
fn tour(page: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page);
    let text = std::fs::read_to_string(path).expect("the page is in the repository");
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside && line.starts_with("cu ") {
            lines.push(line.to_string());
        }
    }
    lines
}

#[test]
fn the_tour_of_the_readme_does_what_it_says() {
    check("README.md");
}

#[test]
fn the_quick_start_does_what_it_says() {
    check("docs/quick-start.md");
}

/// Runs the calls of a page one after the other, on an empty database.
fn check(page: &str) {
    let folder = tempfile::tempdir().unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_cu")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let lines = tour(page);
    assert!(lines.len() > 8, "the tour was not found: {lines:?}");
    for line in lines {
        let (command, comment) = line.split_once("  # ").unwrap_or((&line, ""));
        let output = Command::new("sh")
            .args(["-c", command])
            .env("PATH", &path)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        let wrong = format!(
            "{line}\n{printed}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        match comment.split_once(' ') {
            Some(("fails:", message)) => {
                assert_eq!(output.status.code(), Some(1), "{wrong}");
                assert!(wrong.contains(message), "{wrong}");
            }
            Some(("prints", what)) => assert_eq!(printed.trim(), what, "{wrong}"),
            _ => assert!(output.status.success(), "{wrong}"),
        }
    }
}
