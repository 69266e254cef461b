//! Stacks of a worker's threads, which its host unwinds, and the names of their frames, which only this machine knows.

mod error;
mod fold;
mod names;

pub use error::SampleError;
pub use fold::{Counts, Folded, Weight};
pub use names::{Frame, Named, Names};
