//! Measures Cu beside its own store, SQLite and native Lua, in one run on one disk. Every result is checked,
//! and what is slower is shown like what is quicker.

mod call;
mod documents;
mod lua;
mod machine;
mod measure;
mod read;
mod redb;
mod report;
mod spy;
mod sqlite;
#[cfg(feature = "stores")]
mod stores;
mod write;

use std::path::{Path, PathBuf};

use clap::Parser;
use cu_db::store::{DiskOptions, DiskStore};
use cu_db::{Database, Limits};
use indicatif::{ProgressBar, ProgressStyle};

use report::{Figure, Report};
use spy::Spy;

pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Measures Cu beside its own store, SQLite and native Lua.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Print one JSON object a line: the machine, then each figure as soon as it is there.
    #[arg(long)]
    json: bool,
    /// Only benches whose names begin so: write, read, call, start, lua, lua/error. May be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Also 5 million documents: some minutes more, and 4 GB.
    #[arg(long)]
    large: bool,
    /// Where the databases are made, and removed at the end: the disk that is measured.
    #[arg(long, value_name = "DIRECTORY", default_value = "target")]
    directory: PathBuf,
    /// The command `cu`, for the time that it takes to start.
    #[arg(long, value_name = "FILE", default_value = "target/release/cu")]
    command: PathBuf,
}

/// What all benches share.
pub struct Bench {
    report: Report,
    directory: tempfile::TempDir,
    progress: ProgressBar,
}

impl Bench {
    /// Tells what is measured next.
    pub fn step(&mut self, text: &str) {
        self.progress.suspend(|| eprintln!("==> {text}"));
    }

    /// A bar for something that takes long.
    pub fn progress(&self, length: u64, what: &str) -> ProgressBar {
        let style = "{bar:40} {human_pos} of {human_len} {msg}, {eta} left";
        ProgressBar::new(length)
            .with_style(ProgressStyle::with_template(style).expect("the template is right"))
            .with_message(what.to_owned())
    }

    pub fn report(&mut self, figure: Figure) {
        self.report.add(figure);
    }

    pub fn figures<'a>(&'a self, bench: &'a str) -> impl Iterator<Item = &'a Figure> {
        self.report.of(bench)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// A database on the disk with both indexes, and the spy behind it. It keeps no results: what is measured is finding them.
pub fn watched(path: &Path) -> Outcome<(Spy, Database)> {
    let spy = Spy::new(DiskStore::open(path, DiskOptions::default())?);
    let db = Database::builder().with_store(spy.clone())?;
    let limits = Limits {
        cache_size: Some(0),
        ..Limits::default()
    };
    db.set_limits(&limits)?;
    for index in documents::indexes() {
        db.create_index(documents::TABLE, &index)?;
    }
    Ok((spy, db))
}

/// A round number in words.
pub fn count_of(number: u64) -> String {
    match number {
        millions if millions % 1_000_000 == 0 => format!("{} million", millions / 1_000_000),
        thousands if thousands % 1_000 == 0 => format!("{},000", thousands / 1_000),
        other => other.to_string(),
    }
}

fn main() -> Outcome<()> {
    let options = Options::parse();
    let directory = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(&options.directory)?;
    let machine = machine::Machine::here(directory.path(), documents::SEED);
    if options.json {
        println!("{}", serde_json::json!({ "machine": machine }));
    } else {
        let machine = serde_json::to_value(&machine)?;
        for (name, value) in machine.as_object().into_iter().flatten() {
            println!(
                "{name}: {}",
                value.as_str().map_or(value.to_string(), str::to_owned)
            );
        }
    }
    let mut bench = Bench {
        report: Report::new(options.json),
        directory,
        progress: ProgressBar::hidden(),
    };
    let wanted = |name: &str| {
        options.only.is_empty()
            || options
                .only
                .iter()
                .any(|only| name.starts_with(only.as_str()) || only.starts_with(name))
    };

    if wanted("lua/workload") {
        lua::workloads(&mut bench)?;
    }
    if wanted("lua/error") {
        lua::errors(&mut bench)?;
    }
    if wanted("call") {
        call::function(&mut bench)?;
        call::export(&mut bench)?;
    }
    if wanted("write/batch") {
        write::batch(&mut bench)?;
    }
    if wanted("write/index") {
        read::index(&mut bench)?;
    }
    if wanted("write/put") {
        write::put(&mut bench)?;
    }
    #[cfg(feature = "stores")]
    if wanted("stores") {
        stores::all(&mut bench)?;
    }
    if wanted("read") || wanted("start") {
        let large = options.large.then_some(5_000_000);
        for documents in [10_000, 100_000, 1_000_000].into_iter().chain(large) {
            read::all(&mut bench, documents)?;
        }
    }
    if wanted("start") {
        call::command(&mut bench, &options.command, 1_000_000)?;
    }
    bench.report.finish();
    Ok(())
}
