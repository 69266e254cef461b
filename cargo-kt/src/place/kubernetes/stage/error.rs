use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use kt::wire::platform::Glibc;

/// Why the host did not get into a pod.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StageError {
    #[error(
        "kt has no first stage for the target `{target}`\nhelp: pods can be of x86_64 or aarch64 Linux with glibc"
    )]
    Target { target: String },
    #[error(
        "the first stage for a pod could not be compiled for `{target}`:\n{words}\nhelp: is the target installed? `rustup target add {target}`"
    )]
    Compile { target: String, words: String },
    #[error("failed to {doing} {}: {source}", path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error(
        "{} cannot be sent to a pod: {why}", path.display()
    )]
    NoHost { path: PathBuf, why: String },
    #[error(
        "the image's glibc is too old for kt's host, and the library {library} of this machine cannot be sent along: {why}\nuse an image with a newer glibc"
    )]
    NoLibrary { library: String, why: String },
    #[error(
        "the connection to the pod broke {doing}: {source}\nhelp: run again: what has arrived is kept"
    )]
    Connection {
        doing: &'static str,
        source: io::Error,
    },
    #[error("the pod did not answer within {} s {doing}", after.as_secs())]
    Silent {
        doing: &'static str,
        after: Duration,
    },
    #[error(
        "the pod does not take our token: it is another service's, or its Secret was changed since it started\nhelp: `cargo kt down` ends it, and the next run starts anew"
    )]
    Forbidden,
    #[error(
        "the pod's host is kt {theirs} and this is kt {ours}\nhelp: end it with `cargo kt down`; its state is lost"
    )]
    OtherVersion { theirs: String, ours: &'static str },
    #[error("the pod says what this version of kt does not understand: {what}")]
    Unexpected { what: String },
    #[error(
        "the node is of the architecture {theirs} and this kt's host of {ours}\nhelp: build for the node's with `--target`, or choose other nodes with `--node-selector`"
    )]
    OtherMachine { theirs: String, ours: String },
    #[error(
        "the pod needs a host for {target}, this kt's own is for {ours}, and {} is not there\n\
         help: put a cargo-kt of the same version there that was built for it: in kt's sources, `cargo build --release --package kt-cli --target {target}` \
         with a C compiler for it, or `cargo zigbuild` with the same arguments", path.display()
    )]
    NoHostFor {
        path: PathBuf,
        target: String,
        ours: String,
    },
    #[error("the image is made for {theirs} and its node is {ours}\nhelp: use an image for {ours}")]
    OtherImage { theirs: String, ours: String },
    #[error(
        "the image has no glibc{}, and Rust programs for `-linux-gnu` need one\nhelp: use an image with glibc, such as debian:12-slim, ubuntu, or gcr.io/distroless/cc-debian12", if *.musl { " but musl" } else { "" }
    )]
    NoGlibc { musl: bool },
    #[error(
        "the image has glibc {found}, and Rust's standard library needs {needed}\nhelp: use an image with glibc {needed} or newer"
    )]
    OldGlibc { found: Glibc, needed: Glibc },
    #[error(
        "files in the pod's data volume cannot be executed: it is mounted noexec\nhelp: use another kind of volume for it than this cluster's emptyDir"
    )]
    NotExecutable,
    #[error(
        "the pod's data volume has {free} bytes left and the host alone needs {needed}\nhelp: raise its size limit, or the pod's ephemeral-storage limit"
    )]
    NoSpace { free: u64, needed: u64 },
    #[error("the pod did not take the host: {words}")]
    Refused { words: String },
    #[error(
        "the host did not start in the pod: {words}\nhelp: its container's log may tell more: `kubectl logs`"
    )]
    HostStart { words: String },
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
