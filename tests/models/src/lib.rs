//! Parts of the worker that threads share, in every order in which the threads can run.
//!
//! The files are kt-runtime's own, compiled a second time with [loom](https://docs.rs/loom)'s types under the names of
//! [`sync`]. What they need of other files stands here in the least form that will do.

// The files bring their unit tests along, which are for std's types.
#![cfg(not(test))]
// Each model uses a part of what the files have.
#![expect(dead_code, reason = "the files are for the worker")]

mod sync;
pub mod worker;

mod wire {
    pub(crate) mod data {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Stream {
            Stdout,
            Stderr,
        }

        #[derive(Debug)]
        pub(crate) struct BreakpointReached;
    }
}
