//! What each command does.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use cu_db::{Database, Durability, Index as Definition, IndexField, Value, json};
use serde_json::{Value as Json, json};

use crate::arguments::{
    Arguments, CallArguments, CallLimits, Command, FeedCommand, Functions, Index, Limits,
};
use crate::failure::Failure;
use crate::input::{read_text, to_value};
use crate::output::{Output, entries, hex, plural};
use crate::{backup, export, functions, import, query, repl, watch};

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let output = Output {
        json: arguments.json,
    };
    if let Command::Watch(watched) = &arguments.command
        && !watched.end
    {
        return watch::follow(watched, &arguments.db, || open(arguments), output);
    }
    let database = open(arguments)?;
    let result = dispatch(&database, &arguments.command, output);
    // A command that failed says why, and not what closing says after.
    let closed = database.close();
    result?;
    Ok(closed?)
}

fn open(arguments: &Arguments) -> Result<Database, Failure> {
    let json = arguments.json;
    let mut builder = Database::builder()
        .read_only(arguments.read_only || only_reads(&arguments.command))
        .durability(if arguments.relaxed {
            Durability::Relaxed
        } else {
            Durability::Strict
        })
        .time_limit(Duration::from_secs_f64(arguments.time_limit))
        .on_print(move |text| {
            // What can't be printed is nobody's loss but the reader's.
            drop(if json {
                io::stderr().write_all(text)
            } else {
                io::stdout().write_all(text)
            });
        });
    if let Some(component) = &arguments.component {
        builder = builder.component(component);
    }
    Ok(builder.open(&arguments.db)?)
}

/// Whether a command can share the database with other readers, and makes none where there is none.
fn only_reads(command: &Command) -> bool {
    matches!(
        command,
        Command::Export(_)
            | Command::Backup { .. }
            | Command::Get { .. }
            | Command::Query(_)
            | Command::Index(Index::List { .. })
            | Command::Functions(Functions::List { .. } | Functions::Show { .. })
            | Command::Limits(Limits::Show)
            | Command::Feed(FeedCommand::Show)
            | Command::Watch(_)
            | Command::Tables
            | Command::Stats
            | Command::Digest
    )
}

fn dispatch(database: &Database, command: &Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Eval { code, call } => eval(database, code, "eval", call, output),
        Command::Run { file, call } => {
            let source = read_text(file)?;
            // The first line of a script may name its interpreter.
            let source = if source.starts_with('#') {
                format!("--{source}")
            } else {
                source
            };
            eval(database, &source, &file.to_string_lossy(), call, output)
        }
        Command::Repl => repl::run(database, output),
        Command::Import(arguments) => import::run(database, arguments, output),
        Command::Export(arguments) => export::run(database, arguments, output),
        Command::Backup { file } => backup::backup(database, file, output),
        Command::Restore { file } => backup::restore(database, file, output),
        Command::Get { table, key } => match database.get::<Value>(table, key.key())? {
            Some(document) => output.document(&json::from_value(document)?),
            None => Err(Failure::Absent(format!(
                "there is no document {:?} in {table:?}",
                key.key
            ))),
        },
        Command::Put {
            table,
            key,
            document,
        } => {
            let text = if document == "-" {
                read_text(Path::new("-"))?
            } else {
                document.clone()
            };
            let document = json::from_text(text.as_bytes())
                .map_err(|error| Failure::Input(format!("the document is not JSON: {error}")))?;
            Ok(database.put(table, key.key(), &to_value(&document)?)?)
        }
        Command::Delete { table, key } => removed(
            database.delete(table, key.key())?,
            &format!("document {:?} in {table:?}", key.key),
        ),
        Command::Query(arguments) => query::run(database, arguments, output),
        Command::Index(command) => index(database, command, output),
        Command::Functions(command) => functions::run(database, command, output),
        Command::Limits(command) => limits(database, command, output),
        Command::Feed(command) => watch::feed(database, command, output),
        Command::Watch(arguments) => watch::tell(database, arguments, output),
        Command::Tables => {
            let rows = database.tables()?.into_iter();
            let rows = rows.map(|table| {
                vec![
                    table.name.into(),
                    table.documents.into(),
                    table.indexes.into(),
                ]
            });
            output.rows(&["name", "documents", "indexes"], rows.collect())
        }
        Command::DropTable { table } => {
            removed(database.drop_table(table)?, &format!("table {table:?}"))
        }
        Command::Stats => stats(database, output),
        Command::Digest => output.document(&hex(&database.digest()?).into()),
        Command::Verify => {
            database.verify()?;
            output.remark("everything can be read, and every checksum is right");
            Ok(())
        }
    }
}

