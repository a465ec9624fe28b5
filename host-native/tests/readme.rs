//! The tour in the README does what it says.

use std::path::Path;
use std::process::Command;

/// The lines of the README's shell blocks that call `cu`.
fn tour() -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = std::fs::read_to_string(readme).expect("the README is in the repository");
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
    let folder = tempfile::tempdir().unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_cu")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let lines = tour();
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
