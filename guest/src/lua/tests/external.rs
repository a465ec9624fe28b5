use super::*;
use crate::error::Limit;

/// A database with a few documents.
fn filled() -> Bench {
    let mut bench = Bench::new();
    bench.run(
        "_home.users = {u1 = {name = 'Ada', tags = {'a', 'b'}, address = {city = 'London'}}, u2 = {name = 'Bob'}, [3] = 'three'} \
         _home.motto = 'copper'",
    );
    bench
}

#[test]
fn reading_goes_to_any_depth() {
    let mut bench = filled();
    assert_eq!(
        bench.run("local u = _home.users.u1 return u.name, u.tags[2], u.address.city, #u.tags, u.nothing, u.tags[3], u.tags.x, _home.users.u9, _home.nothing"),
        "\"Ada\", \"b\", \"London\", 2, null, null, null, null, null"
    );
    assert_eq!(
        bench.run("return Memory.motto, Memory == _home, _home.users[3], _home.users[3.0]"),
        "\"copper\", true, \"three\", \"three\""
    );
    assert!(
        script(&bench.fail("return _home.users.u9.name")).contains("attempt to index a nil value")
    );
}

#[test]
fn writing_goes_through_at_any_depth() {
    let mut bench = filled();
    bench.run("local u = _home.users.u1 u.address.city = 'Paris' u.tags[#u.tags + 1] = 'c' u.new = {deep = {1}} u.new.deep[2] = 2 u.name = nil");
    assert_eq!(
        bench.run("return _home.users.u1"),
        "{\"new\": {\"deep\": [1, 2]}, \"tags\": [\"a\", \"b\", \"c\"], \"address\": {\"city\": \"Paris\"}}"
    );
    bench.run("_home.users.u2 = nil _home.users[4] = {x = 1} _home.motto = nil");
    assert_eq!(
        bench.run("return _home.users.u2, _home.users[4], _home.motto"),
        "null, {\"x\": 1}, null"
    );
}

#[test]
fn what_was_written_is_read_in_the_same_call() {
    let mut bench = filled();
    assert_eq!(
        bench.run("local u = _home.users.u1 u.n = 0 for i = 1, 10 do u.n = u.n + 1 end return u.n, _home.users.u1.n"),
        "10, 10"
    );
}

#[test]
fn an_error_rolls_everything_back() {
    let mut bench = filled();
    bench.fail("_home.users.u1.name = 'X' _home.users = nil error('no')");
    assert_eq!(bench.run("return _home.users.u1.name"), "\"Ada\"");
}

#[test]
fn assignments_to_the_root_make_and_drop_tables() {
    let mut bench = filled();
    assert_eq!(
        bench.run("_home.list = {'a', 'b'} return _home.list[1], _home.list[2], #_home.list"),
        "\"a\", \"b\", 2"
    );
    assert_eq!(
        bench.run("_home.list = {c = 1} return _home.list[1], _home.list.c"),
        "null, 1"
    );
    assert_eq!(
        bench.run("_home.empty = {} return type(_home.empty), next(_home.empty)"),
        "\"table\", null"
    );
    assert_eq!(bench.run("_home.list = 5 return _home.list"), "5");
    assert!(!bench.begin().has_table("list"));
    assert_eq!(bench.run("_home.list = {1} return _home.list[1]"), "1");
    assert_eq!(bench.run("_home.list = nil return _home.list"), "null");
    assert_eq!(
        bench.run("_home[7] = 'seven' return _home[7], #_home"),
        "\"seven\", 7"
    );
    for source in [
        "_home[1] = {}",
        "_home['a/b'] = {}",
        "_home._home = {}",
        "_home._x = {}",
        "_home[1.5] = 1",
        "_home[''] = 1",
        "_home.t = {[true] = 1}",
    ] {
        assert!(
            matches!(bench.fail(source), Error::InvalidArgument(_)),
            "{source}"
        );
    }
}

