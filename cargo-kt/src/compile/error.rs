//! Why there is nothing to link.

use std::io;

use camino::Utf8PathBuf;

use crate::{context::ContextError, plan::PlanError};

/// A build failed. Fits after "failed to build: …".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    #[error(transparent)]
    Plan(Box<PlanError>),
    /// The code does not compile; cargo or rustc has said why on standard error.
    #[error("could not compile")]
    Compile { code: u8 },
    /// Another failure of cargo's (dependencies, features, a build script); it has said why.
    #[error("cargo failed")]
    Cargo { code: u8 },
    #[error("rustc could not be run again without cargo")]
    Replay(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("`{cargo}` could not be run")]
    Spawn {
        cargo: Utf8PathBuf,
        source: io::Error,
    },
    #[error("sources changed while building, run again (`{path}`)")]
    SourcesChanged { path: Utf8PathBuf },
    #[error(
        "the standard library was compiled too: kt links against the toolchain's own\nhelp: leave out `-Z build-std`"
    )]
    BuildStd,
    #[error(
        "package `{package}` is compiled with `panic=abort`, asked for by RUSTFLAGS or `build.rustflags`: a panic would end \
         the warm process\nhelp: leave `-C panic=abort` out"
    )]
    PanicAbort { package: String },
    #[error(
        "package `{package}` is a dylib only, which cannot be linked into a warm process\nhelp: add \"rlib\" to its `crate-type`"
    )]
    DylibOnly { package: String },
    #[error("cargo did not name the artifact of {what}")]
    MissingArtifact { what: String },
    #[error(
        "{what} was not found at `{path}`: this cargo arranges its build directory in a way that this kt does not know\nhelp: \
         update kt, or use an older toolchain: `cargo +1.95.0 kt run`"
    )]
    UnknownLayout { what: String, path: Utf8PathBuf },
    #[error("{what} of `{path}` failed")]
    File {
        what: &'static str,
        path: Utf8PathBuf,
        source: io::Error,
    },
}

impl BuildError {
    /// The exit status for this error: cargo's own, or 101 as cargo gives for everything.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Plan(error) => error.exit_code(),
            Self::Compile { code } | Self::Cargo { code } => *code,
            _ => 101,
        }
    }

    /// Whether the reason is on the terminal already, so that only the exit status is left to give.
    pub fn is_reported(&self) -> bool {
        match self {
            Self::Compile { .. } | Self::Cargo { .. } => true,
            Self::Plan(error) => matches!(**error, PlanError::Metadata { .. }),
            _ => false,
        }
    }
}

impl From<PlanError> for BuildError {
    fn from(error: PlanError) -> Self {
        Self::Plan(Box::new(error))
    }
}

impl From<ContextError> for BuildError {
    fn from(error: ContextError) -> Self {
        PlanError::from(error).into()
    }
}

/// Attaches a path and what was done with it to an error of the file system.
pub(super) trait At<T> {
    fn at(self, what: &'static str, path: &camino::Utf8Path) -> Result<T, BuildError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, what: &'static str, path: &camino::Utf8Path) -> Result<T, BuildError> {
        self.map_err(|source| BuildError::File {
            what,
            path: path.to_owned(),
            source,
        })
    }
}
