//! `cu backup` and `cu restore`: a whole database as one file, and back.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use cu_db::{ArchiveInfo, ArchiveProgress, Database, Error};
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use serde_json::json;
use tempfile::NamedTempFile;

use crate::failure::Failure;
use crate::output::{Output, entries, hex};

/// Writes the archive. A file appears, or replaces another one, only when it is whole.
pub fn backup(database: &Database, file: &Path, output: Output) -> Result<(), Failure> {
    let start = Instant::now();
    let cannot =
        |error: &io::Error| Failure::Input(format!("{} can't be written: {error}", file.display()));
    // Entries are documents for the most part: the bar is nearly right, and its end is.
    let bar = bar("{bar:40} {pos} entries, {msg}, {eta} left");
    bar.set_length(database.stats()?.documents);
    let progress = |done: ArchiveProgress| {
        bar.set_length(bar.length().unwrap_or_default().max(done.entries));
        bar.set_position(done.entries);
        bar.set_message(HumanBytes(done.bytes).to_string());
    };
    let failed = |error| match error {
        Error::Archive(error) => cannot(&error),
        error => error.into(),
    };
    let info = if file == Path::new("-") {
        let out = BufWriter::with_capacity(1 << 18, io::stdout().lock());
        database.export_archive(out, progress).map_err(failed)?
    } else {
        let directory = file
            .parent()
            .filter(|directory| !directory.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let mut temporary = NamedTempFile::new_in(directory).map_err(|error| cannot(&error))?;
        let out = BufWriter::with_capacity(1 << 18, temporary.as_file_mut());
        let info = database.export_archive(out, progress).map_err(failed)?;
        temporary
            .as_file()
            .sync_all()
            .map_err(|error| cannot(&error))?;
        temporary
            .persist(file)
            .map_err(|error| cannot(&error.error))?;
        info
    };
    bar.finish_and_clear();
    tell(&info, start.elapsed(), file == Path::new("-"), output)
}

/// Reads the archive into a database that holds nothing.
pub fn restore(database: &Database, file: &Path, output: Output) -> Result<(), Failure> {
    let start = Instant::now();
    let bar = bar("{bar:40} {percent:>3}% of {total_bytes}, {msg}, {eta} left");
    let (reader, length): (Box<dyn Read>, _) = if file == Path::new("-") {
        (Box::new(io::stdin().lock()), 0)
    } else {
        let opened = File::open(file).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, opened) = opened.map_err(|error| {
            Failure::Input(format!("{} can't be read: {error}", file.display()))
        })?;
        (Box::new(opened), length)
    };
    bar.set_length(length);
    let info = database.import_archive(bar.wrap_read(reader), |done| {
        bar.set_message(format!("{} entries", HumanCount(done.entries)));
    });
    bar.finish_and_clear();
    tell(&info?, start.elapsed(), false, output)
}

/// Says what was done: to standard error where the archive itself goes to standard output.
fn tell(info: &ArchiveInfo, time: Duration, quiet: bool, output: Output) -> Result<(), Failure> {
    if !output.json {
        output.remark(&format!(
            "{} with {} before compression, in {:.2} s",
            entries(info.entries),
            HumanBytes(info.bytes),
            time.as_secs_f64()
        ));
        return Ok(());
    }
    let report = json!({
        "entries": info.entries,
        "bytes": info.bytes,
        "digest": hex(&info.digest),
        "seconds": time.as_secs_f64(),
    });
    if quiet {
        writeln!(io::stderr(), "{report}")?;
        return Ok(());
    }
    output.document(&report)
}

/// Draws nothing unless standard error is a terminal.
pub fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::no_length();
    bar.set_style(ProgressStyle::with_template(template).expect("the template is well-formed"));
    bar
}