#[test]
fn a_table_can_be_assigned_to_itself_and_to_others() {
    let mut bench = filled();
    bench.run("_home.users = _home.users");
    assert_eq!(bench.run("return _home.users.u2.name"), "\"Bob\"");
    bench.run("_home.copy = _home.users _home.tags = _home.users.u1.tags _home.parts = _home.users.u1 _home.users.u1.address = _home.users.u1.tags");
    assert_eq!(
        bench.run(
            "return _home.copy.u2.name, _home.tags[1], _home.parts.name, _home.users.u1.address"
        ),
        "\"Bob\", \"a\", \"Ada\", [\"a\", \"b\"]"
    );
    bench.run("_home.users.u1.tags[1] = 'changed'");
    assert_eq!(
        bench.run("return _home.copy.u1.tags[1], _home.tags[1]"),
        "\"a\", \"a\""
    );
}

#[test]
fn loops_stream_in_the_order_of_keys() {
    let mut bench = filled();
    assert_eq!(
        bench.run("local out = {} for k, v in pairs(_home.users) do out[#out + 1] = k out[#out + 1] = type(v) end return out"),
        "[3, \"string\", \"u1\", \"table\", \"u2\", \"table\"]"
    );
    assert_eq!(
        bench.run(
            "local out = {} for k, v in pairs(_home.users.u1) do out[#out + 1] = k end return out"
        ),
        "[\"name\", \"tags\", \"address\"]"
    );
    assert_eq!(
        bench.run(
            "local out = {} for i, v in ipairs(_home.users.u1.tags) do out[i] = v end return out"
        ),
        "[\"a\", \"b\"]"
    );
    assert_eq!(bench.run("_home.a = 1 _home.z = 2 _home[5] = 3 local out = {} for k, v in pairs(_home) do out[#out + 1] = k end return out"),
        "[5, \"a\", \"motto\", \"users\", \"z\"]");
    assert_eq!(
        bench.run("return next(_home.users, 'u1')"),
        "\"u2\", {\"name\": \"Bob\"}"
    );
    assert_eq!(bench.run("return (next(_home.users, 'u2'))"), "null");
    assert_eq!(bench.run("return (next(_home.users, 'u11'))"), "\"u2\"");
}

#[test]
fn loops_inside_each_other_do_not_disturb() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.run(
            "_home.t = {} for i = 1, 30 do _home.t[i] = {list = {1, 2, 3}} end \
             local n = 0 for i, a in pairs(_home.t) do for j, b in pairs(_home.t) do for _, x in pairs(b.list) do n = n + x end end end return n"
        ),
        "5400"
    );
}

#[test]
fn a_loop_may_change_and_delete_what_it_visits() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.run(
            "_home.t = {} for i = 1, 100 do _home.t[i] = {n = i} end \
             local n = 0 for k, v in pairs(_home.t) do n = n + v.n if k % 2 == 0 then _home.t[k] = nil else v.n = 0 end end \
             local left = 0 for k, v in pairs(_home.t) do left = left + 1 assert(v.n == 0) end return n, left"
        ),
        "5050, 50"
    );
    assert_eq!(
        bench.run("_home.m = {x = {a = 1, b = 2, c = 3}} local m = _home.m.x for k in pairs(m) do m[k] = nil end return m"),
        "{}"
    );
    assert_eq!(
        bench.run("_home.m = {x = {1, 2, 3}} local m = _home.m.x for k, v in pairs(m) do m[k] = v * 2 end return m"),
        "[2, 4, 6]"
    );
}

#[test]
fn long_lists_in_documents_are_walked_once() {
    let mut bench = Bench::new();
    bench.run("local t = {} for i = 1, 20000 do t[i] = {i} end _home.t = {x = t}");
    assert_eq!(
        bench.run("local n = 0 for i, v in ipairs(_home.t.x) do n = n + v[1] end return n"),
        "200010000"
    );
    assert_eq!(
        bench.run(
            "local n = 0 for i, v in pairs(_home.t.x) do n = n + v[1] end return n, #_home.t.x"
        ),
        "200010000, 20000"
    );
}

