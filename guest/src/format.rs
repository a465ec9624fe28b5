//! The format record: whether a store is Cu's, of which format, and whether all of it is there.

use crate::catalog::FORMAT;
use crate::error::{Error, Problem, Result};
use crate::key::space;
use crate::store::{Cursor, Direction, Transaction};
use crate::value::{Item, accept, elements, write_array_head, write_bytes, write_int, write_text};

/// What the format record says.
pub(crate) enum Format {
    /// Nothing was ever written.
    Absent,
    /// The database is whole.
    Complete,
    /// An import is under way. Empty while entries come in, then the key of the last document whose index
    /// entries are there.
    Importing(Vec<u8>),
}

impl Format {
    /// Whether the record is there, for all that needs a whole database.
    ///
    /// # Errors
    /// `Incomplete` while an import is under way.
    pub(crate) fn is_written(&self) -> Result<bool> {
        match self {
            Format::Absent => Ok(false),
            Format::Complete => Ok(true),
            Format::Importing(_) => Err(incomplete()),
        }
    }

    /// Writes the record.
    ///
    /// # Errors
    /// As a write fails.
    pub(crate) fn write(&self, transaction: &mut Transaction) -> Result<()> {
        transaction.put(space::FORMAT, &self.to_bytes())
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut record = Vec::new();
        let importing = match self {
            Format::Importing(indexed) => Some(indexed),
            _ => None,
        };
        write_array_head(&mut record, 2 + usize::from(importing.is_some()));
        write_text(&mut record, "cu");
        write_int(&mut record, FORMAT);
        if let Some(indexed) = importing {
            write_bytes(&mut record, indexed);
        }
        record
    }
}

/// The error of everything that needs a whole database.
pub(crate) fn incomplete() -> Error {
    Error::Incomplete(Problem {
        place: "store".to_string(),
        message:
            "an import into the database was begun and is not finished; import the archive again"
                .to_string(),
    })
}

fn unsupported(message: String) -> Error {
    Error::UnsupportedFormat(Problem {
        place: "store".to_string(),
        message,
    })
}

/// Reads the record. A store without it has to be empty.
///
/// # Errors
/// As the store fails; `UnsupportedFormat` if the store is newer, or not Cu's.
pub(crate) fn read(transaction: &Transaction) -> Result<Format> {
    if let Some(record) = transaction.get(space::FORMAT)? {
        return parse(&record);
    }
    let mut all = Cursor::new(Vec::new(), Vec::new(), Direction::Forward).expecting(1);
    match all.next(transaction)? {
        None => Ok(Format::Absent),
        Some(_) => Err(foreign()),
    }
}

fn foreign() -> Error {
    unsupported("the store holds something that Cu did not write; open another place".to_string())
}

/// What a record says. These bytes may be anybody's: they are a value only if they pass.
///
/// # Errors
/// `UnsupportedFormat`.
pub(crate) fn parse(record: &[u8]) -> Result<Format> {
    let record = accept(record, "store").map_err(|_| foreign())?;
    let mut parts = elements(&record).map(Item::of);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Item::Text("cu")), Some(Item::Int(FORMAT)), None, _) => Ok(Format::Complete),
        (Some(Item::Text("cu")), Some(Item::Int(FORMAT)), Some(Item::Bytes(indexed)), None) => {
            Ok(Format::Importing(indexed.to_vec()))
        }
        (Some(Item::Text("cu")), Some(Item::Int(newer)), ..) if newer != FORMAT => {
            Err(unsupported(format!(
                "the store has format {newer}, this version of Cu reads format {FORMAT}; use a newer Cu"
            )))
        }
        _ => Err(foreign()),
    }
}
