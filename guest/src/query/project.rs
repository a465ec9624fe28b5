//! Choosing parts of a document.

use crate::value::{NULL, Path, write_map_head};

/// A member of a row, and where its value comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The member's name, as an encoded text.
    pub name: Vec<u8>,
    /// Where the value is in the document.
    pub field: Path,
}

/// Appends a map of what a document has in some columns, which are in the order of their names. What is absent or
/// null is left out.
pub(super) fn write(columns: &[Column], document: &[u8], out: &mut Vec<u8>) {
    let values = || {
        columns.iter().filter_map(|column| {
            let value = column.field.find(document).filter(|value| *value != [NULL]);
            value.map(|value| (column, value))
        })
    };
    write_map_head(out, values().count());
    for (column, value) in values() {
        out.extend_from_slice(&column.name);
        out.extend_from_slice(value);
    }
}
