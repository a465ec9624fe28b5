//! The typed API on the real component.

use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use cu_db::{
    Batch, CallOptions, Condition, Database, Durability, Error, Index, Key, Query, Value, field,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct City {
    name: String,
    country: String,
    population: u64,
    location: (f64, f64),
}

fn city(name: &str, country: &str, population: u64) -> City {
    City {
        name: name.to_owned(),
        country: country.to_owned(),
        population,
        location: (1.0, -0.5),
    }
}

fn cities() -> Database {
    let database = Database::in_memory().unwrap();
    let mut batch = Batch::new();
    for (number, (name, country, population)) in (1..).zip([
        ("Wellington", "NZ", 215_400),
        ("Auckland", "NZ", 1_440_300),
        ("Apia", "WS", 37_391),
    ]) {
        batch
            .put("cities", number, &city(name, country, population))
            .unwrap();
    }
    database.apply(&batch).unwrap();
    database
}

#[test]
fn integers_of_128_bits_come_back_as_they_were_put() {
    let database = Database::in_memory().unwrap();
    for (key, integer) in (1..).zip([i128::MAX, i128::MIN, i128::from(i64::MIN) - 1, 1 << 64, -7]) {
        database.put("t", key, &integer).unwrap();
        assert_eq!(database.get::<i128>("t", key).unwrap(), Some(integer));
    }
    let product: i128 = database
        .eval("local a, b = ...  return a * b", (1i128 << 64, -3))
        .unwrap();
    assert_eq!(product, -3 << 64);
}

#[test]
fn documents_come_back_as_they_were_put() {
    let database = cities();
    let apia: Option<City> = database.get("cities", 3).unwrap();
    assert_eq!(apia, Some(city("Apia", "WS", 37_391)));
    assert_eq!(database.get::<City>("cities", 4).unwrap(), None);
    let many: Vec<Option<City>> = database.get_many("cities", [2, 9, 1]).unwrap();
    let names: Vec<_> = many
        .iter()
        .map(|city| city.as_ref().map(|city| city.name.as_str()))
        .collect();
    assert_eq!(names, [Some("Auckland"), None, Some("Wellington")]);
    assert!(database.delete("cities", 3).unwrap());
    assert!(!database.delete("cities", 3).unwrap());
    assert!(!database.delete("nowhere", 3).unwrap());
}

#[test]
fn keys_of_every_kind_are_kept_apart() {
    let database = Database::in_memory().unwrap();
    for key in [Key::Integer(1), "1".into(), Key::Bytes(vec![0xff, 0])] {
        database.put("keys", &key, &key).unwrap();
    }
    let rows: Vec<(Key, Key)> = database.scan("keys", ..).collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|(key, value)| key == value));
}

#[test]
fn a_batch_takes_place_as_a_whole_or_not_at_all() {
    let database = cities();
    let mut batch = Batch::new();
    batch
        .delete("cities", 1)
        .put("cities", 5, &1)
        .unwrap()
        .put("cities", "", &2)
        .unwrap();
    let error = database.apply(&batch).unwrap_err();
    assert_eq!(error.code(), "invalid-argument");
    assert!(
        error.place().unwrap().starts_with("[2]"),
        "{:?}",
        error.place()
    );
    assert!(database.get::<City>("cities", 1).unwrap().is_some());
    assert_eq!(database.get::<Value>("cities", 5).unwrap(), None);

    batch.clear();
    batch
        .get("cities", 3)
        .delete("cities", 3)
        .get("cities", 3)
        .delete("cities", 3);
    let results = database.apply(&batch).unwrap();
    assert!(results[0].is_map());
    assert_eq!(
        results[1..],
        [Value::Bool(true), Value::Null, Value::Bool(false)]
    );
    assert!(database.apply(&Batch::new()).unwrap().is_empty());
}

