//! Interactive transactions: any number of calls, with whatever the program does between them, that take place together or
//! not at all.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::store::{Fork, StoreFailure};
use crate::{Database, Error, Problem};

/// How a transaction runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct TransactionOptions {
    read_only: bool,
    size: u64,
    attempts: u32,
}

impl Default for TransactionOptions {
    fn default() -> Self {
        Self {
            read_only: false,
            size: 1 << 30,
            attempts: 10,
        }
    }
}

impl TransactionOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only reads: calls that write fail with [`StoreFailure::ReadOnly`]. Costs no memory for what was read. Default: false.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Bytes of keys and values that the transaction's writes may have, what was written over not counted. They are in this process's
    /// memory until the commit. A single call has its own limit besides, `transaction_size` of [`Limits`](crate::Limits). Default: 1 GiB.
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = bytes.min(3 << 30);
        self
    }

    /// How often [`Database::transact`] begins the work at the most. Default: 10.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }
}

/// A transaction. It has the calls of a [`Database`], which see what those before them wrote, and nothing that others
/// commit meanwhile. A call that fails has changed nothing and leaves the transaction as it was.
///
/// Nobody is locked out while it is open. Dropping it rolls it back. After its end, calls fail with [`Error::Ended`].
///
/// What concerns the files and not the documents is no part of it: [`verify`](Database::verify) fails, that of the database as well
/// as long as the transaction is open, and [`size_on_disk`](Database::size_on_disk) is 0. Lua's globals and the statistics of functions are those of the transaction's own instance.
pub struct Transaction {
    /// Over the transaction's store.
    calls: Database,
    database: Database,
    fork: Arc<Fork>,
}

/// A state of a transaction that it can go back to. See [`Transaction::savepoint`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Savepoint(u64);

impl Deref for Transaction {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.calls
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.end();
    }
}

fn no_savepoint() -> Error {
    Error::InvalidArgument(Problem {
        place: "savepoint".to_owned(),
        message: "the savepoint is not one of this transaction, or no longer".to_owned(),
    })
}

impl Transaction {
    /// Commits what the calls wrote, as one, after all commits that others made. It ends the transaction in any case.
    ///
    /// # Errors
    /// [`StoreFailure::Conflict`] if one of these wrote something that the transaction has read; nothing was written then. One that has
    /// written nothing never conflicts. The store's.
    pub fn commit(self) -> Result<(), Error> {
        // The call that runs is the last one.
        let turn = self.calls.host().turn();
        if self.fork.has_ended() {
            return Err(Error::Ended);
        }
        let durability = self.calls.durability();
        let committed = self.database.host().commit(&self.fork, durability);
        drop(turn);
        committed
    }

    /// Ends the transaction, with nothing written. Dropping it does the same.
    pub fn rollback(self) {
        drop(self);
    }

    /// A place to go back to, after the calls that were made before. Savepoints nest.
    ///
    /// # Errors
    /// [`Error::Ended`].
    pub fn savepoint(&self) -> Result<Savepoint, Error> {
        let _turn = self.calls.host().turn();
        self.fork.savepoint().map(Savepoint).ok_or(Error::Ended)
    }

    /// Undoes what was written since a savepoint. It stays, and those that were made after it are gone.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a savepoint that is gone, or another transaction's.
    pub fn rollback_to(&self, savepoint: &Savepoint) -> Result<(), Error> {
        let _turn = self.calls.host().turn();
        let done = self.fork.roll_back_to(savepoint.0);
        done.then_some(()).ok_or_else(no_savepoint)
    }

    /// Forgets a savepoint, and those that were made after it. What was written since stays.
    ///
    /// # Errors
    /// As [`rollback_to`](Transaction::rollback_to).
    pub fn release(&self, savepoint: Savepoint) -> Result<(), Error> {
        let _turn = self.calls.host().turn();
        let done = self.fork.release(savepoint.0);
        done.then_some(()).ok_or_else(no_savepoint)
    }

    fn end(&self) {
        let _turn = self.calls.host().turn();
        self.fork.roll_back();
    }
}

