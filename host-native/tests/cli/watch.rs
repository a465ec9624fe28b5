//! The change feed: `feed` and `watch`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;

use crate::support::Cu;

#[test]
fn the_feed_is_switched_on_shown_and_switched_off() {
    let cu = Cu::new();
    cu.text(&["put", "users", "ann", "1"]);
    assert_eq!(
        cu.error(&["feed", "show"]),
        (
            1,
            json!({"code": "absent", "message": "the change feed is off; `cu feed on` switches it on"})
        )
    );
    cu.text(&["feed", "on", "users", "orders", "--changes", "500"]);
    let feed = cu.json(&["feed", "show"]);
    assert_eq!(feed["tables"], json!(["orders", "users"]));
    assert_eq!(
        (&feed["changes"], &feed["bytes"]),
        (&json!(500), &json!(67_108_864))
    );
    assert_eq!((&feed["oldest"], &feed["newest"]), (&json!(2), &json!(2)));
    cu.text(&["feed", "on"]);
    assert_eq!(cu.json(&["feed", "show"])["tables"], json!(null));
    cu.text(&["feed", "off"]);
    assert_eq!(cu.error(&["feed", "show"]).0, 1);
    assert_eq!(cu.error(&["watch", "--end"]).1["code"], "out-of-date");
}

#[test]
fn watch_prints_what_commits_have_changed() {
    let cu = Cu::new();
    cu.text(&["feed", "on"]);
    cu.text(&["put", "users", "ann", "{\"age\": 31}"]);
    cu.text(&["put", "users", "ann", "{\"age\": 32}"]);
    cu.text(&["put", "pets", "7", "\"cat\""]);
    cu.text(&["delete", "users", "ann"]);
    cu.text(&["drop-table", "pets"]);
    assert_eq!(
        cu.text(&["watch", "--since", "1", "--end"])
            .lines()
            .collect::<Vec<_>>(),
        [
            r#"2 users "ann" + {"age":31}"#,
            r#"3 users "ann" {"age":31} -> {"age":32}"#,
            r#"4 pets 7 + "cat""#,
            r#"5 users "ann" - {"age":32}"#,
            "6 pets dropped",
        ]
    );
    assert_eq!(cu.text(&["watch", "pets", "--end"]), "");

    let mut rows = cu.rows(&["watch", "users", "--since", "2", "--end"]);
    assert_eq!(rows.len(), 2);
    let place = rows[0]["place"].as_str().unwrap().to_owned();
    assert_eq!(
        cu.rows(&["watch", "users", "--since", &place, "--end"]),
        rows[1..]
    );
    rows[0].as_object_mut().unwrap().remove("place");
    assert_eq!(
        rows[0],
        json!({"sequence": 3, "table": "users", "key": "ann", "before": {"age": 31}, "after": {"age": 32}})
    );
    let dropped = cu.json(&["watch", "--since", "5", "--end"]);
    assert_eq!(
        (&dropped["table"], &dropped["dropped"]),
        (&json!("pets"), &json!(true))
    );

    let condition = "age > 31";
    let found = cu.rows(&[
        "watch", "users", "--since", "1", "--where", condition, "--end",
    ]);
    assert_eq!(found.len(), 2);
    assert_eq!(cu.error(&["watch", "--where", "{", "--end"]).0, 2);
    assert_eq!(
        cu.error(&["watch", "--since", "99", "--end"]).1["code"],
        "invalid-argument"
    );
    assert!(!cu.run(&["watch", "--since", "x"]).status.success());
}

#[test]
fn watch_goes_on_with_what_other_commands_write() {
    let cu = Cu::new();
    cu.text(&["feed", "on"]);
    let mut watch = cu
        .command()
        .args(["--json", "watch", "users", "--since", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    for number in 1..=3 {
        // The command that finds the database in use, since watch reads it just then, is run again.
        while !cu
            .run(&["put", "users", "ann", &number.to_string()])
            .status
            .success()
        {}
        let line = lines.next().unwrap().unwrap();
        let change: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(change["after"], number);
    }
    // As an interrupt from the keyboard, which a process in the background does not hear.
    let interrupted = i32::try_from(watch.id()).unwrap();
    // SAFETY: it signals a process that was started above and not waited for yet.
    assert_eq!(unsafe { libc::kill(interrupted, libc::SIGTERM) }, 0);
    watch.wait().unwrap();
    assert!(lines.next().is_none(), "every line is whole");
}
