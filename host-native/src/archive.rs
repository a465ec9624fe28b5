//! Archives: a whole database as one file, the same one that the browser's host writes and reads.
//!
//! `docs/format.md` has the bytes. What is in the pages is the component's business, and so are the checks of
//! what comes in; here is how pages become a file.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use crate::raw::Raw;
use crate::store::{Direction, Snapshot, Store, StoreFailure, pack};
use crate::{Database, Error, Problem};

const NAME: &[u8; 6] = b"CuArch";
const VERSION: u16 = 1;
/// Bytes of a page, at the most: the component ends one with the entry that makes it 1 MB, and no entry is
/// much larger than 16 MB.
const LARGEST_PAGE: u32 = 32 << 20;

/// How far an export or import has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchiveProgress {
    /// Entries of the store, which are documents for the most part.
    pub entries: u64,
    /// Bytes of these entries before compression.
    pub bytes: u64,
}

/// What an archive holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchiveInfo {
    /// Entries of the store, which are documents for the most part.
    pub entries: u64,
    /// Bytes of these entries before compression.
    pub bytes: u64,
    /// The digest of the database.
    pub digest: [u8; 32],
}

impl Database {
    /// Writes the whole database into one file, as it is at this moment: calls from other threads go on meanwhile
    /// and do not show. `progress` hears of each page.
    ///
    /// # Errors
    /// [`Error::Archive`] if the writer fails, and the store's.
    ///
    /// ```
    /// use cu_db::Database;
    ///
    /// let database = Database::in_memory()?;
    /// database.put("users", "ann", &31)?;
    /// let mut file = Vec::new();
    /// database.export_archive(&mut file, |_| {})?;
    ///
    /// let copy = Database::in_memory()?;
    /// copy.import_archive(&file[..], |_| {})?;
    /// assert_eq!(copy.digest()?, database.digest()?);
    /// # Ok::<(), cu_db::Error>(())
    /// ```
    pub fn export_archive(
        &self,
        writer: impl Write,
        progress: impl FnMut(ArchiveProgress),
    ) -> Result<ArchiveInfo, Error> {
        let pinned = Pinned(Arc::new(Mutex::new(self.host().store().open_settled()?)));
        let host = self.host().beside(Some(Arc::new(pinned)));
        write(Raw::of(&host), writer, progress)
    }

    /// Fills a database that holds nothing with what an archive has. `progress` hears of each page.
    ///
    /// While it runs, other calls fail with [`Error::Incomplete`], and so they do after the process was ended in the midst
    /// of it: importing again begins anew. If it fails, the database holds nothing.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] if the database holds something; [`Error::UnsupportedFormat`] for a file that is no archive, or
    /// a newer one; [`Error::Corrupt`] for a damaged one; [`Error::Archive`] if the reader fails; the store's.
    pub fn import_archive(
        &self,
        reader: impl Read,
        progress: impl FnMut(ArchiveProgress),
    ) -> Result<ArchiveInfo, Error> {
        let host = self.host().beside(None);
        let raw = Raw::of(&host);
        let mut source = Source {
            reader,
            failed: None,
        };
        let read = read(raw, &mut source, progress);
        if read.is_err() {
            // If that fails as well, the first error is the one to tell; the next import begins with this.
            drop(abort(raw));
        }
        match source.failed {
            Some(error) => Err(Error::Archive(error)),
            None => read,
        }
    }
}

