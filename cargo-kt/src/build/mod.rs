//! *build*: from a plan to the rlibs of one program, through cargo or by replaying rustc.

mod compiled;

pub use compiled::{BaseCrate, Compiled, CompiledProgram, HotCrate, NativeLibraries, Toolchain};

/// One call of rustc as cargo made it: enough to make it again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Invocation {
    /// The compiler and its arguments.
    pub arguments: Vec<String>,
    /// The environment that cargo set for it (`CARGO_*`, `OUT_DIR`, `LD_LIBRARY_PATH` …).
    pub environment: Vec<(String, String)>,
    pub directory: camino::Utf8PathBuf,
}

/// The linker's arguments as rustc gave them for an executable, its temporary objects kept beside it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LinkLine {
    /// Object files, kept where they can be found again, in order.
    pub objects: Vec<camino::Utf8PathBuf>,
    /// All other arguments, in order.
    pub arguments: Vec<String>,
}