impl Database {
    /// Begins a transaction on all that was told as done before. Mostly [`transact`](Database::transact) is what is wanted.
    ///
    /// # Errors
    /// The store's, and [`Error::InvalidArgument`] within a transaction.
    ///
    /// ```
    /// use cu_db::Database;
    ///
    /// let database = Database::in_memory()?;
    /// database.put("accounts", "ada", &100)?;
    /// let transaction = database.begin()?;
    /// let ada: i64 = transaction.get("accounts", "ada")?.unwrap_or(0);
    /// transaction.put("accounts", "ada", &(ada + 1))?;
    /// database.put("accounts", "ada", &0)?; // someone else
    /// assert_eq!(transaction.commit().unwrap_err().code(), "store-conflict");
    /// assert_eq!(database.get::<i64>("accounts", "ada")?, Some(0));
    /// # Ok::<(), cu_db::Error>(())
    /// ```
    pub fn begin(&self) -> Result<Transaction, Error> {
        self.begin_with(&TransactionOptions::default())
    }

    /// As [`begin`](Database::begin), with options.
    ///
    /// # Errors
    /// As [`begin`](Database::begin).
    pub fn begin_with(&self, options: &TransactionOptions) -> Result<Transaction, Error> {
        let durability = self.durability();
        let (host, fork) = self
            .host()
            .begin(!options.read_only, durability, options.size)?;
        Ok(Transaction {
            calls: Database::new(host),
            database: self.clone(),
            fork,
        })
    }

    /// Runs work as a transaction: commits when it is through, and rolls back if it fails. If something that it has read was changed
    /// meanwhile, it is run again on the newest state, 10 times at the most. So what the work does
    /// besides must be right to do more than once.
    ///
    /// # Errors
    /// The work's; [`StoreFailure::Conflict`] after the last attempt; the store's.
    ///
    /// ```
    /// use cu_db::{Database, Error};
    ///
    /// let database = Database::in_memory()?;
    /// database.put("accounts", "ada", &100)?;
    /// database.put("accounts", "alan", &0)?;
    /// let left = database.transact::<_, Error>(|tx| {
    ///     let ada: i64 = tx.get("accounts", "ada")?.unwrap_or(0);
    ///     let alan: i64 = tx.get("accounts", "alan")?.unwrap_or(0);
    ///     tx.put("accounts", "ada", &(ada - 30))?;
    ///     tx.put("accounts", "alan", &(alan + 30))?;
    ///     Ok(ada - 30)
    /// })?;
    /// assert_eq!(left, 70);
    /// # Ok::<(), cu_db::Error>(())
    /// ```
    pub fn transact<T, E: From<Error>>(
        &self,
        work: impl FnMut(&Transaction) -> Result<T, E>,
    ) -> Result<T, E> {
        self.transact_with(&TransactionOptions::default(), work)
    }

    /// As [`transact`](Database::transact), with options.
    ///
    /// # Errors
    /// As [`transact`](Database::transact), and [`Error::InvalidArgument`] for no attempts at all.
    pub fn transact_with<T, E: From<Error>>(
        &self,
        options: &TransactionOptions,
        mut work: impl FnMut(&Transaction) -> Result<T, E>,
    ) -> Result<T, E> {
        if options.attempts == 0 {
            return Err(E::from(Error::InvalidArgument(Problem {
                place: "attempts".to_owned(),
                message: "must be 1 or more".to_owned(),
            })));
        }
        for attempt in 1.. {
            let transaction = self.begin_with(options)?;
            let result = work(&transaction)?;
            match transaction.commit() {
                Ok(()) => return Ok(result),
                Err(Error::Store(StoreFailure::Conflict)) if attempt < options.attempts => {
                    std::thread::sleep(pause(attempt));
                }
                Err(error) => return Err(error.into()),
            }
        }
        unreachable!("the last attempt returns")
    }
}

/// How long to stay out of the others' way before an attempt that follows a conflict: random, and longer each time on average.
fn pause(attempt: u32) -> Duration {
    let most = 100u64 << attempt.min(8);
    Duration::from_micros(getrandom::u64().unwrap_or(most) % most)
}
