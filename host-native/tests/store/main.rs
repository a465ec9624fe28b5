//! The stores alone, without the component.

mod compression;
mod limits;
mod model;
mod recovery;
mod support;
