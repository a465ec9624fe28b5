//! Hostile input: bytes that are no values, values that are no queries, and a store that hands back damage.

mod common;

use common::{check, over};
use cu_guest::error::Error;
use cu_guest::store::{Cursor, Direction, MemoryStore, Store, Transaction};
use cu_guest::value::{
    write_array_head, write_bool, write_int, write_map_head, write_null, write_text,
};
use cu_guest::{CallOptions, Engine, Key, ScanRange};
use proptest::prelude::*;

/// The values that mutations begin with: one for each kind of argument.
fn valid() -> Vec<Vec<u8>> {
    let text = |out: &mut Vec<u8>, name: &str| write_text(out, name);
    let mut query = Vec::new();
    write_map_head(&mut query, 4);
    text(&mut query, "sort");
    write_array_head(&mut query, 1);
    write_map_head(&mut query, 2);
    text(&mut query, "field");
    text(&mut query, "n");
    text(&mut query, "descending");
    write_bool(&mut query, true);
    text(&mut query, "limit");
    write_int(&mut query, 3);
    text(&mut query, "table");
    text(&mut query, "t");
    text(&mut query, "where");
    write_map_head(&mut query, 1);
    text(&mut query, "and");
    write_array_head(&mut query, 3);
    for operator in ["between", "in", "contains"] {
        write_map_head(&mut query, 3);
        text(&mut query, "op");
        text(&mut query, operator);
        text(&mut query, "field");
        text(&mut query, "n");
        text(&mut query, "value");
        write_array_head(&mut query, 2);
        write_int(&mut query, 1);
        write_int(&mut query, 300);
    }
    let mut batch = Vec::new();
    write_array_head(&mut batch, 3);
    for operation in ["put", "get", "delete"] {
        write_map_head(&mut batch, if operation == "put" { 4 } else { 3 });
        text(&mut batch, "op");
        text(&mut batch, operation);
        text(&mut batch, "key");
        text(&mut batch, "new");
        text(&mut batch, "table");
        text(&mut batch, "t");
        if operation == "put" {
            text(&mut batch, "value");
            write_array_head(&mut batch, 2);
            write_null(&mut batch);
            cu_guest::value::write_float(&mut batch, 1.5);
        }
    }
    let mut definition = Vec::new();
    write_map_head(&mut definition, 3);
    text(&mut definition, "kind");
    text(&mut definition, "btree");
    text(&mut definition, "name");
    text(&mut definition, "another");
    text(&mut definition, "fields");
    write_array_head(&mut definition, 2);
    text(&mut definition, "a.b");
    write_array_head(&mut definition, 2);
    text(&mut definition, "list");
    write_int(&mut definition, 1);
    let mut keys = Vec::new();
    write_array_head(&mut keys, 3);
    write_int(&mut keys, 1);
    text(&mut keys, "name");
    cu_guest::value::write_bytes(&mut keys, &[0xff]);
    let mut settings = Vec::new();
    write_map_head(&mut settings, 2);
    text(&mut settings, "tables");
    write_array_head(&mut settings, 2);
    text(&mut settings, "t");
    text(&mut settings, "name");
    text(&mut settings, "changes");
    write_int(&mut settings, 3);
    let mut request = Vec::new();
    write_map_head(&mut request, 3);
    text(&mut request, "after");
    write_int(&mut request, 1);
    text(&mut request, "query");
    request.extend_from_slice(&query);
    text(&mut request, "cursors");
    write_bool(&mut request, true);
    vec![query, batch, definition, keys, settings, request]
}

