//! What both ends of a connection agree on, and nothing that either end does with it: names, messages, limits, the codec
//! and the frames. Knows neither processes nor objects. `docs/design/wire.md` tells the whole.

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

/// The version of everything in this module. Two ends of different versions refuse each other by name and never guess.
pub const PROTOCOL: u16 = 6;

/// The version of the crate that speaks, for messages to people.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
