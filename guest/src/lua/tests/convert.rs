use super::*;
use crate::error::Limit;
use crate::value::accept_argument;

/// Through Lua and back.
fn round(arguments: &[u8]) -> Vec<u8> {
    accept_argument(arguments, "arguments").expect("a value");
    Bench::new()
        .eval_with("return ...", arguments, &CallOptions::default())
        .unwrap_or_else(|error| panic!("{error:?}"))
}

#[test]
fn values_come_back_as_they_went() {
    let values: &[&[u8]] = &[
        b"\x81\xf5",
        b"\x81\x1b\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\x81\x3b\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\x81\xf9\x3c\x00", // 1.0
        b"\x81\xf9\x7e\x00", // NaN
        b"\x81\xf9\x80\x00", // -0.0
        b"\x81\xf9\x7c\x00", // infinity
        b"\x81\x63abc",
        b"\x81\x42\xff\xfe",
        b"\x81\x80",
        b"\x81\xa0",
        b"\x81\x82\x01\xf6", // is [1] then: see below
        b"\x82\x01\xf6",
        b"\x83\xf6\xf6\xf6",
        b"\x80",
        b"\x81\xa1\x01\x02", // {1: 2} stays a map
        b"\x81\xa2\x01\x01\x61a\x01",
        b"\x81\x84\x01\xf6\xf6\x02",
        b"\x81\xa2\xf4\x01\xf9\x3e\x00\x02",
    ];
    for value in values {
        let back = round(value);
        if value == b"\x81\x82\x01\xf6" {
            assert_eq!(show(&back), "[[1]]", "nulls at the end of a list are lost");
        } else {
            assert_eq!(show(&back), show(value));
            assert_eq!(back, *value);
        }
    }
}

#[test]
fn a_byte_string_that_is_text_becomes_one() {
    assert_eq!(round(b"\x81\x42ab"), b"\x81\x62ab");
}

#[test]
fn integers_and_floats_stay_apart() {
    assert_eq!(
        Bench::new().run("return 1, 1.0, 2^53, 7 // 2, 7 / 7"),
        "1, 1.0, 9007199254740992.0, 3, 1.0"
    );
}

#[test]
fn tables_become_lists_or_maps_by_their_keys() {
    let mut bench = Bench::new();
    for (source, shown) in [
        ("{}", "{}"),
        ("{1, 2}", "[1, 2]"),
        ("{1, nil, 3}", "[1, null, 3]"),
        ("{[1] = 1, [2] = 2, [4] = 4}", "[1, 2, null, 4]"),
        ("{[3] = 1}", "{3: 1}"),
        ("{[2] = 1}", "[null, 1]"),
        ("{1, x = 2}", "{1: 1, \"x\": 2}"),
        ("{x = 2, 1}", "{1: 1, \"x\": 2}"),
        ("{[0] = 1, 2}", "{0: 1, 1: 2}"),
        ("{[-1] = 1}", "{-1: 1}"),
        ("{[1.5] = 1}", "{1.5: 1}"),
        ("{[true] = 1}", "{true: 1}"),
        ("{[2.0] = 1, [1] = 0}", "[0, 1]"),
        ("{['\\xff'] = 1}", "{h'\\xff': 1}"),
        ("list{}", "[]"),
        ("list()", "[]"),
        ("map{}", "{}"),
        ("map{1, 2}", "{1: 1, 2: 2}"),
        ("list{x = 1}", "{\"x\": 1}"),
        ("list{[9] = 1}", "{9: 1}"),
        (
            "setmetatable({1}, {__index = {x = 1}, __len = function() return 9 end})",
            "[1]",
        ),
    ] {
        assert_eq!(bench.run(&format!("return {source}")), shown, "{source}");
    }
}