/// A change to bytes: at a place, in a way.
#[derive(Debug, Clone)]
enum Mutation {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Insert(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (at(), 0..8u8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        at().prop_map(Mutation::Remove),
        (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        at().prop_map(Mutation::Cut),
        (at(), at()).prop_map(|(from, to)| Mutation::Repeat(from, to)),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    if bytes.is_empty() {
        return;
    }
    let size = bytes.len();
    match mutation {
        Mutation::Set(at, byte) => bytes[at.index(size)] = *byte,
        Mutation::Flip(at, bit) => bytes[at.index(size)] ^= 1 << bit,
        Mutation::Remove(at) => drop(bytes.remove(at.index(size))),
        Mutation::Insert(at, byte) => bytes.insert(at.index(size), *byte),
        Mutation::Cut(at) => bytes.truncate(at.index(size)),
        Mutation::Repeat(from, to) => {
            let (from, to) = (from.index(size), to.index(size));
            let part = bytes[from.min(to)..from.max(to)].to_vec();
            bytes.splice(to..to, part);
        }
    }
}

const COUNTER: &str = "local n, v = 0, _home.t return function(...) n = n + 1 local a = v[1] return n, a and a.n, ... end";

fn fill(engine: &mut Engine) {
    engine.changes_configure(Some(&[0xa0])).unwrap();
    let options = CallOptions::default();
    let script = "_home.t = {} for i = 1, 20 do _home.t[i] = \
        {n = i * 17, list = {i, {deep = 'x'}}, a = {b = i % 3 == 0 and i or 'text' .. i}} end _home.single = 'one'";
    engine.lua_eval(script, &[0x80], &options).unwrap();
    let index = |fields: &[&str]| {
        let mut definition = Vec::new();
        write_map_head(&mut definition, 1);
        write_text(&mut definition, "fields");
        write_array_head(&mut definition, fields.len());
        fields
            .iter()
            .for_each(|field| write_text(&mut definition, field));
        definition
    };
    engine.indexes_create("t", &index(&["n"])).unwrap();
    engine
        .indexes_create("t", &index(&["a.b", "list"]))
        .unwrap();
    engine
        .functions_persist("t", "count", COUNTER, &CallOptions::default())
        .unwrap();
    let call = engine.functions_call("t", "count", &[0x80], &options);
    assert_eq!(call.unwrap()[..2], [0x82, 0x01]);
}

fn key_of(bytes: &[u8]) -> Key {
    match bytes {
        [0, rest @ ..] => Key::Bytes(rest.to_vec()),
        [1, rest @ ..] => {
            Key::Integer(rest.iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte)))
        }
        other => Key::Text(String::from_utf8_lossy(other).into_owned()),
    }
}

/// Calls every function that takes bytes or names. What each of them gives is not looked at, but for errors
/// that must have changed nothing.
fn call_everything(engine: &mut Engine, bytes: &[u8], expects: fn(&Error) -> bool) {
    let key = key_of(bytes);
    let name = String::from_utf8_lossy(bytes).into_owned();
    let options = CallOptions {
        instructions: Some(50_000),
        chunk_name: Some(name.clone()),
        ..CallOptions::default()
    };
    let range = ScanRange {
        start: Some(key.clone()),
        end: None,
        backward: bytes.len().is_multiple_of(2),
        limit: bytes.len() as u32 % 7,
    };
    type Call<'a> = Box<dyn Fn(&mut Engine) -> Result<(), Error> + 'a>;
    let calls: Vec<Call<'_>> = vec![
        Box::new(|e| e.documents_put("t", &key, bytes)),
        Box::new(|e| e.documents_put(&name, &Key::Integer(1), bytes)),
        Box::new(|e| e.documents_get("t", &key).map(drop)),
        Box::new(|e| e.documents_get_many("t", bytes).map(drop)),
        Box::new(|e| e.documents_get_many(&name, bytes).map(drop)),
        Box::new(|e| e.documents_scan("t", &range).map(drop)),
        Box::new(|e| e.documents_scan(&name, &range).map(drop)),
        Box::new(|e| e.documents_apply(bytes).map(drop)),
        Box::new(|e| e.documents_delete("t", &key).map(drop)),
        Box::new(|e| e.indexes_create("t", bytes).map(drop)),
        Box::new(|e| e.indexes_create(&name, bytes).map(drop)),
        Box::new(|e| e.indexes_list("t").map(drop)),
        Box::new(|e| e.indexes_list(&name).map(drop)),
        Box::new(|e| e.indexes_drop("t", &name).map(drop)),
        Box::new(|e| e.indexes_drop(&name, &name).map(drop)),
        Box::new(|e| e.queries_run(bytes).map(drop)),
        Box::new(|e| e.queries_count(bytes).map(drop)),
        Box::new(|e| e.queries_explain(bytes).map(drop)),
        Box::new(|e| e.lua_eval(&name, bytes, &options).map(drop)),
        Box::new(|e| {
            e.lua_eval("return _home.t[1], ...", bytes, &options)
                .map(drop)
        }),
        Box::new(|e| e.functions_call("t", "count", bytes, &options).map(drop)),
        Box::new(|e| e.functions_call(&name, &name, bytes, &options).map(drop)),
        Box::new(|e| e.functions_persist("t", &name, &name, &CallOptions::default())),
        Box::new(|e| e.functions_persist(&name, "f", COUNTER, &CallOptions::default())),
        Box::new(|e| e.functions_source(&name, &name).map(drop)),
        Box::new(|e| e.functions_list(Some(&name)).map(drop)),
        Box::new(|e| e.functions_delete("t", &name).map(drop)),
        Box::new(|e| e.tables_drop(&name).map(drop)),
        Box::new(|e| e.changes_read(bytes).map(drop)),
        Box::new(|e| e.changes_configure(Some(bytes))),
    ];
    for (number, call) in calls.iter().enumerate() {
        let before = engine.admin_digest();
        if let Err(error) = call(engine) {
            assert!(expects(&error), "call {number}: {error:?}");
            assert_eq!(engine.admin_digest(), before, "call {number}: {error:?}");
        }
    }
}

