//! The log in front of the tree: one record for each commit, on the disk before the commit is
//! acknowledged.
//!
//! The file is a header of 16 bytes (`CuLog`, three bytes of version, 8 bytes of salt) and
//! records one after the other:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | CRC-32 of the salt, then of everything that follows in the record |
//! | 4 | length of the payload in bytes, the highest bit set if all records before were synced |
//! | 8 | number of the commit, exclusive or with the salt |
//! | … | payload: the packed writes of the commit |
//!
//! All numbers are little-endian. 16 zero bytes follow the last record. The file is filled with
//! zeros ahead of its end, because overwriting is cheaper to sync than appending, and it is
//! written from its beginning again once the tree holds everything in it: what stays behind the
//! zeros is old, and records whose commit the tree already has mean nothing.
//!
//! The salt keeps bytes which somebody stored as a value from ever looking like a record. A log
//! whose first record is zeros is empty, whatever comes after: closing leaves it so.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::StoreFailure;

const MAGIC: [u8; 8] = *b"CuLog\0\0\x01";
const HEADER: u64 = 16;
const RECORD_HEADER: usize = 16;
/// A record that isn't there: what follows the last one.
const TERMINATOR: [u8; RECORD_HEADER] = [0; RECORD_HEADER];
const ALL_BEFORE_SYNCED: u32 = 1 << 31;
/// How far the file is filled with zeros ahead, in bytes.
const GROWTH: u64 = 1 << 20;
/// Of a longer file the rest is given back when the log begins anew.
const KEPT: u64 = 64 << 20;

/// One commit as the log has it.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) writes: Vec<u8>,
}

/// What a log holds beyond a version, and where it ends.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) records: Vec<Record>,
    end: u64,
    salt: u64,
    /// Whether records were found behind the end: they were not synced when a crash came, and one before them is torn.
    stale: bool,
}

/// The log, open for appending.
#[derive(Debug)]
pub(super) struct Log {
    file: Arc<File>,
    salt: u64,
    /// Where the next record begins.
    end: u64,
    /// How far the file is filled, with records or zeros.
    filled: u64,
    /// The last records, which the file does not have yet.
    unwritten: Vec<u8>,
}