#[test]
fn the_table_library_works_on_external_tables() {
    let mut bench = Bench::new();
    bench.run("_home.q = {} for i = 1, 5 do table.insert(_home.q, {n = i}) end");
    assert_eq!(
        bench.run("local first = table.remove(_home.q, 1) return first, #_home.q, _home.q[1].n"),
        "{\"n\": 1}, 4, 2"
    );
    assert_eq!(
        bench.run("table.insert(_home.q, 1, {n = 9}) return _home.q"),
        "[{\"n\": 9}, {\"n\": 2}, {\"n\": 3}, {\"n\": 4}, {\"n\": 5}]"
    );
    assert_eq!(bench.run("table.sort(_home.q, function(a, b) return a.n < b.n end) return _home.q[1].n, _home.q[5].n"), "2, 9");
    bench.run("_home.d = {x = {list = {3, 1, 2}, maps = {{k = 2}, {k = 1}}}}");
    assert_eq!(
        bench.run("local x = _home.d.x table.sort(x.list) table.sort(x.maps, function(a, b) return a.k < b.k end) return x.list, x.maps, table.concat(x.list, '-')"),
        "[1, 2, 3], [{\"k\": 1}, {\"k\": 2}], \"1-2-3\""
    );
    assert_eq!(bench.run("local x = _home.d.x return table.remove(x.list), table.remove(x.maps, 1), table.unpack(x.list)"), "3, {\"k\": 1}, 1, 2");
}

#[test]
fn external_tables_pass_for_tables() {
    let mut bench = filled();
    assert_eq!(
        bench.run("local u = _home.users.u1 return type(u), tostring(u), u == _home.users.u1, u ~= _home.users.u2, rawequal(u, _home.users.u1), tostring(_home.users.u1.tags), tostring(_home)"),
        "\"table\", \"external table: _home.users.u1\", true, true, true, \"external table: _home.users.u1.tags\", \"external table: _home\""
    );
    assert_eq!(
        bench.run("return getmetatable(_home), (pcall(setmetatable, _home, {}))"),
        "\"external table\", false"
    );
    assert_eq!(bench.run("local u = _home.users.u1 return rawget(u, 'name'), rawlen(u.tags), rawset(u, 'x', 1) == u, u.x"), "\"Ada\", 2, true, 1");
    assert_eq!(
        bench.run("local nx = pairs({}) local n = 0 local k = nil repeat k = nx(_home.users, k) n = n + 1 until not k return n"),
        "4"
    );
    assert_eq!(
        bench.run("local o = setmetatable({}, {__index = _home.users}) return o.u2.name"),
        "\"Bob\""
    );
}

#[test]
fn results_are_copies() {
    let mut bench = filled();
    assert_eq!(
        bench.run("return _home.users.u2, {inner = _home.users.u1.tags}"),
        "{\"name\": \"Bob\"}, {\"inner\": [\"a\", \"b\"]}"
    );
    assert_eq!(
        bench.run("return _home.users"),
        "{3: \"three\", \"u1\": {\"name\": \"Ada\", \"tags\": [\"a\", \"b\"], \"address\": {\"city\": \"London\"}}, \"u2\": {\"name\": \"Bob\"}}"
    );
    assert_eq!(
        bench.run("_home.users = nil _home.q = {1, 2} return _home"),
        "{\"q\": [1, 2], \"motto\": \"copper\"}"
    );
}

