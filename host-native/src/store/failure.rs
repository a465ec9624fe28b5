//! `store-failure` of the contract, and how other errors become one.

use std::io::{self, ErrorKind};

/// Why the store did not do what it was asked to. After each of them but `Closed`, the store
/// holds exactly what the last successful commit left.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFailure {
    /// Another transaction committed since this one began.
    #[error("another transaction committed first; run the call again")]
    Conflict,
    /// The store was opened read-only, or the call is one that may only read.
    #[error(
        "nothing may be written here; open the database for writing, and use a call that is not for reading only"
    )]
    ReadOnly,
    /// The disk or the quota is full.
    #[error("the disk is full ({0}); nothing was written, make room and run the call again")]
    Full(String),
    /// The store holds bytes that nothing of this format wrote.
    #[error("the store is damaged: {0}; restore it from an export or a copy")]
    Corrupt(String),
    /// The store was closed, or deleted behind our back.
    #[error("the store is closed: {0}; open the database again")]
    Closed(String),
    /// Anything else that the platform reports.
    #[error("the store can't be read or written: {0}")]
    Io(String),
}

impl StoreFailure {
    /// The failure of a guest or program that sends bytes which are not packed well.
    pub(crate) fn malformed(what: &str) -> Self {
        Self::Io(format!(
            "malformed {what}; the component does not fit this host"
        ))
    }
}

impl From<io::Error> for StoreFailure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::Full(error.to_string())
            }
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            // What redb says of a file that isn't its own, or is cut off.
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => Self::Corrupt(error.to_string()),
            _ => Self::Io(error.to_string()),
        }
    }
}

impl From<redb::StorageError> for StoreFailure {
    fn from(error: redb::StorageError) -> Self {
        match error {
            redb::StorageError::Io(error) => error.into(),
            redb::StorageError::Corrupted(what) => Self::Corrupt(what),
            redb::StorageError::DatabaseClosed => Self::Closed("it was closed".to_owned()),
            error => Self::Io(error.to_string()),
        }
    }
}

macro_rules! from_redb {
    ($($kind:ident),*) => {$(
        impl From<redb::$kind> for StoreFailure {
            fn from(error: redb::$kind) -> Self {
                match error {
                    redb::$kind::Storage(error) => error.into(),
                    error => Self::Io(error.to_string()),
                }
            }
        }
    )*};
}

from_redb!(CommitError, TableError, TransactionError);

impl From<redb::DatabaseError> for StoreFailure {
    fn from(error: redb::DatabaseError) -> Self {
        match error {
            redb::DatabaseError::Storage(error) => error.into(),
            redb::DatabaseError::TransactionInProgress => Self::Io(
                "a call or a transaction still reads it; wait for its end, and try again"
                    .to_owned(),
            ),
            redb::DatabaseError::UpgradeRequired(version) => {
                Self::Corrupt(format!("its tree has the unknown version {version}"))
            }
            error => Self::Io(error.to_string()),
        }
    }
}