pub fn removed(was_there: bool, what: &str) -> Result<(), Failure> {
    if was_there {
        Ok(())
    } else {
        Err(Failure::Absent(format!("there is no {what}")))
    }
}

fn eval(
    database: &Database,
    source: &str,
    name: &str,
    call: &CallArguments,
    output: Output,
) -> Result<(), Failure> {
    output.values(database.eval_all(source, call.values()?, &call.options(name))?)
}

fn index(database: &Database, command: &Index, output: Output) -> Result<(), Failure> {
    match command {
        Index::Create {
            table,
            fields,
            name,
            unique,
            sparse,
            hash,
        } => {
            let mut definition = Definition::on(fields.iter().map(|field| indexed(field)));
            if let Some(name) = name {
                definition = definition.name(name);
            }
            if *unique {
                definition = definition.unique();
            }
            if *sparse {
                definition = definition.sparse();
            }
            if *hash {
                definition = definition.hash();
            }
            let bar = crate::backup::bar("{bar:40} {pos} of {len} documents, {eta} left");
            let index = database.create_index_with(table, &definition, |step| {
                bar.set_length(step.total);
                bar.set_position(step.done);
                std::ops::ControlFlow::Continue(())
            });
            bar.finish_and_clear();
            let index = index?;
            output.remark(&format!(
                "index {:?} has {}",
                index.name,
                entries(index.entries)
            ));
            if output.json {
                output.document(&info(index)?)
            } else {
                Ok(())
            }
        }
        Index::List { table } => {
            let mut rows = Vec::new();
            for index in database.indexes(table)? {
                rows.push(vec![
                    index.name.into(),
                    json::from_value(index.definition)?,
                    index.entries.into(),
                ]);
            }
            output.rows(&["name", "definition", "entries"], rows)
        }
        Index::Drop { table, name } => removed(
            database.drop_index(table, name)?,
            &format!("index {name:?} of {table:?}"),
        ),
    }
}

/// `field:desc` and `field[]`.
fn indexed(field: &str) -> IndexField {
    let (path, descending) = match field.strip_suffix(":desc") {
        Some(path) => (path, true),
        None => (field, false),
    };
    let (path, multi_entry) = match path.strip_suffix("[]") {
        Some(path) => (path, true),
        None => (path, false),
    };
    let mut field = IndexField::new(path);
    if descending {
        field = field.descending();
    }
    if multi_entry {
        field = field.multi_entry();
    }
    field
}

fn info(index: cu_db::IndexInfo) -> Result<Json, Failure> {
    Ok(json!({
        "name": index.name,
        "definition": json::from_value(index.definition)?,
        "entries": index.entries,
    }))
}

fn limits(database: &Database, command: &Limits, output: Output) -> Result<(), Failure> {
    match command {
        Limits::Show => {
            let limits = serde_json::to_value(database.limits()?)?;
            if output.json {
                return output.document(&limits);
            }
            let rows = limits.as_object().into_iter().flatten();
            let rows = rows.map(|(name, value)| vec![name.as_str().into(), value.clone()]);
            output.rows(&["limit", "value"], rows.collect())
        }
        Limits::Set {
            limits,
            function_size,
            cache_size,
        } => {
            let CallLimits {
                memory,
                instructions,
                wall_clock,
                call_depth,
                result_size,
                output_size,
                transaction_size,
            } = *limits;
            Ok(database.set_limits(&cu_db::Limits {
                memory,
                instructions,
                wall_clock,
                call_depth,
                result_size,
                output_size,
                transaction_size,
                function_size: *function_size,
                cache_size: *cache_size,
            })?)
        }
    }
}

fn stats(database: &Database, output: Output) -> Result<(), Failure> {
    let stats = database.stats()?;
    let bytes = database.size_on_disk()?;
    let compression = database.compression()?;
    if output.json {
        let mut stats = serde_json::to_value(stats)?;
        stats["bytes"] = bytes.into();
        stats["compression"] = json!({
            "values": compression.values,
            "before": compression.before,
            "after": compression.after,
        });
        return output.document(&stats);
    }
    output.line(&format!(
        "{} in {}, {}, {}; {} on disk\n{}component {}, {}, format {}",
        plural(stats.documents, "document"),
        plural(stats.tables, "table"),
        if stats.indexes == 1 {
            "1 index".to_owned()
        } else {
            format!("{} indexes", stats.indexes)
        },
        plural(stats.functions, "function"),
        indicatif::HumanBytes(bytes),
        if compression.values == 0 {
            String::new()
        } else {
            format!(
                "{} compressed from {} to {}\n",
                plural(compression.values, "large value"),
                indicatif::HumanBytes(compression.before),
                indicatif::HumanBytes(compression.after),
            )
        },
        stats.version,
        stats.lua,
        stats.format,
    ))
}