/// Errors that a sound store never gives.
fn is_no_damage(error: &Error) -> bool {
    !matches!(
        error,
        Error::Corrupt(_) | Error::Store(_) | Error::UnsupportedFormat(_)
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_give_a_result_or_an_error_that_changed_nothing(
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let store = MemoryStore::new();
        let mut engine = over(&store);
        fill(&mut engine);
        call_everything(&mut engine, &bytes, is_no_damage);
        check(&store);
    }

    #[test]
    fn nearly_valid_bytes_give_a_result_or_an_error_that_changed_nothing(
        which in 0..6usize,
        mutations in prop::collection::vec(mutation(), 0..4),
    ) {
        let store = MemoryStore::new();
        let mut engine = over(&store);
        fill(&mut engine);
        let mut bytes = valid().swap_remove(which);
        mutations.iter().for_each(|mutation| mutate(&mut bytes, mutation));
        call_everything(&mut engine, &bytes, is_no_damage);
        check(&store);
    }

    #[test]
    fn a_damaged_store_gives_results_or_errors(
        damage in prop::collection::vec((any::<prop::sample::Index>(), mutation(), any::<bool>()), 1..4),
    ) {
        let store = MemoryStore::new();
        fill(&mut over(&store));
        let mut transaction = Transaction::new(store.open().unwrap());
        let mut all = Vec::new();
        let mut cursor = Cursor::new(Vec::new(), Vec::new(), Direction::Forward);
        while let Some((key, value)) = cursor.next(&transaction).unwrap() {
            all.push((key.to_vec(), value.to_vec()));
        }
        for (which, mutation, in_key) in &damage {
            let (mut key, mut value) = all[which.index(all.len())].clone();
            if *in_key {
                transaction.delete(&key).unwrap();
                mutate(&mut key, mutation);
            } else {
                mutate(&mut value, mutation);
            }
            transaction.put(&key, &value).unwrap();
        }
        transaction.commit().unwrap();
        let mut engine = over(&store);
        let options = CallOptions { instructions: Some(200_000), ..CallOptions::default() };
        for bytes in valid() {
            call_everything(&mut engine, &bytes, |_| true);
        }
        let _ = engine.admin_stats();
        let _ = engine.tables_list();
        let _ = engine.functions_list(None);
        for script in [
            "local n = 0 local function see(t) for k, v in pairs(t) do n = n + 1 \
             if type(v) == 'table' then see(v) local _ = #v, tostring(v) end end end see(_home) return n",
            "for k, v in pairs(_home.t) do if type(v) == 'table' then v.n = 5 v.list[1] = {} v.list[9] = 1 v.a = nil end end",
            "return _home",
            "table.sort(_home.t, function() return false end) return table.concat(_home.t[1].list, ',')",
            "_home.u = _home.t _home.t[1] = nil _home.t = nil",
        ] {
            let _ = engine.lua_eval(script, &[0x80], &options);
        }
        let _ = engine.tables_drop("t");
    }
}
