//! Runs cargo and parses its JSON messages.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{CrateType, Message, TargetKind};

use super::environment::Snapshot;
use super::error::At as _;
use super::record::UnitKey;
use super::records::Records;
use super::{BuildError, Cancellation, Console, directory, file, linker, wrapper};
use crate::artifacts::NativeLibraries;
use crate::context::{CargoContext, Wrappers, cfg};
use crate::logging;
use crate::plan::{Configuration, Plan, overrides, with_known_edition};

/// An artifact that cargo reported.
#[derive(Debug, Clone)]
pub(super) struct Artifact {
    /// Index in the plan's packages.
    pub(super) package: usize,
    pub(super) kind: ArtifactKind,
    /// The crate's name for rustc.
    pub(super) crate_name: String,
    /// The crate's root module.
    pub(super) source: Utf8PathBuf,
    /// Compiled for the target, not for a crate that runs during the build.
    pub(super) on_target: bool,
    /// The rlib, the proc macro's shared object, or the executable.
    pub(super) path: Utf8PathBuf,
    /// cargo did not compile it in this run.
    pub(super) fresh: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArtifactKind {
    Library,
    ProcMacro,
    BuildScript,
    Program,
}

impl Artifact {
    /// The key of its compilation; see [`directory`].
    pub(super) fn key(&self, plan: &Plan, records: &Records) -> Option<UnitKey> {
        match self.kind {
            ArtifactKind::Library | ArtifactKind::ProcMacro => UnitKey::of_artifact(&self.path),
            ArtifactKind::BuildScript => directory::beside(&self.path, &self.crate_name),
            ArtifactKind::Program => directory::program(
                &self.path,
                &plan.packages[self.package].name,
                &self.crate_name,
                records.programs(&self.crate_name, &plan.cargo_directory()),
            )
            .or_else(|| directory::beside(&self.path, &self.crate_name)),
        }
    }
}

/// Everything that one run of cargo reported.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) artifacts: Vec<Artifact>,
    pub(super) native: NativeLibraries,
    /// `OUT_DIR` of every build script, and its package.
    pub(super) script_outputs: Vec<(usize, Utf8PathBuf)>,
}

/// Runs cargo, which inherits stderr. If it fails, `report` has what it did before.
///
/// # Errors
/// If cargo cannot be run or fails.
pub(super) fn run(
    plan: &Plan,
    context: &CargoContext,
    records: &Records,
    console: &dyn Console,
    cancellation: &Cancellation,
    report: &mut Report,
) -> Result<(), BuildError> {
    let failed = |source| BuildError::Spawn {
        cargo: plan.cargo.clone(),
        source,
    };
    let mut command = command(plan, context, records)?;
    let logged = logging::started(&command);
    let mut child = command.spawn().map_err(failed)?;
    let running = cancellation.running(child.id()).map_err(failed)?;
    let mut compile_error = false;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(failed)?;
            if plan.options.wants_json() {
                console.message(&line);
            }
            match serde_json::from_str(&with_known_edition(&line)) {
                Ok(Message::CompilerArtifact(artifact)) => report.add(plan, artifact)?,
                Ok(Message::BuildScriptExecuted(script)) => report.add_script(plan, script),
                Ok(Message::BuildFinished(finished)) => compile_error = !finished.success,
                // Diagnostics, and messages of newer versions of cargo.
                _ => {}
            }
        }
    }
    drop(running);
    let status = child.wait().map_err(failed)?;
    logged.exited(status);
    if status.success() {
        return Ok(());
    }
    if cancellation.is_canceled() {
        return Err(BuildError::Canceled);
    }
    let code = status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(101);
    Err(if compile_error {
        BuildError::Compile { code }
    } else {
        BuildError::Cargo { code }
    })
}

fn command(plan: &Plan, context: &CargoContext, records: &Records) -> Result<Command, BuildError> {
    let options = &plan.options;
    let every_wrapper = cfg::link(&records.links(), &plan.toolchain.wrappers);
    let member_wrapper = member_wrapper(records, &plan.toolchain.wrappers);
    let linker = records.links().join(linker::NAME);
    for link in [&every_wrapper, &member_wrapper, &linker] {
        file::symlink(&context.executable, link).at("link", link)?;
    }
    let package = plan.program_package();
    let ambiguous = plan
        .packages
        .iter()
        .filter(|other| other.is_member && other.name == package.name)
        .count()
        > 1;
    let mut command = context.command(&plan.cargo);
    command
        .args([
            subcommand(plan, context)?,
            "--package",
            if ambiguous {
                &package.id
            } else {
                &package.name
            },
        ])
        .args([
            format!("--{}", plan.program.kind.as_str()),
            plan.program.name.clone(),
        ])
        .args(["--profile", &plan.profile.name])
        .args([
            "--target",
            &plan.toolchain.target,
            "--target-dir",
            plan.cargo_directory().as_str(),
        ])
        .arg(format!(
            "--message-format={}",
            message_format(options.message_format.as_deref())
        ))
        .args(options.common_arguments());
    if let Some(jobs) = &options.jobs {
        command.arg(format!("--jobs={jobs}"));
    }
    for (is_set, flag) in [
        (options.keep_going, "--keep-going"),
        (options.ignore_rust_version, "--ignore-rust-version"),
    ] {
        if is_set {
            command.arg(flag);
        }
    }
    // After the user's own `--config`, so that these win.
    for setting in overrides(&plan.profile.name, &plan.profile.packages) {
        command.args(["--config", &setting]);
    }
    // In a shared build directory kt's builds and the user's would evict each other's artifacts. Not
    // a variable: a build script that calls cargo would inherit it, and wait for this cargo's lock.
    let directory = toml::Value::from(plan.cargo_directory().as_str());
    command.args(["--config", &format!("build.build-dir={directory}")]);
    let wrappers = &plan.toolchain.wrappers;
    wrappers.pass_to(&mut command);
    command
        .env("KT_BUILD", "1")
        .env(cfg::TARGET, &plan.toolchain.target)
        .env(wrapper::DIRECTORY, records.directory())
        .env("RUSTC_WORKSPACE_WRAPPER", member_wrapper)
        .env("RUSTC_WRAPPER", every_wrapper)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    remember_environment(&command, records)?;
    Ok(command)
}

