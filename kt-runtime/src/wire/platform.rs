//! What machine code must be compatible with to be loaded in a pod.

use serde::{Deserialize, Serialize};

pub use crate::sys::glibc::Glibc;

/// Of the machine and the image that workers are started in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// As Rust names it: `x86_64`.
    pub architecture: String,
    /// `None` if it cannot be determined.
    pub glibc: Option<Glibc>,
}
