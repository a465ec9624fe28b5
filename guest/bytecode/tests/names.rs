//! A function's names are listed as its source has them.

use cu_bytecode::{Rule, names, verify};
use mlua::Lua;

fn dump(source: &str, strip: bool) -> Vec<u8> {
    let lua = Lua::new();
    let function = lua.load(source).set_name("=names").into_function();
    function
        .unwrap_or_else(|err| panic!("{err}\n{source}"))
        .dump(strip)
}

/// The names of a main function, with and without what is stripped.
#[track_caller]
fn assert_names(source: &str, expected: &[&str]) {
    for strip in [false, true] {
        let chunk = dump(source, strip);
        assert_eq!(verify(&chunk).err(), None);
        assert_eq!(
            names(&chunk).expect("it is a chunk"),
            expected,
            "stripped {strip}: {source}"
        );
    }
}

#[test]
fn globals_and_their_fields_are_found() {
    assert_names(
        "print(string.format('%s', x))",
        &["print", "string.format", "x"],
    );
    assert_names("return 1", &[]);
    assert_names("local a, b = ... return a.field + b:method()", &[]);
}

#[test]
fn names_are_sorted_each_once_and_the_longest_only() {
    assert_names(
        "b() a.x() b() a.x.y() a() ab() a_b() a.x.z()",
        &["a.x.y", "a.x.z", "a_b", "ab", "b"],
    );
}

#[test]
fn methods_and_assignments_count() {
    assert_names("_home.users:notify(1)", &["_home.users.notify"]);
    assert_names("x = 1", &["x"]);
    assert_names(
        "_home.users.ada = _home.count",
        &["_home.count", "_home.users.ada"],
    );
    assert_names(
        "function _home.handlers.onSave() end",
        &["_home.handlers.onSave"],
    );
}

#[test]
fn a_local_variable_stands_for_what_it_holds() {
    assert_names(
        "local users = _home.users  local same = users  return same.ada.name",
        &["_home.users.ada.name"],
    );
    assert_names("local e = _ENV  return e.x", &["x"]);
    assert_names("local t = g  t = {}  return t.x", &["g"]);
    assert_names("local t = g  t = f()  return t.x", &["f", "g"]);
    assert_names("for k, v in pairs(t) do v.x = k end", &["pairs", "t"]);
}

#[test]
fn keys_that_are_computed_or_are_no_names_end_a_path() {
    assert_names("return _home.users[x].name", &["_home.users", "x"]);
    assert_names("return _home.users['no name'].x", &["_home.users"]);
    assert_names("return _home.list[1].x", &["_home.list"]);
    assert_names("return _home['users'].ada", &["_home.users.ada"]);
    assert_names(
        &format!("return a{}", ".b".repeat(20)),
        &["a.b.b.b.b.b.b.b"],
    );
}

#[test]
fn names_beyond_the_operands_of_an_instruction_are_found() {
    let mut source = String::from("local t = {");
    for number in 0..300 {
        source.push_str(&format!("{number}.5,"));
    }
    source.push_str("}  _home.late.later = _home.other:method()");
    assert_names(&source, &["_home.late.later", "_home.other.method"]);
}

#[test]
fn nested_functions_are_searched_too() {
    assert_names(
        "local n = 0  return function() n = n + step  return function() log.info(n) end end",
        &["log.info", "step"],
    );
    // A table of their own under the same name is not the environment.
    assert_names("local _ENV = {}  x = 1  return function() y = 1 end", &[]);
}

#[test]
fn a_function_is_searched_wherever_its_environment_is() {
    let source = "local a, b = 1, 2  return function() return a + b + x.y end";
    let lua = Lua::new();
    let inner: mlua::Function = lua.load(source).eval().expect("it runs");
    assert_eq!(names(&inner.dump(false)).expect("it is a chunk"), ["x.y"]);
    // Without names, the first upvalue is taken for it, and here it is another.
    assert_eq!(names(&inner.dump(true)).expect("it is a chunk"), [""; 0]);
}

#[test]
fn what_is_no_chunk_is_refused() {
    assert_eq!(names(b"return x"), Err(Rule::NotBinary.at(0)));
    let chunk = dump("local t = x.y  return function() return t, z end", false);
    for length in 0..chunk.len() {
        assert!(names(&chunk[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn any_bytes_may_be_asked_for_names() {
    let chunk = dump(
        "local t = x.y  return function() return t:z(), u end",
        false,
    );
    for place in 31..chunk.len() {
        for byte in 0..=255 {
            let mut bytes = chunk.clone();
            bytes[place] = byte;
            let _ = names(&bytes);
        }
    }
}

#[test]
fn the_chunk_of_the_documentation_is_what_it_says() {
    let source = "print(string.format(\"Hello, %s\", ...))";
    let chunk = include_bytes!("corpus/greet.luac");
    assert_eq!(dump(source, true), chunk);
}
