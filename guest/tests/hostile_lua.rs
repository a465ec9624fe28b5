//! Scripts that try to break the sandbox: each ends with a result or an error, and leaves a sound database.

mod common;
mod scripts;

use common::{check, over};
use cu_guest::error::{Error, Limit};
use cu_guest::store::MemoryStore;
use cu_guest::value::{write_array_head, write_map_head, write_text};
use cu_guest::{CallOptions, Engine, Key};
use scripts::SCRIPTS;

const NO_ARGUMENTS: [u8; 1] = [0x80];

fn filled() -> (MemoryStore, Engine) {
    let store = MemoryStore::new();
    let mut engine = over(&store);
    eval(&mut engine, DOCUMENTS).unwrap();
    (store, engine)
}

fn few() -> CallOptions {
    CallOptions {
        instructions: Some(3_000_000),
        memory: Some(4 << 20),
        // Only the budget ends these, however busy the machine is.
        wall_clock: Some(86_400_000),
        ..CallOptions::default()
    }
}

fn eval(engine: &mut Engine, source: &str) -> Result<Vec<u8>, Error> {
    engine.lua_eval(source, &NO_ARGUMENTS, &few())
}

/// Runs a script that gives true.
fn holds(engine: &mut Engine, source: &str) {
    assert_eq!(eval(engine, source), Ok(vec![0x81, 0xf5]), "{source}");
}

const DOCUMENTS: &str = "_home.t = {} \
    for i = 1, 30 do _home.t[i] = {n = i, list = {i, {deep = i}}, name = 'k' .. i} end \
    _home.single = 5";

#[test]
fn every_script_ends_and_the_engine_goes_on() {
    let (store, mut engine) = filled();
    for source in SCRIPTS {
        for keep_globals in [false, true] {
            let options = CallOptions {
                keep_globals,
                ..few()
            };
            let before = engine.admin_digest().unwrap();
            let result = engine.lua_eval(source, &NO_ARGUMENTS, &options);
            match result {
                Err(Error::Corrupt(problem)) => panic!("{source}: {problem:?}"),
                Err(_) => assert_eq!(engine.admin_digest().unwrap(), before, "{source}"),
                Ok(_) => {
                    eval(&mut engine, "for k in pairs(_home) do _home[k] = nil end").unwrap();
                    eval(&mut engine, DOCUMENTS).unwrap();
                }
            }
            holds(
                &mut engine,
                "return _home.t[3].list[2].deep == 3 and #_home.t == 30",
            );
        }
    }
    check(&store);
}

fn reaches_its_limit(engine: &mut Engine, source: &str) {
    match eval(engine, source) {
        Err(Error::LimitExceeded(excess)) => {
            assert_eq!(excess.limit, Limit::Instructions, "{source}")
        }
        other => panic!("{source}: {other:?}"),
    }
}

#[test]
fn a_large_value_is_not_written_beyond_the_budget() {
    let (_, mut engine) = filled();
    // A million elements after some hundred instructions: the same tables again and again.
    let million = "local t = 1 for level = 1, 3 do \
        local inner = t t = {} for i = 1, 100 do t[i] = inner end end ";
    for last in [
        "return t",
        "_home.single = t",
        "local f = function() return t end return {t, f}",
    ] {
        let options = CallOptions {
            instructions: Some(20_000),
            ..few()
        };
        let result = engine.lua_eval(&format!("{million} {last}"), &NO_ARGUMENTS, &options);
        match result {
            Err(Error::LimitExceeded(excess)) => {
                assert_eq!(excess.limit, Limit::Instructions, "{last}");
                assert_eq!(excess.place, "", "{last}");
            }
            other => panic!("{last}: {:?}", other.map(|bytes| bytes.len())),
        }
    }
}

fn definition(field: &str) -> Vec<u8> {
    let mut definition = Vec::new();
    write_map_head(&mut definition, 1);
    write_text(&mut definition, "fields");
    write_array_head(&mut definition, 1);
    write_text(&mut definition, field);
    definition
}

