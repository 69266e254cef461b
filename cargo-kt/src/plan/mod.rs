//! *plan*: from what was typed to the one program that is meant, the packages it is made of and the toolchain.
//!
//! Speaks with `cargo metadata` and `rustc -vV` and reads cargo's configuration. It compiles nothing and knows nothing of
//! rlibs, linking or places.

mod configuration;
mod environment;
mod error;
mod options;
mod packages;
mod profile;
mod program;
mod resolve;

pub(crate) use configuration::Configuration;
pub use environment::ProgramEnvironment;
pub use error::PlanError;
pub use options::CargoOptions;
pub use packages::{Package, Packages};
pub(crate) use profile::overrides;
pub use profile::{Notice, Profile};
pub use program::{Program, ProgramKind};
pub use resolve::plan;

use camino::{Utf8Path, Utf8PathBuf};

/// One program and all that cargo has to be told to build it as `cargo run` would.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// The options as typed.
    pub options: CargoOptions,
    /// The cargo that is called.
    pub cargo: Utf8PathBuf,
    /// Every package that the program's resolution reaches.
    pub packages: Packages,
    /// Index in [`Plan::packages`] of the package that has the program.
    pub package: usize,
    pub program: Program,
    pub profile: Profile,
    pub toolchain: crate::context::Toolchain,
    pub workspace_root: Utf8PathBuf,
    /// The user's target directory, as `cargo run` would have it.
    pub target_directory: Utf8PathBuf,
    /// What `cargo run` sets for the program.
    pub environment: ProgramEnvironment,
    /// What the user should hear once: settings of theirs that cannot apply here.
    pub notices: Vec<Notice>,
}

impl Plan {
    /// cargo's target directory for our builds: never the user's own, so that neither evicts the other's work.
    pub fn cargo_directory(&self) -> Utf8PathBuf {
        self.target_directory.join("kt")
    }

    /// Where everything of kt itself lies.
    pub fn kt_dir(&self) -> Utf8PathBuf {
        kt_dir(&self.target_directory)
    }

    /// Where cargo runs rustc for a crate of this package, whose root module is `source`: `path_args` in cargo's
    /// `util/workspace.rs`.
    pub(crate) fn rustc_directory<'a>(
        &'a self,
        package: &'a Package,
        source: &Utf8Path,
    ) -> &'a Utf8Path {
        match package.has_path_source && source.starts_with(&self.workspace_root) {
            true => &self.workspace_root,
            false => package.directory(),
        }
    }

    /// The package that has the program.
    pub fn program_package(&self) -> &Package {
        &self.packages[self.package]
    }
}

/// Where kt keeps its things, given the user's target directory.
pub(crate) fn kt_dir(target_directory: &Utf8Path) -> Utf8PathBuf {
    target_directory.join("kt/warm")
}
