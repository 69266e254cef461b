//! What can go wrong between rlibs and files that can be loaded.

use std::io;

use camino::Utf8PathBuf;
use kt::wire::platform::Glibc;

use crate::layout::LayoutError;

/// Why a program could not be linked; each message fits after "failed to …" and says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Nothing but GNU/Linux on x86-64 and aarch64 is linked here.
    #[error(
        "link for {target}: kt links for x86_64 and aarch64 Linux with glibc only; build with `--target x86_64-unknown-linux-gnu`"
    )]
    UnsupportedTarget { target: String },

    /// The toolchain came without its linker.
    #[error(
        "find rust-lld at {path}: kt links with the toolchain's own linker, which toolchains from rustup have (component `rustc`) \
         and packages of distributions often lack; run `rustup toolchain install stable` and build with that one"
    )]
    NoLld { path: Utf8PathBuf },

    /// The toolchain has no standard library for the target.
    #[error("find {file} in {directory}: run `rustup target add {target}`")]
    NoStd {
        file: &'static str,
        directory: Utf8PathBuf,
        target: String,
    },

    /// There is no C compiler to ask where the system's libraries are.
    #[error(
        "run the C compiler `{command}`, which knows where the system's libraries are: install one (Debian, Ubuntu: `apt install gcc libc6-dev`; Fedora: `dnf install gcc`)"
    )]
    NoCompiler { command: String },

    /// The C compiler does not know one of the system's libraries.
    #[error(
        "find {library}, which `{command}` does not know: install the C library's development files (Debian, Ubuntu: `apt install libc6-dev`; Fedora: `dnf install glibc-devel`)"
    )]
    NoSystemLibrary { library: String, command: String },

    /// The linker refused; its own words.
    #[error("link {what}: rust-lld says\n{words}")]
    Lld {
        what: String,
        words: String,
        command: String,
    },

    /// The linker writes through a mapping, where a full disk is a SIGBUS and no error.
    #[error(
        "link {path}: no space left on the device; make some, or take another disk with `--target-dir`"
    )]
    NoSpace { path: Utf8PathBuf },

    /// A third-party crate calls into a crate that can be edited.
    #[error(
        "link the base: third-party code needs {symbols} of the crate `{hot}`, which can be edited; \
         publish that crate or take its path out of `[patch]` and `[dependencies]`",
        symbols = .symbols.join(", ")
    )]
    BaseNeedsHot { hot: String, symbols: Vec<String> },

    /// Code needs symbols that an older glibc does not have.
    #[error(
        "link {what}: it needs {symbols} of this machine's glibc, and glibc {glibc}, which it is linked for, has no such thing\n\
         help: take an image with a newer glibc, or another version of the crate that calls it",
        symbols = .symbols.join(", ")
    )]
    NewerGlibc {
        what: String,
        symbols: Vec<String>,
        glibc: Glibc,
    },

    /// The launcher found no entry in the base.
    #[error(
        "link the launcher: no crate of the program brings `__kt_launch`; add kt-runtime to its dependencies"
    )]
    NoRuntime,

    /// Elements of one distributed slice lie in several shared objects, so that each would see only its own.
    #[error(
        "link the distributed slice `{slice}` of linkme: its elements lie in {objects}, which kt loads as separate shared objects, \
         and linkme cannot see across them; use the inventory crate, or move the elements into one crate",
        objects = .objects.join(", ")
    )]
    DistributedSlice { slice: String, objects: Vec<String> },

    /// A registry that code of the workspace fills cannot be loaded anew.
    #[error(
        "let `{submitter}` register in `{registry}`: its registry must be loaded anew with each edit of `{submitter}`, and that third-party crate \
         cannot be loaded apart from the rest, because kt-runtime or a circle of crates needs it\n\
         help: declare the registry (`inventory::collect!`) in a crate of the workspace"
    )]
    RegistryOfBase { registry: String, submitter: String },

    /// The user's rustc did not compile the launcher.
    #[error("compile the launcher: rustc says\n{words}")]
    Launcher { words: String },

    /// A shared object cannot be made again for lack of what it was made from.
    #[error(
        "make the unstripped twin of {soname}: it was linked too long ago; run the program once more"
    )]
    NoTwin { soname: String },

    /// A file is no archive or object that rustc would make.
    #[error("read {path} as an object: {source}; delete it and build again")]
    Object {
        path: Utf8PathBuf,
        source: object::Error,
    },

    /// Another build of the same target directory was faster.
    #[error(
        "link {path}: it changed meanwhile; run again when no other build of this workspace is running"
    )]
    Changed { path: Utf8PathBuf },

    /// The states' layouts, which are part of their objects' names, could not be asked for.
    #[error("find out how states are laid out: {0}")]
    Layout(#[from] LayoutError),

    /// The file system refused.
    #[error("{action} {path}: {source}")]
    Io {
        action: &'static str,
        path: Utf8PathBuf,
        source: io::Error,
    },
}

impl LinkError {
    /// For `map_err`: which file it was and what was done with it.
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

    /// For `map_err`: which file it was.
    pub(super) fn object(path: impl Into<Utf8PathBuf>) -> impl FnOnce(object::Error) -> Self {
        let path = path.into();
        move |source| Self::Object { path, source }
    }
}
