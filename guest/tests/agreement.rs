//! Documents, indexes and functions agree with each other after any mix of writes, by Lua and by the host.

mod common;

use common::{check, over};
use cu_guest::store::{Cursor, Direction, MemoryStore, Store, Transaction};
use cu_guest::value::{
    write_array_head, write_float, write_int, write_integer, write_map_head, write_null, write_text,
};
use cu_guest::{CallOptions, Engine, Key};
use proptest::prelude::*;

const TABLES: [&str; 3] = ["_home", "a", "b"];

/// A value that documents have in a field: some are equal under different types, some are too long to be indexed.
#[derive(Debug, Clone)]
enum Content {
    Int(i64),
    Big(bool, usize),
    Float(f64),
    Text(usize),
    Null,
    List(i64),
}

#[derive(Debug, Clone)]
enum Step {
    Put(usize, i64, Content),
    Delete(usize, i64),
    Apply(Vec<(usize, i64, Option<Content>)>),
    Create(usize, usize),
    DropIndex(usize, usize),
    DropTable(usize),
    Persist(usize, i64),
    DeleteFunction(usize, i64),
    Lua(usize, i64, usize),
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        (0..5i64).prop_map(Content::Int),
        (any::<bool>(), prop::sample::select(vec![8, 9, 128, 3000]))
            .prop_map(|(negative, size)| Content::Big(negative, size)),
        (0..5i64).prop_map(|int| Content::Float(int as f64 / 2.0)),
        prop_oneof![0..3usize, Just(3000)].prop_map(Content::Text),
        Just(Content::Null),
        (0..3i64).prop_map(Content::List),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let table = || 0..TABLES.len();
    let key = || 0..6i64;
    let operation = (table(), key(), prop::option::of(content()));
    prop_oneof![
        4 => (table(), key(), content()).prop_map(|(t, k, c)| Step::Put(t, k, c)),
        2 => (table(), key()).prop_map(|(t, k)| Step::Delete(t, k)),
        2 => prop::collection::vec(operation, 0..8).prop_map(Step::Apply),
        2 => (table(), 0..FIELDS.len()).prop_map(|(t, f)| Step::Create(t, f)),
        1 => (table(), 0..FIELDS.len()).prop_map(|(t, f)| Step::DropIndex(t, f)),
        1 => table().prop_map(Step::DropTable),
        2 => (table(), key()).prop_map(|(t, k)| Step::Persist(t, k)),
        1 => (table(), key()).prop_map(|(t, k)| Step::DeleteFunction(t, k)),
        6 => (table(), key(), 0..SCRIPTS.len()).prop_map(|(t, k, s)| Step::Lua(t, k, s)),
    ]
}

const FIELDS: [&[&str]; 3] = [&["n"], &["n", "m.x"], &["m"]];

/// Scripts, over a table `t` and a key `k`. Some fail at their end, some catch what failed.
const SCRIPTS: [&str; 14] = [
    "t[k] = {n = k, m = {x = k / 2}}",
    "t[k] = nil t['f' .. k] = nil",
    "for key in pairs(t) do t[key] = nil end",
    "for key, value in pairs(t) do if type(value) == 'table' then value.n = k value.m = nil end end",
    "pcall(function() t[k].n = ('x'):rep(3000) end) pcall(function() t['f' .. k] = {n = ('x'):rep(3000)} end)",
    "t[k] = {n = 1} error('no')",
    "if name ~= '_home' then _home[name] = {{n = 1}, {n = 2, m = {x = 1}}, 3} end",
    "if name ~= '_home' then pcall(function() _home[name] = {{n = 1}, {m = {x = 1}, n = ('x'):rep(3000)}} end) end",
    "if name ~= '_home' then _home[name] = nil end",
    "if name ~= '_home' then _home[name] = k end",
    "if name ~= '_home' then _home[name] = _home.a end",
    "local f = t['f' .. k] if type(f) == 'function' then t['f' .. k] = nil f() end",
    "for i = 1, 5 do table.insert(t, {n = i}) end table.remove(t, 1) table.sort(t, function(a, b) return false end)",
    "local f = t['f' .. k] if type(f) == 'function' then f() f() end",
];

fn write_document(content: &Content, out: &mut Vec<u8>) {
    let value = |out: &mut Vec<u8>| match content {
        Content::Int(int) => write_int(out, *int),
        Content::Big(negative, size) => write_integer(out, *negative, &vec![0xff; *size]),
        Content::Float(float) => write_float(out, *float),
        Content::Text(size) => write_text(out, &"x".repeat(*size)),
        Content::Null => write_null(out),
        Content::List(int) => {
            write_array_head(out, 1);
            write_int(out, *int);
        }
    };
    write_map_head(out, 2);
    write_text(out, "m");
    write_map_head(out, 1);
    write_text(out, "x");
    value(out);
    write_text(out, "n");
    value(out);
}

