//! Provides the host for another kind of machine: found next to this executable, or built once from
//! the sources of this cargo-kt.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use kt::wire::VERSION;

use crate::{
    context::CargoContext,
    link,
    place::{Dirs, ForeignHost},
    plan::Plan,
    terminal::Terminal,
};

/// The sources of this executable: a checkout, or the registry's copy that `cargo install` used.
const SOURCES: &str = env!("CARGO_MANIFEST_DIR");

/// Why there is no host for the target.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForeignHostError {
    #[error("failed to determine where the host for `{target}` is stored: {source}")]
    Location { target: String, source: io::Error },
    #[error(
        "the remote functions run on `{target}`, and cargo-kt's host for it cannot be built: \
         `{compiler}` was not found\n\
         help: install this C compiler (Debian: `apt install {package}`), or copy a cargo-kt {VERSION} for {target} \
         to {}", beside.display()
    )]
    NoCompiler {
        target: String,
        compiler: String,
        package: String,
        beside: PathBuf,
    },
    #[error(
        "the remote functions run on `{target}`, and cargo-kt's host for it cannot be built: its \
         sources are not in {SOURCES}\n\
         help: `{command}`"
    )]
    NoSources { target: String, command: String },
    #[error("failed to run {command}: {source}")]
    Run { command: String, source: io::Error },
    #[error(
        "failed to build cargo-kt's host for `{target}`: `{command}` exited with {status}\n\
         help: correct the error above, or copy a cargo-kt {VERSION} for {target} to {}",
        beside.display()
    )]
    Build {
        target: String,
        command: String,
        status: ExitStatus,
        beside: PathBuf,
    },
}

impl ForeignHostError {
    /// Whether nothing was tried: a tool or the sources are missing.
    pub(super) fn is_lack_of_means(&self) -> bool {
        matches!(self, Self::NoCompiler { .. } | Self::NoSources { .. })
    }
}

/// The path of the host for a plan's target. Builds it if there is none.
pub(super) fn provide(
    plan: &Plan,
    dirs: &Dirs,
    context: &CargoContext,
    terminal: &Terminal,
) -> Result<PathBuf, ForeignHostError> {
    let target = &plan.toolchain.target;
    let hosts = ForeignHost::of(target, &dirs.cache).map_err(|source| {
        let target = target.clone();
        ForeignHostError::Location { target, source }
    })?;
    match hosts.find() {
        Some(found) => Ok(found),
        None => build(plan, &hosts, Path::new(SOURCES), context, terminal),
    }
}

fn build(
    plan: &Plan,
    hosts: &ForeignHost,
    sources: &Path,
    context: &CargoContext,
    terminal: &Terminal,
) -> Result<PathBuf, ForeignHostError> {
    let target = &plan.toolchain.target;
    let compiler =
        link::compiler(&plan.toolchain).map_err(|compiler| ForeignHostError::NoCompiler {
            target: target.clone(),
            package: debian_package(target),
            compiler,
            beside: hosts.beside.clone(),
        })?;
    if !is_kt_cli(sources) {
        return Err(ForeignHostError::NoSources {
            target: target.clone(),
            command: by_hand(target, compiler.as_str(), &hosts.root),
        });
    }
    let mut command = context.command(&plan.cargo);
    let output = hosts.root.join("target");
    command
        .args(arguments(target, &hosts.root))
        .arg("--path")
        .arg(sources)
        .arg("--target-dir")
        .arg(&output)
        .env(linker_variable(target), compiler.as_str())
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    if cfg!(debug_assertions) {
        // Its debug information would be removed before it is sent.
        command.arg("--debug").env("CARGO_PROFILE_DEV_DEBUG", "0");
    }
    if terminal.is_quiet() {
        command.arg("--quiet");
    }
    terminal.status(
        "Building",
        format_args!("cargo-kt's host for {target}, once for this cargo-kt"),
    );
    let text = shown(&command);
    terminal.detail("Running", &text);
    let status = command.status().map_err(|source| ForeignHostError::Run {
        command: text.clone(),
        source,
    })?;
    let built = hosts.built();
    if !status.success() || !built.is_file() {
        return Err(ForeignHostError::Build {
            target: target.clone(),
            command: text,
            status,
            beside: hosts.beside.clone(),
        });
    }
    // Hundreds of megabytes that no later build uses.
    let _ = std::fs::remove_dir_all(&output);
    Ok(built)
}

/// `cargo install` writes the executable only if the whole build succeeded. Services in a cluster
/// are not the host's concern.
fn arguments(target: &str, root: &Path) -> Vec<String> {
    let root = root.display().to_string();
    let arguments = [
        "install",
        "--locked",
        "--force",
        "--no-track",
        "--no-default-features",
        "--bin",
        "cargo-kt",
        "--target",
        target,
        "--root",
        &root,
    ];
    arguments.map(str::to_owned).into()
}

/// The command that builds the host from the registry.
fn by_hand(target: &str, compiler: &str, root: &Path) -> String {
    format!(
        "{}={compiler} cargo {} kt-cli@{VERSION}",
        linker_variable(target),
        arguments(target, root).join(" ")
    )
}

/// Whether a folder has the sources of this version.
fn is_kt_cli(folder: &Path) -> bool {
    folder.join("src/main.rs").is_file() && folder.join("Cargo.toml").is_file()
}

/// The variable with which cargo receives a target's linker.
fn linker_variable(target: &str) -> String {
    let target = target.to_uppercase().replace('-', "_");
    format!("CARGO_TARGET_{target}_LINKER")
}

/// Debian's package of the C compiler for a target.
fn debian_package(target: &str) -> String {
    let architecture = target.split('-').next().unwrap_or(target);
    format!("gcc-{}-linux-gnu", architecture.replace('_', "-"))
}

fn shown(command: &Command) -> String {
    let parts = std::iter::once(command.get_program()).chain(command.get_args());
    let parts: Vec<_> = parts.map(|part| part.to_string_lossy()).collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_of_a_build_are_those_of_this_crate() {
        assert!(is_kt_cli(Path::new(SOURCES)));
        assert!(!is_kt_cli(Path::new("/no/such/folder")));
    }

    #[test]
    fn the_command_by_hand_installs_where_the_host_is_looked_up() {
        let folder = tempfile::tempdir().unwrap();
        let target = "aarch64-unknown-linux-gnu";
        let hosts = ForeignHost::of(target, folder.path()).unwrap();
        let command = by_hand(target, "aarch64-linux-gnu-gcc", &hosts.root);
        let root = hosts.root.display();
        assert_eq!(
            command,
            format!(
                "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc cargo install --locked --force --no-track --no-default-features --bin cargo-kt --target {target} --root {root} kt-cli@{VERSION}"
            )
        );
        assert_eq!(hosts.built(), hosts.root.join("bin/cargo-kt"));
    }
}
