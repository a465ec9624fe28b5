//! Lua in the component beside the same Lua, compiled for this machine.

use std::time::Duration;

use cu_db::{Database, Value};
use mlua::Lua;

use crate::call::options;
use crate::documents::cbor;
use crate::measure::of_processor;
use crate::report::{Figure, Target};
use crate::{Bench, Outcome};

const PEER: &str = "native Lua";

macro_rules! workloads {
    ($($name:literal),*) => {
        &[$(($name, include_str!(concat!("../lua/", $name, ".lua")))),*]
    };
}

/// Each returns an integer that tells whether it did its work.
const WORKLOADS: &[(&str, &str)] = workloads![
    "calls",
    "closures",
    "coroutines",
    "fields",
    "floats",
    "format",
    "integers",
    "join",
    "maps",
    "matrix",
    "patterns",
    "sort",
    "tables"
];

const TIMES: usize = 200_000;

/// What is in a loop of so many turns, and what is before it.
const ERRORS: &[(&str, &str, &str)] = &[
    ("none", "local function f() end", "pcall(f)"),
    ("error itself", "", "pcall(error, 'x', 0)"),
    (
        "a table",
        "local e = {} local function f() error(e) end",
        "pcall(f)",
    ),
    ("a text", "local function f() error('x', 0) end", "pcall(f)"),
    (
        "a text with its place",
        "local function f() error('x') end",
        "pcall(f)",
    ),
    (
        "assert",
        "local function f() assert(false, 'x') end",
        "pcall(f)",
    ),
    (
        "a field of nil",
        "local function f(a) return a.b end",
        "pcall(f)",
    ),
    (
        "ten calls deep",
        "local function f(n) if n == 0 then error('x', 0) end f(n - 1) return 1 end",
        "pcall(f, 10)",
    ),
];

struct Pair {
    db: Database,
    native: Lua,
}

impl Pair {
    fn new() -> Outcome<Self> {
        Ok(Self {
            db: Database::in_memory()?,
            native: Lua::new(),
        })
    }

    /// The least time of the processor that either takes, of some runs in turns.
    fn run(&self, code: &str) -> Outcome<[Duration; 2]> {
        let (arguments, options) = (cbor(&[0; 0]), options());
        let mut best = [Duration::MAX; 2];
        for _ in 0..5 {
            let (ours, time) =
                of_processor(|| Ok(self.db.raw().lua_eval(code, &arguments, &options)?))?;
            best[0] = best[0].min(time);
            let (native, time) = of_processor(|| Ok(self.native.load(code).eval::<i64>()?))?;
            best[1] = best[1].min(time);
            self.native.gc_collect()?;
            let ours: Vec<Value> = ciborium::from_reader(&ours[..])?;
            assert_eq!(ours, [Value::from(native)], "both are the same Lua");
        }
        Ok(best)
    }
}

pub fn workloads(bench: &mut Bench) -> Outcome<()> {
    let pair = Pair::new()?;
    for (name, code) in WORKLOADS {
        bench.step(&format!("lua: {name}"));
        let [ours, native] = pair.run(code)?.map(|time| time.as_secs_f64() * 1e3);
        bench.report(Figure::new("lua/workload", *name, ours, "ms").beside(PEER, native));
    }
    let ratios: Vec<f64> = bench
        .figures("lua/workload")
        .filter_map(|figure| figure.ratio)
        .collect();
    let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
    bench.report(
        Figure::new(
            "lua/mean",
            format!("geometric, of {}", ratios.len()),
            mean,
            "of native",
        )
        .wants(Target::AtMost(1.7)),
    );
    Ok(())
}

pub fn errors(bench: &mut Bench) -> Outcome<()> {
    let pair = Pair::new()?;
    for (name, before, turn) in ERRORS {
        bench.step(&format!("lua: a caught error, {name}"));
        let code = format!(
            "local pcall, error, caught = pcall, error, 0 {before}
             for _ = 1, {TIMES} do if not {turn} then caught = caught + 1 end end
             return caught"
        );
        let [ours, native] = pair
            .run(&code)?
            .map(|time| time.as_secs_f64() * 1e9 / TIMES as f64);
        let figure = Figure::new("lua/error", *name, ours, "ns").beside(PEER, native);
        bench.report(if *name == "none" {
            figure
        } else {
            figure.wants(Target::AtMost(5.0))
        });
    }
    Ok(())
}
