//! A program of somebody else's that takes Cu's component as a plugin, with a store of its own.
//!
//! Nothing of the crate `cu-db` is used here: only wasmtime, the contract in `wit/`, and the file
//! `cu.wasm`. The store is a `BTreeMap` whose snapshots are copies, which is all that the
//! contract asks for.
//!
//! Run it with `cargo run --release --example plugin`.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wasmtime::component::{
    Component, ComponentType, HasSelf, Lift, Linker, Lower, Resource, ResourceTable,
};
use wasmtime::{Config, Engine, Result, Store};

mod contract {
    #![allow(missing_docs)]
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "database",
        with: { "cu:db/store.snapshot": super::Snapshot },
    });
}

use contract::Database;
use contract::cu::db::store::{Direction, StoreFailure};
use contract::cu::db::types::Key;
use contract::cu::db::{console, host, store, types};

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// The entries as they were when the snapshot was opened.
pub struct Snapshot {
    version: u64,
    entries: Arc<Entries>,
}

/// What the component's imports work on.
#[derive(Default)]
struct Plugin {
    version: u64,
    entries: Arc<Entries>,
    snapshots: ResourceTable,
    printed: Vec<u8>,
}

/// The packing of `wit/store.wit`.
mod packing {
    pub fn put_length(out: &mut Vec<u8>, mut length: usize) {
        while length >= 0x80 {
            out.push(length as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
    }

    pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
        put_length(out, bytes.len());
        out.extend_from_slice(bytes);
    }

    pub fn put_optional(out: &mut Vec<u8>, bytes: Option<&Vec<u8>>) {
        match bytes {
            None => out.push(0),
            Some(bytes) => {
                put_length(out, bytes.len() + 1);
                out.extend_from_slice(bytes);
            }
        }
    }

    pub fn take_length(packed: &mut &[u8]) -> Option<usize> {
        let mut length = 0;
        for shift in (0..35).step_by(7) {
            let (&byte, rest) = packed.split_first()?;
            *packed = rest;
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(length);
            }
        }
        None
    }

    pub fn take_bytes<'a>(packed: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = packed.split_at_checked(length)?;
        *packed = rest;
        Some(bytes)
    }
}

fn malformed() -> StoreFailure {
    StoreFailure::Io("the component sent malformed bytes".to_owned())
}

impl Snapshot {
    fn range(
        &self,
        start: Vec<u8>,
        end: Vec<u8>,
    ) -> impl DoubleEndedIterator<Item = (&Vec<u8>, &Vec<u8>)> {
        // A range that is empty or reversed makes `BTreeMap::range` panic.
        let empty = !end.is_empty() && start >= end;
        let end = if end.is_empty() {
            Bound::Unbounded
        } else {
            Bound::Excluded(end)
        };
        let entries = (!empty).then(|| self.entries.range((Bound::Included(start), end)));
        entries.into_iter().flatten()
    }
}

impl Plugin {
    fn snapshot(&self, snapshot: &Resource<Snapshot>) -> Result<&Snapshot, StoreFailure> {
        self.snapshots
            .get(snapshot)
            .map_err(|error| StoreFailure::Closed(error.to_string()))
    }
}

impl store::Host for Plugin {
    fn open(&mut self) -> Result<(Resource<Snapshot>, u64), StoreFailure> {
        let snapshot = Snapshot {
            version: self.version,
            entries: Arc::clone(&self.entries),
        };
        let snapshot = self.snapshots.push(snapshot);
        snapshot
            .map(|snapshot| (snapshot, self.version))
            .map_err(|error| StoreFailure::Io(error.to_string()))
    }

    fn peek(&mut self, key: Vec<u8>) -> Result<(u64, Option<Vec<u8>>), StoreFailure> {
        Ok((self.version, self.entries.get(&key).cloned()))
    }
}

impl store::HostSnapshot for Plugin {
    fn get(
        &mut self,
        snapshot: Resource<Snapshot>,
        key: Vec<u8>,
    ) -> Result<Option<Vec<u8>>, StoreFailure> {
        Ok(self.snapshot(&snapshot)?.entries.get(&key).cloned())
    }

    fn get_many(
        &mut self,
        snapshot: Resource<Snapshot>,
        keys: Vec<u8>,
    ) -> Result<Vec<u8>, StoreFailure> {
        let entries = &self.snapshot(&snapshot)?.entries;
        let (mut keys, mut values) = (&keys[..], Vec::new());
        while !keys.is_empty() {
            let length = packing::take_length(&mut keys).ok_or_else(malformed)?;
            let key = packing::take_bytes(&mut keys, length).ok_or_else(malformed)?;
            packing::put_optional(&mut values, entries.get(key));
        }
        Ok(values)
    }

    fn scan(
        &mut self,
        snapshot: Resource<Snapshot>,
        start: Vec<u8>,
        end: Vec<u8>,
        direction: Direction,
        max_entries: u32,
        max_bytes: u32,
    ) -> Result<Vec<u8>, StoreFailure> {
        let mut range = self.snapshot(&snapshot)?.range(start, end);
        let mut page = Vec::new();
        for _ in 0..max_entries.max(1) {
            let entry = match direction {
                Direction::Forward => range.next(),
                Direction::Backward => range.next_back(),
            };
            let Some((key, value)) = entry else { break };
            packing::put_bytes(&mut page, key);
            packing::put_optional(&mut page, Some(value));
            if page.len() >= max_bytes as usize {
                break;
            }
        }
        Ok(page)
    }