/// Stores what cargo is started with: the wrapper finds the variables that cargo adds.
fn remember_environment(command: &Command, records: &Records) -> Result<(), BuildError> {
    let environment: std::collections::BTreeMap<_, _> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    Snapshot::of(&environment)
        .write(records.directory())
        .at("write to", records.directory())
}

/// cargo's command. `cargo build` copies the program to `build.artifact-dir` (and requires a nightly
/// for that), which `cargo run` does not, and kt's is not an executable.
fn subcommand(plan: &Plan, context: &CargoContext) -> Result<&'static str, BuildError> {
    let configuration = Configuration::read_with(&plan.options.config, context)?;
    let is_configured = |key: &str| configuration.get(&["build", key]).is_some();
    let is_set = |name: &str| context.variable(name).is_some();
    let copies = ["artifact-dir", "out-dir"].into_iter().any(is_configured)
        || ["CARGO_BUILD_ARTIFACT_DIR", "CARGO_BUILD_OUT_DIR"]
            .into_iter()
            .any(is_set);
    Ok(if copies { "rustc" } else { "build" })
}

/// The path of kt's wrapper of workspace members. cargo recompiles them when it changes, as it
/// must when the user's own wrapper changes.
fn member_wrapper(records: &Records, wrappers: &Wrappers) -> Utf8PathBuf {
    let links = records.links();
    let directory = match &wrappers.members {
        Some(wrapper) => links.join(&file::hash_bytes(wrapper.as_str().as_bytes())[..16]),
        None => links,
    };
    directory.join(wrapper::NAME)
}

/// The format with which cargo prints JSON for kt and renders diagnostics as the user typed.
fn message_format(typed: Option<&str>) -> &str {
    match typed {
        Some(format) if format.starts_with("json") => format,
        Some("short") => "json-render-diagnostics,json-diagnostic-short",
        _ => "json-render-diagnostics",
    }
}

impl Report {
    fn add(&mut self, plan: &Plan, artifact: cargo_metadata::Artifact) -> Result<(), BuildError> {
        let target = &artifact.target;
        let is = |kind: TargetKind| target.kind.contains(&kind);
        // With `-Z build-std` the packages of the standard library are not in the resolution.
        let Some(package) = plan.packages.position(&artifact.package_id.repr) else {
            return Err(BuildError::BuildStd);
        };
        let of_extension = |extension: &str| {
            artifact
                .filenames
                .iter()
                .find(|path| path.extension() == Some(extension))
                .cloned()
        };
        let (kind, path) = if is(TargetKind::CustomBuild) {
            (
                ArtifactKind::BuildScript,
                artifact.filenames.first().cloned(),
            )
        } else if is(TargetKind::ProcMacro) {
            (ArtifactKind::ProcMacro, of_extension("so"))
        } else if is(TargetKind::Bin) || is(TargetKind::Example) {
            (ArtifactKind::Program, artifact.executable.clone())
        } else {
            (ArtifactKind::Library, of_extension("rlib"))
        };
        let on_target =
            |path: &Utf8Path| path.starts_with(plan.cargo_directory().join(&plan.toolchain.target));
        let Some(path) = path else {
            let is_dylib = target.crate_types.contains(&CrateType::DyLib);
            let name = plan.packages[package].name.clone();
            // A library that is only a cdylib or staticlib is not linked into Rust code.
            return if is_dylib {
                Err(BuildError::DylibOnly { package: name })
            } else {
                Ok(())
            };
        };
        self.artifacts.push(Artifact {
            package,
            kind,
            crate_name: target.name.replace('-', "_"),
            source: target.src_path.clone(),
            on_target: on_target(&path),
            path,
            fresh: artifact.fresh,
        });
        Ok(())
    }

    fn add_script(&mut self, plan: &Plan, script: cargo_metadata::BuildScript) {
        if let Some(package) = plan.packages.position(&script.package_id.repr) {
            self.script_outputs.push((package, script.out_dir.clone()));
        }
        if script
            .out_dir
            .starts_with(plan.cargo_directory().join(&plan.toolchain.target))
        {
            self.native
                .libraries
                .extend(script.linked_libs.iter().map(ToString::to_string));
            self.native
                .search_paths
                .extend(script.linked_paths.iter().map(ToString::to_string));
        }
    }
}
