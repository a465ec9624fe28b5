//! What is kept of a function, and when it is given up.

use super::*;
use crate::error::StoreFailure;
use crate::lua::CallOptions;
use crate::lua::tests::{Bench, show};
use crate::store::MemoryStore;

fn persist(bench: &mut Bench, name: &str, source: &str) -> Result<()> {
    let (table, name) = name.split_once('.').expect("a table and a name");
    let db = bench.begin();
    let done = bench.machine.persist(db, table, name, source);
    bench.end(done)
}

fn call_with(
    bench: &mut Bench,
    name: &str,
    arguments: &[u8],
    options: &CallOptions,
) -> Result<String> {
    let (table, name) = name.split_once('.').expect("a table and a name");
    let db = bench.begin();
    let done = bench.machine.call(db, table, name, arguments, options);
    bench.end(done).map(|results| {
        let shown = show(&results);
        shown[1..shown.len() - 1].to_string()
    })
}

fn call(bench: &mut Bench, name: &str) -> String {
    call_with(bench, name, &[0x80], &CallOptions::default())
        .unwrap_or_else(|error| panic!("{error:?}"))
}

/// Another machine over the same store: another process, or another page.
fn again(bench: &Bench) -> Bench {
    Bench::over(bench.store.clone())
}

fn keys(store: &MemoryStore, space: u8) -> u64 {
    use crate::store::Store;
    store
        .open()
        .expect("a snapshot")
        .count(&[space], &[space + 1])
        .expect("a count")
}

const COUNTER: &str = "local n = 0 return function(by) n = n + (by or 1) return n end";

#[test]
fn a_function_is_called_with_values() {
    let mut bench = Bench::new();
    persist(
        &mut bench,
        "math.add",
        "function(a, b) return a + b, ... end",
    )
    .expect_err("no varargs outside");
    persist(&mut bench, "math.add", "function(a, b) return a + b end").expect("persisted");
    let results = call_with(
        &mut bench,
        "math.add",
        b"\x82\x02\x03",
        &CallOptions::default(),
    );
    assert_eq!(results, Ok("5".to_string()));
    let absent = call_with(&mut bench, "math.sub", &[0x80], &CallOptions::default());
    assert!(
        matches!(absent, Err(Error::UnknownFunction(_))),
        "{absent:?}"
    );
}

#[test]
fn a_counter_goes_on_counting_in_the_next_process() {
    let mut bench = Bench::new();
    persist(&mut bench, "t.count", COUNTER).expect("persisted");
    assert_eq!(call(&mut bench, "t.count"), "1");
    assert_eq!(call(&mut bench, "t.count"), "2");
    let mut other = again(&bench);
    assert_eq!(call(&mut other, "t.count"), "3");
    bench.machine.forget();
    assert_eq!(call(&mut bench, "t.count"), "4");
}

#[test]
fn a_call_that_fails_leaves_the_variables_as_they_were() {
    let mut bench = Bench::new();
    persist(
        &mut bench,
        "t.f",
        "local n = 0 return function(fail) n = n + 1 if fail then error('no') end return n end",
    )
    .expect("persisted");
    assert_eq!(call(&mut bench, "t.f"), "1");
    let (db, result) = {
        let db = bench.begin();
        bench
            .machine
            .call(db, "t", "f", b"\x81\xf5", &CallOptions::default())
    };
    drop(db);
    match result {
        Err(Error::Script(failure)) => {
            assert_eq!(failure.message, "t.f:1: no");
            assert!(
                failure.traceback.contains("t.f:1: in function"),
                "{}",
                failure.traceback
            );
        }
        other => panic!("{other:?}"),
    }
    // Without being told to forget.
    assert_eq!(call(&mut bench, "t.f"), "2");
}

