//! What several tests share.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cu_db::store::{Direction, DiskOptions, DiskStore, OpenError, Store, StoreFailure, pack};

pub type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Packs writes, which are put in order first.
pub fn packed(writes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> Vec<u8> {
    let mut packed = Vec::new();
    for (key, value) in writes {
        pack::put_entry(&mut packed, key, value.as_deref());
    }
    packed
}

/// Packs one write.
pub fn one(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packed = Vec::new();
    pack::put_entry(&mut packed, key.as_ref(), Some(value.as_ref()));
    packed
}

/// Commits on top of whatever is there.
pub fn commit(store: &dyn Store, writes: &[u8]) -> Result<u64, StoreFailure> {
    let version = store.open()?.version();
    store.commit(version, writes)
}

/// Everything a store holds.
pub fn contents(store: &dyn Store) -> Model {
    let page = store
        .open()
        .unwrap()
        .scan(b"", b"", Direction::Forward, u32::MAX, u32::MAX)
        .unwrap();
    pack::entries(&page)
        .map(|entry| {
            let (key, value) = entry.unwrap();
            (key.to_vec(), value.unwrap().to_vec())
        })
        .collect()
}

pub fn open(path: &Path) -> Result<DiskStore, OpenError> {
    DiskStore::open(path, DiskOptions::default())
}

/// Copies a database's files as they are: what the end of the process would leave.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Splitmix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// Runs the ignored test `name` of this test program as a process of its own.
pub fn child(name: &str, path: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            name,
            "--exact",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("CU_TEST_PATH", path)
        .stdout(Stdio::piped());
    command
}

/// The path that [`child`] was given.
pub fn child_path() -> std::path::PathBuf {
    std::env::var_os("CU_TEST_PATH")
        .expect("this test is run by another one")
        .into()
}

/// Kills a process the hard way.
pub fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}