#[test]
fn queries_find_with_and_without_an_index() {
    let database = cities();
    let query = Query::table("cities")
        .filter(field("country").eq("NZ"))
        .sort_descending("population");
    let names = |query: &Query| -> Vec<String> {
        let rows: Vec<(Key, City)> = database.query(query).unwrap();
        rows.into_iter().map(|(_, city)| city.name).collect()
    };
    assert_eq!(names(&query), ["Auckland", "Wellington"]);
    let index = database
        .create_index("cities", &Index::on(["country"]))
        .unwrap();
    assert_eq!((index.name.as_str(), index.entries), ("country", 3));
    assert_eq!(
        database
            .create_index("cities", &Index::on(["country"]))
            .unwrap(),
        index
    );
    assert_eq!(names(&query), ["Auckland", "Wellington"]);
    assert_eq!(names(&query.clone().offset(1).limit(1)), ["Wellington"]);
    assert_eq!(database.count(&query).unwrap(), 2);
    let explained: cu_db::Value = database.explain(&query).unwrap();
    let members = explained.into_map().unwrap();
    assert!(
        members.contains(&("access".into(), "index".into())),
        "{members:?}"
    );
    assert_eq!(database.indexes("cities").unwrap(), [index]);
    assert!(database.drop_index("cities", "country").unwrap());
    assert!(!database.drop_index("cities", "country").unwrap());
}

#[test]
fn every_operator_can_be_written() {
    let database = cities();
    let count = |condition: Condition| {
        database
            .count(&Query::table("cities").filter(condition))
            .unwrap()
    };
    assert_eq!(count(field("country").ne("NZ")), 1);
    assert_eq!(count(field("population").lt(215_400)), 1);
    assert_eq!(count(field("population").le(215_400)), 2);
    assert_eq!(count(field("population").gt(215_400)), 1);
    assert_eq!(count(field("population").ge(215_400)), 2);
    assert_eq!(count(field("population").between(37_391, 215_400)), 2);
    assert_eq!(count(field("country").is_in(["WS", "FJ"])), 1);
    assert_eq!(count(field("name").contains("land")), 1);
    assert_eq!(count(field("name").starts_with("A")), 2);
    assert_eq!(count(field("name").ends_with("a")), 1);
    assert_eq!(
        count(field(cu_db::Path::parts(["location".into(), 2.into()])).eq(-0.5)),
        3
    );
    assert_eq!(count(!field("country").eq("NZ")), 1);
    assert_eq!(
        count(
            field("country")
                .eq("NZ")
                .and(field("name").starts_with("A"))
        ),
        1
    );
    assert_eq!(
        count(field("country").eq("WS").or(field("name").starts_with("W"))),
        2
    );
    assert_eq!(count(Condition::all([])), 3);
    assert_eq!(count(Condition::any([])), 0);
}

#[test]
fn scans_respect_every_kind_of_bound() {
    let database = Database::in_memory().unwrap();
    let mut batch = Batch::new();
    for number in 0..2_500 {
        batch.put("numbers", number, &number).unwrap();
    }
    for text in ["a", "b", "c"] {
        batch.put("numbers", text, &text).unwrap();
    }
    database.apply(&batch).unwrap();
    let keys =
        |scan: cu_db::Scan<'_, Value>| -> Vec<Key> { scan.map(|row| row.unwrap().0).collect() };
    let integers = |range: std::ops::Range<i64>| range.map(Key::Integer).collect::<Vec<_>>();

    assert_eq!(keys(database.scan("numbers", ..)).len(), 2_503);
    assert_eq!(
        keys(database.scan("numbers", Key::from(10)..Key::from(12))),
        integers(10..12)
    );
    assert_eq!(
        keys(database.scan("numbers", Key::from(10)..=Key::from(12))),
        integers(10..13)
    );
    assert_eq!(
        keys(database.scan("numbers", Key::from("a")..=Key::from("b"))),
        [Key::from("a"), "b".into()]
    );
    let after = (
        std::ops::Bound::Excluded(Key::from(2_499)),
        std::ops::Bound::Unbounded,
    );
    assert_eq!(
        keys(database.scan("numbers", after)),
        [Key::from("a"), "b".into(), "c".into()]
    );
    let mut backward = keys(database.scan_backward("numbers", ..=Key::from("a")));
    backward.reverse();
    assert_eq!(backward[..2_500], integers(0..2_500));
    assert_eq!(backward[2_500..], [Key::from("a")]);
}

#[test]
fn errors_have_a_code_and_a_sentence() {
    let database = cities();
    let query = Query::table("nowhere");
    assert_eq!(
        database.query::<Value>(&query).unwrap_err().code(),
        "unknown-table"
    );
    let condition = Condition::from_value(Value::Map(vec![("field".into(), "name".into())]));
    let error = database
        .count(&Query::table("cities").filter(condition))
        .unwrap_err();
    assert_eq!(error.code(), "invalid-query");
    assert!(error.place().unwrap().starts_with("where"), "{error}");
    assert_eq!(
        database.put("cities", 1, &()).unwrap_err().code(),
        "invalid-value"
    );
    assert_eq!(
        database.put("a/b", 1, &1).unwrap_err().code(),
        "invalid-argument"
    );
    assert!(matches!(
        database.get::<u8>("cities", 1),
        Err(Error::Decode(_))
    ));
}