impl Log {
    /// Makes an empty log, on the disk before this returns.
    pub(super) fn create(path: &Path) -> io::Result<()> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        let mut header = [0; HEADER as usize + RECORD_HEADER];
        header[..8].copy_from_slice(&MAGIC);
        header[8..16].copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
        file.write_all_at(&header, 0)?;
        file.sync_all()
    }

    /// Opens the log for appending where `recovered` says that it ends.
    pub(super) fn open(path: &Path, recovered: &Recovered) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let length = file.metadata()?.len();
        let mut log = Self {
            file: Arc::new(file),
            salt: recovered.salt,
            end: recovered.end,
            filled: length,
            unwritten: Vec::new(),
        };
        // What a crash left behind the last good record must not be found when the next one
        // is torn.
        if recovered.stale {
            erase(&log.file, log.end, length)?;
        } else {
            log.erase_end()?;
        }
        if !recovered.records.is_empty() {
            // They may be in no more than the system's memory, if only the process has ended.
            log.file.sync_data()?;
        }
        Ok(log)
    }

    /// Bytes from the beginning of the log to its last record.
    pub(super) fn length(&self) -> u64 {
        self.end
    }

    /// Whether the tree holds every commit that this log ever held.
    pub(super) fn is_empty(&self) -> bool {
        self.end == HEADER
    }

    /// The file, to sync it while others append.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Appends one commit, for which the file has room then. It is there when it is [written](Log::write), and on the disk
    /// when the file is synced.
    ///
    /// # Errors
    /// Then the log is as it was.
    pub(super) fn append(
        &mut self,
        version: u64,
        writes: &[u8],
        all_before_synced: bool,
    ) -> Result<(), StoreFailure> {
        let header = header(self.salt, version, writes, all_before_synced)?;
        let end = self.end + (RECORD_HEADER + writes.len()) as u64;
        self.fill(end + TERMINATOR.len() as u64)?;
        self.unwritten.extend_from_slice(&header);
        self.unwritten.extend_from_slice(writes);
        self.end = end;
        Ok(())
    }

    /// As [`append`](Log::append), for a commit that is worth no copy: the file has it, though not on the disk, when this returns.
    ///
    /// # Errors
    /// Then the log is as it was.
    pub(super) fn append_large(
        &mut self,
        version: u64,
        writes: &[u8],
        all_before_synced: bool,
    ) -> Result<(), StoreFailure> {
        self.write()?;
        let header = header(self.salt, version, writes, all_before_synced)?;
        let start = self.end;
        let end = start + (RECORD_HEADER + writes.len()) as u64;
        let written = self
            .file
            .write_all_at(writes, start + RECORD_HEADER as u64)
            .and_then(|()| self.file.write_all_at(&TERMINATOR, end))
            .and_then(|()| self.file.write_all_at(&header, start));
        if let Err(error) = written {
            // Whatever part of it is there has no header; a full disk gets its room back.
            self.file.write_all_at(&TERMINATOR, start)?;
            self.file.set_len(self.filled)?;
            return Err(error.into());
        }
        self.end = end;
        self.filled = self.filled.max(end + TERMINATOR.len() as u64);
        Ok(())
    }

    /// Makes room in the file, so that a full disk refuses a commit before it shows anywhere.
    fn fill(&mut self, until: u64) -> io::Result<()> {
        if until > self.filled {
            let filled = until.next_multiple_of(GROWTH);
            let zeros = vec![0; (filled - self.filled) as usize];
            self.file.write_all_at(&zeros, self.filled)?;
            self.filled = filled;
        }
        Ok(())
    }

    /// Gives the system the records that it does not have yet.
    ///
    /// # Errors
    /// Then nothing is known of those, but that they are not synced.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let start = self.end - self.unwritten.len() as u64;
        self.unwritten.extend_from_slice(&TERMINATOR);
        let written = self.file.write_all_at(&self.unwritten, start);
        self.unwritten.clear();
        written
    }

    /// Forgets the records that were not written: they are taken back.
    pub(super) fn forget_unwritten(&mut self) {
        self.unwritten.clear();
    }

    /// Makes what follows the last record no record, durably.
    fn erase_end(&mut self) -> io::Result<()> {
        let mut there = [0; RECORD_HEADER];
        let read = read_up_to(&self.file, &mut there, self.end)?;
        if there[..read] != TERMINATOR[..read] {
            self.file.write_all_at(&TERMINATOR[..read], self.end)?;
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// Begins anew. The tree must hold every commit of the log durably.
    pub(super) fn restart(&mut self) {
        self.unwritten.clear();
        self.end = HEADER;
        // Large commits have made it long. That it stays so does no harm.
        if self.filled > KEPT && self.file.set_len(KEPT).is_ok() {
            self.filled = KEPT;
        }
    }

    /// Leaves an empty log behind. The tree must hold every commit of it durably.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.restart();
        self.file.write_all_at(&TERMINATOR, HEADER)?;
        if self.filled > GROWTH {
            self.file.set_len(GROWTH)?;
            self.filled = GROWTH;
        }
        Ok(())
    }
}

/// Makes records in a part of the file none, durably: neither the first of them nor one behind it is found again.
pub(super) fn erase(file: &File, from: u64, until: u64) -> io::Result<()> {
    const PIECE: u64 = 1 << 20;
    let zeros = vec![0; PIECE.min(until.saturating_sub(from)) as usize];
    let mut at = from;
    while at < until {
        let piece = PIECE.min(until - at) as usize;
        file.write_all_at(&zeros[..piece], at)?;
        at += piece as u64;
    }
    file.sync_data()
}

