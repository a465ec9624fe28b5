//! What is followed, and how much is kept.

use crate::error::{Error, Result};
use crate::members::Members;
use crate::name::check_table;
use crate::value::{
    Item, accept, elements, write_array_head, write_int, write_map_head, write_null, write_text,
};

/// The settings of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The tables that are followed, in the order of their names; none for all.
    pub tables: Option<Vec<String>>,
    /// How many changes are kept at least.
    pub changes: u64,
    /// How many bytes they may take.
    pub bytes: u64,
}

const SHAPE: &str = "the settings are a map with, as needed, tables, changes and bytes; for example {\"tables\": [\"users\"], \"changes\": 10000}";

impl Settings {
    /// Reads settings, defaults filled in.
    ///
    /// # Errors
    /// `InvalidArgument` with the place in them.
    pub fn parse(settings: &[u8], place: &str) -> Result<Settings> {
        let names = ["tables", "changes", "bytes"];
        let members = Members::read(settings, place, &names, SHAPE, Error::argument)?;
        let number = |name, least: u64, default, most: u64| {
            let value = members.number(name)?.unwrap_or(default);
            if (least..=most).contains(&value) {
                return Ok(value);
            }
            let range = format!("it is {value}; choose from {least} to {most}");
            Err(members.wrong(name, &range))
        };
        Ok(Settings {
            tables: tables(&members)?,
            changes: number("changes", 1, 100_000, 1_000_000_000)?,
            bytes: number("bytes", 1024, 64 << 20, 1_000_000_000_000)?,
        })
    }

    /// Whether the changes of a table are kept.
    #[must_use]
    pub fn follows(&self, table: &str) -> bool {
        let tables = self.tables.as_ref();
        tables.is_none_or(|tables| tables.iter().any(|followed| followed == table))
    }

    /// Appends the settings as a map.
    pub fn write(&self, out: &mut Vec<u8>) {
        let write_number = |out: &mut Vec<u8>, name, number| {
            write_text(out, name);
            write_int(out, i64::try_from(number).unwrap_or(i64::MAX));
        };
        write_map_head(out, 3);
        write_number(out, "bytes", self.bytes);
        write_text(out, "tables");
        match &self.tables {
            None => write_null(out),
            Some(tables) => {
                write_array_head(out, tables.len());
                tables.iter().for_each(|table| write_text(out, table));
            }
        }
        write_number(out, "changes", self.changes);
    }
}

/// The member `tables`: names, in order, each once; none for all.
pub(super) fn tables(members: &Members) -> Result<Option<Vec<String>>> {
    let wrong = || members.wrong("tables", "the tables are no array of names");
    let list = match members.get("tables") {
        None => return Ok(None),
        Some(list) => match Item::of(list) {
            Item::Null => return Ok(None),
            Item::List(..) => list,
            _ => return Err(wrong()),
        },
    };
    let mut tables: Vec<String> = Vec::new();
    for (number, table) in elements(list).enumerate() {
        let Item::Text(table) = Item::of(table) else {
            return Err(wrong());
        };
        check_table(table)
            .map_err(|error| members.wrong(&format!("tables[{number}]"), &error.into_parts().1))?;
        let at = tables.partition_point(|there| there.as_str() < table);
        if tables.get(at).is_none_or(|there| there != table) {
            tables.insert(at, table.to_string());
        }
    }
    Ok(Some(tables))
}

/// Checks a record of settings, as it comes from outside.
///
/// # Errors
/// `InvalidArgument` if it is not what [`Settings::write`] writes.
pub(crate) fn check(record: &[u8]) -> Result<()> {
    let mut written = Vec::new();
    Settings::parse(&accept(record, "value")?, "value")?.write(&mut written);
    if written == record {
        return Ok(());
    }
    Err(Error::argument("value", "the settings are in another form"))
}
