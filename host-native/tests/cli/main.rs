//! The command `cu`, as a program of its own.

mod data;
mod failures;
mod lua;
mod support;
