//! What is kept of a function, and when it is given up.

use super::*;
use crate::error::StoreFailure;
use crate::key::space;
use crate::lua::CallOptions;
use crate::lua::tests::{Bench, show};
use crate::store::MemoryStore;

fn persist(bench: &mut Bench, name: &str, source: &str) -> Result<()> {
    let (table, name) = name.split_once('.').expect("a table and a name");
    let db = bench.begin();
    let done = bench
        .machine
        .persist(db, table, name, source, &CallOptions::default());
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
            "local t = {x = {coroutine.create(print)}} return function() return t end",
            "upvalue 't'.x[1]",
        ),
        (
            "local t = {[{}] = 1} return function() return t end",
            "upvalue 't'",
        ),
        (
            "local co = coroutine.create(print) local function f() return co end return function() return f end",
            "upvalue 'f': upvalue 'co'",
        ),
        ("local g = _G return function() return g end", "upvalue 'g'"),
        (
            "local w = coroutine.wrap(print) return function() return w end",
            "upvalue 'w'",
        ),
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
    let long = format!("function() return '{}' end", "x".repeat(102_400));
    assert!(
        matches!(persist(&mut bench, "t.f", &long), Err(Error::LimitExceeded(excess)) if excess.limit == Limit::FunctionSize)
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
            keys(&bench.store, space::OBJECT),
            keys(&bench.store, space::COUNT)
        ),
        // A function and its code.
        (2, 0)
    );
}

