//! `cu import`: one thread reads and encodes, the other one stores.

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use cu_db::{Batch, Database, Key, json};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use serde_json::{Value as Json, json};

use crate::arguments::Import;
use crate::failure::Failure;
use crate::input::json_to_key;
use crate::output::{Output, plural};
use crate::records;

/// Bytes of a batch at which it is stored even if it has few documents.
const BATCH_BYTES: usize = 16 << 20;

pub fn run(database: &Database, arguments: &Import, output: Output) -> Result<(), Failure> {
    let start = Instant::now();
    let progress = progress();
    let transaction = arguments.atomic.then(|| database.begin()).transpose()?;
    let calls = transaction.as_deref().unwrap_or(database);
    let (sender, receiver) = sync_channel::<Batch>(1);
    let mut stored = 0;
    let result = thread::scope(|scope| {
        let reader = scope.spawn({
            let progress = &progress;
            move || {
                let send = |batch| sender.send(batch).is_ok();
                read(arguments, progress, &send)
            }
        });
        let mut failed = None;
        for batch in receiver {
            match calls.apply_unanswered(&batch) {
                Ok(()) => {
                    stored += batch.len() as u64;
                    progress.set_message(rate(stored, start.elapsed()));
                }
                Err(error) => {
                    // The reader ends when nobody receives any more.
                    failed = Some(Failure::from(error));
                    break;
                }
            }
        }
        match (failed, reader.join()) {
            (Some(failure), _) | (None, Ok(Err(failure))) => Err(failure),
            (None, Ok(Ok(()))) => Ok(()),
            (None, Err(panic)) => std::panic::resume_unwind(panic),
        }
    });
    let result = match (result, transaction) {
        (Ok(()), Some(transaction)) => {
            progress.set_message("committing");
            transaction.commit().map_err(Failure::from)
        }
        (result, _) => result,
    };
    if arguments.atomic && result.is_err() {
        stored = 0;
    }
    progress.finish_and_clear();
    let elapsed = start.elapsed();
    match result {
        Ok(()) if output.json => output.document(&json!({
            "documents": stored,
            "seconds": elapsed.as_secs_f64(),
            "documents_per_second": (stored as f64 / elapsed.as_secs_f64()).round() as u64,
        })),
        Ok(()) => {
            output.remark(&format!(
                "{} in {:.2} s ({})",
                plural(stored, "document"),
                elapsed.as_secs_f64(),
                rate(stored, elapsed)
            ));
            Ok(())
        }
        Err(failure) => {
            output.remark(&format!(
                "{} stored before this:",
                plural(stored, "document")
            ));
            Err(failure)
        }
    }
}

fn rate(documents: u64, time: Duration) -> String {
    format!(
        "{} docs/s",
        HumanCount((documents as f64 / time.as_secs_f64()) as u64)
    )
}

fn progress() -> ProgressBar {
    // Draws nothing unless standard error is a terminal.
    let progress = ProgressBar::no_length();
    progress.set_style(
        ProgressStyle::with_template("{bar:40} {percent:>3}% of {total_bytes}, {msg}, {eta} left")
            .expect("the template is well-formed"),
    );
    progress
}

/// Reads the file into batches, until `send` says that nobody wants more.
fn read(
    arguments: &Import,
    progress: &ProgressBar,
    send: &dyn Fn(Batch) -> bool,
) -> Result<(), Failure> {
    let format = arguments
        .format
        .unwrap_or_else(|| records::format_of(&arguments.file));
    let mut batch = Batch::new();
    let mut encoded = Vec::new();
    let mut number = 0u64;
    records::read(
        &arguments.file,
        format,
        arguments.csv_text,
        progress,
        &mut |mut row| {
            number += 1;
            let at = |what: String| Failure::Input(format!("document {number}: {what}"));
            let key = take_key(&mut row, arguments, number).map_err(at)?;
            let document = if arguments.keys.rows {
                &row["value"]
            } else {
                &row
            };
            encoded.clear();
            json::append_cbor(&mut encoded, document).map_err(|error| at(error.to_string()))?;
            batch.put_cbor(&arguments.table, key, &encoded);
            let full = batch.len() >= arguments.batch as usize || batch.size() >= BATCH_BYTES;
            if full && !send(std::mem::take(&mut batch)) {
                return Err(Failure::Input("storing failed".to_owned()));
            }
            Ok(())
        },
    )?;
    if !batch.is_empty() {
        send(batch);
    }
    Ok(())
}

/// The key of a row; takes it out of the document where it should not stay.
fn take_key(row: &mut Json, arguments: &Import, number: u64) -> Result<Key, String> {
    if arguments.keys.number {
        return i64::try_from(number)
            .map(Key::Integer)
            .map_err(|error| error.to_string());
    }
    if arguments.keys.rows && row.get("value").is_none() {
        return Err("it is no row of {\"key\": …, \"value\": …}".to_owned());
    }
    let name = arguments.keys.key.as_deref().unwrap_or("key");
    let member = row
        .get(name)
        .ok_or_else(|| format!("it has no member {name:?} to be its key"))?;
    let key = json_to_key(member).ok_or_else(|| {
        format!("its {name:?} is {member}; a key is an integer of 64 bits or a text")
    })?;
    if arguments.remove_key
        && let Some(members) = row.as_object_mut()
    {
        members.shift_remove(name);
    }
    Ok(key)
}