#[test]
fn maps_are_written_in_the_order_of_their_keys() {
    let mut bench = Bench::new();
    let shown =
        bench.run("local t = {} for i = 40, 1, -1 do t['k' .. i] = i end t[1] = 0 return t");
    assert!(shown.starts_with("{1: 0, \"k1\": 1, \"k2\": 2,"), "{shown}");
    assert!(shown.ends_with("\"k40\": 40}"), "{shown}");
    let bytes = bench
        .eval("local t = {} for i = 1, 300 do t['k' .. i] = {i} end return t")
        .expect("a map");
    assert!(matches!(
        accept_argument(&bytes, "").expect("well-formed"),
        std::borrow::Cow::Borrowed(_)
    ));
}

#[test]
fn an_empty_list_stays_a_list_through_lua() {
    let mut bench = Bench::new();
    bench.run("_home.t = {}; _home.t.x = {tags = list()}");
    assert_eq!(
        bench.run("local x = _home.t.x; _home.t.y = x; return _home.t.y"),
        "{\"tags\": []}"
    );
    assert_eq!(bench.run("return getmetatable(list{})"), "\"list\"");
}

#[test]
fn a_list_or_map_may_get_a_metatable_of_the_script() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.run("local t = setmetatable(list{1}, {__index = {x = 7}}) return t.x, t"),
        "7, [1]"
    );
}

#[test]
fn the_number_of_results_is_kept() {
    let mut bench = Bench::new();
    assert_eq!(bench.run("return nil, 1, nil, nil"), "null, 1, null, null");
    assert_eq!(bench.run("return"), "");
    assert_eq!(show(&round(b"\x83\x01\xf6\xf6")), "[1, null, null]");
}

#[test]
fn a_table_used_twice_is_written_twice() {
    assert_eq!(
        Bench::new().run("local t = {1} return {a = t, b = t}"),
        "{\"a\": [1], \"b\": [1]}"
    );
}

#[test]
fn what_cannot_be_returned_is_named_by_its_path() {
    let mut bench = Bench::new();
    for (source, place) in [
        (
            "return {handlers = {on_save = print}}",
            "result[1].handlers.on_save",
        ),
        (
            "return 1, {[3] = {coroutine.create(print)}}",
            "result[2][3][1]",
        ),
        ("local t = {} t.me = t return t", "result[1].me"),
        ("return {[{}] = 1}", "result[1]"),
        ("return print", "result[1]"),
        ("return {['a.b'] = print}", "result[1][\"a.b\"]"),
    ] {
        match bench.fail(source) {
            Error::Unstorable(problem) => assert_eq!(problem.place, place, "{source}"),
            other => panic!("{other:?}"),
        }
    }
}

fn limit(error: Error) -> (Limit, String) {
    match error {
        Error::LimitExceeded(excess) => (excess.limit, excess.place),
        other => panic!("{other:?}"),
    }
}

#[test]
fn depth_and_size_are_limited() {
    let mut bench = Bench::new();
    let nest = |depth: usize| format!("local t = 1 for i = 1, {depth} do t = {{t}} end return t");
    assert!(bench.eval(&nest(64)).is_ok());
    assert_eq!(limit(bench.fail(&nest(65))).0, Limit::ValueDepth);
    assert_eq!(
        limit(bench.fail("return {x = ('x'):rep(17000000)}")),
        (Limit::ValueSize, "result[1]".to_string())
    );
    assert_eq!(
        limit(bench.fail("local s = ('x'):rep(15000000) return s, s, s, s, {s}")).0,
        Limit::ResultSize
    );
    assert_eq!(
        limit(bench.fail("_home.t = {} _home.t.x = {y = {('x'):rep(17000000)}}")),
        (Limit::ValueSize, "_home.t.x.y".to_string())
    );
}

#[test]
fn nested_tables_cost_their_size_and_no_more() {
    // Each level has a list part and a name, the worst case for looking before writing.
    let source = "local t = {} for i = 1, 60 do t = {t, x = 1} end return t";
    assert!(Bench::new().eval(source).is_ok());
}
