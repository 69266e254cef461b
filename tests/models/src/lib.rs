//! Parts of the worker that threads share, in every order of their threads.
//!
//! The files are kt-runtime's own, compiled a second time with [loom](https://docs.rs/loom)'s types
//! under the names of [`sync`]. Minimal stubs replace their other dependencies.

// The files contain unit tests, which use std's types.
#![cfg(not(test))]
// Each model uses only some of the functions in the files.
#![expect(dead_code, reason = "the worker uses the rest of the files")]

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
