//! The command `cu`, as a program of its own.

mod backup;
mod data;
mod failures;
mod import;
mod lua;
mod support;
mod watch;
