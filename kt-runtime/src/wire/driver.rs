//! What `cargo kt` leaves for the driver that it starts.

use std::{ffi::OsString, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{Generation, WorkerId};
use crate::Run;

/// Environment variable that names the file with the [`DriverConfig`].
pub const ENV: &str = "KT_DRIVER";

/// Everything a driver knows about the service that it calls.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DriverConfig {
    pub protocol: u16,
    /// Process id of the `cargo kt` that wrote this. Only its direct child may use it: a program that the driver starts
    /// inherits the variable, but not the service.
    pub parent: u32,
    pub service: String,
    pub endpoint: Endpoint,
    /// Proves the right to connect.
    pub token: Vec<u8>,
    /// The generation that this driver was built with: no answer from an older one is taken.
    pub generation: Generation,
    /// The worker that took it. Another one later means that state was lost.
    pub worker: WorkerId,
    /// Where `cargo kt` answers this program, and hears from it, while it runs.
    pub agent: Option<PathBuf>,
    /// Shared objects to load before `main`, dependencies first; empty if the driver is an executable of its own.
    pub objects: Vec<PathBuf>,
    /// Limit of a call's arguments or result, bytes.
    pub body_limit: usize,
    /// The command that opens a shell next to the worker.
    pub shell: Vec<OsString>,
    /// How this run came about.
    #[serde(with = "super::public::run")]
    pub run: Run,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Endpoint {
    Unix(PathBuf),
}
