//! Indexes that are built in steps, beside everything else.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::database::index_info;
use crate::{Database, Error, Index, IndexInfo, Value, cbor};

/// How far an index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexProgress {
    /// How many documents have been gone through.
    pub done: u64,
    /// How many there are, about.
    pub total: u64,
}

/// A definition that asks for steps.
#[derive(Serialize)]
struct InSteps<'a> {
    #[serde(flatten)]
    index: &'a Index,
    background: bool,
}

/// What a step returns, and what the definition of an index says as long as it is not ready.
#[derive(Deserialize)]
struct Build {
    phase: String,
    done: u64,
    total: u64,
}

#[derive(Deserialize)]
struct Unfinished {
    build: Option<Build>,
}

impl Database {
    /// Makes an index as [`create_index`](Database::create_index) does, in steps of some thousand documents: each is a
    /// transaction, calls from other threads come in between, and memory does not grow with the table.
    ///
    /// `progress` hears of each step, and ends it all by [`ControlFlow::Break`]. Until the last step no query uses the
    /// index. If the process ends in between, the same call goes on where it was.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::AlreadyExists`] if another index has this name, or for two documents with the same
    /// values in a unique index; [`Error::LimitExceeded`] for a document that can't be indexed. Nothing is left of
    /// the index then.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use cu_db::{Database, Index};
    ///
    /// let database = Database::in_memory()?;
    /// database.put("users", "ann", &serde_json::json!({"born": 1990}))?;
    /// let index = database.create_index_with("users", &Index::on(["born"]), |step| {
    ///     println!("{} of {} documents", step.done, step.total);
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert_eq!(index.entries, 1);
    /// # Ok::<(), cu_db::Error>(())
    /// ```
    pub fn create_index_with(
        &self,
        table: &str,
        index: &Index,
        mut progress: impl FnMut(IndexProgress) -> ControlFlow<()>,
    ) -> Result<IndexInfo, Error> {
        let definition = cbor::encode(&InSteps {
            index,
            background: true,
        })?;
        loop {
            let made = self.raw().indexes_create(table, &definition)?;
            let unfinished: Unfinished = cbor::decode(&made.definition)?;
            let Some(mut build) = unfinished.build else {
                return index_info(made);
            };
            while build.phase == "building" {
                let step = IndexProgress {
                    done: build.done,
                    total: build.total,
                };
                let next = match progress(step) {
                    ControlFlow::Continue(()) => self.raw().indexes_build_step(table, &made.name),
                    ControlFlow::Break(()) => Err(Error::Cancelled),
                };
                build = match next {
                    Ok(step) => cbor::decode(&step)?,
                    Err(error) => {
                        // If that fails as well, the first error is the one to tell; making it again goes on.
                        drop(self.drop_index(table, &made.name));
                        return Err(error);
                    }
                };
            }
            // One that was being removed is made when it is gone.
            while build.phase == "removing" {
                build = cbor::decode(&self.raw().indexes_build_step(table, &made.name)?)?;
            }
        }
    }
}

/// What an index holds, in numbers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct IndexStatistics {
    /// How many entries it has.
    pub entries: u64,
    /// How many different values; none for an index of an older version that has no sample to tell from.
    pub distinct: Option<u64>,
    /// Parts of about as many entries each, in the order of the index; empty for a hash index.
    #[serde(default)]
    pub histogram: Vec<HistogramPart>,
    /// Whether `distinct` and `histogram` were counted; else they are told from a sample.
    pub exact: bool,
}

/// Entries of an index that follow each other.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct HistogramPart {
    /// The values that the last of them has in the fields.
    #[serde(rename = "upTo")]
    pub up_to: Vec<Value>,
    /// How many they are.
    pub entries: u64,
}

impl Database {
    /// What an index holds, in numbers.
    ///
    /// # Errors
    /// [`Error::UnknownTable`], [`Error::UnknownIndex`].
    pub fn index_statistics(&self, table: &str, name: &str) -> Result<IndexStatistics, Error> {
        cbor::decode(&self.raw().indexes_statistics(table, name)?)
    }
}