/// Reads the commits after `version`, changing nothing. A torn record at the end counts as not
/// written, since it was never acknowledged.
///
/// # Errors
/// [`StoreFailure::Corrupt`] if acknowledged records can't be read, or if the log doesn't
/// continue `version`.
pub(super) fn recover(path: &Path, version: u64) -> Result<Recovered, StoreFailure> {
    let file = File::open(path)?;
    let mut start = [0; HEADER as usize + RECORD_HEADER];
    let read = read_up_to(&file, &mut start, 0)?;
    if read < HEADER as usize || start[..8] != MAGIC {
        return Err(StoreFailure::Corrupt(
            "its log is not a log of Cu".to_owned(),
        ));
    }
    let salt = u64::from_le_bytes(start[8..16].try_into().expect("8 bytes"));
    if start[HEADER as usize..] == TERMINATOR {
        return Ok(Recovered {
            records: Vec::new(),
            end: HEADER,
            salt,
            stale: false,
        });
    }

    let bytes = std::fs::read(path)?;
    let mut recovered = Recovered {
        records: Vec::new(),
        end: HEADER,
        salt,
        stale: false,
    };
    let mut at = HEADER as usize;
    let mut newest = version;
    while let Some(record) = parse(&bytes[at..], salt) {
        if record.version > newest + 1 {
            return Err(StoreFailure::Corrupt(format!(
                "its log goes on with commit {}, but its tree ends with commit {newest}",
                record.version
            )));
        }
        let end = at + RECORD_HEADER + record.writes.len();
        if record.version == newest + 1 {
            newest = record.version;
            recovered.records.push(Record {
                writes: record.writes.to_vec(),
            });
            recovered.end = end as u64;
        } else if !recovered.records.is_empty() {
            break;
        }
        at = end;
    }
    // What was read past is old: the log begins anew where none of it was needed.
    let from = if recovered.records.is_empty() {
        at
    } else {
        recovered.end as usize
    };
    for later in later(&bytes[from..], salt, newest) {
        // It was written when the one after `newest` was on the disk already: this is no torn tail.
        if later.all_before_synced {
            return Err(StoreFailure::Corrupt(format!(
                "commit {} can't be read from its log, though commit {} is there",
                newest + 1,
                later.version
            )));
        }
        recovered.stale = true;
    }
    Ok(recovered)
}

/// What stands before the payload of a record.
fn header(
    salt: u64,
    version: u64,
    writes: &[u8],
    all_before_synced: bool,
) -> Result<[u8; RECORD_HEADER], StoreFailure> {
    let length = u32::try_from(writes.len())
        .ok()
        .filter(|length| length & ALL_BEFORE_SYNCED == 0);
    let length = length.ok_or_else(|| StoreFailure::Io("a commit of 2 GiB or more".to_owned()))?;
    let marked = if all_before_synced {
        length | ALL_BEFORE_SYNCED
    } else {
        length
    };
    let mut header = [0; RECORD_HEADER];
    header[4..8].copy_from_slice(&marked.to_le_bytes());
    header[8..].copy_from_slice(&(version ^ salt).to_le_bytes());
    let checksum = checksum(salt, &header[4..], writes);
    header[..4].copy_from_slice(&checksum.to_le_bytes());
    Ok(header)
}

/// A record as it lies in the file.
struct Parsed<'a> {
    version: u64,
    all_before_synced: bool,
    writes: &'a [u8],
}

/// The record at the beginning of `bytes`, if there is one.
fn parse(bytes: &[u8], salt: u64) -> Option<Parsed<'_>> {
    let (header, rest) = bytes.split_first_chunk::<RECORD_HEADER>()?;
    let number =
        |from: usize| u32::from_le_bytes(header[from..from + 4].try_into().expect("4 bytes"));
    let marked = number(4);
    let version = u64::from_le_bytes(header[8..].try_into().expect("8 bytes")) ^ salt;
    let length = (marked & !ALL_BEFORE_SYNCED) as usize;
    if length > rest.len() {
        return None;
    }
    if checksum(salt, &header[4..], &rest[..length]) != number(0) {
        return None;
    }
    Some(Parsed {
        version,
        all_before_synced: marked & ALL_BEFORE_SYNCED != 0,
        writes: &rest[..length],
    })
}

/// The records somewhere in `bytes` that are newer than the one after `newest`.
fn later(bytes: &[u8], salt: u64, newest: u64) -> impl Iterator<Item = Parsed<'_>> {
    let places = (bytes.len() + 1).saturating_sub(RECORD_HEADER);
    (0..places).filter_map(move |at| {
        let version =
            u64::from_le_bytes(bytes[at + 8..at + 16].try_into().expect("8 bytes")) ^ salt;
        // Thanks to the salt only records look like records, so that the checksums cost little.
        if version <= newest + 1 || version > newest + (1 << 32) {
            return None;
        }
        parse(&bytes[at..], salt)
    })
}

fn checksum(salt: u64, header: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(header);
    hasher.update(payload);
    hasher.finalize()
}

/// Reads until `buffer` is full or the file ends.
fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], offset + read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}
