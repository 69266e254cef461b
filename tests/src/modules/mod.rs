//! The module graph of a crate, read from its sources: which module uses what of which other one,
//! and whether a folder's modules form a cycle.
//!
//! A folder's nodes are its modules, each with everything below it. A path that reaches a module
//! through a re-export counts as a use of the module that defines the item. A folder's own file
//! (`mod.rs`) is not a node: it puts the others together. Modules of tests are left out.

mod cycles;
mod functions;
mod paths;
mod tree;

pub use cycles::{Cycle, cycles};
pub use functions::{Function, functions};