#[test]
fn a_function_reached_through_home_keeps_its_variables_too() {
    let mut bench = Bench::new();
    persist(&mut bench, "t.count", COUNTER).expect("persisted");
    persist(
        &mut bench,
        "t.outer",
        "function() return _home.t.count(10) + 1000 end",
    )
    .expect("persisted");
    assert_eq!(
        bench.run("return _home.t.count(), type(_home.t.count), _home.t.count == _home.t.count"),
        "1, \"function\", true"
    );
    assert_eq!(call(&mut bench, "t.outer"), "1011");
    assert_eq!(bench.run("local names = {} for k, v in pairs(_home.t) do names[#names + 1] = k .. type(v) end return names"),
        "[\"countfunction\", \"outerfunction\"]");
    bench.fail("_home.t.count() error('no')");
    assert_eq!(call(&mut again(&bench), "t.count"), "12");
}

#[test]
fn variables_of_every_kind_are_kept() {
    let mut bench = Bench::new();
    bench.run("_home.users = {ada = {name = 'Ada'}}");
    persist(
        &mut bench,
        "t.f",
        "local floor, str, users, ada, nothing = math.floor, string, _home.users, _home.users.ada, nil \
         local list, config, pi = {}, {deep = {1, 2}, [3] = 'x'}, 3.5 \
         return function(x) list[#list + 1] = x config.deep[1] = config.deep[1] + 1 \
           return floor(pi), str.rep('a', 2), users.ada.name, ada.name, nothing, list, config end",
    )
    .expect("persisted");
    let expected = |list: &str, n: i32| {
        format!("3, \"aa\", \"Ada\", \"Ada\", null, {list}, {{3: \"x\", \"deep\": [{n}, 2]}}")
    };
    let one = |bench: &mut Bench| {
        call_with(bench, "t.f", b"\x81\x07", &CallOptions::default()).expect("a result")
    };
    assert_eq!(one(&mut bench), expected("[7]", 2));
    let mut bench = again(&bench);
    assert_eq!(one(&mut bench), expected("[7, 7]", 3));
    bench.run("_home.users.ada.name = 'Grace'");
    assert!(one(&mut bench).contains("\"Grace\", \"Grace\""));
}

#[test]
fn functions_of_one_source_share_their_variables() {
    let source = "local n = 0 \
        local function add(x) n = n + x end \
        local function even(x) if x == 0 then return true end return odd(x - 1) end \
        local function fact(x) return x <= 1 and 1 or x * fact(x - 1) end \
        return function(x) add(x) return n, fact(5) end";
    let source = source.replace(
        "local function even(x) if x == 0 then return true end return odd(x - 1) end",
        "local even, odd function even(x) return x == 0 or odd(x - 1) end function odd(x) return x ~= 0 and even(x - 1) end",
    );
    let source = source.replace(
        "return n, fact(5) end",
        "return n, fact(5), even(10), odd(10) end",
    );
    let mut bench = Bench::new();
    persist(&mut bench, "t.f", &source).expect("persisted");
    let run = |bench: &mut Bench| {
        call_with(bench, "t.f", b"\x81\x05", &CallOptions::default()).expect("a result")
    };
    assert_eq!(run(&mut bench), "5, 120, true, false");
    assert_eq!(run(&mut again(&bench)), "10, 120, true, false");
}

#[test]
fn closures_made_by_a_call_are_kept_as_well() {
    let mut bench = Bench::new();
    persist(
        &mut bench,
        "t.f",
        "local step = function(x) return x + 1 end \
         local n = 0 \
         return function(by) if by then step = function(x) return x + by end end n = step(n) return n end",
    )
    .expect("persisted");
    assert_eq!(call(&mut bench, "t.f"), "1");
    assert_eq!(
        call_with(&mut bench, "t.f", b"\x81\x0a", &CallOptions::default()),
        Ok("11".to_string())
    );
    assert_eq!(call(&mut bench, "t.f"), "21");
    assert_eq!(call(&mut again(&bench), "t.f"), "31");
}

#[test]
fn the_source_runs_once() {
    let mut bench = Bench::new();
    persist(
        &mut bench,
        "t.f",
        "print('made') _home.log = {made = 1} return function() return _home.log.made end",
    )
    .expect("persisted");
    assert_eq!(&*bench.printed.0.borrow(), b"made\n");
    bench.run("_home.log.made = 2");
    let mut other = again(&bench);
    assert_eq!(call(&mut other, "t.f"), "2");
    assert!(other.printed.0.borrow().is_empty());
}