#[test]
fn a_closed_database_can_be_opened_again_with_everything_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let database = Database::open(&path).unwrap();
    database
        .put("cities", 1, &city("Apia", "WS", 37_391))
        .unwrap();
    database
        .create_index("cities", &Index::on(["country"]))
        .unwrap();
    let (digest, stats) = (database.digest().unwrap(), database.stats().unwrap());
    assert!(matches!(Database::open(&path), Err(Error::Open(_))));
    database.verify().unwrap();
    assert!(database.size_on_disk().unwrap() > 0);
    database.close().unwrap();

    let database = Database::builder().read_only(true).open(&path).unwrap();
    assert_eq!(
        (database.digest().unwrap(), database.stats().unwrap()),
        (digest, stats)
    );
    assert_eq!(
        database.put("cities", 2, &1).unwrap_err().code(),
        "store-read-only"
    );
    assert_eq!(database.digest().unwrap(), digest);
}

#[test]
fn equal_states_have_equal_digests_in_memory_and_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Database::builder()
        .durability(Durability::Relaxed)
        .open(directory.path().join("database"))
        .unwrap();
    let memory = Database::in_memory().unwrap();
    for database in [&disk, &memory] {
        database.put("t", "a", &1).unwrap();
        database.put("t", "b", &2).unwrap();
        database.delete("t", "a").unwrap();
    }
    assert_eq!(disk.digest().unwrap(), memory.digest().unwrap());
}

