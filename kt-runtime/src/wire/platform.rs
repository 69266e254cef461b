//! What machine code must be compatible with to be loaded in a pod.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub use crate::sys::glibc::Glibc;

/// Of the machine and the image that workers are started in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// As Rust names it: `x86_64`.
    pub architecture: String,
    pub glibc: ImageGlibc,
}

/// The glibc of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageGlibc {
    Version(Glibc),
    /// It has none: it has musl, or static programs alone.
    Missing,
    /// It cannot be determined.
    Unknown,
}

impl fmt::Display for ImageGlibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => version.fmt(f),
            Self::Missing => f.write_str("none"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl FromStr for ImageGlibc {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "none" => Ok(Self::Missing),
            "unknown" => Ok(Self::Unknown),
            version => version.parse().map(Self::Version),
        }
    }
}
