//! The component at work: compiled, instantiated, called, and thrown away when it traps.
//!
//! Nothing outside of this module sees wasmtime.

mod artifact;
mod commits;
mod component;
mod generated;
mod instance;
mod line;
mod pool;
mod seam;
mod ticker;
mod wasi;

pub(crate) use commits::Waiter;
pub(crate) use component::Program;
pub(crate) use generated::Database as Exports;
pub(crate) use generated::cu::db::types as wit;
pub(crate) use generated::exports::cu::db as exports;
pub(crate) use instance::{HostFunction, Print, Role, Settings, State};
pub(crate) use pool::Host;

pub(crate) type WasmStore = wasmtime::Store<State>;
