//! Calls of the component, with little to do in them.

use std::path::Path;
use std::process::Command;

use cu_db::raw::{CallOptions, Key};
use cu_db::{Database, Value};

use crate::documents::{TABLE, cbor};
use crate::measure::{medians, microseconds, timed};
use crate::report::{Figure, Target};
use crate::{Bench, Outcome};

const TIMES: usize = 20_000;

pub fn function(bench: &mut Bench) -> Outcome<()> {
    bench.step("call: a persisted function");
    let db = Database::open(bench.path("call"))?;
    db.persist_function("tools", "add", "return function(a, b) return a + b end")?;
    let (arguments, options) = (cbor(&(20, 22)), options());
    let expected = cbor(&[42]);
    let mut call = |_| {
        assert_eq!(
            db.raw()
                .functions_call("tools", "add", &arguments, &options)?,
            expected
        );
        Ok(())
    };
    let times = medians(TIMES, &mut [&mut call])?;
    bench.report(
        Figure::new(
            "call/function",
            "two integers in, one out, p50",
            microseconds(times[0]),
            "us",
        )
        .wants(Target::AtMost(4.0)),
    );
    Ok(())
}

/// The smallest export with some bytes each way: a key of 100 bytes in, a document of 100 bytes out.
pub fn export(bench: &mut Bench) -> Outcome<()> {
    bench.step("call: 100 bytes in and out");
    let db = Database::in_memory()?;
    let key = "k".repeat(100);
    let document = cbor(&Value::Bytes(vec![7; 98]));
    assert_eq!(document.len(), 100);
    let key = Key::Text(key);
    db.raw().documents_put(TABLE, &key, &document)?;
    let mut get = |_| {
        assert_eq!(
            db.raw().documents_get(TABLE, &key)?.as_ref(),
            Some(&document)
        );
        Ok(())
    };
    let times = medians(TIMES, &mut [&mut get])?;
    bench.report(
        Figure::new(
            "call/export",
            "documents.get, store in memory, p50",
            microseconds(times[0]),
            "us",
        )
        .wants(Target::AtMost(1.5)),
    );
    Ok(())
}

/// The command from its start to its end, with one query. The database is the one that `read` left.
pub fn command(bench: &mut Bench, command: &Path, documents: u64) -> Outcome<()> {
    let path = bench.path(&format!("read-{documents}"));
    if !path.is_dir() || !command.is_file() {
        bench.step("start: left out; it needs the command and the table of 1 million documents");
        return Ok(());
    }
    bench.step("start: the command answers a query");
    let mut run = |turn: usize| {
        let output = Command::new(command)
            .arg("--db")
            .arg(&path)
            .args(["--json", "query", TABLE, &format!("team = {}", turn * 37)])
            .output()?;
        let lines = String::from_utf8_lossy(&output.stdout).lines().count();
        assert!(
            output.status.success() && lines == 10,
            "{lines} lines: {output:?}"
        );
        Ok(())
    };
    // The first run may compile the component.
    timed(|| run(0))?;
    let times = medians(25, &mut [&mut run])?;
    bench.report(
        Figure::new(
            "start/query",
            "10 of 1 million by index, p50",
            microseconds(times[0]) / 1e3,
            "ms",
        )
        .wants(Target::AtMost(25.0)),
    );
    Ok(())
}

pub fn options() -> CallOptions {
    CallOptions {
        chunk_name: None,
        instructions: Some(1_000_000_000_000_000),
        memory: Some(1 << 30),
        wall_clock: None,
        call_depth: None,
        result_size: None,
        output_size: None,
        transaction_size: None,
        seed: None,
        time: None,
        keep_globals: false,
    }
}
