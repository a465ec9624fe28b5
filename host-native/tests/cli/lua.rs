//! Lua on the command line.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::json;

use crate::support::{Cu, succeeded};

#[test]
fn code_takes_arguments_and_prints_what_it_returns() {
    let cu = Cu::new();
    let arguments = [
        "eval",
        "local a, b, c = ... return a + 1, b, #c",
        "41",
        "two words",
        "[1,2,3]",
    ];
    assert_eq!(cu.json(&arguments), json!([42, "two words", 3]));
    assert_eq!(cu.text(&arguments), "42\ntwo words\n3\n");
    assert_eq!(cu.text(&["eval", "return -...", "-1.5"]), "1.5\n");
    assert_eq!(cu.text(&["eval", "local nothing"]), "");
}

#[test]
fn printed_text_stays_out_of_the_json() {
    let cu = Cu::new();
    assert_eq!(cu.text(&["eval", "print('hello') return 1"]), "hello\n1\n");
    let output = cu.run(&["--json", "eval", "print('hello') return 1"]);
    assert_eq!(output.stdout, b"[1]\n");
    assert_eq!(output.stderr, b"hello\n");
}

#[test]
fn what_code_writes_is_there_in_the_next_process() {
    let cu = Cu::new();
    cu.text(&["put", "users", "ann", "{\"age\":30}"]);
    cu.text(&["eval", "_home.users.ann.age = _home.users.ann.age + 1"]);
    assert_eq!(cu.json(&["get", "users", "ann"]), json!({"age": 31}));
}

#[test]
fn a_file_runs_with_its_name_in_errors() {
    let cu = Cu::new();
    let file = cu.file(
        "job.lua",
        "#!/usr/bin/env -S cu run\nlocal name = ...\nreturn 'hello ' .. name\n",
    );
    assert_eq!(cu.text(&["run", &file, "world"]), "hello world\n");
    let (code, error) = cu.error(&["run", &file]);
    assert_eq!((code, error["code"].as_str().unwrap()), (1, "script"));
    assert!(
        error["message"].as_str().unwrap().contains("job.lua:3:"),
        "{error}"
    );
    assert!(
        error["traceback"].as_str().unwrap().contains("job.lua:3"),
        "{error}"
    );
    assert_eq!(succeeded(cu.feed(&["run", "-"], "return 1 + 1")), "2\n");
}

#[test]
fn a_script_that_fails_changes_nothing() {
    let cu = Cu::new();
    cu.text(&["put", "t", "k", "1"]);
    let (code, error) = cu.error(&["eval", "_home.t.k = 2 error('no')"]);
    assert_eq!((code, error["code"].as_str().unwrap()), (1, "script"));
    assert_eq!(cu.text(&["get", "t", "k"]), "1\n");
    assert_eq!(cu.error(&["eval", "return +"]).1["code"], "syntax");
    let (code, error) = cu.error(&[
        "--time-limit",
        "0.1",
        "eval",
        "--instructions",
        "9000000000000",
        "while true do end",
    ]);
    assert_eq!(
        (code, error["code"].as_str().unwrap()),
        (1, "limit-exceeded")
    );
    assert_eq!(
        cu.error(&["eval", "--instructions", "10000", "while true do end"])
            .1["code"],
        "limit-exceeded"
    );
}

#[test]
fn limits_are_shown_set_and_kept() {
    let cu = Cu::new();
    cu.text(&["put", "t", "k", "1"]);
    assert_eq!(cu.json(&["limits", "show"])["instructions"], 1_000_000_000);
    cu.text(&[
        "limits",
        "set",
        "--instructions",
        "20000",
        "--wall-clock",
        "5000",
    ]);
    let shown = cu.json(&["limits", "show"]);
    assert_eq!(
        (&shown["instructions"], &shown["wall-clock"]),
        (&20_000.into(), &5_000.into())
    );
    let endless = cu.error(&["eval", "while true do end"]);
    assert_eq!(endless.1["code"], "limit-exceeded");
    let (code, error) = cu.error(&["eval", "--call-depth", "1", "return 1"]);
    assert_eq!(
        (code, error["code"].as_str().unwrap()),
        (1, "invalid-argument")
    );
    let deep = "local function f(n) return n == 0 and 0 or 1 + f(n - 1) end return f(50)";
    assert_eq!(
        cu.error(&["eval", "--call-depth", "20", deep]).1["code"],
        "limit-exceeded"
    );
    assert_eq!(cu.text(&["eval", "--call-depth", "100", deep]), "50\n");
    cu.text(&["limits", "set"]);
    assert_eq!(cu.json(&["limits", "show"])["instructions"], 1_000_000_000);
}

