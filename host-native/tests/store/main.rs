//! The stores alone, without the component.

mod limits;
mod model;
mod recovery;
mod support;
