//! A file that can be read but not written: what the tree would write stays in memory.
//!
//! It lets a tree be recovered from a crash, and its log be read, where nothing may be written:
//! in a read-only directory, and on a full disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// What is written is kept in blocks of this many bytes.
const BLOCK: u64 = 4096;

/// A file, and in memory what was written over it.
#[derive(Debug)]
pub(super) struct Overlay {
    file: File,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    length: u64,
    /// How much of the file still shows: cutting it shorter and longer again leaves zeros.
    file_length: u64,
    blocks: BTreeMap<u64, Box<[u8; BLOCK as usize]>>,
}

impl Overlay {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let state = State {
            length,
            file_length: length,
            blocks: BTreeMap::new(),
        };
        Ok(Self {
            file,
            state: Mutex::new(state),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The part of the file that `out` covers at `offset`, zeros after its end.
    fn read_file(&self, file_length: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = file_length.saturating_sub(offset).min(out.len() as u64) as usize;
        out[there..].fill(0);
        self.file.read_exact_at(&mut out[..there], offset)
    }
}

/// The pieces of `offset..offset + length` by block: block number, place in it, range in the buffer.
fn pieces(
    offset: u64,
    length: usize,
) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == length {
            return None;
        }
        let at = offset + done as u64;
        let place = (at % BLOCK) as usize;
        let piece = (BLOCK as usize - place).min(length - done);
        done += piece;
        Some((at / BLOCK, place, done - piece..done))
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        if offset + out.len() as u64 > state.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read_file(state.file_length, offset, out)?;
        for (block, place, range) in pieces(offset, out.len()) {
            if let Some(bytes) = state.blocks.get(&block) {
                let length = range.len();
                out[range].copy_from_slice(&bytes[place..place + length]);
            }
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.state();
        if length < state.length {
            let first_gone = length.div_ceil(BLOCK);
            state.blocks.split_off(&first_gone);
            if let Some(last) = state.blocks.get_mut(&(length / BLOCK)) {
                last[(length % BLOCK) as usize..].fill(0);
            }
            state.file_length = state.file_length.min(length);
        }
        state.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let file_length = state.file_length;
        for (block, place, range) in pieces(offset, data.len()) {
            let bytes = match state.blocks.entry(block) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    let mut bytes = Box::new([0; BLOCK as usize]);
                    self.read_file(file_length, block * BLOCK, &mut bytes[..])?;
                    entry.insert(bytes)
                }
            };
            bytes[place..place + range.len()].copy_from_slice(&data[range]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn writes_show_and_the_file_stays_as_it_was() {
        let mut file = tempfile::tempfile().unwrap();
        let original: Vec<u8> = (0..10_000u32).map(|byte| byte as u8).collect();
        file.write_all(&original).unwrap();
        let overlay = Overlay::new(file.try_clone().unwrap()).unwrap();
        let mut model = original.clone();

        overlay.write(4_000, &[0xff; 5_000]).unwrap();
        model[4_000..9_000].fill(0xff);
        overlay.set_len(20_000).unwrap();
        model.resize(20_000, 0);
        overlay.write(15_000, b"end").unwrap();
        model[15_000..15_003].copy_from_slice(b"end");
        overlay.set_len(8_500).unwrap();
        overlay.set_len(12_000).unwrap();
        model.truncate(8_500);
        model.resize(12_000, 0);

        let mut read = vec![1; 12_000];
        overlay.read(0, &mut read).unwrap();
        assert!(read == model);
        assert!(overlay.read(11_999, &mut [0; 2]).is_err());
        let mut untouched = vec![0; 10_000];
        file.read_exact_at(&mut untouched, 0).unwrap();
        assert!(untouched == original);
    }
}
