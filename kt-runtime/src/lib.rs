#![doc = include_str!("../README.md")]
#![cfg_attr(not(any(kt, feature = "host")), warn(missing_docs))]
//
// `cargo kt` compiles this crate with `--cfg kt`, and depends on it with the feature `host`. Every
// other build makes its calls in place and needs a tenth of the code: no connection, no worker, and
// none of the crates for them.

mod breakpoint;
mod call;
mod debugger;
mod error;
mod fault;
#[allow(missing_docs, reason = "public for the macros only")]
mod function;
mod generation;
#[cfg(not(any(kt, feature = "host")))]
#[allow(missing_docs, reason = "public for the macros only")]
mod in_place_only;
#[allow(missing_docs, reason = "public for the macros only")]
mod init;
mod run;
mod runtime;
mod service;
mod shell;
mod state;

#[cfg(feature = "host")]
pub mod codec;
#[cfg(all(kt, not(feature = "host")))]
mod codec;
#[cfg(any(kt, feature = "host"))]
mod driver;
#[cfg(any(kt, feature = "host"))]
mod launch;
#[cfg(any(kt, feature = "host"))]
mod logs;
#[cfg(any(kt, feature = "host"))]
mod quiet;
#[cfg(any(kt, feature = "host"))]
mod shape;
#[cfg(any(kt, feature = "host"))]
mod sync;
#[cfg(any(kt, feature = "host"))]
mod sys;
#[cfg(feature = "host")]
pub mod wire;
// A program must not come to depend on what plain cargo does not build. What only `cargo kt` itself
// calls is unused then.
#[cfg(all(kt, not(feature = "host")))]
#[expect(
    dead_code,
    unused_imports,
    reason = "the other end of the wire is in cargo-kt"
)]
mod wire;
#[cfg(any(kt, feature = "host"))]
mod worker;

#[cfg(feature = "host")]
pub mod delta;
#[cfg(feature = "host")]
pub mod files;
#[cfg(all(feature = "host", any(test, fuzzing)))]
#[doc(hidden)]
pub mod fuzz;
#[cfg(feature = "host")]
pub mod host;

#[doc(hidden)]
pub mod __private;

pub use call::{Call, CallFuture};
pub use error::{Death, Error, Frame, Panic, Part};
pub use generation::Generation;
pub use kt_macros::{init, remote, service, state};
pub use run::{Phase, Run};
pub use service::Service;
pub use shell::shell;
pub use state::State;
