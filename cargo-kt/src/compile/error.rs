//! Why a build failed.

use std::io;

use camino::Utf8PathBuf;

use crate::{context::ContextError, plan::PlanError};

/// A build failed. Fits after "failed to build: …".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    #[error(transparent)]
    Plan(Box<PlanError>),
    /// The code does not compile. cargo or rustc printed the errors to stderr.
    #[error("could not compile")]
    Compile { code: u8 },
    /// cargo failed otherwise (dependencies, features, a build script) and printed why.
    #[error("cargo failed")]
    Cargo { code: u8 },
    /// By a [`Cancellation`](super::Cancellation).
    #[error("the build was stopped")]
    Canceled,
    #[error("failed to replay rustc")]
    Replay(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("failed to run `{cargo}`")]
    Spawn {
        cargo: Utf8PathBuf,
        source: io::Error,
    },
    #[error("`{path}` changed during the build\nhelp: run the command again")]
    SourcesChanged { path: Utf8PathBuf },
    #[error(
        "`-Z build-std` is not supported: kt links against the toolchain's standard library\nhelp: remove `-Z build-std`"
    )]
    BuildStd,
    #[error(
        "package `{package}` is only a dylib, which cannot be linked into a worker\nhelp: add \"rlib\" to its `crate-type`"
    )]
    DylibOnly { package: String },
    #[error("cargo did not report an artifact for {what}")]
    MissingArtifact { what: String },
    #[error(
        "{what} not found at `{path}`: kt does not support the build directory layout of this cargo\n\
         help: update kt, or use an older toolchain: `cargo +1.95.0 kt run`"
    )]
    UnknownLayout { what: String, path: Utf8PathBuf },
    #[error("failed to {what} `{path}`")]
    File {
        what: &'static str,
        path: Utf8PathBuf,
        source: io::Error,
    },
}

impl BuildError {
    /// The exit status for this error: cargo's own, or 101, which cargo uses for all errors.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Plan(error) => error.exit_code(),
            Self::Compile { code } | Self::Cargo { code } => *code,
            _ => 101,
        }
    }

    /// Whether cargo or rustc already printed the reason, so that only the exit status remains.
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

/// Adds the operation and the path to a file system error.
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
