//! The whole database as one file, and back.

use crate::support::{Cu, succeeded};

fn filled() -> Cu {
    let cu = Cu::new();
    cu.text(&[
        "eval",
        "_home.t = {} for i = 1, 1000 do _home.t[i] = {n = i} end",
    ]);
    cu.text(&["index", "create", "t", "n"]);
    let counter = "local n = 0 return function() n = n + 1 return n end";
    cu.text(&["functions", "persist", "tools", "next", counter]);
    cu
}

#[test]
fn a_restored_database_has_the_digest_of_the_backup() {
    let (cu, other) = (filled(), Cu::new());
    let file = cu.path("backup.cua");
    let file = file.to_str().unwrap();
    let written = cu.json(&["backup", file]);
    let read = other.json(&["restore", file]);
    for member in ["digest", "entries", "bytes"] {
        assert_eq!(written[member], read[member], "{member}");
    }
    assert_eq!(cu.json(&["digest"]), written["digest"]);
    assert_eq!(other.json(&["digest"]), written["digest"]);
    assert_eq!(other.text(&["functions", "call", "tools", "next"]), "1\n");
    // Written again over the old one, from the copy.
    let again = other.json(&["backup", file]);
    assert_eq!(again["digest"], other.json(&["digest"]));
}

#[test]
fn an_archive_goes_through_a_pipe() {
    let cu = filled();
    let archive = cu.run(&["backup", "-"]);
    assert!(archive.status.success());
    let other = Cu::new();
    let file = other.path("copy.cua");
    std::fs::write(&file, &archive.stdout).unwrap();
    let piped = other
        .command()
        .args(["restore", "-"])
        .stdin(std::fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    succeeded(piped);
    assert_eq!(other.text(&["digest"]), cu.text(&["digest"]));
}

#[test]
fn what_can_not_be_restored_says_why_and_changes_nothing() {
    let cu = filled();
    let file = cu.path("backup.cua");
    let file = file.to_str().unwrap();
    cu.text(&["backup", file]);
    let digest = cu.text(&["digest"]);
    let (code, error) = cu.error(&["restore", file]);
    assert_eq!(
        (code, error["code"].as_str().unwrap()),
        (1, "already-exists")
    );
    assert_eq!(cu.text(&["digest"]), digest);

    let other = Cu::new();
    let foreign = other.file("notes.txt", "no archive at all");
    let (code, error) = other.error(&["restore", &foreign]);
    assert_eq!(
        (code, error["code"].as_str().unwrap()),
        (3, "unsupported-format")
    );
    let whole = std::fs::read(file).unwrap();
    let half = other.path("half.cua");
    std::fs::write(&half, &whole[..whole.len() / 2]).unwrap();
    let (code, error) = other.error(&["restore", half.to_str().unwrap()]);
    assert_eq!((code, error["code"].as_str().unwrap()), (3, "corrupt"));
    assert_eq!(
        other.run(&["restore", "nowhere.cua"]).status.code(),
        Some(1)
    );
    assert!(other.rows(&["tables"]).is_empty());
    let (code, _) = cu.error(&["backup", "/nowhere/backup.cua"]);
    assert_eq!(code, 1);
}
