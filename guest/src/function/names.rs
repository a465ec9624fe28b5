//! Which names a function refers to.

/// The global names, and paths that begin with one, that the function of a dump and those inside of it refer to.
pub(super) fn of(_dump: &[u8]) -> Vec<String> {
    Vec::new()
}
