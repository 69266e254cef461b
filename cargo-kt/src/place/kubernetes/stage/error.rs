use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::context::InstallTarget;

/// Why the host did not start in a pod.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StageError {
    #[error(
        "the target `{target}` is not supported in pods\n\
         help: build for x86_64-unknown-linux-gnu or aarch64-unknown-linux-gnu with `--target`"
    )]
    Target { target: String },
    #[error(
        "failed to compile the first stage for `{target}`:\n{stderr}\n\
         help: if the target is not installed: {install}"
    )]
    Compile {
        target: String,
        stderr: String,
        install: InstallTarget,
    },
    #[error("failed to {doing} {}: {source}", path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("failed to prepare {} for a pod: {why}", path.display())]
    NoHost { path: PathBuf, why: String },
    #[error(
        "the image's glibc is too old for kt's host or missing, and {library} of this machine \
         cannot be sent with it: {why}\n\
         help: use an image with a newer glibc"
    )]
    NoLibrary { library: String, why: String },
    #[error(
        "the connection to the pod broke {doing}: {source}\n\
         help: run the command again; an upload continues where it stopped"
    )]
    Connection {
        doing: &'static str,
        source: io::Error,
    },
    #[error("the pod did not answer {doing} within {} s", timeout.as_secs())]
    Silent {
        doing: &'static str,
        timeout: Duration,
    },
    #[error(
        "the pod rejected the token: it belongs to another service, or its Secret changed \
         after it started\n\
         help: stop the service with `cargo kt down` and run again"
    )]
    Forbidden,
    #[error(
        "the pod runs kt {theirs}, and this is kt {ours}\n\
         help: stop the service with `cargo kt down`; its state is lost"
    )]
    OtherVersion { theirs: String, ours: &'static str },
    #[error("the pod sent an unexpected answer: {what}")]
    Unexpected { what: String },
    #[error(
        "the node's architecture is {theirs}, and the host is for {ours}\n\
         help: build for the node with `--target`, or select other nodes with `--node-selector`"
    )]
    OtherMachine { theirs: String, ours: String },
    #[error(
        "the pod needs a host for {target}, and this cargo-kt is for {ours}\n\
         help: build for the node with `--target {target}`, or select other nodes with \
         `--node-selector`"
    )]
    NoHostFor { target: String, ours: String },
    #[error("the image is for {theirs}, and its node is {ours}\nhelp: use an image for {ours}")]
    OtherImage { theirs: String, ours: String },
    #[error(
        "the pod's data volume is mounted noexec, so the host cannot be executed\n\
         help: use a volume of another type than this cluster's emptyDir"
    )]
    NotExecutable,
    #[error(
        "the pod's data volume has {free} free bytes, and the host needs {needed}\n\
         help: raise the volume's size limit, or the pod's ephemeral-storage limit"
    )]
    NoSpace { free: u64, needed: u64 },
    #[error("the pod rejected the host: {reason}")]
    Refused { reason: String },
    #[error(
        "the host did not start in the pod: {reason}\n\
         help: see the container's log: `kubectl logs`"
    )]
    HostStart { reason: String },
}

impl StageError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }
}
