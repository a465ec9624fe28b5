//! Names of tables, indexes and functions.

use crate::error::{Error, Limit, Result};

/// Bytes of a table's or index's name, at the most.
pub const MAX_NAME_SIZE: usize = 128;

/// The table of the values that Lua keeps directly in `_home`.
pub const HOME: &str = "_home";

/// Checks the name of a table.
///
/// # Errors
/// `InvalidArgument` or `LimitExceeded`, with what a name may be.
pub fn check_table(name: &str) -> Result<()> {
    let place = "table";
    check_size(name, place)?;
    if name == HOME {
        return Ok(());
    }
    if name.starts_with('_') {
        return Err(Error::argument(
            place,
            format!("the name '{name}' is reserved; names that begin with '_' are Cu's own"),
        ));
    }
    if matches!(name, "." | "..") || name.contains(['/', '\\']) || has_control(name) {
        return Err(Error::argument(
            place,
            format!(
                "the name '{}' can't be a table's; leave out control characters, '/', '\\' and lone dots",
                name.escape_debug()
            ),
        ));
    }
    Ok(())
}

/// Checks the name of an index.
///
/// # Errors
/// As [`check_table`].
pub fn check_index(name: &str, place: &str) -> Result<()> {
    check_size(name, place)?;
    if has_control(name) {
        return Err(Error::argument(
            place,
            "an index's name has a control character; leave it out",
        ));
    }
    Ok(())
}

fn has_control(name: &str) -> bool {
    name.chars().any(char::is_control)
}

fn check_size(name: &str, place: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::argument(
            place,
            "the name is empty; use 1 to 128 bytes of text",
        ));
    }
    if name.len() > MAX_NAME_SIZE {
        return Err(Error::limit(
            Limit::NameSize,
            MAX_NAME_SIZE as u64,
            place,
            format!(
                "the name has {} bytes, at most {MAX_NAME_SIZE} are allowed",
                name.len()
            ),
        ));
    }
    Ok(())
}
