//! The change feed: what each commit has changed, kept under a part of the key space of its own.
//!
//! `record` derives the changes from what a transaction is about to write, so that nothing is noted while it runs; `tidy`
//! deletes old ones; `read` tells them. What a change is stands in `wit/database.wit`, interface `changes`.

mod read;
mod record;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod tidy;

pub use read::read;
pub(crate) use record::Recorder;
pub use settings::Settings;
pub(crate) use settings::check as check_settings;

use crate::database::Database;
use crate::error::Result;
use crate::key::space;
use state::State;

/// Switches the feed on with these settings, or off.
///
/// # Errors
/// As a write fails.
pub fn configure(db: &mut Database, settings: Option<Settings>) -> Result<()> {
    match &settings {
        None => db.transaction_mut().delete_prefix(&[space::FEED])?,
        Some(settings) => {
            let before = State::read(db.transaction())?;
            let sequence = db.transaction().reserve()?;
            let mut state = before.unwrap_or_else(|| State::begin(sequence));
            state.follow(settings, sequence);
            state.write(db.transaction_mut())?;
        }
    }
    db.set_feed(settings)
}

/// Begins the feed of a database that was restored with its settings.
///
/// # Errors
/// As a write fails.
pub(crate) fn begin(db: &mut Database) -> Result<()> {
    match db.catalog().feed().cloned() {
        Some(settings) => configure(db, Some(Settings::clone(&settings))),
        None => Ok(()),
    }
}
