//! *plan*: from the command line to one program, its packages and the toolchain.
//!
//! Runs `cargo metadata` and `rustc -vV`, and reads cargo's configuration. It does not compile, and
//! does not know rlibs, linking or places.

mod configuration;
mod environment;
mod error;
mod metadata;
mod options;
mod packages;
mod profile;
mod program;
mod resolve;
mod script_override;
mod term;
mod toolchain;

pub(crate) use configuration::{Configuration, Setting};
pub use environment::ProgramEnvironment;
pub use error::PlanError;
pub(crate) use metadata::with_known_edition;
pub use options::CargoOptions;
pub use packages::{Package, Packages};
pub(crate) use profile::overrides;
pub use profile::{Notice, Profile};
pub use program::{Program, ProgramKind};
pub use resolve::plan;
pub use script_override::ScriptOverride;
pub use term::Term;

use camino::{Utf8Path, Utf8PathBuf};

/// One program, and everything needed to build it as `cargo run` would.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// The options as typed.
    pub options: CargoOptions,
    /// The cargo executable.
    pub cargo: Utf8PathBuf,
    /// Every package that the program depends on, and its own.
    pub packages: Packages,
    /// Index in [`Plan::packages`] of the program's package.
    pub package: usize,
    pub program: Program,
    pub profile: Profile,
    pub toolchain: crate::context::Toolchain,
    /// Only cargo applies `build.warnings`.
    pub judges_warnings: bool,
    /// `build.jobs`.
    pub configured_jobs: Option<String>,
    /// Build scripts that cargo does not run.
    pub overridden_scripts: Vec<ScriptOverride>,
    pub workspace_root: Utf8PathBuf,
    /// The target directory that `cargo run` would use.
    pub target_directory: Utf8PathBuf,
    /// The variables that `cargo run` sets for the program.
    pub environment: ProgramEnvironment,
    /// Settings of the user that kt overrides. Each is reported once.
    pub notices: Vec<Notice>,
}

impl Plan {
    /// cargo's target directory for kt's builds. It is not the user's, so that their builds do not
    /// evict each other's artifacts.
    pub fn cargo_directory(&self) -> Utf8PathBuf {
        self.target_directory.join("kt")
    }

    /// The directory of kt's own files.
    pub fn kt_dir(&self) -> Utf8PathBuf {
        kt_dir(&self.target_directory)
    }

    /// The program's package.
    pub fn program_package(&self) -> &Package {
        &self.packages[self.package]
    }
}

/// The directory of kt's own files in this target directory.
pub(crate) fn kt_dir(target_directory: &Utf8Path) -> Utf8PathBuf {
    target_directory.join("kt/warm")
}
