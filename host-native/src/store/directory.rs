//! The directory that a database is: which files it has, whose it is, and who has it open.
//!
//! `format` says what the directory is and is the lock: whoever writes holds it exclusively, and
//! readers share it. Its text is written last when a database is made, so that a database that
//! is only half made is made again.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::log::Log;
use super::tree::Tree;
use super::{StoreFailure, tree};

/// The format that this version writes.
const FORMAT: u32 = 2;
/// The format that becomes this version's when the database is opened for writing: it had no compressed values.
const OLD_FORMAT: u32 = 1;
const PREFIX: &str = "cu-database ";
const FORMAT_TEXT: &str = "cu-database 2\n";

/// Why a database can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Nothing is there, and nothing may be made.
    #[error("there is no database at {0}; check the path, or open it for writing to make one")]
    NotFound(PathBuf),
    /// The directory around it isn't there either.
    #[error("the directory {0} does not exist; make it first, or check the path")]
    NoParent(PathBuf),
    /// Something else is there.
    #[error("{0} is not a database of Cu: {1}; choose another path")]
    Foreign(PathBuf, &'static str),
    /// The database was written by a newer version.
    #[error("{0} has format {1}, newer than this version's {FORMAT}; update Cu to open it")]
    NewerFormat(PathBuf, u32),
    /// The database was written by an older version.
    #[error(
        "{0} has format {1}, older than this version's {FORMAT}; open it for writing once, which brings it up"
    )]
    OlderFormat(PathBuf, u32),
    /// Another process, or another handle of this one, has it open.
    #[error("{0} is in use by another process; wait until that one ends, or close it")]
    InUse(PathBuf),
    /// The permissions don't allow it.
    #[error("no permission to {1} {0}; change its permissions, or open it read-only")]
    Permission(PathBuf, &'static str),
    /// The store can't be read or written.
    #[error("{0} can't be opened: {1}")]
    Store(PathBuf, StoreFailure),
}

/// A database's directory, locked for as long as this lives.
pub(super) struct Directory {
    path: PathBuf,
    /// Holds the lock.
    format: File,
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A process that this one is just starting has the file, too, and with it the lock, until it runs its program.
        drop(self.format.unlock());
    }
}

