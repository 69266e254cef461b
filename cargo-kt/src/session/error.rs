//! Why a program was not deployed or not run.

use std::io;

use kt::wire::platform::ImageGlibc;

use super::{foreign_host::ForeignHostError, glibc_mismatch::GlibcMismatch};
use crate::{
    compile::BuildError,
    config::ConfigError,
    context::ContextError,
    glibc::{Glibc, GlibcError},
    layout::LayoutError,
    link::LinkError,
    place::PlaceError,
    ship::ShipError,
    terminal::text,
};

/// A step of the flow failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("failed to link the program")]
    Link(#[from] LinkError),
    #[error("failed to determine the layout of states")]
    Layout(#[from] LayoutError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("failed to link the program for the image's glibc")]
    Glibc(#[from] GlibcError),
    #[error(
        "the program cannot run in {service}: {mismatch}; nothing was sent\nhelp: {help}",
        help = newer_glibc(.mismatch, *.chosen)
    )]
    NewerGlibc {
        service: String,
        mismatch: GlibcMismatch,
        chosen: Option<Glibc>,
    },
    #[error(
        "the program was built for {ours}, but {service} runs on {theirs}: nothing was sent\n\
         help: build with `--target {theirs}-unknown-linux-gnu`, select {ours} nodes with `--node-selector kubernetes.io/arch=…`, or stop the service with `cargo kt down`"
    )]
    OtherArchitecture {
        service: String,
        theirs: String,
        ours: String,
    },
    #[error(
        "a service on this machine ({host}) cannot run code for `{target}`: the kernel has no emulator for such programs\n\
         help: install one (Debian: `apt install qemu-user-binfmt`), remove `--target`, or use `--place kubernetes`"
    )]
    ForeignTarget { target: String, host: String },
    #[error(transparent)]
    ForeignHost(#[from] ForeignHostError),
    #[error("failed to list the linked objects")]
    Manifest(#[source] ShipError),
    #[error("failed to deploy the program to {service}")]
    Ship { service: String, source: ShipError },
    #[error("{service} rejected the new code and keeps serving the old: {why}")]
    States { service: String, why: String },
    #[error("failed to start a worker of {service}: {why}")]
    Init { service: String, why: String },
    #[error(transparent)]
    Reset(#[from] ResetError),
    #[error("canceled: the old worker of {service} keeps serving")]
    Declined { service: String },
    #[error(
        "the program `{program}` has no remote function\nhelp: put `#[kt::remote]` on a function to run it in the warm process, \
         or run the program with `cargo run`"
    )]
    NoRemoteFunction { program: String },
    #[error(
        "build-id mismatch: sent {sent}, but {service} loaded {found}; not running the program"
    )]
    BuildIdMismatch {
        service: String,
        sent: String,
        found: String,
    },
    #[error("failed to start `{program}`")]
    Start { program: String, source: io::Error },
    #[error("failed to {what}")]
    Io {
        what: &'static str,
        source: io::Error,
    },
}

fn newer_glibc(mismatch: &GlibcMismatch, chosen: Option<Glibc>) -> String {
    let GlibcMismatch { needed, found, .. } = mismatch;
    match (chosen, found) {
        (Some(chosen), _) => format!(
            "remove `glibc = \"{chosen}\"`, set it to \"{found}\", or use an image with {needed}"
        ),
        (None, ImageGlibc::Version(found)) => {
            format!("set `--glibc {found}`, or use an image with glibc {needed} or newer")
        }
        (None, _) => format!("use an image with glibc {needed} or newer"),
    }
}

impl SessionError {
    /// Attaches what was tried to an error of the operating system.
    pub(super) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    /// Whether cargo or rustc has printed the reason already.
    pub fn is_reported(&self) -> bool {
        matches!(self, Self::Build(error) if error.is_reported())
    }

    /// 101 as cargo has it, or the exit status of cargo itself.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Build(error) => error.exit_code(),
            _ => 101,
        }
    }
}

impl From<ContextError> for SessionError {
    fn from(error: ContextError) -> Self {
        BuildError::from(error).into()
    }
}

/// Why a name in `--reset-state` is invalid.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetError {
    #[error(
        "the program has no state named `{name}` (`--reset-state`){}",
        similar(nearest.as_deref())
    )]
    Unknown {
        name: String,
        nearest: Option<String>,
    },
    #[error(
        "`{name}` (`--reset-state`) is the name of several states\nhelp: use one of {}",
        text::names(keys)
    )]
    Ambiguous { name: String, keys: Vec<String> },
}

fn similar(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("\nhelp: did you mean `{nearest}`?"),
        None => "\nhelp: name a state of the program, or `all`".to_owned(),
    }
}
