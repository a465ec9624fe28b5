use super::*;

#[test]
fn what_reaches_outside_is_absent() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.run(
            "return io, package, dofile, loadfile, debug, warn, os.execute, os.exit, os.getenv, \
             os.remove, os.rename, os.tmpname, os.setlocale, string.dump"
        ),
        ["null"; 14].join(", ")
    );
}

#[test]
fn what_a_script_needs_is_there() {
    let mut bench = Bench::new();
    for name in [
        "assert",
        "error",
        "ipairs",
        "pairs",
        "next",
        "pcall",
        "xpcall",
        "select",
        "tonumber",
        "tostring",
        "type",
        "rawequal",
        "rawget",
        "rawset",
        "rawlen",
        "setmetatable",
        "getmetatable",
        "load",
        "print",
        "collectgarbage",
        "list",
        "map",
        "require",
        "string.format",
        "string.gsub",
        "table.concat",
        "table.unpack",
        "math.floor",
        "utf8.char",
        "coroutine.wrap",
        "os.time",
        "os.date",
        "os.clock",
        "os.difftime",
    ] {
        assert_eq!(
            bench.run(&format!("return type({name})")),
            "\"function\"",
            "{name}"
        );
    }
    assert_eq!(
        bench.run("return _VERSION, _G._G == _G, _G == _ENV"),
        "\"Lua 5.4\", true, true"
    );
}

#[test]
fn globals_end_with_the_call() {
    let mut bench = Bench::new();
    assert_eq!(bench.run("x = 1 function f() end return x"), "1");
    assert_eq!(
        bench.run("return x, f, rawget(_G, 'x')"),
        "null, null, null"
    );
    let keep = CallOptions {
        keep_globals: true,
        ..CallOptions::default()
    };
    bench.eval_with("x = 1", &[0x80], &keep).expect("kept");
    assert_eq!(bench.run("return x"), "null");
    assert_eq!(
        show(&bench.eval_with("return x", &[0x80], &keep).expect("kept")),
        "[1]"
    );
    assert_eq!(bench.run("return x, _G.x"), "null, null");
}

#[test]
fn the_standard_library_is_read_only() {
    let mut bench = Bench::new();
    for source in [
        "string.format = nil",
        "math.pi = 3",
        "rawset(string, 'format', nil)",
        "table.insert(string, 1)",
        "setmetatable(string, {})",
        "setmetatable(_G, {})",
        "getmetatable(''). __index = {}",
        "table.move({print}, 1, 1, 1, math)",
    ] {
        let error = bench.fail(source);
        script(&error);
    }
    assert_eq!(
        bench.run("return math.floor(math.pi), ('x'):rep(2), string.format('%d', 3)"),
        "3, \"xx\", \"3\""
    );
    assert_eq!(
        bench.run("return getmetatable(''), getmetatable(_G), getmetatable(string)"),
        "\"string\", \"globals\", \"read-only table\""
    );
}

#[test]
fn a_script_may_shadow_a_name_for_itself_only() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.run("print = 1 string = {} return print, #_G.string"),
        "1, 0"
    );
    assert_eq!(
        bench.run("return type(print), type(string.rep)"),
        "\"function\", \"function\""
    );
}

#[test]
fn the_library_can_be_looked_through() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.run(
            "local n = 0 for k, v in pairs(string) do assert(string[k] == v) n = n + 1 end \
             local seen = {} x = 5 print = 6 for k, v in pairs(_G) do assert(not seen[k]) seen[k] = v end \
             return n > 10, seen.x, seen.print, seen.math == math, next(string) ~= nil, rawget(string, 'rep') == string.rep"
        ),
        "true, 5, 6, true, true, true"
    );
}

#[test]
fn only_text_is_loaded() {
    let mut bench = Bench::new();
    assert!(matches!(bench.fail("\x1bLua"), Error::Syntax(_)));
    assert_eq!(bench.run("return load('return 1 + 1')()"), "2");
    assert_eq!(bench.run("return (load('\\27Lua'))"), "null");
    assert_eq!(bench.run("return (load('\\27Lua', 'x', 'b'))"), "null");
    assert_eq!(bench.run("return (load('return 1', 'x', 'b'))"), "null");
    assert_eq!(
        bench.run("x = 3 return load('return x')(), load('return x', 'n', 't', {x = 4})()"),
        "3, 4"
    );
    assert_eq!(bench.run("local parts = {'return ', '5'} local i = 0 return load(function() i = i + 1 return parts[i] end)()"), "5");
}

#[test]
fn print_arrives_even_from_a_call_that_fails() {
    let mut bench = Bench::new();
    bench.fail("print('a', 1, nil, true, 2.5) print() error('x')");
    assert_eq!(&*bench.printed.0.borrow(), b"a\t1\tnil\ttrue\t2.5\n\n");
    bench.printed.0.borrow_mut().clear();
    bench.run("print(setmetatable({}, {__tostring = function() return 'mine' end}))");
    assert_eq!(&*bench.printed.0.borrow(), b"mine\n");
}

#[test]
fn no_address_is_shown() {
    let mut bench = Bench::new();
    let source = "local t, u = {}, {} return tostring(t), tostring(u), tostring(t), string.format('%s|%d|%%', print, 1)";
    let shown = "\"table: 0x00000001\", \"table: 0x00000002\", \"table: 0x00000001\", \"function: 0x00000003|1|%\"";
    assert_eq!(bench.run(source), shown);
    assert_eq!(bench.run(source), shown);
    script(&bench.fail("return string.format('%p', {})"));
    assert!(
        script(&bench.fail("return string.format('%d', {})"))
            .contains("number expected, got table")
    );
}

