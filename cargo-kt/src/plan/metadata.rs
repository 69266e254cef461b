//! Runs `cargo metadata`.

use std::borrow::Cow;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use cargo_metadata::{Metadata, MetadataCommand};

use super::{CargoOptions, PlanError};
use crate::context::{CargoContext, ContextError, Toolchain, cfg, flags};

/// `--ignore-rust-version` for `cargo metadata`, which has no such option: how it resolves where
/// there is no lock file.
const IGNORE_RUST_VERSION: [&str; 2] =
    ["--config", "resolver.incompatible-rust-versions=\"allow\""];

/// Runs `cargo metadata`. The first run is silent, offline and locked, since `cargo build` repeats
/// every warning. If it fails, the second run prints cargo's progress and errors to stderr.
pub(super) fn metadata(
    options: &CargoOptions,
    context: &CargoContext,
    toolchain: &Toolchain,
) -> Result<Metadata, PlanError> {
    // The target's cfgs select dependencies, so cargo must query them through the same wrapper as
    // in the build.
    let surrounded = |source| {
        PlanError::from(ContextError::Unavailable {
            what: "a temporary directory",
            source,
        })
    };
    let links = tempfile::tempdir().map_err(surrounded)?;
    let wrapper = links.path().join(cfg::NAME);
    let query = links.path().join("query.json");
    std::os::unix::fs::symlink(&context.executable, &wrapper).map_err(surrounded)?;
    let command = || {
        let mut command = command(options, context, toolchain);
        command.env("RUSTC_WRAPPER", &wrapper);
        command.env(cfg::QUERY, &query);
        command
    };
    let missing = |flag: &'static str, typed: bool| (!typed).then_some(flag);
    let silent = [
        missing("--locked", options.locked),
        missing("--offline", options.offline),
    ];
    let mut first = command();
    first
        .args(silent.into_iter().flatten())
        .stderr(Stdio::null());
    let mut output = run(first, context)?;
    // First: rustc may already reject a flag here that kt does not support at all.
    check_flags(&query)?;
    if !output.status.success() {
        let mut second = command();
        second.stderr(Stdio::inherit());
        output = run(second, context)?;
    }
    if !output.status.success() {
        return Err(PlanError::Metadata {
            code: output.status.code().unwrap_or(101),
        });
    }
    let invalid = |detail: String| PlanError::Output {
        command: "cargo metadata",
        detail,
    };
    let text = String::from_utf8(output.stdout).map_err(|error| invalid(error.to_string()))?;
    MetadataCommand::parse(with_known_edition(&text)).map_err(|error| invalid(error.to_string()))
}

fn command(options: &CargoOptions, context: &CargoContext, toolchain: &Toolchain) -> Command {
    let mut command = context.command(context.cargo());
    toolchain.wrappers.pass_to(&mut command);
    command
        .args([
            "metadata",
            "--format-version=1",
            "--filter-platform",
            &toolchain.target,
        ])
        .args(options.common_arguments())
        .env("RUSTC_WORKSPACE_WRAPPER", "")
        .env(cfg::TARGET, &toolchain.target)
        // Otherwise cargo would cache them in the user's target directory, for the user's own
        // builds.
        .env("CARGO_CACHE_RUSTC_INFO", "0")
        .stdin(Stdio::null());
    if options.ignore_rust_version {
        command.args(IGNORE_RUST_VERSION);
    }
    command
}

fn run(mut command: Command, context: &CargoContext) -> Result<Output, PlanError> {
    command.output().map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => PlanError::CargoMissing {
            cargo: context.cargo().to_owned(),
        },
        _ => ContextError::Unavailable {
            what: "the output of `cargo metadata`",
            source,
        }
        .into(),
    })
}

/// Replaces the edition of `unstable-editions` in cargo's JSON, which the parser does not know.
pub(crate) fn with_known_edition(json: &str) -> Cow<'_, str> {
    let future = r#""edition":"future""#;
    match json.contains(future) {
        true => json.replace(future, r#""edition":"2024""#).into(),
        false => json.into(),
    }
}

/// Checks the flags of all crates of the target, which cargo's query for the cfgs had too. Before
/// anything is compiled: each flag compiles all crates again.
fn check_flags(query: &Path) -> Result<(), PlanError> {
    let arguments = std::fs::read(query).unwrap_or_default();
    let arguments: Vec<String> = serde_json::from_slice(&arguments).unwrap_or_default();
    match flags::unsupported(&arguments) {
        Some(flag) => Err(PlanError::UnsupportedFlag(flag)),
        None => Ok(()),
    }
}
