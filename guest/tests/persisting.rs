//! Closures that are persisted, shared, called, given up and rolled back at random do what plain Lua semantics say,
//! over new instances too, and the store never holds more or less than they need.
//!
//! `PERSISTING_CASES` says how many programs are tried; a few by default.

mod common;

use std::collections::BTreeSet;
use std::fmt::Write;

use common::{check, over};
use cu_guest::store::MemoryStore;
use cu_guest::value::{Item, elements, write_array_head, write_int};
use cu_guest::{CallOptions, Engine, Key};
use proptest::prelude::*;

/// Where a closure may be: variables of the program, globals of the session, places in the store.
const SPOTS: [&str; 11] = [
    "l0",
    "l1",
    "l2",
    "g0",
    "g1",
    "_home.f0",
    "_home.f1",
    "_home.t.f0",
    "_home.t.f1",
    "_home.t.d.f0",
    "_home.t.d.inner.f1",
];
const GLOBALS: std::ops::Range<usize> = 3..5;
const PLACES: std::ops::Range<usize> = 5..11;

/// How the host names a place.
fn name_of(place: usize) -> (&'static str, &'static str) {
    match SPOTS[place].strip_prefix("_home.t.") {
        Some(name) => ("t", name),
        None => ("_home", &SPOTS[place]["_home.".len()..]),
    }
}

/// What a program does, one after the other.
#[derive(Debug, Clone)]
enum Operation {
    /// Two closures over a new variable.
    Counters(usize, usize, i64),
    /// Two closures over a new table.
    Boxes(usize, usize, i64),
    /// A closure that gives closures over its own variable.
    Factory(usize, i64),
    /// A closure that calls what its variable holds.
    Holder(usize),
    Copy(usize, usize),
    Clear(usize),
    Call(usize, i64),
    /// A call whose effects stay, in a function that fails.
    Caught(usize, i64),
    /// What a call gives, if it is a closure.
    Take(usize, usize),
    /// Gives a holder another closure, or nothing.
    Hold(usize, usize),
    Same(usize, usize),
}

#[derive(Debug, Clone)]
enum Step {
    Program {
        operations: Vec<Operation>,
        keeps: bool,
        fails: bool,
        in_coroutine: bool,
    },
    HostCall(usize, i64),
    HostDelete(usize),
    HostPut(usize),
    HostDrop,
    Reopen,
}

