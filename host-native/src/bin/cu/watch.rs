//! The change feed on the command line: its settings, and its changes as they are committed.

use std::fs::File;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use cu_db::store::OpenError;
use cu_db::{Change, Changes, Database, Error, Feed, Value, json};
use notify::{Event, RecursiveMode, Watcher};
use serde_json::{Value as Json, json};

use crate::arguments::{FeedCommand, Watch};
use crate::failure::Failure;
use crate::output::{Output, key_to_json};
use crate::query::condition;

/// Shows and sets the feed.
pub fn feed(database: &Database, command: &FeedCommand, output: Output) -> Result<(), Failure> {
    match command {
        FeedCommand::On {
            tables,
            changes,
            bytes,
        } => {
            let mut feed = if tables.is_empty() {
                Feed::all()
            } else {
                Feed::of(tables)
            };
            feed.changes = *changes;
            feed.bytes = *bytes;
            Ok(database.configure_feed(&feed)?)
        }
        FeedCommand::Off => Ok(database.drop_feed()?),
        FeedCommand::Show => match database.feed()? {
            Some(feed) => output.document(&json!({
                "tables": feed.settings.tables,
                "changes": feed.settings.changes,
                "bytes": feed.settings.bytes,
                "oldest": feed.oldest,
                "newest": feed.newest,
                "place": feed.position.to_string(),
            })),
            None => Err(Failure::Absent(
                "the change feed is off; `cu feed on` switches it on".to_owned(),
            )),
        },
    }
}

/// Prints the changes that are there.
pub fn tell(database: &Database, arguments: &Watch, output: Output) -> Result<(), Failure> {
    tell_behind(database, wanted(arguments)?, output).map(drop)
}

/// Prints changes as they come. Since one process writes at a time, it holds the database only while it reads, and
/// waits for others to be through.
pub fn follow(
    arguments: &Watch,
    path: &Path,
    open: impl Fn() -> Result<Database, Failure>,
    output: Output,
) -> Result<(), Failure> {
    let mut wanted = wanted(arguments)?;
    let mut listening = None;
    loop {
        match open() {
            Ok(database) => {
                wanted = tell_behind(&database, wanted, output)?;
                database.close()?;
            }
            Err(Failure::Database(Error::Open(OpenError::InUse(_)))) => {
                // The one who writes has it; when the lock can be had, that is over.
                File::open(path.join("format"))?.lock_shared()?;
                continue;
            }
            Err(failure) => return Err(failure),
        }
        let Some((_, events)) = &listening else {
            // It listens before it reads again: what is written in between is not missed.
            listening = Some(listen(path)?);
            continue;
        };
        if events.recv().is_err() {
            return Ok(());
        }
        events.try_iter().for_each(drop);
    }
}

fn wanted(arguments: &Watch) -> Result<Changes, Failure> {
    let mut wanted = if arguments.tables.is_empty() {
        Changes::all()
    } else {
        Changes::of(&arguments.tables)
    };
    if let Some(text) = &arguments.condition {
        wanted = wanted.filter(condition(text)?);
    }
    if let Some(place) = &arguments.since {
        wanted = wanted.after(place.clone());
    }
    Ok(wanted)
}

/// Hears of what is written to the files of a database.
fn listen(path: &Path) -> Result<(notify::RecommendedWatcher, Receiver<()>), Failure> {
    let failed = |error: notify::Error| {
        Failure::Input(format!("{} can't be watched: {error}", path.display()))
    };
    let (send, events) = channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // Reading, which is what we do ourselves, is no news.
        if event.is_ok_and(|event| event.kind.is_modify() || event.kind.is_create()) {
            // Nobody listens any more when the command ends.
            send.send(()).ok();
        }
    })
    .map_err(failed)?;
    watcher
        .watch(path, RecursiveMode::NonRecursive)
        .map_err(failed)?;
    Ok((watcher, events))
}

/// Prints all that is there, and says where to go on.
fn tell_behind(
    database: &Database,
    mut wanted: Changes,
    output: Output,
) -> Result<Changes, Failure> {
    loop {
        let page = database.changes::<Value>(&wanted)?;
        for change in page.changes {
            line(change, output)?;
        }
        wanted = wanted.after(page.next);
        if !page.more {
            return Ok(wanted);
        }
    }
}

fn line(change: Change, output: Output) -> Result<(), Failure> {
    let document = |value: Option<Value>| value.map(json::from_value).transpose();
    let (before, after) = (document(change.before)?, document(change.after)?);
    let key = change.key.as_ref().map(key_to_json);
    if output.json {
        let mut row = json!({"sequence": change.sequence, "place": change.position.to_string(), "table": change.table});
        let members = [("key", key), ("before", before), ("after", after)];
        for (name, value) in members {
            if let Some(value) = value {
                row[name] = value;
            } else if name == "key" {
                row["dropped"] = true.into();
            }
        }
        return output.line(&json::to_text(&row));
    }
    let (sequence, table) = (change.sequence, &change.table);
    let text = |value: &Json| json::to_text(value);
    output.line(&match (key, before, after) {
        (None, ..) => format!("{sequence} {table} dropped"),
        (Some(key), None, None) => format!("{sequence} {table} {}", text(&key)),
        (Some(key), None, Some(after)) => {
            format!("{sequence} {table} {} + {}", text(&key), text(&after))
        }
        (Some(key), Some(before), None) => {
            format!("{sequence} {table} {} - {}", text(&key), text(&before))
        }
        (Some(key), Some(before), Some(after)) => {
            format!(
                "{sequence} {table} {} {} -> {}",
                text(&key),
                text(&before),
                text(&after)
            )
        }
    })
}