#[test]
fn what_cannot_be_kept_is_named() {
    let mut bench = Bench::new();
    for (source, place) in [
        (
            "local co = coroutine.create(print) return function() return co end",
            "upvalue 'co'",
        ),
        (
            "local t = {x = {print}} return function() return t end",
            "upvalue 't'.x[1]",
        ),
        (
            "local f = load('return 1') return function() return f end",
            "upvalue 'f'",
        ),
        (
            "local w = coroutine.wrap(print) return function() return w end",
            "upvalue 'w'",
        ),
        ("return load('return function() end')()", "source"),
    ] {
        match persist(&mut bench, "t.f", source) {
            Err(Error::Unstorable(problem)) => assert_eq!(problem.place, place, "{source}"),
            other => panic!("{source}: {other:?}"),
        }
    }
    assert!(!bench.begin().has_table("t"));
    persist(
        &mut bench,
        "t.f",
        "local x return function() x = coroutine.create(print) end",
    )
    .expect("persisted");
    let result = call_with(&mut bench, "t.f", &[0x80], &CallOptions::default());
    assert!(matches!(result, Err(Error::Unstorable(problem)) if problem.place == "upvalue 'x'"));
}

#[test]
fn source_that_is_no_function_is_a_syntax_error() {
    let mut bench = Bench::new();
    for source in [
        "function(",
        "42",
        "return 42",
        "",
        "return print",
        "x = 1",
        "\x1bLua",
        "return",
        "function(x) retur x end",
    ] {
        let result = persist(&mut bench, "t.f", source);
        assert!(
            matches!(result, Err(Error::Syntax(_))),
            "{source}: {result:?}"
        );
    }
    assert!(matches!(
        persist(&mut bench, "t.f", "error('no')"),
        Err(Error::Script(_))
    ));
    assert!(matches!(
        persist(&mut bench, "t.f", "return ('x'):rep(1 << 27)"),
        Err(Error::LimitExceeded(_))
    ));
    let long = format!("function() return '{}' end", "x".repeat(MAX_SOURCE_SIZE));
    assert!(
        matches!(persist(&mut bench, "t.f", &long), Err(Error::LimitExceeded(excess)) if excess.limit == Limit::SourceSize)
    );
    assert!(matches!(
        persist(&mut bench, "t.", "function() end"),
        Err(Error::InvalidArgument(_))
    ));
    assert!(matches!(
        persist(&mut bench, "a/b.f", "function() end"),
        Err(Error::InvalidArgument(_))
    ));
}

#[test]
fn functions_are_listed_shown_and_deleted() {
    let mut bench = Bench::new();
    persist(&mut bench, "t.count", COUNTER).expect("persisted");
    persist(
        &mut bench,
        "s.id",
        "-- the same\nfunction(...)\n  return ...\nend",
    )
    .expect("persisted");
    let mut db = bench.begin();
    let all = list(&db, None).expect("a list");
    assert_eq!(
        all.iter()
            .map(|info| (info.table.as_str(), info.name.as_str()))
            .collect::<Vec<_>>(),
        [("s", "id"), ("t", "count")]
    );
    assert_eq!(
        (all[1].size, all[1].upvalues.clone()),
        (COUNTER.len() as u64, vec!["n".to_string()])
    );
    assert_eq!(list(&db, Some("t")).expect("a list").len(), 1);
    assert_eq!(list(&db, Some("other")).expect("a list"), []);
    assert_eq!(
        source(&db, "t", "count").expect("a source").as_deref(),
        Some(COUNTER)
    );
    assert_eq!(source(&db, "t", "other").expect("none"), None);
    db.put("t", &Key::Text("document".into()), b"\x01")
        .expect("a put");
    assert_eq!(delete(&mut db, "t", "document"), Ok(false));
    assert_eq!(delete(&mut db, "t", "count"), Ok(true));
    assert_eq!(delete(&mut db, "t", "count"), Ok(false));
    db.commit().expect("a commit");
    assert_eq!(
        (
            keys(&bench.store, space::FUNCTION),
            keys(&bench.store, space::CELL)
        ),
        (1, 0)
    );
}

