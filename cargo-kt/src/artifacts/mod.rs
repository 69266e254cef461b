//! The artifacts of one program: what *compile* hands to *layout* and *link*.
//!
//! Data only. Third-party crates are in the base, crates that a developer may edit are hot.

use camino::{Utf8Path, Utf8PathBuf};

use crate::context::Toolchain;

/// Everything that one compilation of a program produced.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Compiled {
    pub toolchain: Toolchain,
    /// The cargo profile's name: `dev`, `release`, or the user's own.
    pub profile: String,
    /// Third-party crates of the target graph, and kt-runtime with all it needs; sorted by package
    /// name, version and file name.
    pub base: Vec<BaseCrate>,
    /// Crates that a developer may edit (workspace members and path dependencies), dependencies
    /// first.
    pub hot: Vec<HotCrate>,
    /// What the build script of the program's package sets (`OUT_DIR`, `cargo::rustc-env`).
    pub script_environment: Vec<(String, String)>,
    /// The shared libraries that build scripts made, in the order of [`Compiled::library_path`].
    pub shared_libraries: Vec<Utf8PathBuf>,
    /// Arguments for the linker of the program that have no effect, since kt links it itself.
    pub unused_link_arguments: Vec<String>,
    /// C libraries that build scripts of the target graph asked for.
    pub native: NativeLibraries,
    pub program: CompiledProgram,
}

impl Compiled {
    /// The directories of [`Compiled::shared_libraries`], for `LD_LIBRARY_PATH`.
    pub fn library_path(&self) -> Vec<&Utf8Path> {
        let parents = self.shared_libraries.iter().filter_map(|it| it.parent());
        let mut directories: Vec<_> = parents.collect();
        // Those of one directory follow each other.
        directories.dedup();
        directories
    }
}

/// A crate of the base.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BaseCrate {
    pub package: String,
    pub version: String,
    pub rlib: Utf8PathBuf,
}

/// A crate that a developer may edit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HotCrate {
    pub package: String,
    pub version: String,
    /// As rustc knows it, with underscores.
    pub crate_name: String,
    pub rlib: Utf8PathBuf,
    /// Indices in [`Compiled::hot`] of every hot crate it depends on, transitively; each is lower
    /// than its own.
    pub dependencies: Vec<usize>,
    /// blake3 over the sources that rustc read (paths and contents), as they were when it was
    /// compiled.
    pub sources_hash: String,
    /// The files that rustc read.
    pub sources: Vec<Utf8PathBuf>,
    /// Variables that the code read with `env!` and `option_env!`, and their values then.
    pub variables: Vec<(String, Option<String>)>,
    /// How rustc was called, where it is known (members of the workspace).
    pub invocation: Option<Invocation>,
    /// The identity of its types, part of every `TypeId`; absent where the invocation is.
    pub types: Option<String>,
}

/// What build scripts printed for the linker.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NativeLibraries {
    /// As cargo reports them: `static=foo`, `dylib=ssl`, `foo`.
    pub libraries: Vec<String>,
    /// As cargo reports them: `native=/path`, `/path`.
    pub search_paths: Vec<String>,
}

/// The bin or example that is the driver.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum CompiledProgram {
    /// It has items of kt: compiled as an rlib that exports `kt:main`, the last of
    /// [`Compiled::hot`].
    Library,
    /// It has none: rustc compiled it as an executable and this is what it asked the linker to do.
    Executable { link_line: LinkLine },
}

/// One call of rustc as cargo made it: enough to make it again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Invocation {
    /// The compiler and its arguments.
    pub arguments: Vec<String>,
    /// The environment that cargo set for it (`CARGO_*`, `OUT_DIR`, `LD_LIBRARY_PATH` …).
    pub environment: Vec<(String, String)>,
    pub directory: Utf8PathBuf,
}

/// The linker's arguments as rustc gave them for an executable, its temporary objects kept beside
/// it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LinkLine {
    /// Object files, kept where they can be found again, in order.
    pub objects: Vec<Utf8PathBuf>,
    /// All other arguments, in order; `-o` and its value are left out.
    pub arguments: Vec<String>,
}
