#![doc = include_str!("../README.md")]

mod call;
mod driver;
mod error;
mod function;
mod launch;
mod logs;
mod runtime;
mod shape;
mod state;
mod sys;
pub mod wire;
mod worker;

#[cfg(feature = "host")]
pub mod host;

#[doc(hidden)]
pub mod __private;

pub use call::{Call, CallFuture};
pub use error::{Death, Error, Frame, Panic};
pub use kt_macros::{remote, state};
pub use state::State;
