//! Batches of any size, applied in chunks: neither the component nor the program holds all of them at once.

use std::ops::ControlFlow;

use crate::{Batch, Database, Error};

/// Bytes of a chunk at which it is applied even if it has few operations.
const CHUNK_BYTES: usize = 16 << 20;

/// What is being done to a large batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchPhase {
    /// Its operations are applied.
    Apply,
    /// All are applied, and are being made durable.
    Commit,
}

/// How far a large batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchProgress {
    /// How many operations have been applied.
    pub done: u64,
    /// How many there are; none where only their end tells: of an iterator that does not know, or that gives several at once.
    pub total: Option<u64>,
    /// What is done next.
    pub phase: BatchPhase,
}

impl Database {
    /// Applies a batch that comes bit by bit, such as one that is read from a file, `chunk` operations at a time. It is one
    /// transaction: nothing of it shows before its end, and nothing is left if it fails. The component needs memory for one chunk; what was
    /// written waits in this process, and may be 1 GiB.
    ///
    /// `progress` is told after each chunk and before the commit, and can end the batch. Gives how many operations there were.
    ///
    /// # Errors
    /// [`Error::Cancelled`] after `Break`; those of the operations, as [`apply`](Database::apply), counted from the batch's beginning;
    /// that of the iterator; [`Error::InvalidArgument`] within a transaction, which has chunks of its own; those of [`commit`](crate::Transaction::commit). Nothing was written then.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use cu_db::{Batch, Database};
    ///
    /// let database = Database::in_memory()?;
    /// let lines = (0..2_500).map(|number| {
    ///     let mut line = Batch::new();
    ///     line.put("lines", number, &format!("line {number}"))?;
    ///     Ok(line)
    /// });
    /// let count = database.apply_stream(lines, 1_000, |progress| {
    ///     println!("{} are applied", progress.done);
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert_eq!(count, 2_500);
    /// # Ok::<(), cu_db::Error>(())
    /// ```
    pub fn apply_stream(
        &self,
        operations: impl IntoIterator<Item = Result<Batch, Error>>,
        chunk: usize,
        mut progress: impl FnMut(BatchProgress) -> ControlFlow<()>,
    ) -> Result<u64, Error> {
        let operations = operations.into_iter();
        let total = match operations.size_hint() {
            (least, Some(most)) if least == most => Some(most as u64),
            _ => None,
        };
        let transaction = self.begin()?;
        let (done, total) = apply(&transaction, operations, chunk, total, &mut progress)?;
        let last = BatchProgress {
            done,
            total,
            phase: BatchPhase::Commit,
        };
        if progress(last).is_break() {
            return Err(Error::Cancelled);
        }
        transaction.commit()?;
        Ok(done)
    }
}

fn apply(
    calls: &Database,
    operations: impl Iterator<Item = Result<Batch, Error>>,
    size: usize,
    mut total: Option<u64>,
    progress: &mut impl FnMut(BatchProgress) -> ControlFlow<()>,
) -> Result<(u64, Option<u64>), Error> {
    let mut done = 0;
    let mut chunk = Batch::new();
    let mut run = |chunk: &mut Batch, total| {
        calls
            .apply_unanswered(chunk)
            .map_err(|error| further(error, done))?;
        done += chunk.len() as u64;
        chunk.clear();
        let now = BatchProgress {
            done,
            total,
            phase: BatchPhase::Apply,
        };
        match progress(now) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Cancelled),
        }
    };
    for operation in operations {
        let operation = operation?;
        total = total.filter(|_| operation.len() == 1);
        chunk.append(&operation);
        if chunk.len() >= size.max(1) || chunk.size() >= CHUNK_BYTES {
            run(&mut chunk, total)?;
        }
    }
    if !chunk.is_empty() {
        run(&mut chunk, total)?;
    }
    Ok((done, total))
}

/// An error of an operation of a chunk, told as one of the whole: its place begins with the operation's number.
fn further(mut error: Error, before: u64) -> Error {
    let place = match &mut error {
        Error::InvalidArgument(problem)
        | Error::InvalidValue(problem)
        | Error::InvalidQuery(problem)
        | Error::UnknownIndex(problem)
        | Error::UnknownFunction(problem)
        | Error::AlreadyExists(problem)
        | Error::PreconditionFailed(problem)
        | Error::Unstorable(problem) => &mut problem.place,
        Error::LimitExceeded(excess) => &mut excess.place,
        _ => return error,
    };
    if let Some((number, rest)) = place.strip_prefix('[').and_then(|at| at.split_once(']'))
        && let Ok(number) = number.parse::<u64>()
    {
        *place = format!("[{}]{rest}", number + before);
    }
    error
}
