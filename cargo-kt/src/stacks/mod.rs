//! *stacks*: names the frames of a worker's stacks. The host unwinds them; only this machine has
//! the symbols.

mod error;
mod fold;
mod names;

pub use error::SampleError;
pub use fold::{Counts, Folded, Weight};
pub use names::{Frame, Named, Names};