#[test]
fn calls_from_many_threads_wait_for_each_other() {
    let database = Arc::new(Database::in_memory().unwrap());
    let barrier = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let (database, barrier) = (Arc::clone(&database), Arc::clone(&barrier));
            thread::spawn(move || {
                barrier.wait();
                for number in 0..50 {
                    database
                        .put("numbers", thread * 1_000 + number, &number)
                        .unwrap();
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert_eq!(database.count(&Query::table("numbers")).unwrap(), 200);
}

#[test]
fn lua_takes_and_returns_rust_values() {
    let database = cities();
    let sum: i64 = database
        .eval("local a, b = ... return a + b", (40, 2))
        .unwrap();
    assert_eq!(sum, 42);
    let found: City = database.eval("return _home.cities[2]", ()).unwrap();
    assert_eq!(found, city("Auckland", "NZ", 1_440_300));
    let nothing: Option<i64> = database.eval("local x = 1", ()).unwrap();
    assert_eq!(nothing, None);
    let options = CallOptions::default();
    let all = database
        .eval_all("return 1, 1.5, 'x', nil", (), &options)
        .unwrap();
    assert_eq!(all, [1.into(), 1.5.into(), "x".into(), Value::Null]);
}

#[test]
fn a_failing_script_tells_where_and_changes_nothing() {
    let database = cities();
    let digest = database.digest().unwrap();
    let error = database
        .eval::<()>("_home.cities[1] = nil\nerror('no more')", ())
        .unwrap_err();
    assert_eq!(error.code(), "script");
    assert!(error.to_string().contains("eval:2: no more"), "{error}");
    assert!(error.traceback().is_some());
    assert_eq!(
        database.eval::<()>("return +", ()).unwrap_err().code(),
        "syntax"
    );
    assert_eq!(database.digest().unwrap(), digest);
}

#[test]
fn globals_are_kept_only_for_those_who_ask() {
    let database = Database::in_memory().unwrap();
    let keep = CallOptions::default().keep_globals(true);
    database.eval_with::<()>("x = 7", (), &keep).unwrap();
    assert_eq!(
        database
            .eval_with::<Option<i64>>("return x", (), &keep)
            .unwrap(),
        Some(7)
    );
    assert_eq!(database.eval::<Option<i64>>("return x", ()).unwrap(), None);
}

#[test]
fn functions_remember_across_openings() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let database = Database::open(&path).unwrap();
    let source = "local n = 0 return function(by) n = n + by return n end";
    database
        .persist_function("counters", "next", source)
        .unwrap();
    assert_eq!(
        database
            .call_function::<i64>("counters", "next", (2,))
            .unwrap(),
        2
    );
    database.close().unwrap();
    let database = Database::open(&path).unwrap();
    assert_eq!(
        database
            .call_function::<i64>("counters", "next", (3,))
            .unwrap(),
        5
    );
    let functions = database.functions(None).unwrap();
    assert_eq!(functions.len(), 1);
    assert_eq!(functions[0].upvalues, ["n"]);
    assert_eq!(
        database
            .function_source("counters", "next")
            .unwrap()
            .as_deref(),
        Some(source)
    );
    assert!(database.delete_function("counters", "next").unwrap());
    let error = database
        .call_function::<i64>("counters", "next", (3,))
        .unwrap_err();
    assert_eq!(error.code(), "unknown-function");
}

#[test]
fn print_reaches_the_caller_even_from_a_call_that_fails() {
    let printed = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&printed);
    let database = Database::builder()
        .on_print(move |text| sink.lock().unwrap().extend_from_slice(text))
        .in_memory()
        .unwrap();
    database.eval::<()>("print('one', 2)", ()).unwrap();
    database
        .eval::<()>("print('three') error('x')", ())
        .unwrap_err();
    assert_eq!(*printed.lock().unwrap(), b"one\t2\nthree\n");
}

#[test]
fn a_call_that_takes_too_long_ends_and_changes_nothing() {
    let database = Database::builder()
        .time_limit(Duration::from_millis(100))
        .in_memory()
        .unwrap();
    database.put("t", 1, &1).unwrap();
    let digest = database.digest().unwrap();
    let endless = "_home.t[1] = 2 while true do end";
    let options = CallOptions::default().instructions(1_000_000_000_000_000);
    match database.eval_with::<()>(endless, (), &options).unwrap_err() {
        Error::LimitExceeded(excess) => {
            assert_eq!(excess.limit, cu_db::Limit::WallClock);
            assert_eq!(excess.maximum, 100);
        }
        other => panic!("{other}"),
    }
    // The next call runs on a new instance.
    assert_eq!(database.eval::<i64>("return 1", ()).unwrap(), 1);
    assert_eq!(database.digest().unwrap(), digest);
}

#[test]
fn an_instance_that_needs_too_much_memory_is_replaced() {
    let database = Database::builder()
        .memory_limit(24 << 20)
        .in_memory()
        .unwrap();
    database.put("t", 1, &1).unwrap();
    let large = "x".repeat(30 << 20);
    match database.put("t", 2, &large).unwrap_err() {
        Error::LimitExceeded(excess) => assert_eq!(excess.limit, cu_db::Limit::Memory),
        other => panic!("{other}"),
    }
    assert_eq!(database.get::<i64>("t", 1).unwrap(), Some(1));
    assert_eq!(database.get::<Value>("t", 2).unwrap(), None);
}

#[test]
fn what_is_no_component_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("component.wasm");
    let open = || Database::builder().component(&path).in_memory();
    assert_eq!(open().err().unwrap().code(), "component");
    std::fs::write(&path, b"\0asm nonsense").unwrap();
    assert_eq!(open().err().unwrap().code(), "component");
}

#[test]
fn an_idle_component_takes_less_than_1_8_megabytes() -> Result<(), Error> {
    let database = Database::in_memory()?;
    assert_eq!(database.component_memory(), 0);
    let sum: i64 = database.eval("local a, b = ... return a + b", (1, 2))?;
    assert_eq!(sum, 3);
    let idle = database.component_memory();
    assert!(idle > 1 << 16 && idle < 1_800_000, "{idle}");

    let options = CallOptions::default().memory(512 << 10);
    let script = "local t = {} for i = 1, 2000 do t[i] = {n = i} end return #t";
    let count: i64 = database.eval_with(script, (), &options)?;
    assert_eq!(count, 2000);
    Ok(())
}

#[test]
fn a_call_that_the_guest_ends_leaves_its_instance_as_it_was() -> Result<(), Error> {
    let database = Database::in_memory()?;
    let keep = CallOptions::default().keep_globals(true);
    database.eval_with::<()>("kept = 1", (), &keep)?;
    let short = CallOptions::default().wall_clock(Duration::from_millis(20));
    let error = database
        .eval_with::<()>("while true do end", (), &short)
        .expect_err("it has no end");
    assert_eq!(error.limit(), Some(("wall-clock", 20)));
    let kept: i64 = database.eval_with("return kept", (), &keep)?;
    assert_eq!(kept, 1, "what a trap would have taken away");
    Ok(())
}