#[test]
fn nothing_of_a_replaced_function_is_left() {
    let mut bench = Bench::new();
    persist(&mut bench, "t.f", COUNTER).expect("persisted");
    persist(&mut bench, "t.f", COUNTER).expect("persisted");
    assert_eq!(
        (
            keys(&bench.store, space::OBJECT),
            keys(&bench.store, space::COUNT)
        ),
        // A function, its code and its variable.
        (3, 0)
    );
    assert_eq!(call(&mut bench, "t.f"), "1");
    bench.run("_home.t.f() _home.t.f = {x = 1}");
    assert_eq!(
        (
            keys(&bench.store, space::OBJECT),
            keys(&bench.store, space::COUNT)
        ),
        (0, 0)
    );
    persist(&mut bench, "t.f", COUNTER).expect("persisted");
    bench.run("local f = _home.t.f f() _home.t = nil f()");
    assert_eq!(
        (
            keys(&bench.store, space::OBJECT),
            keys(&bench.store, space::COUNT)
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
    assert_eq!(keys(&bench.store, space::OBJECT), 0);
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
fn functions_are_copied_in_the_store_and_not_returned() {
    let mut bench = Bench::new();
    persist(&mut bench, "t.f", COUNTER).expect("persisted");
    for source in ["return _home.t", "return _home.t.f", "return {_home.t.f}"] {
        assert!(
            matches!(bench.fail(source), Error::Unstorable(_)),
            "{source}"
        );
    }
    bench.run("_home.copy = _home.t _home.t.g = _home.t.f _home.list = {all = {_home.t.f}}");
    assert_eq!(
        bench.run("return _home.t.f(), _home.t.g(), _home.copy.f(), _home.list.all[1]()"),
        "1, 2, 3, 4"
    );
    assert_eq!(
        again(&bench).run("return _home.t.g == _home.copy.f, _home.list.all[1]()"),
        "true, 5"
    );
    bench.run("_home.t = nil _home.copy = nil");
    assert_eq!(again(&bench).run("return _home.list.all[1]()"), "6");
    bench.run("_home.list.all[1] = nil");
    assert_eq!(keys(&bench.store, space::OBJECT), 0);
}

#[test]
fn a_function_that_the_store_contradicts_is_corrupt() {
    let mut bench = Bench::new();
    persist(&mut bench, "t.f", COUNTER).expect("persisted");
    let mut db = bench.begin();
    db.transaction_mut()
        .delete_prefix(&[space::OBJECT])
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

/// Runs a script with globals that are kept.
fn session(bench: &mut Bench, source: &str) -> Result<Vec<u8>> {
    let keep = CallOptions {
        keep_globals: true,
        ..CallOptions::default()
    };
    bench.eval_with(source, &[0x80], &keep)
}

#[test]
fn an_assigned_function_lives_on() {
    let mut bench = Bench::new();
    bench.run(
        "local n = 0 function _home.inc() n = n + 1 return n end \
         _home.t = {} function _home.t.get() return n end",
    );
    assert_eq!(
        bench.run("return _home.inc(), _home.inc(), _home.t.get()"),
        "1, 2, 2"
    );
    let mut other = again(&bench);
    assert_eq!(
        other.run("return _home.t.get(), _home.inc(), _home.t.get()"),
        "2, 3, 3"
    );
    assert_eq!(
        again(&bench).run("return _home.inc(), _home.t.get()"),
        "4, 4"
    );
}

#[test]
fn closures_share_a_variable_that_were_persisted_at_different_times() {
    let mut bench = Bench::new();
    session(
        &mut bench,
        "local n = 0 function inc() n = n + 1 return n end function get() return n end \
         _home.t = {} _home.t.inc = inc",
    )
    .expect("kept");
    session(&mut bench, "inc()").expect("kept");
    // Somebody else writes in between, and a call fails that had changed the variable.
    assert_eq!(again(&bench).run("return _home.t.inc()"), "2");
    bench.machine.forget();
    session(&mut bench, "inc() inc() error('no')").expect_err("an error");
    assert_eq!(
        session(&mut bench, "return get()"),
        Ok(b"\x81\x02".to_vec())
    );
    session(&mut bench, "_home.u = {} _home.u.get = get").expect("kept");
    assert_eq!(
        again(&bench).run("return _home.t.inc(), _home.u.get()"),
        "3, 3"
    );
    bench.machine.forget();
    assert_eq!(bench.run("return _home.t.inc(), _home.u.get()"), "4, 4");
}

#[test]
fn what_a_failed_call_persisted_is_not_taken_for_persisted() {
    let mut bench = Bench::new();
    session(
        &mut bench,
        "local n = 5 function f() n = n + 1 return n end _home.t = {f = f} error('no')",
    )
    .expect_err("an error");
    session(&mut bench, "_home.t = {f = f}").expect("kept");
    assert_eq!(again(&bench).run("return _home.t.f()"), "6");
}

#[test]
fn only_what_a_call_changed_is_written() {
    use crate::store::Store;
    let mut bench = Bench::new();
    bench.run("local a, b = 0, {x = 1} _home.t = {f = function() a = a + 1 end, g = function() b.x = b.x + 1 return a end}");
    let all = |bench: &Bench| {
        let snapshot = bench.store.open().expect("a snapshot");
        let packed = snapshot
            .scan(
                &[space::OBJECT],
                &[space::OBJECT + 1],
                crate::store::Direction::Forward,
                100,
                1 << 20,
            )
            .expect("a page");
        let mut rest = &packed[..];
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let key = usize::from(rest[0]);
            let value = usize::from(rest[1 + key]) - 1;
            entries.push(rest[2 + key..2 + key + value].to_vec());
            rest = &rest[2 + key + value..];
        }
        entries
    };
    let before = all(&bench);
    bench.run("_home.t.f()");
    let after = all(&bench);
    let changed: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
    assert_eq!(
        (before.len(), changed.len()),
        (6, 1),
        "one cell of six objects"
    );
}

#[test]
fn tables_in_variables_keep_their_identity() {
    let mut bench = Bench::new();
    bench.run(
        "local list = {} local a, b, both = list, list, {list, list} local ring = {} ring.me = ring \
         _home.t = {} \
         function _home.t.add(x) a[#a + 1] = x end \
         function _home.t.look() return #b, both[1] == both[2], both[1] == b, ring.me.me == ring end",
    );
    bench.run("_home.t.add(1)");
    let mut bench = again(&bench);
    bench.run("_home.t.add(2)");
    assert_eq!(
        again(&bench).run("return _home.t.look()"),
        "2, true, true, true"
    );
}

#[test]
fn a_stored_table_that_its_functions_use_is_the_stored_one() {
    let mut bench = Bench::new();
    bench.run(
        "local account = {balance = 1} \
         function account.add(n) account.balance = account.balance + n return account end \
         _home.accounts = {} _home.accounts.a = account \
         account.add(10)",
    );
    assert_eq!(bench.run("return _home.accounts.a.balance"), "11");
    let mut bench = again(&bench);
    assert_eq!(
        bench.run("return _home.accounts.a.add(5).add(5).balance, _home.accounts.a.add(0) == _home.accounts.a"),
        "21, true"
    );
    bench.run("local game = {score = 0, inner = {}} function game.inner.win() game.score.n = (game.score.n or 0) + 1 end game.score = {} _home.game = game");
    bench.run("_home.game.inner.win()");
    assert_eq!(again(&bench).run("return _home.game.score.n"), "1");
}

#[test]
fn functions_that_the_script_has_loaded_are_kept_with_their_text() {
    let mut bench = Bench::new();
    bench.run("local make = load('local n = ... return function(x) n = n + x return n end', '=made') _home.t = {f = make(5), g = load('return 7')}");
    assert_eq!(
        again(&bench).run("return _home.t.f(1), _home.t.g()"),
        "6, 7"
    );
    let db = bench.begin();
    let all = list(&db, None).expect("a list");
    assert!(all.iter().all(|info| !info.bytecode), "{all:?}");
    assert_eq!(
        source(&db, "t", "g").expect("a source").as_deref(),
        Some("return 7")
    );
}

#[test]
fn a_function_without_a_text_is_kept_as_bytecode() {
    let mut bench = Bench::new();
    bench.run(
        "local parts = {'local n = 1 ', 'return function() n = n + 1 return n end'} local at = 0 \
         local make = load(function() at = at + 1 return parts[at] end) _home.t = {f = make()}",
    );
    assert_eq!(again(&bench).run("return _home.t.f(), _home.t.f()"), "2, 3");
    let db = bench.begin();
    assert!(list(&db, None).expect("a list")[0].bytecode);
    assert_eq!(source(&db, "t", "f"), Ok(None));
}

#[test]
fn bytecode_from_outside_passes_the_verifier_or_stays_out() {
    let mut bench = Bench::new();
    let lua = bench.machine.dump_for_test("local a = ... return a * 2");
    let mut persist = |chunk: &[u8]| {
        let db = bench.begin();
        let done = bench
            .machine
            .persist_bytecode(db, "t", "f", chunk, &CallOptions::default());
        bench.end(done)
    };
    for broken in [
        &lua[..lua.len() - 1],
        b"",
        b"return 1",
        &[&lua[..], b"x"].concat(),
    ] {
        assert!(matches!(persist(broken), Err(Error::InvalidArgument(_))));
    }
    persist(&lua).expect("persisted");
    let mut other = again(&bench);
    assert_eq!(
        call_with(&mut other, "t.f", b"\x81\x15", &CallOptions::default()),
        Ok("42".to_string())
    );
}

#[test]
fn metatables_of_stored_tables_are_kept() {
    let mut bench = Bench::new();
    bench.run(
        "local Account = {} Account.__index = Account \
         function Account.new(n) return setmetatable({balance = n}, Account) end \
         function Account:deposit(n) self.balance = self.balance + n return self end \
         function Account.__add(a, b) return a.balance + b.balance end \
         function Account.__call(self, x) return x .. self.balance end \
         function Account.__len(self) return self.balance end \
         function Account.__tostring(self) return 'account ' .. self.balance end \
         function Account.__lt(a, b) return a.balance < b.balance end \
         function Account.__le(a, b) return a.balance <= b.balance end \
         function Account.__concat(a, b) return 'joined' end \
         function Account.__unm(a) return -a.balance end \
         function Account.__newindex(t, k, v) rawset(t, k, v * 2) end \
         _home.accounts = {a = Account.new(1), b = Account.new(2)} \
         _home.accounts.deep = {list = {Account.new(3)}}",
    );
    let mut bench = again(&bench);
    assert_eq!(
        bench.run("local a, b = _home.accounts.a, _home.accounts.b a:deposit(4) b.extra = 5 return a.balance, a + b, a('x'), #b, tostring(a), a < b, a <= b, a .. b, -a, b.extra"),
        "5, 7, \"x5\", 2, \"account 5\", false, false, \"joined\", -5, 10"
    );
    assert_eq!(
        bench.run("local a, b = _home.accounts.a, _home.accounts.b local n = 0 for k in pairs(a) do n = n + 1 end return n, getmetatable(a) == getmetatable(b), getmetatable(a).__index == getmetatable(a), _home.accounts.deep.list[1]:deposit(1).balance, a.nothing"),
        "1, true, true, 4, null"
    );
    // Outside, it is a map as any other.
    assert_eq!(bench.run("return _home.accounts.a"), "{\"balance\": 5}");
    bench.run("setmetatable(_home.accounts.b, nil) _home.accounts.b.plain = 1");
    assert_eq!(
        again(&bench).run(
            "return _home.accounts.b, pcall(function() return _home.accounts.b:deposit(1) end)"
        ),
        "{\"extra\": 10, \"plain\": 1, \"balance\": 2}, false, \"eval:1: attempt to call a nil value (method 'deposit')\""
    );
}

#[test]
fn a_table_tells_how_it_is_to_be_kept() {
    let mut bench = Bench::new();
    bench.run(
        "local mt = {} mt.__persist = function(p) local x = p.x return function() return setmetatable({x = x, again = true}, mt) end end \
         local p = setmetatable({x = 7, co = coroutine.create(print)}, mt) \
         _home.t = {f = function() p.x = p.x + 1 return p.x, p.again end} _home.t.p = p",
    );
    let mut bench = again(&bench);
    assert_eq!(bench.run("return _home.t.f()"), "8, true");
    let mut bench = again(&bench);
    assert_eq!(
        bench.run("local x, again = _home.t.f() return x, again, _home.t.p.x"),
        "9, true, 9"
    );
    for (source, place) in [
        (
            "_home.t.q = setmetatable({}, {__persist = false})",
            "_home.t.q",
        ),
        (
            "local q = setmetatable({}, {__persist = false}) _home.t.f = function() return q end",
            "_home.t.f: upvalue 'q'",
        ),
    ] {
        assert!(
            matches!(bench.fail(source), Error::Unstorable(problem) if problem.place == place),
            "{source}"
        );
    }
    bench.run("_home.t.r = setmetatable({x = 1}, {__persist = true})");
    assert_eq!(again(&bench).run("return _home.t.r.x"), "1");
}

#[test]
fn what_the_standard_library_has_is_kept_by_name() {
    let mut bench = Bench::new();
    bench.run("local s = string _home.t = {print = print, s = string, f = function() return s.rep('a', 2), s == string end}");
    assert_eq!(
        again(&bench).run("return _home.t.print == print, _home.t.s == string, _home.t.f()"),
        "true, true, \"aa\", true"
    );
    let mut db = bench.begin();
    let mut document = Vec::new();
    crate::value::write_library(&mut document, "string.gone");
    db.put_value("t", &Key::Text("gone".into()), &document)
        .expect("a put");
    db.commit().expect("a commit");
    assert!(
        matches!(again(&bench).fail("return _home.t.gone"), Error::UnknownFunction(problem) if problem.place == "string.gone")
    );
}

#[test]
fn errors_tell_lines_and_chunks_after_a_restart() {
    let mut bench = Bench::new();
    let options = CallOptions {
        chunk_name: Some("script".into()),
        ..CallOptions::default()
    };
    bench
        .eval_with(
            "_home.t = {}\n\nfunction _home.t.f()\n  local x = nil\n  return x.y\nend",
            &[0x80],
            &options,
        )
        .expect("kept");
    match again(&bench).fail("return _home.t.f()") {
        Error::Script(failure) => assert_eq!(
            (failure.message.as_str(), failure.traceback.lines().next()),
            (
                "script:5: attempt to index a nil value (local 'x')",
                Some("script:5: in function <script:3>")
            )
        ),
        other => panic!("{other:?}"),
    }
    let db = bench.begin();
    assert_eq!(
        source(&db, "t", "f").expect("a source").as_deref(),
        Some("function _home.t.f()\n  local x = nil\n  return x.y\nend")
    );
}

#[test]
fn functions_inside_of_documents_are_listed_called_and_deleted() {
    let mut bench = Bench::new();
    bench.run("_home.plugins = {} _home.plugins.one = {hooks = {start = function(x) return x end}, list = {function() return 2 end}}");
    let names = |bench: &Bench| -> Vec<String> {
        let db = bench.begin();
        let all = list(&db, None).expect("a list");
        all.into_iter().map(|info| info.name).collect()
    };
    assert_eq!(names(&bench), ["one.list.1", "one.hooks.start"]);
    assert_eq!(
        call_with(
            &mut bench,
            "plugins.one.hooks.start",
            b"\x81\x07",
            &CallOptions::default()
        ),
        Ok("7".to_string())
    );
    assert_eq!(call(&mut bench, "plugins.one.list.1"), "2");
    let mut db = bench.begin();
    assert_eq!(delete(&mut db, "plugins", "one.hooks.start"), Ok(true));
    db.commit().expect("a commit");
    assert_eq!(names(&bench), ["one.list.1"]);
    assert_eq!(
        bench.run("return _home.plugins.one.hooks.start, #_home.plugins.one.list"),
        "null, 1"
    );
}

#[test]
fn a_renamed_function_is_the_same_function() {
    let mut bench = Bench::new();
    persist(&mut bench, "t.f", COUNTER).expect("persisted");
    assert_eq!(call(&mut bench, "t.f"), "1");
    let mut db = bench.begin();
    assert_eq!(rename(&mut db, "t", "f", "u", "g"), Ok(true));
    assert_eq!(rename(&mut db, "t", "f", "u", "h"), Ok(false));
    assert_eq!(rename(&mut db, "u", "g", "u", "g"), Ok(true));
    db.commit().expect("a commit");
    assert_eq!(call(&mut bench, "u.g"), "2");
    persist(&mut bench, "u.h", COUNTER).expect("persisted");
    let mut db = bench.begin();
    assert!(matches!(
        rename(&mut db, "u", "g", "u", "h"),
        Err(Error::AlreadyExists(_))
    ));
}

#[test]
fn circles_of_functions_are_given_up_as_a_whole() {
    let mut bench = Bench::new();
    bench.run(
        "local even, odd function even(n) return n == 0 or odd(n - 1) end function odd(n) return n ~= 0 and even(n - 1) end \
         local shared = 0 local function used() shared = shared + 1 return shared end \
         _home.t = {even = even, odd = odd, both = function() return even(2), used() end, used = used}",
    );
    bench.run("_home.t.even = nil");
    assert_eq!(
        again(&bench).run("return _home.t.odd(3), _home.t.both()"),
        "true, true, 1"
    );
    bench.run("_home.t.odd = nil _home.t.both = nil");
    // `used`, its variable and its code.
    assert_eq!(keys(&bench.store, space::OBJECT), 3);
    assert_eq!(again(&bench).run("return _home.t.used()"), "2");
    bench.run("_home.t = nil");
    assert_eq!(
        (
            keys(&bench.store, space::OBJECT),
            keys(&bench.store, space::COUNT)
        ),
        (0, 0)
    );
}

#[test]
fn the_list_tells_which_names_a_function_refers_to() {
    let mut bench = Bench::new();
    persist(
        &mut bench,
        "t.f",
        "function(x) local s = string.format('%d', x) _home.users.notify(s) return function() return print, _home.log[1] end end",
    )
    .expect("persisted");
    let db = bench.begin();
    let all = list(&db, None).expect("a list");
    assert_eq!(
        all[0].names,
        ["_home.log", "_home.users.notify", "print", "string.format"]
    );
}
