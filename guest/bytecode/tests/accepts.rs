//! Whatever this Lua's `string.dump` makes is accepted; whatever was cut off is not.

#[path = "../examples/fuzz/mutants/mod.rs"]
#[allow(dead_code)]
mod mutants;

use std::collections::BTreeSet;

use cu_bytecode::{Rule, verify};
use mlua::Lua;
use mutants::corpus::PROGRAMS;
use mutants::model::{Chunk, Function};
use mutants::program::program;

const OPCODES: usize = 83;

fn dump(lua: &Lua, source: &str, strip: bool) -> Vec<u8> {
    let function = lua.load(source).set_name("=program").into_function();
    function
        .unwrap_or_else(|err| panic!("{err}\n{source}"))
        .dump(strip)
}

/// Each function of a chunk as a chunk of its own, as `string.dump` of it would be.
fn functions(chunk: &Chunk) -> Vec<Chunk> {
    let mut main = chunk.main.clone();
    (0..main.count())
        .filter_map(|number| main.nth_mut(number).cloned())
        .map(|main| Chunk {
            header: chunk.header.clone(),
            upvalues: main.upvalues.len() as u8,
            main,
        })
        .collect()
}

fn opcodes(function: &Function, found: &mut BTreeSet<u32>) {
    found.extend(function.code.iter().map(|word| word & 0x7f));
    for child in &function.children {
        opcodes(child, found);
    }
}

#[test]
fn dumps_of_the_corpus_are_accepted_stripped_or_not() {
    let lua = Lua::new();
    for (name, source) in PROGRAMS {
        for strip in [false, true] {
            let bytes = dump(&lua, source, strip);
            if let Err(refusal) = verify(&bytes) {
                panic!("{name}, stripped {strip}: {refusal}");
            }
            for function in functions(&Chunk::parse(&bytes)) {
                let bytes = function.bytes();
                assert_eq!(verify(&bytes).err(), None, "{name}, a function of it");
            }
        }
    }
}

#[test]
fn the_corpus_runs() {
    for (name, source) in PROGRAMS {
        let lua = Lua::new();
        if let Err(err) = lua.load(source).exec() {
            panic!("{name}: {err}");
        }
    }
}

#[test]
fn the_corpus_has_every_instruction() {
    let lua = Lua::new();
    let mut found = BTreeSet::new();
    for (_, source) in PROGRAMS {
        opcodes(&Chunk::parse(&dump(&lua, source, true)).main, &mut found);
    }
    // More constants than the second half of an instruction can number, for `OP_LOADKX`.
    opcodes(
        &Chunk::parse(&dump(&lua, &constants_beyond_count(), true)).main,
        &mut found,
    );
    let missing: Vec<usize> = (0..OPCODES)
        .filter(|opcode| !found.contains(&(*opcode as u32)))
        .collect();
    assert_eq!(missing, Vec::<usize>::new());
}

fn constants_beyond_count() -> String {
    let mut source = String::from("local t = {");
    for number in 0..(1 << 17) + 10 {
        source.push_str(&format!("{number}.5,"));
    }
    source.push_str("'the last'} local u = t.unseen return t:method('never seen')");
    source
}

#[test]
fn more_constants_than_an_instruction_can_number_are_accepted() {
    let bytes = dump(&Lua::new(), &constants_beyond_count(), false);
    assert_eq!(verify(&bytes).err(), None);
}

#[test]
fn the_deepest_nesting_that_compiles_is_accepted() {
    let lua = Lua::new();
    let nested = |depth: usize| {
        format!(
            "local x {} x = x {}",
            "local function f() ".repeat(depth),
            "end ".repeat(depth)
        )
    };
    let deepest = (1..250)
        .rev()
        .find_map(|depth| lua.load(nested(depth)).into_function().ok())
        .expect("some depth compiles");
    assert_eq!(verify(&deepest.dump(false)).err(), None);
}

#[test]
fn loops_nested_as_deep_as_they_compile_are_accepted() {
    let lua = Lua::new();
    for (begin, end) in [
        (
            "while g do local x = g; f = function() return x end ",
            "if x then break end g(x) end ",
        ),
        (
            "for i = 1, 2 do local x = i; f = function() return x, i end ",
            "x = i end ",
        ),
        (
            "repeat local x = f; f = function() return x end ",
            "until x ",
        ),
        (
            "for k, v in f do if k then goto continue end f = function() return v end ",
            "::continue:: end ",
        ),
    ] {
        let nested = |depth: usize| format!("{}{}", begin.repeat(depth), end.repeat(depth));
        let deepest = (1..220)
            .rev()
            .find_map(|depth| lua.load(nested(depth)).into_function().ok())
            .expect("some depth compiles");
        assert_eq!(verify(&deepest.dump(true)).err(), None, "{begin}");
    }
}

#[test]
fn many_jumps_backwards_are_accepted() {
    let mut source = String::from("local x = g goto l0 ");
    for label in (0..1000).rev() {
        let next = label + 1;
        source.push_str(&format!(
            "::l{label}:: x = x + {label} if x then goto l{next} end do return x end "
        ));
    }
    source = source.replace("if x then goto l1000 end", "");
    let bytes = dump(&Lua::new(), &source, true);
    assert_eq!(verify(&bytes).err(), None);
}

#[test]
fn programs_written_by_chance_are_accepted() {
    let lua = Lua::new();
    let mut compiled = 0;
    for seed in 0..2000 {
        let source = program(seed);
        let function = match lua.load(&source).set_name("=program").into_function() {
            Ok(function) => function,
            Err(_) => continue,
        };
        compiled += 1;
        for strip in [false, true] {
            if let Err(refusal) = verify(&function.dump(strip)) {
                panic!("seed {seed}: {refusal}\n{source}");
            }
        }
    }
    assert!(compiled > 1900, "only {compiled} programs compile");
}

#[test]
fn a_stripped_function_dumped_again_is_accepted() {
    let lua = Lua::new();
    for (name, source) in PROGRAMS {
        let stripped = dump(&lua, source, true);
        let again = lua.load(&stripped[..]).into_function();
        let again = again.expect("a verified chunk loads").dump(false);
        assert_eq!(verify(&again).err(), None, "{name}");
    }
}

#[test]
fn as_many_upvalues_as_a_closure_can_hold_are_accepted() {
    let names = |from: usize, to: usize| {
        (from..to)
            .map(|n| format!("x{n}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let source = format!(
        "local {} return function() local {} return function() return {} end end",
        names(0, 150),
        names(150, 255),
        names(0, 255).replace(", ", " + "),
    );
    assert_eq!(verify(&dump(&Lua::new(), &source, false)).err(), None);
}

#[test]
fn a_verified_chunk_tells_what_is_in_it() {
    let bytes = dump(
        &Lua::new(),
        "return function() return function() end end",
        true,
    );
    let verified = verify(&bytes).expect("a dump is accepted");
    assert_eq!(verified.functions(), 3);
    assert_eq!(verified.upvalues(), 1);
    assert_eq!(verified.bytes(), bytes);
    assert!(verified.instructions() > 3);
}

#[test]
fn every_truncation_is_refused() {
    let lua = Lua::new();
    for (name, source) in PROGRAMS {
        let bytes = dump(&lua, source, false);
        for length in 0..bytes.len() {
            let refusal = verify(&bytes[..length]).expect_err("it is cut off");
            assert_eq!(
                refusal.reason,
                Rule::Truncated.at(0),
                "{name}, {length} bytes"
            );
        }
    }
}
