//! Hosts of interactive transactions: each has an instance of its own, over a store of its own.

use std::sync::{Arc, MutexGuard};

use super::super::instance::{Access, Role, Settings};
use super::{Host, WasmStore, lock, wit};
use crate::Error;
use crate::host::Exports;
use crate::store::{Durability, Fork, Store};

impl Host {
    /// Begins a transaction on the database, and gives a host for its calls.
    pub(crate) fn begin(
        &self,
        writes: bool,
        durability: Durability,
        largest: u64,
    ) -> Result<(Self, Arc<Fork>), Error> {
        let Role::Database(history) = &self.settings.role else {
            return Err(Error::InvalidArgument(crate::Problem {
                place: "transaction".to_owned(),
                message: "a transaction can't be begun inside of another one; make a savepoint"
                    .to_owned(),
            }));
        };
        let fork = Arc::new(Fork::begin(history, writes, durability, largest)?);
        let settings = Settings {
            store: Arc::clone(&fork) as Arc<dyn Store>,
            print: self.settings.print.clone(),
            functions: Arc::clone(&self.settings.functions),
            wall_clock: self.settings.wall_clock,
            memory: self.settings.memory,
            memory_of_all: Arc::default(),
            durability,
            readers: 1,
            role: Role::Transaction(Arc::clone(&fork)),
        };
        let host = Self::with_turn(Arc::clone(&self.program), settings, Arc::default());
        Ok((host, fork))
    }

    /// Commits a transaction that was begun here.
    pub(crate) fn commit(&self, fork: &Fork, durability: Durability) -> Result<(), Error> {
        let turn = self.turn();
        let committed = fork.commit()?;
        drop(turn);
        if let Some(point) = committed {
            self.settings.store.settle(point, durability)?;
            self.commits.announce();
        }
        Ok(())
    }

    /// Waits until no call writes, and keeps others from it.
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.turn)
    }

    pub(in crate::host) fn check_open(&self) -> Result<(), Error> {
        match &self.settings.role {
            Role::Transaction(fork) if fork.has_ended() => Err(Error::Ended),
            _ => Ok(()),
        }
    }

    /// The result of a call, unless the transaction's store has refused to grow any more.
    pub(in crate::host) fn explain_excess<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        let Role::Transaction(fork) = &self.settings.role else {
            return result;
        };
        match fork.take_excess() {
            None => result,
            Some(maximum) => Err(Error::LimitExceeded(crate::Excess {
                limit: wit::Limit::TransactionSize,
                maximum,
                place: String::new(),
                message: "the calls of the transaction would have written more than it may; the \
                          last one has written nothing. Split the work, or begin with a larger size"
                    .to_owned(),
            })),
        }
    }

    /// As [`read`](Host::read), by the one instance.
    pub(super) fn read_in_turn<T>(
        &self,
        run: &impl Fn(&Exports, &mut WasmStore) -> wasmtime::Result<Result<T, wit::Error>>,
    ) -> Result<T, Error> {
        let _turn = self.turn();
        self.check_open()?;
        let mut writer = lock(&self.writer);
        let outcome = self.attempt(|| writer.take(), Access::Read, run)?;
        *writer = outcome.instance;
        outcome.result
    }
}
