//! The layers of a program's options, gathered. The lowest first: the workspace's Cargo.toml, the package's, the attribute
//! on the program's `main`, its constant of the type `kt::Service`, the environment, the command line.

use camino::Utf8Path;

use super::CommandError;
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
/// If something is written wrong somewhere.
pub(super) fn resolve(
    flags: &Flags,
    plan: &Plan,
    context: &CargoContext,
) -> Result<Config, CommandError> {
    // Short where it can be, since tables and messages have many of them; a terminal finds it either way.
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
pub(super) fn service_name(config: &Config, plan: &Plan) -> String {
    let named = config.service.name.clone();
    named.unwrap_or_else(|| service::of_program(&plan.program.name, &plan.profile.name))
}

/// The workspace that a service belongs to. One place is one workspace, whatever link it is reached by.
pub(super) fn workspace(plan: &Plan) -> String {
    let workspace = plan.workspace_root.canonicalize_utf8();
    workspace
        .unwrap_or_else(|_| plan.workspace_root.clone())
        .to_string()
}

/// Says which flags were typed in vain.
pub(super) fn warn(config: &Config, terminal: &Terminal) {
    let flags = config.without_effect();
    if !flags.is_empty() {
        terminal.warning(format_args!(
            "without effect on a service on this machine: {}\nhelp: `--place kubernetes` has a pod for them",
            names(flags)
        ));
    }
}