fn write(
    raw: Raw<'_>,
    mut writer: impl Write,
    mut progress: impl FnMut(ArchiveProgress),
) -> Result<ArchiveInfo, Error> {
    writer.write_all(NAME)?;
    writer.write_all(&VERSION.to_be_bytes())?;
    let mut out = GzEncoder::new(writer, Compression::default());
    let mut done = ArchiveProgress::default();
    let mut after = None;
    loop {
        let page = raw.archive_export_page(after.as_deref())?;
        if !page.entries.is_empty() {
            let length = u32::try_from(page.entries.len()).expect("a page fits into the guest");
            out.write_all(&length.to_be_bytes())?;
            out.write_all(&page.entries)?;
            done.entries += pack::entries(&page.entries).count() as u64;
            done.bytes += u64::from(length);
            progress(done);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let digest = raw.digest()?;
    out.write_all(&0u32.to_be_bytes())?;
    out.write_all(&done.entries.to_be_bytes())?;
    out.write_all(&digest)?;
    out.finish()?.flush()?;
    Ok(ArchiveInfo {
        entries: done.entries,
        bytes: done.bytes,
        digest,
    })
}

fn read<R: Read>(
    raw: Raw<'_>,
    source: &mut Source<R>,
    mut progress: impl FnMut(ArchiveProgress),
) -> Result<ArchiveInfo, Error> {
    let mut file = BufReader::with_capacity(1 << 17, source);
    read_head(&mut file)?;
    // What another import has left.
    abort(raw)?;
    let mut pages = GzDecoder::new(file);
    let mut done = ArchiveProgress::default();
    let mut page = Vec::new();
    loop {
        let length = u32::from_be_bytes(take(&mut pages)?);
        if length == 0 {
            break;
        }
        if length > LARGEST_PAGE {
            return Err(damaged("a page is longer than pages are"));
        }
        page.clear();
        let read = pages
            .by_ref()
            .take(length.into())
            .read_to_end(&mut page)
            .map_err(unreadable)?;
        if read < length as usize {
            return Err(damaged("it ends too early"));
        }
        raw.archive_import_page(&page).map_err(of_archive)?;
        done.entries += pack::entries(&page).count() as u64;
        done.bytes += u64::from(length);
        progress(done);
    }
    let entries = u64::from_be_bytes(take(&mut pages)?);
    let digest: [u8; 32] = take(&mut pages)?;
    // Only behind the last byte does gzip compare its checksum.
    if pages.read(&mut [0]).map_err(unreadable)? > 0 {
        return Err(damaged("something follows its end"));
    }
    if !pages
        .into_inner()
        .fill_buf()
        .map_err(unreadable)?
        .is_empty()
    {
        return Err(damaged("something follows its end"));
    }
    if entries != done.entries {
        return Err(damaged("it has another number of entries than it says"));
    }
    while !raw
        .archive_finish_import(&digest.to_vec())
        .map_err(of_archive)?
    {}
    Ok(ArchiveInfo {
        entries,
        bytes: done.bytes,
        digest,
    })
}

fn read_head(file: &mut impl Read) -> Result<(), Error> {
    let mut head = [0; 8];
    let (name, version) = match file.read_exact(&mut head) {
        Ok(()) => (&head[..6], u16::from_be_bytes([head[6], head[7]])),
        Err(_) => (&[][..], 0),
    };
    if name != NAME || version == 0 {
        return Err(unsupported(
            "the file is no archive of Cu; `cu backup` and `exportArchive` write one",
        ));
    }
    if version > VERSION {
        return Err(unsupported(&format!(
            "the archive has version {version}, newer than this version's {VERSION}; update Cu to read it"
        )));
    }
    Ok(())
}

fn abort(raw: Raw<'_>) -> Result<(), Error> {
    while !raw.archive_abort_import()? {}
    Ok(())
}

fn take<const N: usize>(reader: &mut impl Read) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// An error of decompression: one of reading is told in its place.
fn unreadable(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it ends too early"),
        _ => damaged(&error.to_string()),
    }
}

fn damaged(what: &str) -> Error {
    Error::Corrupt(Problem {
        place: "archive".to_owned(),
        message: format!("the archive is damaged: {what}; use another copy of it"),
    })
}

fn unsupported(message: &str) -> Error {
    Error::UnsupportedFormat(Problem {
        place: "archive".to_owned(),
        message: message.to_owned(),
    })
}

/// The component's error about a page, with the file for its place: nobody but this module knows the pages.
fn of_archive(error: Error) -> Error {
    match error {
        Error::Corrupt(problem) => damaged(&format!("{}: {}", problem.place, problem.message)),
        Error::UnsupportedFormat(problem) => unsupported(&problem.message),
        Error::InvalidArgument(problem) => damaged(&problem.message),
        error => error,
    }
}

/// Reads, and keeps the error of reading apart from those of decompression.
struct Source<R> {
    reader: R,
    failed: Option<io::Error>,
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let copy = io::Error::from(error.kind());
                self.failed = Some(error);
                Err(copy)
            }
            read => read,
        }
    }
}

/// A store that stays as one snapshot shows it. Whatever is opened of it is that snapshot.
struct Pinned(Arc<Mutex<Box<dyn Snapshot>>>);

impl Pinned {
    fn with<T>(&self, read: impl FnOnce(&dyn Snapshot) -> T) -> T {
        read(&**self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store for Pinned {
    fn open(&self) -> Result<Box<dyn Snapshot>, StoreFailure> {
        Ok(Box::new(Pinned(Arc::clone(&self.0))))
    }

    fn commit(&self, _: u64, _: &[u8]) -> Result<u64, StoreFailure> {
        Err(StoreFailure::ReadOnly)
    }

    fn close(&self) -> Result<(), StoreFailure> {
        Ok(())
    }

    fn verify(&self) -> Result<(), StoreFailure> {
        Err(StoreFailure::ReadOnly)
    }

    fn size_on_disk(&self) -> Result<u64, StoreFailure> {
        Ok(0)
    }
}

impl Snapshot for Pinned {
    fn version(&self) -> u64 {
        self.with(|snapshot| snapshot.version())
    }

    fn generation(&self) -> u64 {
        self.with(|snapshot| snapshot.generation())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFailure> {
        self.with(|snapshot| snapshot.get(key))
    }

    fn get_many(&self, keys: &[u8]) -> Result<Vec<u8>, StoreFailure> {
        self.with(|snapshot| snapshot.get_many(keys))
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        max_entries: u32,
        max_bytes: u32,
    ) -> Result<Vec<u8>, StoreFailure> {
        self.with(|snapshot| snapshot.scan(start, end, direction, max_entries, max_bytes))
    }

    fn count(&self, start: &[u8], end: &[u8]) -> Result<u64, StoreFailure> {
        self.with(|snapshot| snapshot.count(start, end))
    }
}