fn take(engine: &mut Engine, step: &Step) -> bool {
    let name = |key: &i64| format!("f{key}");
    match step {
        Step::Put(table, key, content) => {
            let mut document = Vec::new();
            write_document(content, &mut document);
            engine
                .documents_put(TABLES[*table], &Key::Integer(*key), &document)
                .is_ok()
        }
        Step::Delete(table, key) => engine
            .documents_delete(TABLES[*table], &Key::Integer(*key))
            .is_ok(),
        Step::Apply(operations) => {
            let mut batch = Vec::new();
            write_array_head(&mut batch, operations.len());
            for (table, key, content) in operations {
                write_map_head(&mut batch, if content.is_some() { 4 } else { 3 });
                write_text(&mut batch, "op");
                let operation = if content.is_some() { "put" } else { "delete" };
                write_text(&mut batch, operation);
                write_text(&mut batch, "key");
                write_int(&mut batch, *key);
                write_text(&mut batch, "table");
                write_text(&mut batch, TABLES[*table]);
                if let Some(content) = content {
                    write_text(&mut batch, "value");
                    write_document(content, &mut batch);
                }
            }
            engine.documents_apply(&batch).is_ok()
        }
        Step::Create(table, fields) => {
            let mut definition = Vec::new();
            write_map_head(&mut definition, 1);
            write_text(&mut definition, "fields");
            write_array_head(&mut definition, FIELDS[*fields].len());
            for field in FIELDS[*fields] {
                write_text(&mut definition, field);
            }
            engine.indexes_create(TABLES[*table], &definition).is_ok()
        }
        Step::DropIndex(table, fields) => engine
            .indexes_drop(TABLES[*table], &FIELDS[*fields].join(","))
            .is_ok(),
        Step::DropTable(table) => engine.tables_drop(TABLES[*table]).is_ok(),
        Step::Persist(table, key) => {
            let source = "local n, last = 0 return function() n = n + 1 last = {n} return n end";
            engine
                .functions_persist(TABLES[*table], &name(key), source, &CallOptions::default())
                .is_ok()
        }
        Step::DeleteFunction(table, key) => {
            engine.functions_delete(TABLES[*table], &name(key)).is_ok()
        }
        Step::Lua(table, key, script) => {
            let mut arguments = Vec::new();
            write_array_head(&mut arguments, 2);
            write_text(&mut arguments, TABLES[*table]);
            write_int(&mut arguments, *key);
            let source = format!(
                "local name, k = ... local t = name == '_home' and _home or _home[name] \
                 if type(t) ~= 'table' then _home[name] = {{}} t = _home[name] end {}",
                SCRIPTS[*script]
            );
            engine
                .lua_eval(&source, &arguments, &CallOptions::default())
                .is_ok()
        }
    }
}

/// The keys of the store.
fn keys(store: &MemoryStore) -> Vec<Vec<u8>> {
    let transaction = Transaction::new(store.open().unwrap());
    let mut cursor = Cursor::new(Vec::new(), Vec::new(), Direction::Forward);
    let mut keys = Vec::new();
    while let Some((key, _)) = cursor.next(&transaction).unwrap() {
        keys.push(key.to_vec());
    }
    keys
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn indexes_and_functions_agree_with_documents_after_any_mix_of_writes(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let store = MemoryStore::new();
        let mut engine = over(&store);
        for step in &steps {
            let before = keys(&store);
            let digest = engine.admin_digest().unwrap();
            if !take(&mut engine, step) {
                prop_assert_eq!(engine.admin_digest().unwrap(), digest);
                prop_assert_eq!(keys(&store), before);
            }
            check(&store);
        }
        // A new engine finds in the store what this one has in its memory.
        prop_assert_eq!(engine.tables_list(), over(&store).tables_list());
        prop_assert_eq!(engine.functions_list(None), over(&store).functions_list(None));
        for table in &TABLES[1..] {
            engine.tables_drop(table).unwrap();
            prop_assert!(engine.indexes_list(table).is_err());
        }
        let clear = "for key in pairs(_home) do _home[key] = nil end";
        engine.lua_eval(clear, &[0x80], &CallOptions::default()).unwrap();
        for fields in FIELDS {
            engine.indexes_drop("_home", &fields.join(",")).unwrap();
        }
        // The format, the next number, and `_home` where something was once made of it.
        let left = keys(&store);
        let known = [&b"\x00"[..], b"\x01\x00", b"\x01\x01_home"];
        prop_assert!(left.iter().all(|key| known.contains(&key.as_slice())), "{left:?}");
        prop_assert_eq!(engine.tables_list(), Ok(vec![]));
    }
}
