use super::*;
use crate::error::{Limit, StoreFailure};
use crate::store::{Direction, Snapshot, Store};

fn few(instructions: u64) -> CallOptions {
    CallOptions {
        instructions: Some(instructions),
        ..CallOptions::default()
    }
}

fn limit(result: Result<Vec<u8>>) -> (Limit, u64) {
    match result {
        Err(Error::LimitExceeded(excess)) => (excess.limit, excess.maximum),
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_script_runs_longer_than_its_budget() {
    let mut bench = Bench::new();
    for source in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
        "while true do local co = coroutine.create(function() while true do end end) coroutine.resume(co) end",
        "while true do coroutine.wrap(function() for i = 1, 100 do end end)() end",
        "while true do load(function() while true do end end) end",
        "while true do local c = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() while true do end end}) coroutine.yield() end) coroutine.resume(c) coroutine.close(c) end",
        "local t = setmetatable({}, {__index = function() while true do end end}) return pcall(function() return t.x end)",
        "coroutine.wrap(function() local x <close> = setmetatable({}, {__close = function() while true do end end}) while true do end end)()",
        "error(setmetatable({}, {__tostring = function() while true do end end}))",
        "table.move({}, 1, 1 << 60, 2)",
        "table.insert(setmetatable({}, {__len = function() return 1 << 60 end}), 1, 1)",
        "table.sort({3, 2, 1, 5, 4}, function() while true do end end)",
        "local s = ('x'):gsub('x', function() while true do end end)",
        "while true do collectgarbage() end",
        "local x <close> = setmetatable({}, {__close = function() while true do end end}) while true do end",
    ] {
        let result = bench.eval_with(source, &[0x80], &few(200_000));
        assert_eq!(limit(result), (Limit::Instructions, 200_000), "{source}");
    }
    assert_eq!(bench.run("return ('').rep('', 1 << 60), 1"), "\"\", 1");
    assert_eq!(
        bench.run("local n = 0 for i = 1, 100000 do n = n + i end return n"),
        "5000050000"
    );
}

#[test]
fn a_script_that_reaches_its_limit_rolls_back() {
    let mut bench = Bench::new();
    let result = bench.eval_with(
        "_home.x = 1 pcall(function() while true do end end) return 1",
        &[0x80],
        &few(100_000),
    );
    assert_eq!(limit(result).0, Limit::Instructions);
    assert_eq!(bench.run("return _home.x"), "null");
}

#[test]
fn no_script_takes_more_memory_than_it_may() {
    let mut bench = Bench::new();
    let little = CallOptions {
        memory: Some(1 << 20),
        ..CallOptions::default()
    };
    for source in [
        "local t = {} while true do t[#t + 1] = {} end",
        "local s = 'x' while true do s = s .. s end",
        "return ('x'):rep(1 << 30)",
        "pcall(string.rep, 'x', 1 << 21) return 1",
        "local co = coroutine.wrap(function() return ('x'):rep(1 << 21) end) pcall(co) return 1",
        "local ok = coroutine.resume(coroutine.create(function() return ('x'):rep(1 << 21) end)) return ok",
        "local t = {} while true do t[#t + 1] = _home end",
        "local t = {} for i = 1, 1e6 do t[i] = tostring({}) end",
    ] {
        let result = bench.eval_with(source, &[0x80], &little);
        assert_eq!(limit(result), (Limit::Memory, 1 << 20), "{source}");
    }
    let much = vec![0x9a, 0x00, 0x10, 0x00, 0x00];
    let arguments = [vec![0x81], much, vec![0x01; 1 << 20]].concat();
    let result = bench.eval_with("return 1", &arguments, &little);
    assert_eq!(limit(result).0, Limit::Memory);
    assert_eq!(bench.run("return 1"), "1");
}

#[test]
fn garbage_of_a_call_does_not_count_against_the_next() {
    let mut bench = Bench::new();
    let options = CallOptions {
        memory: Some(8 << 20),
        ..CallOptions::default()
    };
    let before = bench.machine.context.used();
    for _ in 0..20 {
        bench
            .eval_with(
                "local t = {} for i = 1, 100000 do t[i] = i end x = t return 1",
                &[0x80],
                &options,
            )
            .expect("enough memory");
    }
    assert!(bench.machine.context.used() < before + (4 << 20));
}

#[test]
fn endless_recursion_is_an_error_that_a_script_can_catch() {
    let mut bench = Bench::new();
    for (source, maximum) in [
        ("local function f() return 1 + f() end f()", 200_000),
        (
            "local function f(...) local a, b, c, d, e, g = 1 return 1 + f(1, ...) end f()",
            200_000,
        ),
        (
            "coroutine.wrap(function() local function f() return 1 + f() end f() end)()",
            200_000,
        ),
        (
            "local t = {} setmetatable(t, {__index = function(t, k) return t[k .. 'x'] end}) return t.x",
            200,
        ),
        (
            "local function f() return select(2, pcall(f)) end error((f()), 0)",
            200,
        ),
        (
            "local function f(s) return s:gsub('.', f) end return f('x')",
            200,
        ),
        (
            "local function f() return coroutine.wrap(f)() end return f()",
            200,
        ),
        (
            "local t = setmetatable({}, {__tostring = tostring}) return tostring(t)",
            200,
        ),
    ] {
        let result = bench.eval(source);
        assert_eq!(limit(result), (Limit::CallDepth, maximum), "{source}");
    }
    let ten = CallOptions {
        call_depth: Some(10),
        ..CallOptions::default()
    };
    let endless = "local function f() return 1 + f() end return f()";
    let result = bench.eval_with(endless, &[0x80], &ten);
    assert_eq!(limit(result), (Limit::CallDepth, 10));
    assert_eq!(
        bench.run("local function f() return 1 + f() end return (pcall(f))"),
        "false"
    );
    let nested = "local s = ('('):rep(300) return select(2, load('return ' .. s))";
    assert_eq!(bench.run(nested), "\"C stack overflow\"");
    assert!(
        script(&bench.fail(
            "return string.find(('a'):rep(300000), ('(a?)'):rep(30) .. ('a*'):rep(3000) .. 'b')"
        ))
        .len()
            > 5
    );
}

#[test]
fn output_is_limited() {
    let mut bench = Bench::new();
    let result = bench.eval("local s = ('x'):rep(1 << 20) while true do pcall(print, s) end");
    assert_eq!(limit(result).0, Limit::OutputSize);
}

/// A store that opens and then fails.
struct Broken;

impl Store for Broken {
    fn open(&self) -> std::result::Result<Box<dyn Snapshot>, StoreFailure> {
        Ok(Box::new(Broken))
    }
}

impl Snapshot for Broken {
    fn version(&self) -> u64 {
        0
    }
    fn get(&self, key: &[u8]) -> std::result::Result<Option<Vec<u8>>, StoreFailure> {
        if key[0] < 2 {
            Ok(None)
        } else {
            Err(StoreFailure::Io("the disk is gone".into()))
        }
    }
    fn get_many(&self, _: &[u8]) -> std::result::Result<Vec<u8>, StoreFailure> {
        Err(StoreFailure::Io("the disk is gone".into()))
    }
    fn scan(
        &self,
        start: &[u8],
        _: &[u8],
        _: Direction,
        _: u32,
        _: u32,
    ) -> std::result::Result<Vec<u8>, StoreFailure> {
        if start.first().is_none_or(|first| *first < 2) {
            return Ok(Vec::new());
        }
        Err(StoreFailure::Io("the disk is gone".into()))
    }
    fn count(&self, _: &[u8], _: &[u8]) -> std::result::Result<u64, StoreFailure> {
        Ok(0)
    }
    fn commit(self: Box<Self>, _: &[u8]) -> std::result::Result<u64, StoreFailure> {
        Ok(1)
    }
}

#[test]
fn a_store_that_fails_ends_the_call_whatever_the_script_catches() {
    let bench = Bench::new();
    for source in [
        "return pcall(function() return _home.x end)",
        "return _home.x",
        "return pcall(function() for k in pairs(_home) do end end)",
        "return #_home",
    ] {
        let db = Database::begin(&Broken, &CatalogCache::default()).expect("a transaction");
        let (_, result) = bench
            .machine
            .eval(db, source, &[0x80], &CallOptions::default());
        assert_eq!(
            result,
            Err(Error::Store(StoreFailure::Io("the disk is gone".into()))),
            "{source}"
        );
    }
}

#[test]
fn an_error_of_the_database_keeps_its_type_unless_it_is_caught() {
    let mut bench = Bench::new();
    assert!(matches!(
        bench.fail("_home.t = {} _home.t[''] = 1"),
        Error::InvalidArgument(_)
    ));
    let caught = bench.run("_home.t = {} return pcall(function() _home.t[''] = 1 end)");
    assert!(
        caught.starts_with("false, \"eval:1: key: the key is empty"),
        "{caught}"
    );
    assert!(
        script(&bench.fail("_home.t = {} pcall(function() _home.t[''] = 1 end) error('other')"))
            .ends_with("other")
    );
    assert!(matches!(
        bench.fail("_home.t = {} local ok, m = pcall(function() _home.t[''] = 1 end) error(m, 0)"),
        Error::InvalidArgument(_)
    ));
}
