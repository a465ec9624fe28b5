//! Transactions of Lua inside each other, at random, against a model.

mod common;

use std::collections::BTreeMap;
use std::fmt::Write;

use common::{check, over};
use cu_guest::CallOptions;
use cu_guest::store::MemoryStore;
use cu_guest::value::{Item, elements, entries};
use proptest::prelude::*;

/// Two counters: a variable, and a table in one.
const COUNTERS: &str = "local n, list = 0, {0} _home.tools = {} \
    function _home.tools.bump(which) if which == 0 then n = n + 1 return n end list[1] = list[1] + 1 return list[1] end \
    function _home.tools.both() return {n, list[1]} end \
    _home.tools.made = function() return -1 end _home.t = {}";

#[derive(Debug, Clone)]
enum Step {
    Put(u8, u8),
    Delete(u8),
    /// Calls a persisted function that counts.
    Bump(u8),
    /// Persists a function in place of another.
    Make(u8),
    /// Changes all documents by a query.
    Update(u8),
    /// Steps in a transaction, and whether it fails behind them.
    Nested(Vec<Step>, bool),
    /// Steps in a function that fails behind them, which is caught.
    Caught(Vec<Step>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..6u8, any::<u8>()).prop_map(|(key, value)| Step::Put(key, value)),
        (0..6u8).prop_map(Step::Delete),
        (0..2u8).prop_map(Step::Bump),
        any::<u8>().prop_map(Step::Make),
        any::<u8>().prop_map(Step::Update),
    ];
    let step = step.prop_recursive(4, 48, 6, |inner| {
        let steps = prop::collection::vec(inner, 0..6);
        prop_oneof![
            3 => (steps.clone(), any::<bool>()).prop_map(|(steps, fails)| Step::Nested(steps, fails)),
            1 => steps.prop_map(Step::Caught),
        ]
    });
    prop::collection::vec(step, 1..8)
}

/// What the database holds, and what was seen of it on the way.
#[derive(Debug, Clone, Default)]
struct Model {
    documents: BTreeMap<u8, i64>,
    counters: [i64; 2],
    made: i64,
    log: Vec<i64>,
}

impl Model {
    fn run(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Put(key, value) => {
                    self.documents.insert(*key, i64::from(*value));
                }
                Step::Delete(key) => {
                    self.documents.remove(key);
                }
                Step::Bump(which) => {
                    let counter = &mut self.counters[usize::from(*which)];
                    *counter += 1;
                    self.log.push(*counter);
                }
                Step::Make(value) => {
                    self.made = i64::from(*value);
                    self.log.push(self.made);
                }
                Step::Update(least) => {
                    let least = i64::from(*least);
                    let mut all = self.documents.values_mut().filter(|n| **n > least);
                    all.by_ref().for_each(|n| *n += 1);
                    let sum = self.documents.values().sum();
                    self.log.push(sum);
                }
                Step::Nested(steps, fails) => {
                    let before = self.clone();
                    self.run(steps);
                    if *fails {
                        // What the script itself has noted stays.
                        let log = std::mem::take(&mut self.log);
                        *self = Model { log, ..before };
                    }
                }
                Step::Caught(steps) => self.run(steps),
            }
        }
    }
}

fn write(steps: &[Step], out: &mut String) {
    for step in steps {
        match step {
            Step::Put(key, value) => write!(out, "_home.t[{key}] = {{n = {value}}} "),
            Step::Delete(key) => write!(out, "_home.t[{key}] = nil "),
            Step::Bump(which) => write!(out, "log[#log + 1] = _home.tools.bump({which}) "),
            Step::Make(value) => write!(
                out,
                "do local v = {value} _home.tools.made = function() return v end log[#log + 1] = _home.tools.made() end "
            ),
            Step::Update(least) => write!(
                out,
                "db.t:update{{where = {{field = 'n', op = '>', value = {least}}}, changes = {{{{op = 'increment', field = 'n', value = 1}}}}}} \
                 do local sum = 0 for _, d in pairs(_home.t) do sum = sum + d.n end log[#log + 1] = sum end "
            ),
            Step::Nested(steps, fails) => {
                out.push_str("pcall(transaction, function() ");
                write(steps, out);
                out.push_str(if *fails { "error('x') end) " } else { "end) " });
                Ok(())
            }
            Step::Caught(steps) => {
                out.push_str("pcall(function() ");
                write(steps, out);
                out.push_str("error('x') end) ");
                Ok(())
            }
        }
        .unwrap();
    }
}

fn ints(list: &[u8]) -> Vec<i64> {
    elements(list)
        .map(|value| match Item::of(value) {
            Item::Int(int) => int,
            other => panic!("{other:?} is no integer"),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn transactions_inside_each_other_take_back_their_own_parts(calls in prop::collection::vec(steps(), 1..4)) {
        let store = MemoryStore::new();
        let mut engine = over(&store);
        let options = CallOptions::default();
        engine.lua_eval(COUNTERS, &[0x80], &options).unwrap();
        let mut model = Model { made: -1, ..Model::default() };
        for (number, steps) in calls.iter().enumerate() {
            let mut source = "local log = {} ".to_string();
            write(steps, &mut source);
            source.push_str("local all = map{} for k, d in pairs(_home.t) do all[k] = d.n end \
                             return list(log), all, _home.tools.both(), _home.tools.made()");
            let result = engine.lua_eval(&source, &[0x80], &options).unwrap();
            model.log.clear();
            model.run(steps);
            let results: Vec<&[u8]> = elements(&result).collect();
            prop_assert_eq!(ints(results[0]), model.log.clone());
            let documents: BTreeMap<u8, i64> = entries(results[1])
                .map(|(key, value)| match (Item::of(key), Item::of(value)) {
                    (Item::Int(key), Item::Int(n)) => (u8::try_from(key).unwrap(), n),
                    other => panic!("{other:?}"),
                })
                .collect();
            prop_assert_eq!(&documents, &model.documents);
            prop_assert_eq!(ints(results[2]), model.counters.to_vec());
            prop_assert_eq!(Item::of(results[3]), Item::Int(model.made));
            check(&store);
            if number % 2 == 0 {
                engine = over(&store);
            }
        }
        let result = engine.lua_eval("return _home.tools.both(), _home.tools.made()", &[0x80], &options).unwrap();
        let results: Vec<&[u8]> = elements(&result).collect();
        prop_assert_eq!(ints(results[0]), model.counters.to_vec());
        prop_assert_eq!(Item::of(results[1]), Item::Int(model.made));
    }
}