#[test]
fn no_loop_of_the_library_runs_beyond_the_budget() {
    let (_, mut engine) = filled();
    // A length that is another one each time it is asked for.
    let moody = "local n = 0 local t = setmetatable({}, {__index = table.concat, \
        __len = function() n = n + 1 return n == 1 and 0 or 2^53 // 1 | 0 end}) ";
    // A plain table that seems nearly endless.
    let doubling = "local t = {} for i = 61, 0, -1 do t[1 << i] = 1 end ";
    for call in [
        "table.insert(t, 1, 1)",
        "table.remove(t, 1)",
        "table.sort(t, rawequal)",
        "table.concat(t, '', 1, 2^53 | 0)",
    ] {
        // The first time that the length is asked for, it is nothing.
        let _ = eval(&mut engine, &format!("{moody} return {call}"));
        reaches_its_limit(&mut engine, &format!("{moody} local _ = #t return {call}"));
    }
    for call in [
        "table.insert(t, 1, 1)",
        "table.remove(t, 1)",
        "table.sort(t, rawequal)",
        "table.move(t, 1, 2^53 | 0, 2)",
    ] {
        reaches_its_limit(&mut engine, &format!("{doubling} return {call}"));
    }
    reaches_its_limit(&mut engine, "return ('('):rep(1e6):match('%b()')");
    reaches_its_limit(
        &mut engine,
        "return ('a'):rep(3e6):find(('a'):rep(1e6) .. 'b', 1, true)",
    );
}

#[test]
fn elements_are_added_and_taken_behind_any_number() {
    let (_, mut engine) = filled();
    holds(
        &mut engine,
        "_home.t[5000000000] = 1 table.insert(_home.t, {n = 2}) \
         local last = table.remove(_home.t) return last.n == 2 and #_home.t == 5000000000",
    );
    holds(
        &mut engine,
        "local t = setmetatable({1, 2, 3}, {}) table.insert(t, 1, 0) table.insert(t, 4) \
         local first, last = table.remove(t, 1), table.remove(t) return first == 0 and last == 4 and table.concat(t) == '123'",
    );
    holds(
        &mut engine,
        "local real = {3, 1, 2} local t = setmetatable({}, {__len = function() return 3 end, __index = real, __newindex = real}) \
         table.sort(t) return table.concat(real) == '123'",
    );
}

#[test]
fn a_loop_over_the_globals_may_delete_them() {
    let (_, mut engine) = filled();
    holds(
        &mut engine,
        "a = 1 b = 2 c = 3 for k in pairs(_G) do _G[k] = nil end \
         local left = 0 for k in next, _G do left = left + (#k == 1 and 1 or 0) end return left == 0 and a == nil and print ~= nil",
    );
}

#[test]
fn a_write_that_is_refused_and_caught_has_changed_nothing() {
    let (store, mut engine) = filled();
    engine.indexes_create("t", &definition("n")).unwrap();
    engine.indexes_create("_home", &definition("n")).unwrap();
    engine
        .functions_persist("t", "f", "function() return 7 end", &CallOptions::default())
        .unwrap();
    let before = engine.admin_digest().unwrap();
    for write in [
        "_home.t.f = {n = long}",
        "_home.t[1].n = long",
        "_home.t[1] = {n = long}",
        "_home.t = {{n = 1}, {n = long}}",
        "_home.t = {{n = 1}, {n = coroutine.create(print)}}",
        "_home.t = {[{}] = 1}",
        "_home.t.new = {f = coroutine.create(print)}",
    ] {
        holds(
            &mut engine,
            &format!("local long = ('x'):rep(5000) return not pcall(function() {write} end)"),
        );
        assert_eq!(engine.admin_digest().unwrap(), before, "{write}");
    }
    assert_eq!(
        engine.functions_call("t", "f", &NO_ARGUMENTS, &few()),
        Ok(vec![0x81, 0x07])
    );
    check(&store);
}

#[test]
fn what_is_kept_in_globals_sees_the_next_call() {
    let (store, mut engine) = filled();
    engine
        .functions_persist(
            "t",
            "count",
            "local n = 0 return function() n = n + 1 return n end",
            &CallOptions::default(),
        )
        .unwrap();
    let kept = CallOptions {
        keep_globals: true,
        ..few()
    };
    let run = |engine: &mut Engine, source: &str| engine.lua_eval(source, &NO_ARGUMENTS, &kept);
    run(
        &mut engine,
        "view = _home.t[1] list = view.list count = _home.t.count count() \
         loop, state, first = pairs(_home.t) first = loop(state, first) \
         thread = coroutine.create(function() while true do coroutine.yield(view.n) end end) coroutine.resume(thread)",
    )
    .unwrap();
    engine
        .documents_put("t", &Key::Integer(1), &[0xa1, 0x61, b'n', 0x18, 0x2a])
        .unwrap();
    let seen = run(
        &mut engine,
        "local _, n = coroutine.resume(thread) return view.n, n, list[1], #list, loop(state, first), select('#', count())",
    );
    assert_eq!(
        seen,
        Ok([&[0x86, 0x18, 42, 0x18, 42, 0xf6, 0x00, 0x02][..], &[0x01]].concat())
    );
    // What was loaded before the others' commit is another function by now; it harms nothing.
    run(&mut engine, "count()").unwrap();
    assert!(run(&mut engine, "list[1] = 1").is_err());
    engine.functions_delete("t", "count").unwrap();
    run(&mut engine, "return count()").unwrap();
    engine.tables_drop("t").unwrap();
    assert!(run(&mut engine, "view.n = 1").is_err());
    assert_eq!(
        run(
            &mut engine,
            "return view.n, #state, next(view), loop(state, nil)"
        ),
        Ok(vec![0x84, 0xf6, 0x00, 0xf6, 0xf6])
    );
    check(&store);
}

