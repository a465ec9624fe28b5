//! The native steps of the demonstration: queries and a persisted function over imported places.
//!
//! ```text
//! cities DATABASE FOLDER first|again
//! ```
//!
//! `FOLDER` holds `steps.json` and `nearest.lua`. Each step is reported on a line of JSON: its title,
//! how long it took, a word about its result, and the SHA-256 of the result's CBOR. `again` is for a
//! second process, which finds what the first one left.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use ciborium::Value;
use cu_db::raw::CallOptions;
use cu_db::{Database, Index};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// What `steps.json` holds.
#[derive(Deserialize)]
struct Steps {
    table: String,
    indexes: Vec<String>,
    queries: Vec<Titled>,
    count: Titled,
    function: Function,
}

#[derive(Deserialize)]
struct Titled {
    title: String,
    query: Value,
}

#[derive(Deserialize)]
struct Function {
    table: String,
    name: String,
    arguments: Value,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [database, folder, phase] = &arguments[..] else {
        return Err("usage: cities DATABASE FOLDER first|again".into());
    };
    let steps: Steps =
        serde_json::from_slice(&std::fs::read(Path::new(folder).join("steps.json"))?)?;
    let db = Database::open(database)?;
    match phase.as_str() {
        "first" => first(
            &db,
            &steps,
            &std::fs::read_to_string(Path::new(folder).join("nearest.lua"))?,
        )?,
        "again" => again(&db, &steps)?,
        other => return Err(format!("the phase is first or again, not {other}").into()),
    }
    db.close()?;
    Ok(())
}

fn first(db: &Database, steps: &Steps, source: &str) -> Result<(), Box<dyn Error>> {
    for field in &steps.indexes {
        step(&format!("index on {field}"), || {
            let index = db.create_index(&steps.table, &Index::on([field.as_str()]))?;
            Ok((
                format!("{} entries", index.entries),
                Some(encode(&index.entries)?),
            ))
        })?;
    }
    for Titled { title, query } in &steps.queries {
        step(title, || {
            let rows = db.raw().queries_run(&encode(query)?)?;
            let decoded: Vec<Value> = ciborium::from_reader(&rows[..])?;
            Ok((format!("{} places", decoded.len()), Some(rows)))
        })?;
    }
    step(&steps.count.title, || {
        let count = db.raw().queries_count(&encode(&steps.count.query)?)?;
        Ok((format!("{count} places"), Some(encode(&count)?)))
    })?;
    let Function { table, name, .. } = &steps.function;
    step(&format!("persist the function {table}.{name}"), || {
        db.persist_function(table, name, source)?;
        Ok((String::new(), None))
    })?;
    step("call it", || call(db, &steps.function))
}

fn again(db: &Database, steps: &Steps) -> Result<(), Box<dyn Error>> {
    step("call it again, after a restart", || {
        call(db, &steps.function)
    })?;
    step("how many places are there", || {
        let all = Value::Map(vec![("table".into(), steps.table.as_str().into())]);
        let count = db.raw().queries_count(&encode(&all)?)?;
        Ok((format!("{count} places"), Some(encode(&count)?)))
    })?;
    step("digest of the whole database", || {
        Ok((String::new(), Some(db.digest()?.to_vec())))
    })
}

fn call(db: &Database, function: &Function) -> StepResult {
    let arguments = encode(&function.arguments)?;
    let options = CallOptions {
        chunk_name: None,
        instructions: None,
        memory: None,
        wall_clock: None,
        call_depth: None,
        result_size: None,
        output_size: None,
        transaction_size: None,
        seed: None,
        time: None,
        keep_globals: false,
    };
    let result = db
        .raw()
        .functions_call(&function.table, &function.name, &arguments, &options)?;
    let (nearest, asked): (Vec<Nearest>, u64) = ciborium::from_reader(&result[..])?;
    let names: Vec<String> = nearest.into_iter().map(|place| place.name).collect();
    Ok((format!("{}; call {asked}", names.join(", ")), Some(result)))
}

#[derive(Deserialize)]
struct Nearest {
    name: String,
}

type StepResult = Result<(String, Option<Vec<u8>>), Box<dyn Error>>;

/// Takes a step and reports it.
fn step(title: &str, work: impl FnOnce() -> StepResult) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let (shown, bytes) = work()?;
    let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
    let hash = bytes.map(|bytes| {
        let hash = Sha256::digest(bytes);
        hash.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    });
    println!(
        "{}",
        serde_json::json!({ "title": title, "milliseconds": milliseconds, "shown": shown, "sha256": hash })
    );
    Ok(())
}

/// A value as CBOR.
fn encode(value: &impl serde::Serialize) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes)?;
    Ok(bytes)
}
