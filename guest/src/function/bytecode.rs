//! Binary chunks that come from outside: nothing of them reaches Lua unless the verifier has passed it.

use crate::error::{Error, Result};

/// Checks a binary chunk.
///
/// # Errors
/// `InvalidArgument`, with what is wrong and where in the chunk.
pub(super) fn check(chunk: &[u8]) -> Result<()> {
    match cu_bytecode::verify(chunk) {
        Ok(_) => Ok(()),
        Err(refusal) => Err(Error::argument(
            "bytecode",
            format!("{refusal}; only what string.dump of Lua 5.4 makes can be loaded"),
        )),
    }
}
