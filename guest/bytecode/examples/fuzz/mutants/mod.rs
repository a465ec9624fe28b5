//! Mutants of Lua chunks: made by putting faults into them, and run if the verifier accepts them.

pub mod corpus;
mod data;
#[allow(dead_code)] // Tests name instructions that no mutant needs.
pub mod instruction;
pub mod memory;
pub mod model;
pub mod mutate;
mod plant;
pub mod program;
pub mod random;
pub mod sandbox;
pub mod walk;
