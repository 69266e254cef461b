//! What both ends of a connection agree on: names, messages, limits, frames, and HTTP/2 itself.
//! Must not know what either end does with them, nor start processes or read ELF files. See
//! `docs/design/wire.md`.

pub mod calls;
pub mod channel;
pub mod client;
#[cfg(feature = "host")]
pub mod command;
pub mod control;
pub mod data;
pub mod debug;
pub mod driver;
#[cfg(feature = "host")]
pub mod files;
#[cfg(feature = "host")]
pub mod forward;
pub mod frame;
#[cfg(feature = "host")]
pub mod frames;
pub mod http;
mod ids;
#[cfg(feature = "host")]
pub mod inspect;
pub mod limits;
pub mod manifest;
pub mod platform;
pub mod preamble;
mod public;
#[cfg(feature = "host")]
pub mod sample;
pub mod server;
pub mod state;
pub mod tunnel;
#[cfg(feature = "host")]
pub mod upload;
pub mod worker;

pub use crate::generation::Generation;
pub use ids::{ObjectId, ParseObjectIdError, WorkerId};

/// The version of all messages in this module. Two ends with different versions refuse each other.
pub const PROTOCOL: u16 = 7;

/// The version of this crate, for error messages.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
