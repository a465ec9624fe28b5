//! A store in memory, for tests and for callers that keep nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

use super::{Direction, Snapshot, Store};
use crate::error::StoreFailure;
use crate::pack::{Unpacker, write_bytes, write_optional};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// An ordered map in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    state: Rc<RefCell<State>>,
}

#[derive(Debug, Default)]
struct State {
    version: u64,
    map: Rc<Map>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

struct MemorySnapshot {
    version: u64,
    map: Rc<Map>,
    state: Rc<RefCell<State>>,
}

impl Store for MemoryStore {
    fn open(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        let state = self.state.borrow();
        Ok(Box::new(MemorySnapshot {
            version: state.version,
            map: state.map.clone(),
            state: self.state.clone(),
        }))
    }
}

impl MemorySnapshot {
    fn range<'a>(
        &'a self,
        start: &'a [u8],
        end: &'a [u8],
    ) -> Box<dyn DoubleEndedIterator<Item = (&'a Vec<u8>, &'a Vec<u8>)> + 'a> {
        if !end.is_empty() && end <= start {
            return Box::new(std::iter::empty());
        }
        let upper = match end {
            [] => Bound::Unbounded,
            end => Bound::Excluded(end),
        };
        Box::new(self.map.range::<[u8], _>((Bound::Included(start), upper)))
    }
}

impl Snapshot for MemorySnapshot {
    fn version(&self) -> u64 {
        self.version
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFailure> {
        Ok(self.map.get(key).cloned())
    }

    fn get_many(&self, keys: &[u8]) -> Result<Vec<u8>, StoreFailure> {
        let mut out = Vec::new();
        let mut unpacker = Unpacker::default();
        while !unpacker.is_done(keys) {
            let key = unpacker.bytes(keys)?;
            write_optional(&mut out, self.map.get(&keys[key]).map(Vec::as_slice));
        }
        Ok(out)
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        max_entries: u32,
        max_bytes: u32,
    ) -> Result<Vec<u8>, StoreFailure> {
        let mut out = Vec::new();
        let mut range = self.range(start, end);
        for _ in 0..max_entries.max(1) {
            let next = match direction {
                Direction::Forward => range.next(),
                Direction::Backward => range.next_back(),
            };
            let Some((key, value)) = next else { break };
            write_bytes(&mut out, key);
            write_optional(&mut out, Some(value));
            if out.len() >= max_bytes as usize {
                break;
            }
        }
        Ok(out)
    }

    fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreFailure> {
        Ok(self.range(start, end).count() as u64)
    }

    fn commit(self: Box<Self>, writes: &[u8]) -> Result<u64, StoreFailure> {
        let MemorySnapshot {
            version,
            map,
            state,
        } = *self;
        // Without this snapshot's own reference, a lone writer changes the map in place.
        drop(map);
        let mut state = state.borrow_mut();
        if state.version != version {
            return Err(StoreFailure::Conflict);
        }
        let map = Rc::make_mut(&mut state.map);
        let mut unpacker = Unpacker::default();
        while !unpacker.is_done(writes) {
            let key = &writes[unpacker.bytes(writes)?];
            match unpacker.optional(writes)? {
                Some(value) => map.insert(key.to_vec(), writes[value].to_vec()),
                None => map.remove(key),
            };
        }
        state.version += 1;
        Ok(state.version)
    }
}
