//! Everything that a command can fail with, and its exit status.

use std::io;

use super::{
    cp::CopyError, exec::ExecError, fit::Misfit, forward::ForwardError, resets::ResetError,
    ssh_server::SshServerError, state::StateError,
};
use crate::{
    compile::BuildError,
    glibc::{Glibc, GlibcError},
    layout::LayoutError,
    link::LinkError,
    place, ship,
};

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("failed to link the program")]
    Link(#[from] LinkError),
    #[error("failed to find out how states are laid out")]
    Layout(#[from] LayoutError),
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    #[error(transparent)]
    Place(#[from] place::PlaceError),
    #[error("failed to link the program for the image's glibc")]
    Glibc(#[from] GlibcError),
    #[error(
        "{what} needs glibc {needed}, and the image of {service} has {found}: nothing was sent to it\nhelp: {help}",
        what = .misfit.what, needed = .misfit.needed, found = .misfit.found, help = too_new(.misfit, *.chosen)
    )]
    NewerGlibc {
        service: String,
        misfit: Misfit,
        chosen: Option<Glibc>,
    },
    #[error(
        "the program was built for {ours}, and {service} runs on {theirs}: nothing was sent to it\n\
         help: `--target {theirs}-unknown-linux-gnu`, or nodes of {ours} with `--node-selector kubernetes.io/arch=…`"
    )]
    OtherArchitecture {
        service: String,
        theirs: String,
        ours: String,
    },
    #[error(
        "a service on this machine ({host}) cannot run code for `{target}`\nhelp: leave `--target` out, or take a place that can: `--place kubernetes`"
    )]
    ForeignTarget { target: String, host: String },
    #[error("failed to list what was linked")]
    Manifest(#[source] ship::ShipError),
    #[error("failed to bring the program to {service}")]
    Ship {
        service: String,
        source: ship::ShipError,
    },
    #[error("{service} did not take the new code, the old serves on: {why}")]
    States { service: String, why: String },
    #[error("failed to start a worker of {service}: {why}")]
    Init { service: String, why: String },
    #[error(transparent)]
    Reset(#[from] ResetError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Exec(#[from] ExecError),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error(transparent)]
    Forward(#[from] ForwardError),
    #[error(transparent)]
    SshServer(#[from] SshServerError),
    #[error(transparent)]
    Debug(#[from] crate::debug::DebugError),
    #[error(transparent)]
    Sample(#[from] crate::stacks::SampleError),
    #[error("nothing was changed: the old worker of {service} serves on")]
    Declined { service: String },
    #[error(
        "the program `{program}` has no remote function\nhelp: put `#[kt::remote]` on a function that shall run in the warm process, \
         or run the program with `cargo run`"
    )]
    NoRemoteFunction { program: String },
    #[error("{service} says that it loaded {found}, and {sent} was sent: nothing is run")]
    NotWhatWasSent {
        service: String,
        sent: String,
        found: String,
    },
    #[error(
        "nothing is made for a service on this machine\nhelp: `--place kubernetes` has something to show"
    )]
    NothingToShow,
    #[error("failed to start `{program}`")]
    Start { program: String, source: io::Error },
    #[error("failed to {what}")]
    Io { what: String, source: io::Error },
}

fn too_new(misfit: &Misfit, chosen: Option<Glibc>) -> String {
    let Misfit { needed, found, .. } = misfit;
    match chosen {
        Some(chosen) => format!(
            "leave `glibc = \"{chosen}\"` out, and it is linked for the image's own; or say \"{found}\", or take an image with {needed}"
        ),
        None => format!("take an image with glibc {needed} or newer"),
    }
}

impl CommandError {
    /// Whether cargo or rustc has said it on the terminal already.
    pub fn is_reported(&self) -> bool {
        matches!(self, Self::Build(error) if error.is_reported())
    }

    /// As cargo: 101, or what cargo itself ended with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Build(error) => error.exit_code(),
            _ => 101,
        }
    }
}