#[test]
fn functions_are_kept_listed_and_called() {
    let cu = Cu::new();
    cu.text(&[
        "functions",
        "persist",
        "counters",
        "next",
        "local n = 0 return function(by) n = n + by return n end",
    ]);
    assert_eq!(
        cu.text(&["functions", "call", "counters", "next", "2"]),
        "2\n"
    );
    assert_eq!(
        cu.text(&["functions", "call", "counters", "next", "3"]),
        "5\n"
    );
    let listed = cu.json(&["functions", "list"]);
    assert_eq!(
        (&listed["table"], &listed["name"], &listed["upvalues"]),
        (&json!("counters"), &json!("next"), &json!(["n"]))
    );
    assert!(
        cu.text(&["functions", "show", "counters", "next"])
            .contains("n = n + by")
    );
    assert_eq!(listed["names"], json!([]));
    cu.text(&["functions", "rename", "counters", "next", "tools", "count"]);
    assert_eq!(
        cu.text(&["functions", "call", "tools", "count", "1"]),
        "6\n"
    );
    assert_eq!(
        cu.run(&["functions", "rename", "counters", "next", "tools", "again"])
            .status
            .code(),
        Some(1)
    );
    cu.text(&["functions", "rename", "tools", "count", "counters", "next"]);
    fs::write(cu.path("forged.luac"), b"\x1bLua").unwrap();
    let forged = cu.path("forged.luac");
    let forged = [
        "functions",
        "persist",
        "t",
        "f",
        "--bytecode",
        forged.to_str().unwrap(),
    ];
    assert_eq!(cu.error(&forged).1["code"], "invalid-argument");
    cu.text(&["functions", "delete", "counters", "next"]);
    assert_eq!(
        cu.error(&["functions", "call", "counters", "next"]).1["code"],
        "unknown-function"
    );
    assert_eq!(
        cu.run(&["functions", "show", "counters", "next"])
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn the_repl_keeps_globals_waits_for_the_end_and_survives_errors() {
    let cu = Cu::new();
    let input = "x = 40\nx + 2\nfor i = 1, 2 do\nprint(i)\nend\nerror('oops')\n{a = 1}\n'text'\n.tables\n.quit\nnever()\n";
    let output = cu.feed(&["repl"], input);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = succeeded(output);
    assert!(text.contains("42\n1\n2\n"), "{text}");
    assert!(
        text.contains("\"a\": 1") && text.contains("text\n"),
        "{text}"
    );
    assert!(
        errors.contains("oops") && !errors.contains("never"),
        "{errors}"
    );
}

#[test]
fn a_second_process_is_told_that_the_database_is_in_use() {
    let cu = Cu::new();
    cu.text(&["put", "settings", "k", "1"]);
    let mut process = cu
        .command()
        .arg("repl")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    writeln!(input, ".tables").unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("settings")));
    let (code, error) = cu.error(&["get", "settings", "k"]);
    assert_eq!((code, error["code"].as_str().unwrap()), (3, "in-use"));
    drop(input);
    assert!(process.wait().unwrap().success());
    assert_eq!(cu.text(&["get", "settings", "k"]), "1\n");
}

#[test]
fn acknowledged_writes_survive_a_killed_process() {
    let cu = Cu::new();
    cu.text(&["put", "t", "0", "0"]);
    let mut stored = 0;
    for round in 0..5 {
        let mut process = cu
            .command()
            .arg("repl")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = process.stdin.take().unwrap();
        // The process dies with its input half written, and a pipe without a reader is an error.
        let writer = std::thread::spawn(move || {
            for number in stored + 1.. {
                // The second call begins when the first one has been acknowledged.
                let lines = format!("_home.t[{number}] = {number}\nprint('done {number}')\n");
                if input.write_all(lines.as_bytes()).is_err() {
                    break;
                }
            }
        });
        let acknowledged: i64 = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .filter_map(|line| line.unwrap().strip_prefix("done ")?.parse().ok())
            .nth(7 * round + 3)
            .unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        writer.join().unwrap();

        stored = cu.json(&["query", "t", "--count"]).as_i64().unwrap() - 1;
        assert!(stored >= acknowledged, "{stored} of {acknowledged}");
        assert_eq!(cu.json(&["get", "t", &stored.to_string()]), json!(stored));
    }
    cu.text(&["verify"]);
}

#[test]
fn a_hundred_kilobytes_of_source_take_less_on_the_disk() {
    let cu = Cu::new();
    let mut source = "function(x)".to_owned();
    for line in 0.. {
        source += &format!("\n-- adds {}", line * 7919 % 10_000);
        if source.len() > 100_000 {
            break;
        }
    }
    source += "\nreturn x end";
    succeeded(cu.feed(&["functions", "persist", "large", "f", "-"], &source));
    let compression = cu.json(&["stats"])["compression"].clone();
    let figure = |name: &str| compression[name].as_u64().unwrap();
    assert!(figure("before") > 100_000, "{compression}");
    assert!(figure("after") < figure("before") / 2, "{compression}");
    assert_eq!(
        cu.text(&["functions", "show", "large", "f"]).trim_end(),
        source
    );
    assert!(cu.text(&["stats"]).contains("compressed from"));
}
