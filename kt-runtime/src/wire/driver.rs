//! The configuration that `cargo kt` writes for the driver.

use std::{ffi::OsString, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{Generation, WorkerId};
use crate::Run;

/// Environment variable with the path of the [`DriverConfig`] file.
pub const ENV: &str = "KT_DRIVER";

/// The service that a driver calls.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DriverConfig {
    pub protocol: u16,
    /// Process id of the `cargo kt` that wrote this. Only its direct child may use it: a program
    /// that the driver starts inherits the variable, but not the service.
    pub parent: u32,
    pub service: String,
    pub endpoint: Endpoint,
    /// Proves the right to connect.
    pub token: Vec<u8>,
    /// The generation that this driver was built with. It refuses answers of older ones.
    pub generation: Generation,
    /// The worker that loaded it. If another worker answers later, state was lost.
    pub worker: WorkerId,
    /// The socket on which `cargo kt` serves this program while it runs.
    pub agent: Option<PathBuf>,
    /// Shared objects to load before `main`, dependencies first.
    pub objects: Vec<PathBuf>,
    /// Limit of a call's arguments or result, bytes.
    pub body_limit: usize,
    /// The command that opens a shell next to the worker.
    pub shell: Vec<OsString>,
    /// The `cargo kt run` that started this driver.
    #[serde(with = "super::public::run")]
    pub run: Run,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Endpoint {
    Unix(PathBuf),
}
