//! The component's imports `store`, `console` and `host`, over a [`Store`] and functions of the embedder.

use wasmtime::component::Resource;

use super::generated::cu::db::types::{self, StoreFailure as WitFailure};
use super::generated::cu::db::{console, host, store};
use super::instance::{Access, State};
use crate::store::{Direction, Point, Snapshot, StoreFailure};

/// What stands behind the component's `snapshot`.
pub struct OpenSnapshot(Box<dyn Snapshot>);

impl From<StoreFailure> for WitFailure {
    fn from(failure: StoreFailure) -> Self {
        match failure {
            StoreFailure::Conflict => Self::Conflict,
            StoreFailure::ReadOnly => Self::ReadOnly,
            StoreFailure::Full(what) => Self::Full(what),
            StoreFailure::Corrupt(what) => Self::Corrupt(what),
            StoreFailure::Closed(what) => Self::Closed(what),
            StoreFailure::Io(what) => Self::Io(what),
        }
    }
}

impl From<WitFailure> for StoreFailure {
    fn from(failure: WitFailure) -> Self {
        match failure {
            WitFailure::Conflict => Self::Conflict,
            WitFailure::ReadOnly => Self::ReadOnly,
            WitFailure::Full(what) => Self::Full(what),
            WitFailure::Corrupt(what) => Self::Corrupt(what),
            WitFailure::Closed(what) => Self::Closed(what),
            WitFailure::Io(what) => Self::Io(what),
        }
    }
}

fn point(snapshot: &dyn Snapshot) -> Point {
    Point {
        version: snapshot.version(),
        generation: snapshot.generation(),
    }
}

impl State {
    fn snapshot(&self, snapshot: &Resource<OpenSnapshot>) -> Result<&dyn Snapshot, StoreFailure> {
        match self.table.get(snapshot) {
            Ok(open) => Ok(&*open.0),
            Err(_) => Err(StoreFailure::Closed("the snapshot is gone".to_owned())),
        }
    }

    /// A snapshot of what this call may see.
    fn open_snapshot(&mut self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        let snapshot = match self.access {
            Access::Read => self.store.open_settled()?,
            Access::Write => self.store.open_to_write()?,
        };
        let point = point(&*snapshot);
        // What the instance remembers may be of commits that are no more.
        if *self.generation.get_or_insert(point.generation) != point.generation {
            self.stale = true;
            return Err(StoreFailure::Conflict);
        }
        self.seen = Some(point);
        Ok(snapshot)
    }
}

impl types::Host for State {}

impl store::Host for State {
    fn open(&mut self) -> Result<(Resource<OpenSnapshot>, u64), WitFailure> {
        let snapshot = self.open_snapshot()?;
        let version = snapshot.version();
        let opened = self.table.push(OpenSnapshot(snapshot));
        opened
            .map(|opened| (opened, version))
            .map_err(|_| WitFailure::Io("too many snapshots are open".to_owned()))
    }

    fn peek(&mut self, key: Vec<u8>) -> Result<(u64, Option<Vec<u8>>), WitFailure> {
        let snapshot = self.open_snapshot()?;
        Ok((snapshot.version(), snapshot.get(&key)?))
    }
}

impl store::HostSnapshot for State {
    fn get(
        &mut self,
        snapshot: Resource<OpenSnapshot>,
        key: Vec<u8>,
    ) -> Result<Option<Vec<u8>>, WitFailure> {
        Ok(self.snapshot(&snapshot)?.get(&key)?)
    }

    fn get_many(
        &mut self,
        snapshot: Resource<OpenSnapshot>,
        keys: Vec<u8>,
    ) -> Result<Vec<u8>, WitFailure> {
        Ok(self.snapshot(&snapshot)?.get_many(&keys)?)
    }

    fn scan(
        &mut self,
        snapshot: Resource<OpenSnapshot>,
        start: Vec<u8>,
        end: Vec<u8>,
        direction: store::Direction,
        max_entries: u32,
        max_bytes: u32,
    ) -> Result<Vec<u8>, WitFailure> {
        let direction = match direction {
            store::Direction::Forward => Direction::Forward,
            store::Direction::Backward => Direction::Backward,
        };
        Ok(self
            .snapshot(&snapshot)?
            .scan(&start, &end, direction, max_entries, max_bytes)?)
    }

    fn count(
        &mut self,
        snapshot: Resource<OpenSnapshot>,
        start: Vec<u8>,
        end: Vec<u8>,
    ) -> Result<u64, WitFailure> {
        Ok(self.snapshot(&snapshot)?.count(&start, &end)?)
    }

    fn reserve(&mut self, snapshot: Resource<OpenSnapshot>) -> Result<u64, WitFailure> {
        Ok(self.snapshot(&snapshot)?.reserve()?)
    }

    fn commit(
        &mut self,
        snapshot: Resource<OpenSnapshot>,
        writes: Vec<u8>,
    ) -> Result<u64, WitFailure> {
        let base = point(self.snapshot(&snapshot)?);
        // The snapshot goes first, so that the tree may free the pages that only it saw.
        drop(self.table.delete(snapshot));
        if self.access == Access::Read {
            return Err(WitFailure::ReadOnly);
        }
        let point = self.store.apply(base, &writes)?;
        self.committed = true;
        self.seen = Some(point);
        Ok(point.version)
    }

    fn drop(&mut self, snapshot: Resource<OpenSnapshot>) -> wasmtime::Result<()> {
        self.table.delete(snapshot)?;
        Ok(())
    }
}

impl console::Host for State {
    fn print(&mut self, text: Vec<u8>) {
        if let Some(print) = &self.print {
            print(&text);
        }
    }
}

impl host::Host for State {
    fn names(&mut self) -> Vec<String> {
        self.functions.keys().cloned().collect()
    }

    fn call(&mut self, name: String, arguments: Vec<u8>) -> Result<Vec<u8>, String> {
        match self.functions.get(&name) {
            Some(function) => function(&arguments),
            None => Err(format!("no function '{name}' is registered")),
        }
    }
}