#[test]
fn functions_keep_views_and_refuse_what_cannot_be_kept() {
    let (store, mut engine) = filled();
    let mut persist = |source: &str| {
        engine
            .functions_persist("f", "f", source, &CallOptions::default())
            .map_err(|error| error.code())
    };
    for refused in [
        "local c = coroutine.create(print) return function() return c end",
        "local t = {[{}] = 1} return function() return t end",
        "local f = ('x'):gmatch('x') return function() return f() end",
        "local v = {_home.t.missing, coroutine.create(print)} return function() return v end",
    ] {
        assert_eq!(persist(refused), Err("unstorable"), "{refused}");
    }
    // Many closures, each of which is in a variable of the next one.
    assert_eq!(
        persist("local f for i = 1, 2e4 do local g = f f = function() return g end end return f"),
        Ok(())
    );
    persist(
        "local view, root, names = _home.t[1].list, _home, {} \
         return function(x) view[#view + 1] = x root.t[2] = nil names[#names + 1] = x return #view, #names, (next(root)) end",
    )
    .unwrap();
    for count in 1..=3u8 {
        let called = engine.functions_call("f", "f", &[0x81, 0x09], &few());
        assert_eq!(called.unwrap()[..3], [0x83, 2 + count, count]);
        engine = over(&store);
    }
    check(&store);
}

#[test]
fn a_function_may_delete_itself_and_what_it_stands_in() {
    let (store, mut engine) = filled();
    for (source, stays) in [
        (
            "local n = 0 return function() n = n + 1 _home.f.f = nil return n end",
            false,
        ),
        (
            "local n = 0 return function() n = n + 1 _home.f.f = {n} return n end",
            true,
        ),
        (
            "local n = 0 return function() n = n + 1 _home.f = nil return n end",
            false,
        ),
        (
            "local n = 0 return function() n = n + 1 _home.f = {} _home.f.f = n return n end",
            true,
        ),
        (
            "local n = 0 return function() n = n + 1 local f = _home.f.f _home.f.f = nil return n, pcall(f) end",
            false,
        ),
    ] {
        engine
            .functions_persist("f", "f", source, &CallOptions::default())
            .unwrap();
        let called = engine.functions_call("f", "f", &NO_ARGUMENTS, &few());
        assert_eq!(called.unwrap()[1], 0x01, "{source}");
        let there = engine
            .documents_get("f", &Key::Text("f".to_string()))
            .unwrap();
        assert_eq!(there.is_some(), stays, "{source}");
        assert_eq!(engine.functions_list(None), Ok(vec![]), "{source}");
        check(&store);
    }
}

#[test]
fn a_function_that_calls_itself_through_the_store_ends() {
    let (store, mut engine) = filled();
    engine
        .functions_persist(
            "f",
            "f",
            "local n = 0 return function() n = n + 1 return _home.f.f() + 1 end",
            &CallOptions::default(),
        )
        .unwrap();
    let before = engine.admin_digest().unwrap();
    assert!(
        engine
            .functions_call("f", "f", &NO_ARGUMENTS, &few())
            .is_err()
    );
    assert_eq!(engine.admin_digest().unwrap(), before);
    check(&store);
}

#[test]
fn as_many_results_as_fit_leave_room_for_what_is_kept() {
    let (store, mut engine) = filled();
    engine
        .functions_persist(
            "f",
            "f",
            "local n = {} return function() n[#n + 1] = 1 return table.unpack({}, 1, 250) end",
            &CallOptions::default(),
        )
        .unwrap();
    let options = CallOptions {
        memory: Some(512 << 20),
        instructions: None,
        ..few()
    };
    let script = "local n = ... _home.f.f() return table.unpack({}, 1, n)";
    let mut many = false;
    for count in [
        999_900u32, 999_950, 999_960, 999_970, 999_980, 999_985, 999_990,
    ] {
        let mut arguments = vec![0x81, 0x1a];
        arguments.extend_from_slice(&count.to_be_bytes());
        many |= engine.lua_eval(script, &arguments, &options).is_ok();
    }
    assert!(many, "some of these fit");
    check(&store);
}