#[test]
fn nothing_of_a_replaced_function_is_left() {
    let mut bench = Bench::new();
    persist(&mut bench, "t.f", COUNTER).expect("persisted");
    persist(&mut bench, "t.f", COUNTER).expect("persisted");
    assert_eq!(
        (
            keys(&bench.store, space::FUNCTION),
            keys(&bench.store, space::CELL)
        ),
        (1, 1)
    );
    assert_eq!(call(&mut bench, "t.f"), "1");
    bench.run("_home.t.f() _home.t.f = {x = 1}");
    assert_eq!(
        (
            keys(&bench.store, space::FUNCTION),
            keys(&bench.store, space::CELL)
        ),
        (0, 0)
    );
    persist(&mut bench, "t.f", COUNTER).expect("persisted");
    bench.run("local f = _home.t.f f() _home.t = nil f()");
    assert_eq!(
        (
            keys(&bench.store, space::FUNCTION),
            keys(&bench.store, space::CELL)
        ),
        (0, 0)
    );
}

#[test]
fn functions_live_in_home_itself_too() {
    let mut bench = Bench::new();
    persist(&mut bench, "_home.twice", "function(x) return 2 * x end").expect("persisted");
    assert_eq!(bench.run("return _home.twice(21)"), "42");
    bench.run("_home.twice = nil");
    assert_eq!(keys(&bench.store, space::FUNCTION), 0);
}

#[test]
fn each_call_has_fresh_globals_and_its_own_io() {
    let mut bench = Bench::new();
    persist(
        &mut bench,
        "t.f",
        "function() local old = x x = 1 return old, _io.input end",
    )
    .expect("persisted");
    for _ in 0..2 {
        assert_eq!(
            call_with(&mut bench, "t.f", b"\x81\x07", &CallOptions::default()),
            Ok("null, 7".to_string())
        );
    }
    assert_eq!(bench.run("x = 5 return (_home.t.f())"), "5");
}

#[test]
fn kept_globals_may_hold_functions() {
    let mut bench = Bench::new();
    persist(&mut bench, "t.count", COUNTER).expect("persisted");
    let keep = CallOptions {
        keep_globals: true,
        ..CallOptions::default()
    };
    bench
        .eval_with("f = _home.t.count f()", &[0x80], &keep)
        .expect("kept");
    bench.eval_with("f()", &[0x80], &keep).expect("kept");
    assert_eq!(call(&mut again(&bench), "t.count"), "3");
}

#[test]
fn functions_are_not_copied_as_values() {
    let mut bench = Bench::new();
    persist(&mut bench, "t.f", "function() end").expect("persisted");
    for source in [
        "return _home.t",
        "_home.copy = _home.t",
        "return _home.t.f",
        "_home.t.g = _home.t.f",
    ] {
        assert!(
            matches!(bench.fail(source), Error::Unstorable(_)),
            "{source}"
        );
    }
}

#[test]
fn a_function_that_the_store_contradicts_is_corrupt() {
    let mut bench = Bench::new();
    persist(&mut bench, "t.f", COUNTER).expect("persisted");
    let mut db = bench.begin();
    db.transaction_mut()
        .delete_prefix(&[space::CELL])
        .expect("deleted");
    db.commit().expect("a commit");
    let mut bench = again(&bench);
    let result = call_with(&mut bench, "t.f", &[0x80], &CallOptions::default());
    assert!(matches!(result, Err(Error::Corrupt(_))), "{result:?}");
    assert!(!matches!(
        result,
        Err(Error::Store(StoreFailure::Corrupt(_)))
    ));
}

#[test]
fn equal_functions_leave_equal_bytes() {
    use crate::store::Store;
    let make = || {
        let mut bench = Bench::new();
        persist(&mut bench, "t.f", "local a, b = {x = 1}, 2 local function g() return a end return function() b = b + 1 return g() end").expect("persisted");
        call(&mut bench, "t.f");
        let snapshot = bench.store.open().expect("a snapshot");
        snapshot
            .scan(&[], &[], crate::store::Direction::Forward, 100, 1 << 20)
            .expect("a page")
    };
    assert_eq!(make(), make());
}