#[test]
fn random_numbers_repeat_with_a_seed() {
    let mut bench = Bench::new();
    let seeded = CallOptions {
        seed: Some(42),
        ..CallOptions::default()
    };
    let source = "return math.random(1000000), math.random(), math.random(0)";
    let first = bench.eval_with(source, &[0x80], &seeded).expect("numbers");
    assert_eq!(
        bench.eval_with(source, &[0x80], &seeded).expect("numbers"),
        first
    );
    assert_ne!(bench.run(source), bench.run(source));
    assert_eq!(
        bench.run("math.randomseed(7) local a = math.random(1 << 40) math.randomseed(7) return a == math.random(1 << 40)"),
        "true"
    );
    let again = "math.randomseed() return math.random(0)";
    let first = bench.eval_with(again, &[0x80], &seeded).expect("a number");
    assert_eq!(
        bench.eval_with(again, &[0x80], &seeded).expect("a number"),
        first
    );
}

#[test]
fn time_is_what_the_caller_says() {
    let mut bench = Bench::new();
    assert!(script(&bench.fail("return os.date('%c', 1 << 62)")).contains("range"));
    assert!(script(&bench.fail("return os.time{year = 1}")).contains("month"));
    let at = CallOptions {
        time: Some(951_782_400),
        ..CallOptions::default()
    };
    let results = bench
        .eval_with(
            "return os.time(), os.date('%Y-%m-%d %H:%M:%S'), os.date('*t').yday, os.time{year=2000,month=2,day=29,hour=0}, \
             os.time{year=2024,month=14,day=-3}, os.clock() < 0.001, os.difftime(5, 3)",
            &[0x80],
            &at,
        )
        .expect("times");
    assert_eq!(
        show(&results),
        "[951782400, \"2000-02-29 00:00:00\", 60, 951782400, 1738065600, true, 2.0]"
    );
    assert_eq!(
        bench.run("return os.time() > 1600000000, os.clock() >= 0"),
        "true, true"
    );
    assert_eq!(
        bench
            .run("local t = {year=2024,month=14,day=1} os.time(t) return t.year, t.month, t.isdst"),
        "2025, 2, false"
    );
}

#[test]
fn an_uncaught_error_tells_where_it_was() {
    let mut bench = Bench::new();
    match bench.fail("local function inner()\n  error('broken')\nend\ninner()") {
        Error::Script(failure) => {
            assert_eq!(failure.message, "eval:2: broken");
            assert!(
                failure.traceback.contains("eval:4: in main chunk"),
                "{}",
                failure.traceback
            );
            assert!(!failure.traceback.contains("0x"), "{}", failure.traceback);
        }
        other => panic!("{other:?}"),
    }
    let named = CallOptions {
        chunk_name: Some("report.lua".into()),
        ..CallOptions::default()
    };
    match bench.eval_with("x(", &[0x80], &named) {
        Err(Error::Syntax(failure)) => assert!(
            failure.message.starts_with("report.lua:1:"),
            "{}",
            failure.message
        ),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        script(&bench.fail("error({})")),
        "(the error is a table, without __tostring)"
    );
    assert_eq!(
        script(&bench.fail("error(nil)")),
        "(the error is nil, without __tostring)"
    );
    assert_eq!(
        script(&bench.fail("error(setmetatable({}, {__tostring = function() return 'mine' end}))")),
        "mine"
    );
    assert_eq!(script(&bench.fail("error(42)")), "42");
    assert!(
        script(
            &bench.fail("error(setmetatable({}, {__tostring = function() error('worse') end}))")
        )
        .contains("worse")
    );
}

#[test]
fn errors_can_be_caught() {
    let mut bench = Bench::new();
    assert_eq!(bench.run("return pcall(error, 'x')"), "false, \"x\"");
    assert_eq!(
        bench.run(
            "return xpcall(function(a) error(a, 0) end, function(m) return m .. '!' end, 'x')"
        ),
        "false, \"x!\""
    );
    assert_eq!(
        bench.run("return pcall(function(...) return select('#', ...), ... end, 1, nil)"),
        "true, 2, 1, null"
    );
    assert_eq!(
        bench.run("local co = coroutine.wrap(function() local ok, v = pcall(function() return coroutine.yield(1) + 1 end) return v end) return co(), co(41)"),
        "1, 42"
    );
    assert_eq!(bench.run("return pcall(function() local _ <close> = setmetatable({}, {__close = function() error('late', 0) end}) end)"), "false, \"late\"");
}

#[test]
fn finalizers_never_run() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.run("local mt = {__gc = function() print('ran') end} setmetatable({}, mt) collectgarbage() return type(mt.__gc)"),
        "\"function\""
    );
    bench.run("for i = 1, 100 do setmetatable({}, {__gc = error}) end collectgarbage()");
    drop(bench.machine);
    assert_eq!(&*bench.printed.0.borrow(), b"");
}

#[test]
fn io_is_a_fresh_table_with_the_first_argument() {
    let mut bench = Bench::new();
    let results = bench.eval_with(
        "_io.output = 1 return _io.input, _io.input == ...",
        b"\x82\x07\x08",
        &CallOptions::default(),
    );
    assert_eq!(show(&results.expect("results")), "[7, true]");
    assert_eq!(
        bench.run("return _io.output, _io.input, type(_io)"),
        "null, null, \"table\""
    );
}

#[test]
fn coroutines_work() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.run("local co = coroutine.create(function(a) local b = coroutine.yield(a + 1) error('x' .. b, 0) end) \
            return coroutine.resume(co, 1), select(2, coroutine.resume(co, 2)), coroutine.status(co), coroutine.close(co)"),
        "true, \"x2\", \"dead\", false, \"x2\""
    );
}
