use super::*;

fn keep(bench: &mut Bench, name: &str, source: &str) {
    let db = bench.begin();
    let done = bench
        .machine
        .persist(db, "modules", name, source, &CallOptions::default());
    bench.end(done).expect("persisted");
}

#[test]
fn libraries_are_modules() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.run(
            "return require 'string' == string, require('table') == table, require 'bigint' == require 'bigint', \
             type(require('bigint')), bigint, type(require 'os'.time)"
        ),
        "true, true, true, \"table\", null, \"function\""
    );
    assert_eq!(
        bench.run(
            "local b = require 'bigint'  local ok = pcall(function() b.new = print end)  \
             return ok, getmetatable(b), getmetatable(b.new(1)), rawget(b, 'new') == b.new"
        ),
        "false, \"read-only table\", \"bigint\", true"
    );
}

#[test]
fn a_function_runs_once_in_a_call() {
    let mut bench = Bench::new();
    keep(
        &mut bench,
        "shapes",
        "local runs = 0  return function(name) runs = runs + 1  return {name = name, runs = runs} end",
    );
    assert_eq!(
        bench.run("local a, b = require 'shapes', require 'shapes'  return a == b, a.name, a.runs"),
        "true, \"shapes\", 1"
    );
    assert_eq!(bench.run("return require('shapes').runs"), "2");
    keep(&mut bench, "nothing", "function() end");
    assert_eq!(
        bench.run("return require 'nothing', require 'nothing'"),
        "true, true"
    );
}

#[test]
fn a_value_is_the_module_itself() {
    let mut bench = Bench::new();
    bench.run("_home.modules = {greek = {pi = 3.25, list = {1, 2}}, version = 7, off = false}");
    assert_eq!(
        bench.run(
            "local g = require 'greek'  return g.pi, #g.list, require 'version', require 'off'"
        ),
        "3.25, 2, 7, false"
    );
    bench.run("require('greek').pi = 3");
    assert_eq!(bench.run("return _home.modules.greek.pi"), "3");
}

#[test]
fn modules_may_require_others_but_not_in_a_circle() {
    let mut bench = Bench::new();
    keep(&mut bench, "a", "function() return {b = require 'b'} end");
    keep(&mut bench, "b", "function() return {c = require 'c'} end");
    keep(&mut bench, "c", "function() return 'c' end");
    assert_eq!(bench.run("return require('a').b.c"), "\"c\"");
    keep(&mut bench, "c", "function() return require 'a' end");
    let error = bench.fail("return require 'a'");
    assert!(
        script(&error).contains("module 'a' is required while it is being loaded"),
        "{error}"
    );
    // Over coroutines neither.
    keep(
        &mut bench,
        "c",
        "function() return coroutine.wrap(function() return require 'a' end)() end",
    );
    let error = bench.fail("return require 'a'");
    assert!(
        script(&error).contains("while it is being loaded"),
        "{error}"
    );
}

#[test]
fn a_module_that_failed_can_be_required_again() {
    let mut bench = Bench::new();
    keep(
        &mut bench,
        "moody",
        "function() if not ready then error('not yet', 0) end  return 'at last' end",
    );
    assert_eq!(
        bench.run(
            "local first, message = pcall(require, 'moody')  ready = true  \
             return first, message, pcall(require, 'moody')"
        ),
        "false, \"not yet\", true, \"at last\""
    );
    let error = bench.fail("require 'moody'");
    let Error::Script(failure) = &error else {
        panic!("{error:?}");
    };
    assert!(failure.traceback.contains("moody"), "{}", failure.traceback);
}

#[test]
fn what_is_missing_says_where_it_was_looked_for() {
    let mut bench = Bench::new();
    for source in [
        "require 'absent'",
        "_home.modules = {other = 1}  require 'absent'",
        "_home.modules = 7  require 'absent'",
    ] {
        let error = bench.fail(source);
        let message = script(&error);
        for part in ["module 'absent' not found", "_home.modules", "persist"] {
            assert!(message.contains(part), "{message}");
        }
    }
    for name in [
        "/etc/passwd",
        "../bigint",
        "string.format",
        "print",
        "_home",
        "_G",
        "io",
        "debug",
        "package",
    ] {
        let error = bench.fail(&format!("require {name:?}"));
        assert!(script(&error).contains("not found"), "{name}: {error}");
    }
    assert!(script(&bench.fail("require(7)")).contains("name of a module"));
    assert!(script(&bench.fail("require()")).contains("name of a module"));
}

#[test]
fn nothing_is_kept_from_one_call_to_the_next() {
    let mut bench = Bench::new();
    let keep_globals = CallOptions {
        keep_globals: true,
        ..CallOptions::default()
    };
    keep(&mut bench, "fresh", "function() return {} end");
    bench
        .eval_with("m = require 'fresh'  m.x = 1", &[0x80], &keep_globals)
        .expect("a call");
    assert_eq!(
        show(
            &bench
                .eval_with("return m.x, require('fresh').x", &[0x80], &keep_globals)
                .expect("a call")
        ),
        "[1, null]"
    );
}

#[test]
fn a_persisted_function_keeps_the_library_by_name() {
    let mut bench = Bench::new();
    let db = bench.begin();
    let source =
        "local bigint = require 'bigint'  local new, total = bigint.new, bigint.new(2) ^ 64
        return function(n) total = total * new(n)  return total, bigint.is(total) end";
    let done = bench
        .machine
        .persist(db, "math", "grow", source, &CallOptions::default());
    bench.end(done).expect("persisted");
    assert_eq!(
        bench.run("return _home.math.grow(10)"),
        "184467440737095516160, true"
    );
    let mut other = Bench::over(bench.store.clone());
    assert_eq!(
        other.run("return _home.math.grow('-10')"),
        "-1844674407370955161600, true"
    );
}