#[test]
fn what_is_gone_reads_as_empty_and_refuses_writes() {
    let mut bench = filled();
    assert_eq!(
        bench.run("local u, tags = _home.users.u1, _home.users.u1.tags _home.users.u1 = nil return u.name, #tags, next(u), u"),
        "null, 0, null, {}"
    );
    for (source, place) in [
        (
            "local u = _home.users.u2 _home.users.u2 = nil u.x = 1",
            "_home.users.u2",
        ),
        (
            "local u = _home.users _home.users = nil u.x = 1",
            "_home.users",
        ),
        (
            "_home.users.u2 = {a = {}} local a = _home.users.u2.a _home.users.u2.a = nil a.x = 1",
            "_home.users.u2.a",
        ),
        (
            "_home.users.u2 = {a = {}} local a = _home.users.u2.a _home.users.u2.a = 5 a.x = 1",
            "_home.users.u2.a",
        ),
    ] {
        bench.run("_home.users = {u2 = {}}");
        match bench.fail(source) {
            Error::InvalidArgument(problem) => assert_eq!(problem.place, place, "{source}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_cannot_be_stored_is_named_by_its_path() {
    let mut bench = filled();
    for (source, place) in [
        (
            "_home.users.u1.f = coroutine.wrap(print)",
            "_home.users.u1.f",
        ),
        ("_home.f = coroutine.create(print)", "_home.f"),
        (
            "_home.users.u1.x = {y = {coroutine.create(print)}}",
            "_home.users.u1.x.y[1]",
        ),
        ("_home.t = {a = {b = _G}}", "_home.t.a.b"),
        ("_home.users[5] = coroutine.create(print)", "_home.users[5]"),
        (
            "local co = coroutine.create(print) _home.users.loop = function() return co end",
            "_home.users.loop: upvalue 'co'",
        ),
        (
            "local co = coroutine.create(print) _home.game = {loop = function() return co end}",
            "_home.game.loop: upvalue 'co'",
        ),
        (
            "local co = coroutine.create(print) _home.users.u1.x = {y = {function() return co end}}",
            "_home.users.u1.x.y[1]: upvalue 'co'",
        ),
        (
            "local t = {a = {print, [3] = coroutine.create(print)}} _home.users.u1.f = function() return t end",
            "_home.users.u1.f: upvalue 't'.a[3]",
        ),
    ] {
        match bench.fail(source) {
            Error::Unstorable(problem) => assert_eq!(problem.place, place, "{source}"),
            other => panic!("{source}: {other:?}"),
        }
    }
}

#[test]
fn no_document_gets_deeper_than_it_may() {
    let mut bench = Bench::new();
    let error =
        bench.fail("_home.t = {x = {}} local p = _home.t.x for i = 1, 70 do p.n = {} p = p.n end");
    assert!(matches!(error, Error::LimitExceeded(excess) if excess.limit == Limit::ValueDepth));
    let error = bench.fail("_home.t = {x = {}} local p = _home.t.x for i = 1, 60 do p.n = {} p = p.n end p.n = {{{{{}}}}}");
    assert!(matches!(error, Error::LimitExceeded(excess) if excess.limit == Limit::ValueDepth));
    let error = bench.fail("_home.t = {x = {}} local p = _home.t.x for i = 1, 60 do p.n = {} p = p.n end _home.t.y = {{{{{_home.t.x}}}}}");
    assert!(matches!(error, Error::LimitExceeded(excess) if excess.limit == Limit::ValueDepth));
}

#[test]
fn keys_of_any_kind_work_inside_of_documents() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.run("_home.t = {x = {}} local x = _home.t.x x[1.5] = 'f' x[true] = 'b' x[-3] = 'n' x['\\xff'] = 's' x[2.0] = 'i' return x[1.5], x[true], x[-3], x['\\xff'], x[2]"),
        "\"f\", \"b\", \"n\", \"s\", \"i\""
    );
    assert!(matches!(
        bench.fail("_home.t.x[0/0] = 1"),
        Error::InvalidArgument(_)
    ));
    assert!(matches!(
        bench.fail("_home.t.x[{}] = 1"),
        Error::InvalidArgument(_)
    ));
    assert_eq!(
        bench.run("return _home.t.x[0/0], _home.t.x[{}], _home.t[{}], _home.t[''], _home['']"),
        "null, null, null, null, null"
    );
}

#[test]
fn documents_that_a_caller_put_into_home_show() {
    let mut bench = Bench::new();
    let mut db = bench.begin();
    db.put(
        "_home",
        &crate::Key::Text("box".into()),
        b"\xa1\x61a\x81\x01",
    )
    .expect("a put");
    db.commit().expect("a commit");
    assert_eq!(
        bench.run("_home.box.a[2] = 2 return _home.box.a, tostring(_home.box.a)"),
        "[1, 2], \"external table: _home.box.a\""
    );
}
