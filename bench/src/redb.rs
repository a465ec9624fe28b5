//! The B-tree below the store, by itself.

use std::path::Path;

use ::redb::{Database, TableDefinition};
use cu_db::store::{DiskOptions, pack};

use crate::Outcome;

pub const ENTRIES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("entries");

pub struct Redb(pub Database);

impl Redb {
    /// Opens a file, and makes it if nothing is there.
    pub fn open(path: &Path) -> Outcome<Self> {
        let database = Database::builder()
            .set_cache_size(DiskOptions::default().cache_bytes)
            .create(path)?;
        let transaction = database.begin_write()?;
        transaction.open_table(ENTRIES)?;
        transaction.commit()?;
        Ok(Self(database))
    }

    /// Writes packed entries in one durable transaction.
    pub fn write(&self, writes: &[u8]) -> Outcome<()> {
        let transaction = self.0.begin_write()?;
        {
            let mut table = transaction.open_table(ENTRIES)?;
            for entry in pack::entries(writes) {
                let (key, value) = entry?;
                match value {
                    Some(value) => drop(table.insert(key, value)?),
                    None => drop(table.remove(key)?),
                }
            }
        }
        Ok(transaction.commit()?)
    }
}
