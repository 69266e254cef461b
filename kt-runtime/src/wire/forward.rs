//! TCP connections through a service: `cargo kt forward`.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /v1/forward/connect` | a [frame](super::frame) with [`Connect`], then bytes for the connection | a frame with `Result<(), `[`NotConnected`]`>`, then its bytes |
//! | `POST /v1/forward/listen` | [`Listen`] | frames: `Result<`[`Listening`]`, `[`NotListening`]`>`, then [`Accepted`] for each connection |
//! | `POST /v1/forward/accept` | a frame with [`Accepted`], then bytes for the connection | as `connect` |
//!
//! The end of a body closes that direction only: a half-closed connection stays open in the other.

use serde::{Deserialize, Serialize};

pub const CONNECT: &str = "/v1/forward/connect";
pub const LISTEN: &str = "/v1/forward/listen";
pub const ACCEPT: &str = "/v1/forward/accept";

/// Where to connect to, as seen from the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connect {
    pub host: String,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotConnected {
    /// The system's message.
    Failed(String),
    /// The client did not take an accepted connection in time, and it was closed.
    Gone,
}

/// A port of the service's loopback to listen on; 0 is any that is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listen {
    pub port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotListening {
    /// The port is in use.
    pub in_use: bool,
    /// The system's message.
    pub why: String,
}

/// An incoming connection to a port of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    pub id: u64,
}
