//! `cu import --atomic`.

use crate::support::Cu;

#[test]
fn an_atomic_import_stores_all_of_a_file_or_nothing() {
    let cu = Cu::new();
    let mut lines: String = (1..=50).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    let good = cu.file("good.ndjson", &lines);
    lines.push_str("{\"name\":\"no key\"}\n");
    let bad = cu.file("bad.ndjson", &lines);
    let import = |file: &str, table: &str, more: &[&str]| {
        let arguments = [
            "import", file, "--table", table, "--key", "id", "--batch", "7",
        ];
        cu.run(&[&arguments, more].concat())
    };
    assert!(!import(&bad, "parts", &[]).status.success());
    assert_eq!(cu.json(&["query", "parts", "--count"]), 49);

    let failed = import(&bad, "whole", &["--atomic"]);
    assert_eq!(failed.status.code(), Some(1));
    let errors = String::from_utf8(failed.stderr).unwrap();
    assert!(
        errors.contains("0 documents stored before this"),
        "{errors}"
    );
    assert!(errors.contains("document 51"), "{errors}");
    let (_, error) = cu.error(&["query", "whole", "--count"]);
    assert_eq!(error["code"], "unknown-table");

    assert!(import(&good, "whole", &["--atomic"]).status.success());
    assert_eq!(cu.json(&["query", "whole", "--count"]), 50);
    assert_eq!(cu.json(&["get", "whole", "50"])["id"], 50);
}