    fn count(
        &mut self,
        snapshot: Resource<Snapshot>,
        start: Vec<u8>,
        end: Vec<u8>,
    ) -> Result<u64, StoreFailure> {
        Ok(self.snapshot(&snapshot)?.range(start, end).count() as u64)
    }

    fn reserve(&mut self, snapshot: Resource<Snapshot>) -> Result<u64, StoreFailure> {
        Ok(self.snapshot(&snapshot)?.version + 1)
    }

    fn commit(
        &mut self,
        snapshot: Resource<Snapshot>,
        writes: Vec<u8>,
    ) -> Result<u64, StoreFailure> {
        let snapshot = self
            .snapshots
            .delete(snapshot)
            .map_err(|error| StoreFailure::Closed(error.to_string()))?;
        if snapshot.version != self.version {
            return Err(StoreFailure::Conflict);
        }
        let mut entries = (*snapshot.entries).clone();
        let mut writes = &writes[..];
        while !writes.is_empty() {
            let length = packing::take_length(&mut writes).ok_or_else(malformed)?;
            let key = packing::take_bytes(&mut writes, length)
                .ok_or_else(malformed)?
                .to_vec();
            match packing::take_length(&mut writes).ok_or_else(malformed)? {
                0 => entries.remove(&key),
                length => {
                    let value =
                        packing::take_bytes(&mut writes, length - 1).ok_or_else(malformed)?;
                    entries.insert(key, value.to_vec())
                }
            };
        }
        // The only step that shows: what failed before it left nothing behind.
        self.entries = Arc::new(entries);
        self.version += 1;
        Ok(self.version)
    }

    fn drop(&mut self, snapshot: Resource<Snapshot>) -> Result<()> {
        self.snapshots.delete(snapshot)?;
        Ok(())
    }
}

impl types::Host for Plugin {}

impl console::Host for Plugin {
    fn print(&mut self, text: Vec<u8>) {
        self.printed.extend_from_slice(&text);
    }
}

/// It has no functions for scripts.
impl host::Host for Plugin {
    fn names(&mut self) -> Vec<String> {
        Vec::new()
    }

    fn call(&mut self, name: String, _: Vec<u8>) -> Result<Vec<u8>, String> {
        Err(format!("there is no function '{name}'"))
    }
}

/// `wasi:clocks/wall-clock.datetime`.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

/// The three functions of WASI that the component imports. A program that has `wasmtime-wasi`
/// already would add that instead.
fn add_wasi(linker: &mut Linker<Plugin>) -> Result<()> {
    linker
        .instance("wasi:clocks/wall-clock@0.2.0")?
        .func_wrap("now", |_, (): ()| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
            Ok((Datetime {
                seconds: now.as_secs(),
                nanoseconds: now.subsec_nanos(),
            },))
        })?;
    let start = Instant::now();
    linker
        .instance("wasi:clocks/monotonic-clock@0.2.0")?
        .func_wrap("now", move |_, (): ()| {
            Ok((u64::try_from(start.elapsed().as_nanos())?,))
        })?;
    linker
        .instance("wasi:random/insecure-seed@0.2.0")?
        .func_wrap("insecure-seed", |_, (): ()| {
            Ok(((getrandom::u64()?, getrandom::u64()?),))
        })?;
    Ok(())
}

/// Loads the component, stores a document through it, and asks for it back.
pub fn run(component: &Path) -> Result<Vec<u8>> {
    let mut config = Config::new();
    config
        .wasm_exceptions(true)
        .concurrency_support(false)
        .wasm_backtrace_max_frames(None);
    let engine = Engine::new(&config)?;
    let component = Component::from_file(&engine, component)?;
    let mut linker = Linker::new(&engine);
    Database::add_to_linker::<_, HasSelf<_>>(&mut linker, |plugin: &mut Plugin| plugin)?;
    add_wasi(&mut linker)?;
    let mut wasm = Store::new(&engine, Plugin::default());
    let database = Database::instantiate(&mut wasm, &component, &linker)?;

    // CBOR by hand: {"size": 1.5}.
    let document = b"\xa1\x64size\xf9\x3e\x00".to_vec();
    let key = Key::Text("first".to_owned());
    database
        .cu_db_documents()
        .call_put(&mut wasm, "things", &key, &document)??;
    let found = database
        .cu_db_documents()
        .call_get(&mut wasm, "things", &key)??;
    assert_eq!(found.as_ref(), Some(&document));
    Ok(database.cu_db_admin().call_digest(&mut wasm)??)
}

#[allow(
    dead_code,
    reason = "the test has the file as a module and calls `run` itself"
)]
fn main() -> Result<()> {
    let path = std::env::args_os().nth(1).map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/cu.wasm")),
        PathBuf::from,
    );
    let digest = run(&path)?;
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    println!("one document stored and found again; the state's digest is {hex}");
    Ok(())
}
