//! The options of a program's service, from all sources. From the lowest precedence to the highest:
//! the workspace's Cargo.toml, the package's, the attribute on the program's `main`, its constant
//! of the type `kt::Service`, the environment, the command line.

use camino::Utf8Path;

use super::SessionError;
use crate::{
    config::{self, Config, Flags},
    context::CargoContext,
    place::service,
    plan::Plan,
    terminal::{Terminal, text::names},
};

/// The options of a program's service.
///
/// # Errors
/// If a value is invalid.
pub(crate) fn resolve(
    flags: &Flags,
    plan: &Plan,
    context: &CargoContext,
) -> Result<Config, SessionError> {
    // Relative paths are shorter in tables and messages, and terminals link them as well.
    let shown = |path: &Utf8Path| match path.strip_prefix(&context.directory) {
        Ok(below) => below.to_string(),
        Err(_) => path.to_string(),
    };
    let workspace = plan.workspace_root.join("Cargo.toml");
    let package = &plan.program_package().manifest;
    let source = &plan.program.source;
    let [attribute, constant] = config::source(source.as_std_path(), &shown(source))?;
    let layers = [
        config::manifest(workspace.as_std_path(), &shown(&workspace), "workspace")?,
        config::manifest(package.as_std_path(), &shown(package), "package")?,
        attribute,
        constant,
        config::environment(&context.environment)?,
        flags.layer()?,
    ];
    Ok(Config::resolve(layers)?)
}

/// The name of a program's service: as configured, else of the user, the program and the profile.
pub(crate) fn service_name(config: &Config, plan: &Plan) -> String {
    let named = config.service.name.clone();
    named.unwrap_or_else(|| service::of_program(&plan.program.name, &plan.profile.name))
}

/// The workspace that a service belongs to, without symbolic links.
pub(crate) fn workspace(plan: &Plan) -> String {
    let workspace = plan.workspace_root.canonicalize_utf8();
    workspace
        .unwrap_or_else(|_| plan.workspace_root.clone())
        .to_string()
}

/// Warns about flags that have no effect.
pub(crate) fn warn(config: &Config, terminal: &Terminal) {
    let flags = config.without_effect();
    if !flags.is_empty() {
        terminal.warning(format_args!(
            "no effect on a local service: {}\nhelp: use them with `--place kubernetes`",
            names(flags)
        ));
    }
}
