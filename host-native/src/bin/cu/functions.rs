//! `cu functions`: persisted functions.

use std::path::Path;

use cu_db::{Database, Value};

use crate::arguments::Functions;
use crate::commands::removed;
use crate::failure::Failure;
use crate::input::{read, read_text};
use crate::output::Output;

pub fn run(database: &Database, command: &Functions, output: Output) -> Result<(), Failure> {
    match command {
        Functions::List { table } => list(database, table.as_deref(), output),
        Functions::Show { table, name } => match database.function_source(table, name)? {
            Some(source) => output.document(&source.into()),
            None => Err(Failure::Absent(format!(
                "there is no function {name:?} with a source in {table:?}"
            ))),
        },
        Functions::Call { table, name, call } => {
            let result: Vec<Value> =
                database.call_function_all(table, name, call.values()?, &call.options(name))?;
            output.values(result)
        }
        Functions::Persist {
            table,
            name,
            source,
            bytecode,
        } => {
            if let Some(file) = bytecode {
                return Ok(database.persist_bytecode(table, name, &read(file)?)?);
            }
            let source = match source.as_deref() {
                Some("-") | None => read_text(Path::new("-"))?,
                Some(source) => source.to_owned(),
            };
            Ok(database.persist_function(table, name, &source)?)
        }
        Functions::Rename {
            table,
            name,
            new_table,
            new_name,
        } => removed(
            database.rename_function(table, name, new_table, new_name)?,
            &format!("function {name:?} in {table:?}"),
        ),
        Functions::Delete { table, name } => removed(
            database.delete_function(table, name)?,
            &format!("function {name:?} in {table:?}"),
        ),
    }
}

fn list(database: &Database, table: Option<&str>, output: Output) -> Result<(), Failure> {
    let functions = database.functions(table)?.into_iter();
    let rows = functions.map(|function| {
        vec![
            function.table.into(),
            function.name.into(),
            function.size.into(),
            function.bytecode.into(),
            function.upvalues.into(),
            function.names.into(),
            function.stored.into(),
        ]
    });
    let names = [
        "table", "name", "size", "bytecode", "upvalues", "names", "stored",
    ];
    output.rows(&names, rows.collect())
}