fn operation() -> impl Strategy<Value = Operation> {
    let spot = || 0..SPOTS.len();
    let number = || 1..9i64;
    prop_oneof![
        2 => (spot(), spot(), number()).prop_map(|(a, b, n)| Operation::Counters(a, b, n)),
        1 => (spot(), spot(), number()).prop_map(|(a, b, n)| Operation::Boxes(a, b, n)),
        1 => (spot(), number()).prop_map(|(a, n)| Operation::Factory(a, n)),
        2 => spot().prop_map(Operation::Holder),
        4 => (spot(), spot()).prop_map(|(a, b)| Operation::Copy(a, b)),
        2 => spot().prop_map(Operation::Clear),
        4 => (spot(), number()).prop_map(|(a, n)| Operation::Call(a, n)),
        1 => (spot(), number()).prop_map(|(a, n)| Operation::Caught(a, n)),
        1 => (spot(), spot()).prop_map(|(a, b)| Operation::Take(a, b)),
        3 => (spot(), spot()).prop_map(|(a, b)| Operation::Hold(a, b)),
        1 => (spot(), spot()).prop_map(|(a, b)| Operation::Same(a, b)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let program = (
        prop::collection::vec(operation(), 1..7),
        any::<bool>(),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.1),
    );
    prop_oneof![
        10 => program.prop_map(|(operations, keeps, fails, in_coroutine)| {
            Step::Program { operations, keeps, fails, in_coroutine }
        }),
        3 => (PLACES, 1..9i64).prop_map(|(place, n)| Step::HostCall(place, n)),
        1 => PLACES.prop_map(Step::HostDelete),
        1 => PLACES.prop_map(Step::HostPut),
        1 => Just(Step::HostDrop),
        2 => Just(Step::Reopen),
    ]
}

/// What stands before each program.
const PRELUDE: &str = "\
local l0, l1, l2
local out = {}
local function fn(x) if type(x) == 'function' then return x end end
local function say(x) if type(x) == 'function' then x = -3 end out[#out + 1] = x end
local function call(f, ...) if fn(f) then return f(...) end return -4 end
if type(_home.t) ~= 'table' then _home.t = {} end
if type(_home.t.d) ~= 'table' then _home.t.d = {inner = {}} end
";

fn write_operation(operation: &Operation, out: &mut String) {
    let s = |spot: &usize| SPOTS[*spot];
    let done = match operation {
        Operation::Counters(a, b, n) => write!(
            out,
            "do local v = {n} {} = function(d) v = v + d return v end {} = function(d) v = v - d return v end end",
            s(a),
            s(b)
        ),
        Operation::Boxes(a, b, n) => write!(
            out,
            "do local t = {{n = {n}, list = {{}}}} t.me = t \
             {} = function(d) t.n = t.n + d t.list[1] = t.n return t.n end {} = function(d) t.me.n = t.n - d return t.n end end",
            s(a),
            s(b)
        ),
        Operation::Factory(a, n) => write!(
            out,
            "do local v = {n} {} = function(d) v = v + d return function(d) v = v + d return v end end end",
            s(a)
        ),
        Operation::Holder(a) => write!(
            out,
            "do local h {} = function(d, set, depth) \
             if set ~= nil then h = set or nil return -1 end \
             if not h or (depth or 0) > 3 then return -2 end \
             return h(d, nil, (depth or 0) + 1) end end",
            s(a)
        ),
        Operation::Copy(from, to) => write!(out, "{} = fn({})", s(to), s(from)),
        Operation::Clear(a) => write!(out, "{} = nil", s(a)),
        Operation::Call(a, n) => write!(out, "say(call({}, {n}))", s(a)),
        Operation::Caught(a, n) => {
            write!(
                out,
                "pcall(function() say(call({}, {n})) error('caught') end)",
                s(a)
            )
        }
        Operation::Take(from, to) => write!(
            out,
            "do local made = fn(call({}, 1)) if made then {} = made end end",
            s(from),
            s(to)
        ),
        Operation::Hold(holder, held) => {
            write!(out, "say(call({}, 1, fn({}) or false))", s(holder), s(held))
        }
        Operation::Same(a, b) => write!(out, "say(fn({}) == fn({}) and 1 or 0)", s(a), s(b)),
    };
    done.expect("a text grows");
    out.push('\n');
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Content {
    Number(i64),
    Closure(Option<usize>),
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Adds to its variable so many times what it is given.
    Counter(i64),
    Factory,
    Holder,
}

/// Closures and variables as plain Lua has them.
#[derive(Debug, Clone, Default)]
struct Model {
    cells: Vec<Content>,
    closures: Vec<(Kind, usize)>,
    spots: [Option<usize>; SPOTS.len()],
}

impl Model {
    fn closure(&mut self, kind: Kind, cell: usize, spot: usize) {
        self.closures.push((kind, cell));
        self.spots[spot] = Some(self.closures.len() - 1);
    }

    fn cell(&mut self, content: Content) -> usize {
        self.cells.push(content);
        self.cells.len() - 1
    }

    fn add(&mut self, cell: usize, by: i64) -> i64 {
        match &mut self.cells[cell] {
            Content::Number(number) => {
                *number += by;
                *number
            }
            Content::Closure(_) => unreachable!("counters have numbers"),
        }
    }

    /// What a call gives: a number, or a closure.
    fn call(&mut self, closure: usize, by: i64, set: Option<Option<usize>>, depth: i32) -> Content {
        let (kind, cell) = self.closures[closure];
        match kind {
            Kind::Counter(factor) => Content::Number(self.add(cell, by * factor)),
            Kind::Factory => {
                self.add(cell, by);
                self.closures.push((Kind::Counter(1), cell));
                Content::Closure(Some(self.closures.len() - 1))
            }
            Kind::Holder => match (set, self.cells[cell]) {
                (Some(held), _) => {
                    self.cells[cell] = Content::Closure(held);
                    Content::Number(-1)
                }
                (None, Content::Closure(Some(held))) if depth <= 3 => {
                    self.call(held, by, None, depth + 1)
                }
                _ => Content::Number(-2),
            },
        }
    }

    fn call_spot(&mut self, spot: usize, by: i64, set: Option<Option<usize>>) -> Content {
        match self.spots[spot] {
            Some(closure) => self.call(closure, by, set, 0),
            None => Content::Number(-4),
        }
    }

    fn run(&mut self, operation: &Operation, out: &mut Vec<i64>) {
        let say = |content| match content {
            Content::Number(number) => number,
            Content::Closure(_) => -3,
        };
        match operation {
            Operation::Counters(a, b, n) | Operation::Boxes(a, b, n) => {
                let cell = self.cell(Content::Number(*n));
                self.closure(Kind::Counter(1), cell, *a);
                self.closure(Kind::Counter(-1), cell, *b);
            }
            Operation::Factory(a, n) => {
                let cell = self.cell(Content::Number(*n));
                self.closure(Kind::Factory, cell, *a);
            }
            Operation::Holder(a) => {
                let cell = self.cell(Content::Closure(None));
                self.closure(Kind::Holder, cell, *a);
            }
            Operation::Copy(from, to) => self.spots[*to] = self.spots[*from],
            Operation::Clear(a) => self.spots[*a] = None,
            Operation::Call(a, n) | Operation::Caught(a, n) => {
                let given = self.call_spot(*a, *n, None);
                out.push(say(given));
            }
            Operation::Take(from, to) => {
                if let Content::Closure(made) = self.call_spot(*from, 1, None) {
                    self.spots[*to] = made;
                }
            }
            Operation::Hold(holder, held) => {
                let held = self.spots[*held];
                let given = self.call_spot(*holder, 1, Some(held));
                out.push(say(given));
            }
            Operation::Same(a, b) => out.push(i64::from(self.spots[*a] == self.spots[*b])),
        }
    }

    /// The variables that documents lead to.
    fn persisted(&self) -> BTreeSet<usize> {
        let mut cells = BTreeSet::new();
        let mut waiting: Vec<usize> = PLACES.filter_map(|place| self.spots[place]).collect();
        while let Some(closure) = waiting.pop() {
            let cell = self.closures[closure].1;
            if cells.insert(cell)
                && let Content::Closure(Some(held)) = self.cells[cell]
            {
                waiting.push(held);
            }
        }
        cells
    }

    /// What a call has done is undone in the store, and in what the store has of variables. Whatever else a session
    /// holds is as the call left it.
    fn roll_back(&mut self, before: &Model) {
        for cell in before.persisted() {
            self.cells[cell] = before.cells[cell];
        }
        self.spots[PLACES].copy_from_slice(&before.spots[PLACES]);
    }
}

struct World {
    store: MemoryStore,
    engine: Engine,
    model: Model,
}

impl World {
    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        // A session learns at its next call what a failed call has not changed after all. What the store has lost until
        // then is as the failed call left it: the one thing in which this is not plain Lua.
        if matches!(
            step,
            Step::HostDelete(_) | Step::HostPut(_) | Step::HostDrop
        ) {
            let options = CallOptions {
                keep_globals: true,
                ..CallOptions::default()
            };
            self.engine.lua_eval("", &[0x80], &options).unwrap();
        }
        match step {
            Step::Program {
                operations,
                keeps,
                fails,
                in_coroutine,
            } => {
                self.program(operations, *keeps, *fails, *in_coroutine)?;
            }
            Step::HostCall(place, n) => {
                let (table, name) = name_of(*place);
                let mut arguments = Vec::new();
                write_array_head(&mut arguments, 1);
                write_int(&mut arguments, *n);
                let options = CallOptions::default();
                let given = self
                    .engine
                    .functions_call(table, name, &arguments, &options);
                let before = self.model.clone();
                match self.model.spots[*place] {
                    None => prop_assert!(given.is_err()),
                    Some(closure) => match self.model.call(closure, *n, None, 0) {
                        Content::Number(number) => {
                            prop_assert_eq!(numbers(&given.unwrap()), [number])
                        }
                        // A closure can't be returned.
                        Content::Closure(_) => {
                            prop_assert!(given.is_err());
                            self.model.roll_back(&before);
                        }
                    },
                }
            }
            Step::HostDelete(place) => {
                let (table, name) = name_of(*place);
                let deleted = self.engine.functions_delete(table, name).unwrap();
                prop_assert_eq!(deleted, self.model.spots[*place].take().is_some());
            }
            Step::HostPut(place) => {
                let (table, name) = name_of(*place);
                if !name.contains('.') {
                    let key = Key::Text(name.to_string());
                    self.engine.documents_put(table, &key, &[5]).unwrap();
                    self.model.spots[*place] = None;
                }
            }
            Step::HostDrop => {
                self.engine.tables_drop("t").unwrap();
                for place in PLACES.filter(|place| name_of(*place).0 == "t") {
                    self.model.spots[place] = None;
                }
            }
            Step::Reopen => {
                self.engine = over(&self.store);
                self.model.spots[GLOBALS].fill(None);
            }
        }
        Ok(())
    }

    fn program(
        &mut self,
        operations: &[Operation],
        keeps: bool,
        fails: bool,
        in_coroutine: bool,
    ) -> Result<(), TestCaseError> {
        let mut source = PRELUDE.to_string();
        if in_coroutine {
            source.push_str("coroutine.wrap(function()\n");
        }
        operations
            .iter()
            .for_each(|operation| write_operation(operation, &mut source));
        if in_coroutine {
            source.push_str("end)()\n");
        }
        source.push_str(if fails {
            "error('no')"
        } else {
            "return table.unpack(out)"
        });
        let options = CallOptions {
            keep_globals: keeps,
            ..CallOptions::default()
        };
        let given = self.engine.lua_eval(&source, &[0x80], &options);
        let before = self.model.clone();
        if !keeps {
            self.model.spots[GLOBALS].fill(None);
        }
        let mut out = Vec::new();
        operations
            .iter()
            .for_each(|operation| self.model.run(operation, &mut out));
        self.model.spots[..GLOBALS.start].fill(None);
        if !keeps {
            self.model.spots[GLOBALS].copy_from_slice(&before.spots[GLOBALS]);
        }
        if fails {
            prop_assert!(given.is_err(), "{}", source);
            self.model.roll_back(&before);
        } else {
            prop_assert_eq!(numbers(&given.unwrap()), out, "{}", source);
        }
        Ok(())
    }
}

fn numbers(list: &[u8]) -> Vec<i64> {
    let number = |element| match Item::of(element) {
        Item::Int(int) => int,
        other => panic!("{other:?} is no integer"),
    };
    elements(list).map(number).collect()
}

fn cases() -> u32 {
    let asked = std::env::var("PERSISTING_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn closures_do_what_plain_lua_says_over_any_mix_of_programs(
        steps in prop::collection::vec(step(), 1..30),
    ) {
        let store = MemoryStore::new();
        let engine = over(&store);
        let mut world = World { store, engine, model: Model::default() };
        for step in &steps {
            world.take(step)?;
            check(&world.store);
        }
        for place in PLACES {
            world.take(&Step::HostCall(place, 1))?;
            check(&world.store);
        }
        let clear = "for key in pairs(_home) do _home[key] = nil end";
        world.engine.lua_eval(clear, &[0x80], &CallOptions::default()).unwrap();
        check(&world.store);
        prop_assert_eq!(world.engine.functions_list(None), Ok(vec![]));
    }
}
