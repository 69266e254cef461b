//! The layers of a program's options, gathered. The lowest first: the workspace's Cargo.toml, the package's, the attribute
//! in the program, the environment, the command line.

use super::CommandError;
use crate::{
    config::{self, Config, Flags},
    plan::{Plan, Surroundings},
};

/// The options of a program's service.
///
/// # Errors
/// If something is written wrong somewhere.
pub(super) fn resolve(
    flags: &Flags,
    plan: &Plan,
    surroundings: &Surroundings,
) -> Result<Config, CommandError> {
    let workspace = plan.workspace_root.join("Cargo.toml");
    let package = &plan.program_package().manifest;
    let layers = [
        config::manifest(workspace.as_std_path(), "workspace")?,
        config::manifest(package.as_std_path(), "package")?,
        config::attribute(plan.program.source.as_std_path())?,
        config::environment(&surroundings.environment)?,
        flags.layer()?,
    ];
    Ok(Config::resolve(layers)?)
}