impl Directory {
    pub(super) fn tree(&self) -> PathBuf {
        self.path.join("tree.redb")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// Finds out whether a file of the database is missing, or was emptied.
    pub(super) fn check_files(&self) -> Result<(), StoreFailure> {
        for (file, name) in [(self.tree(), "tree.redb"), (self.log(), "log")] {
            match fs::metadata(&file) {
                Ok(metadata) if metadata.len() > 0 => {}
                Ok(_) => return Err(StoreFailure::Corrupt(format!("its file `{name}` is empty"))),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Err(StoreFailure::Corrupt(format!(
                        "its file `{name}` is missing"
                    )));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Bytes of all files.
    pub(super) fn size(&self) -> io::Result<u64> {
        use std::os::unix::fs::MetadataExt;
        let mut size = 0;
        for entry in fs::read_dir(&self.path)? {
            size += entry?.metadata()?.blocks() * 512;
        }
        Ok(size)
    }

    /// Opens a database for reading, together with other readers.
    pub(super) fn open_read_only(path: &Path) -> Result<Self, OpenError> {
        let failed = |error| explain(path, "read", error);
        let mut format = match File::open(path.join("format")) {
            Ok(format) => format,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Err(match fs::metadata(path) {
                    Ok(_) => foreign(path),
                    Err(_) => OpenError::NotFound(path.to_owned()),
                });
            }
            Err(error) => return Err(failed(error)),
        };
        lock(path, format.try_lock_shared())?;
        match made_as(path, &mut format)? {
            None => return Err(OpenError::NotFound(path.to_owned())),
            Some(OLD_FORMAT) => return Err(OpenError::OlderFormat(path.to_owned(), OLD_FORMAT)),
            Some(_) => {}
        }
        Ok(Self {
            path: path.to_owned(),
            format,
        })
    }

    /// Opens a database for writing, and makes it first if nothing is there.
    pub(super) fn open(path: &Path, cache_bytes: usize) -> Result<Self, OpenError> {
        let failed = |error| explain(path, "write", error);
        match fs::create_dir(path) {
            Ok(()) => sync_directory(path.parent()).map_err(failed)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let parent = path.parent().unwrap_or(path);
                return Err(OpenError::NoParent(parent.to_owned()));
            }
            Err(error) => return Err(failed(error)),
        }
        if !path.is_dir() {
            return Err(foreign(path));
        }
        if !path.join("format").exists() && fs::read_dir(path).map_err(failed)?.next().is_some() {
            return Err(foreign(path));
        }
        let mut format = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("format"))
            .map_err(failed)?;
        lock(path, format.try_lock())?;
        let made = made_as(path, &mut format)?;
        if made == Some(OLD_FORMAT) {
            // In place, so that at no moment the file is empty. The tree follows when it is opened, and says
            // itself which of both it is.
            format
                .write_all_at(FORMAT_TEXT.as_bytes(), 0)
                .and_then(|()| format.sync_all())
                .map_err(failed)?;
        }
        let directory = Self {
            path: path.to_owned(),
            format,
        };
        if made.is_none() {
            directory
                .make(cache_bytes)
                .map_err(|error| OpenError::Store(path.to_owned(), error))?;
        }
        Ok(directory)
    }

    /// Makes the files of an empty database. The lock is held, and `format` is empty.
    fn make(&self, cache_bytes: usize) -> Result<(), StoreFailure> {
        match fs::remove_file(self.tree()) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        tree::guard(|| Tree::create(&self.tree(), cache_bytes)?.close())?;
        Log::create(&self.log())?;
        sync_directory(Some(&self.path))?;
        let mut format = OpenOptions::new()
            .write(true)
            .open(self.path.join("format"))?;
        format.write_all(FORMAT_TEXT.as_bytes())?;
        format.sync_all()?;
        Ok(())
    }
}

/// Puts the names in a directory on the disk.
fn sync_directory(path: Option<&Path>) -> io::Result<()> {
    let path = path
        .filter(|path| !path.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(path)?.sync_all()
}

/// The format that a database is complete in, as `format` says; none if it is not.
fn made_as(path: &Path, format: &mut File) -> Result<Option<u32>, OpenError> {
    let mut text = Vec::new();
    format
        .rewind()
        .and_then(|()| format.take(64).read_to_end(&mut text))
        .map_err(|error| explain(path, "read", error))?;
    if text.is_empty() {
        return Ok(None);
    }
    let version = std::str::from_utf8(&text)
        .ok()
        .and_then(|text| text.strip_prefix(PREFIX)?.strip_suffix('\n')?.parse().ok());
    match version {
        Some(version @ (OLD_FORMAT | FORMAT)) => Ok(Some(version)),
        Some(version) if version > FORMAT => Err(OpenError::NewerFormat(path.to_owned(), version)),
        _ => Err(OpenError::Foreign(
            path.to_owned(),
            "its file `format` says something else",
        )),
    }
}

fn lock(path: &Path, locked: Result<(), TryLockError>) -> Result<(), OpenError> {
    match locked {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(explain(path, "lock", error)),
    }
}

fn foreign(path: &Path) -> OpenError {
    let why = if path.is_dir() {
        "the directory has no file `format`"
    } else {
        "a database is a directory, and this is none"
    };
    OpenError::Foreign(path.to_owned(), why)
}

fn explain(path: &Path, action: &'static str, error: io::Error) -> OpenError {
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            OpenError::Permission(path.to_owned(), action)
        }
        _ => OpenError::Store(path.to_owned(), error.into()),
    }
}
