//! Errors of *link*.

use std::io;

use camino::Utf8PathBuf;
use kt::wire::platform::Glibc;

use crate::{context::InstallTarget, layout::LayoutError};

/// Why a program could not be linked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// kt links only for GNU/Linux on x86-64 and aarch64.
    #[error(
        "kt cannot link for {target}\n\
         help: kt links for x86_64 and aarch64 Linux with glibc: `--target x86_64-unknown-linux-gnu`"
    )]
    UnsupportedTarget { target: String },

    /// lld was there when the program was planned.
    #[error(
        "the linker {path} was removed\n\
         help: run again to use another lld"
    )]
    NoLld { path: Utf8PathBuf },

    /// The toolchain has no shared libstd, and rustc did not make one.
    #[error(
        "failed to build the standard library as a shared object, which this toolchain lacks; rustc \
         reported:\n{stderr}\n\
         help: a toolchain from rustup includes it"
    )]
    SharedStd { stderr: String },

    /// The toolchain has no standard library for the target.
    #[error("{file} not found in {directory}\nhelp: {install}")]
    NoStd {
        file: &'static str,
        directory: Utf8PathBuf,
        install: InstallTarget,
    },

    /// There is no C compiler to locate the system's libraries.
    #[error(
        "C compiler `{command}` not found; kt locates the system's libraries with it\n\
         help: install one (Debian, Ubuntu: `apt install gcc libc6-dev`; Fedora: `dnf install gcc`)"
    )]
    NoCompiler { command: String },

    /// The C compiler does not know one of the system's libraries.
    #[error(
        "`{command}` does not find {library}\n\
         help: install the C library's development files \
         (Debian, Ubuntu: `apt install libc6-dev`; Fedora: `dnf install glibc-devel`)"
    )]
    NoSystemLibrary { library: String, command: String },

    /// The linker failed; its stderr.
    #[error("failed to link {what}; lld reported:\n{stderr}")]
    Lld {
        what: String,
        stderr: String,
        command: String,
    },

    /// The linker writes through a mapping, so a full disk raises SIGBUS and no error.
    #[error(
        "failed to link {path}: no space left on the device\n\
         help: free some space, or select another disk with `--target-dir`"
    )]
    NoSpace { path: Utf8PathBuf },

    /// A third-party crate calls into a hot crate.
    #[error(
        "failed to link the base: third-party code needs {symbols} from the local crate `{hot}`\n\
         help: publish that crate, or remove its path from `[patch]` and `[dependencies]`",
        symbols = .symbols.join(", ")
    )]
    BaseNeedsHot { hot: String, symbols: Vec<String> },

    /// Code needs symbols that the target glibc does not have.
    #[error(
        "failed to link {what}: it needs {symbols}, which this machine's glibc has and the target \
         glibc {glibc} does not\n\
         help: use an image with a newer glibc, or another version of the crate that calls it",
        symbols = .symbols.join(", ")
    )]
    NewerGlibc {
        what: String,
        symbols: Vec<String>,
        glibc: Glibc,
    },

    /// The base does not define the launcher's entry point.
    #[error(
        "failed to link the launcher: no crate of the program defines `__kt_launch`\n\
         help: `cargo add kt-runtime`"
    )]
    NoRuntime,

    /// Elements of one distributed slice are in several shared objects, so each object would see
    /// only its own.
    #[error(
        "the linkme slice `{slice}` has elements in {objects}, which kt loads as separate shared \
         objects; linkme cannot see across them\n\
         help: use the inventory crate, or move the elements into one crate",
        objects = .objects.join(", ")
    )]
    DistributedSlice { slice: String, objects: Vec<String> },

    /// A registry that code of the workspace fills cannot be reloaded.
    #[error(
        "`{submitter}` registers items in `{registry}`, which must then be reloaded with each edit of \
         `{submitter}`; kt cannot reload that third-party crate, because kt-runtime or a cycle of \
         crates needs it\n\
         help: declare the registry (`inventory::collect!`) in a crate of the workspace"
    )]
    RegistryOfBase { registry: String, submitter: String },

    /// The user's rustc did not compile the launcher.
    #[error("failed to compile the launcher; rustc reported:\n{stderr}")]
    Launcher { stderr: String },

    /// A debug object cannot be linked, because its inputs were removed.
    #[error(
        "failed to build the debug object of {soname}: its inputs were removed\n\
         help: run the program again"
    )]
    NoDebugObject { soname: String },

    /// A file is not an archive or object of rustc.
    #[error("failed to read {path} as an object file: {source}\nhelp: delete it and build again")]
    Object {
        path: Utf8PathBuf,
        source: object::Error,
    },

    /// Another build in the same target directory replaced the file.
    #[error(
        "failed to link {path}: it changed while kt was linking\n\
         help: run again when no other build of this workspace is running"
    )]
    Changed { path: Utf8PathBuf },

    /// The layouts of the states, which are part of their objects' names, could not be computed.
    #[error("failed to compute the layouts of states: {0}")]
    Layout(#[from] LayoutError),

    /// A file system error.
    #[error("failed to {action} {path}: {source}")]
    Io {
        action: &'static str,
        path: Utf8PathBuf,
        source: io::Error,
    },
}

impl LinkError {
    /// For `map_err`: adds the action and the file.
    pub(super) fn io(
        action: &'static str,
        path: impl Into<Utf8PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// For `map_err`: adds the file.
    pub(super) fn object(path: impl Into<Utf8PathBuf>) -> impl FnOnce(object::Error) -> Self {
        let path = path.into();
        move |source| Self::Object { path, source }
    }
}
