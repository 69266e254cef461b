//! From options to [`Plan`].

use std::process::Stdio;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{Metadata, MetadataCommand};

use super::{
    CargoOptions, Configuration, Notice, Packages, Plan, PlanError, Profile, ProgramEnvironment,
    profile, program,
};
use crate::context::CargoContext;
use crate::context::{ContextError, Toolchain, cfg};

/// What pods can be of, besides what this machine is.
const POD_TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

/// Resolves what was typed as `cargo run` would.
///
/// # Errors
/// All of [`PlanError`]; where cargo itself refuses, it has said why on standard error.
pub fn plan(options: &CargoOptions, context: &CargoContext) -> Result<Plan, PlanError> {
    check_project(options, context)?;
    let configuration = Configuration::read_with(&options.config, context)?;
    let mut toolchain = toolchain(&configuration, context)?;
    if !toolchain.host.ends_with("-linux-gnu") {
        return Err(PlanError::UnsupportedHost {
            host: toolchain.host,
        });
    }
    if let Some(target) = options
        .target
        .as_ref()
        .filter(|target| **target != toolchain.host)
    {
        if !POD_TARGETS.contains(&target.as_str()) {
            return Err(PlanError::ForeignTarget {
                target: target.clone(),
                host: toolchain.host,
            });
        }
        toolchain.target.clone_from(target);
    }
    // Before anything is compiled for it: without its linker nothing could be made of the objects.
    let linker = toolchain.linker();
    if !linker.is_file() {
        return Err(PlanError::NoLinker { path: linker });
    }
    let metadata = metadata(options, context, &toolchain.target)?;
    let (package, program) = program::select(&metadata, options)?;
    let packages = Packages::reached_from(&metadata, &package.id);
    let Some(index) = packages.position(&package.id.repr) else {
        return Err(PlanError::Output {
            command: "cargo metadata",
            detail: "it has no resolution".to_owned(),
        });
    };
    check_runtime(&packages, &package.name)?;
    let workspace_root = metadata.workspace_root.clone();
    let mut notices = profile::replaced(
        options.profile_name(),
        &workspace_root.join("Cargo.toml"),
        &configuration,
        context,
    )?;
    notices.extend(configured_notices(
        &configuration,
        context,
        &toolchain.target,
    ));
    let environment = ProgramEnvironment::of(package, &configuration);
    Ok(Plan {
        options: options.clone(),
        environment,
        cargo: context.cargo().to_owned(),
        packages,
        package: index,
        program,
        profile: Profile::named(options.profile_name()),
        toolchain,
        target_directory: match &options.target_dir {
            Some(directory) => context.directory.join(directory),
            None => metadata.target_directory.clone(),
        },
        workspace_root,
        notices,
    })
}

/// Says what is missing before cargo does, since cargo's words name `cargo metadata`, which nobody typed.
fn check_project(options: &CargoOptions, context: &CargoContext) -> Result<(), PlanError> {
    let directory = &context.directory;
    let found = options.manifest_path.is_some()
        || directory
            .ancestors()
            .any(|ancestor| ancestor.join("Cargo.toml").is_file());
    if found {
        Ok(())
    } else {
        Err(PlanError::NotAProject {
            directory: directory.clone(),
        })
    }
}

fn check_runtime(packages: &Packages, package: &str) -> Result<(), PlanError> {
    let ours = env!("CARGO_PKG_VERSION");
    let mut found = packages
        .iter()
        .filter(|package| package.name == "kt-runtime")
        .peekable();
    if found.peek().is_none() {
        return Err(PlanError::RuntimeMissing {
            package: package.to_owned(),
        });
    }
    match found.find(|runtime| runtime.version != ours) {
        Some(other) => Err(PlanError::RuntimeVersion {
            package: package.to_owned(),
            found: other.version.clone(),
            ours,
        }),
        None => Ok(()),
    }
}

/// `cargo metadata`: silently if nothing has to be downloaded or locked, since `cargo build` will repeat every warning; else
/// with cargo's own progress and words on standard error.
fn metadata(
    options: &CargoOptions,
    context: &CargoContext,
    target: &str,
) -> Result<Metadata, PlanError> {
    // Dependencies are chosen by the target's cfgs, so cargo must be answered as it will be when it builds.
    let surrounded = |source| {
        PlanError::from(ContextError::Unavailable {
            what: "a temporary directory",
            source,
        })
    };
    let links = tempfile::tempdir().map_err(surrounded)?;
    let wrapper = links.path().join(cfg::NAME);
    std::os::unix::fs::symlink(&context.executable, &wrapper).map_err(surrounded)?;
    let run = |more: &[&str], stderr: Stdio| {
        let cargo = context.cargo();
        context
            .command(cargo)
            .args([
                "metadata",
                "--format-version=1",
                "--filter-platform",
                target,
            ])
            .args(options.common_arguments())
            .args(more)
            .env("RUSTC_WRAPPER", &wrapper)
            .env("RUSTC_WORKSPACE_WRAPPER", "")
            // The answers are remembered in the user's own target directory, for the user's own builds.
            .env("CARGO_CACHE_RUSTC_INFO", "0")
            .stdin(Stdio::null())
            .stderr(stderr)
            .output()
            .map_err(|source| match source.kind() {
                std::io::ErrorKind::NotFound => PlanError::CargoMissing {
                    cargo: cargo.to_owned(),
                },
                _ => ContextError::Unavailable {
                    what: "the output of `cargo metadata`",
                    source,
                }
                .into(),
            })
    };
    let missing = |flag: &'static str, typed: bool| (!typed).then_some(flag);
    let silent: Vec<_> = [
        missing("--locked", options.locked),
        missing("--offline", options.offline),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut output = run(&silent, Stdio::null())?;
    if !output.status.success() {
        output = run(&[], Stdio::inherit())?;
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
    MetadataCommand::parse(text).map_err(|error| invalid(error.to_string()))
}

/// The compiler that cargo would call: `RUSTC`, `build.rustc`, or the one in `PATH`.
fn toolchain(
    configuration: &Configuration,
    context: &CargoContext,
) -> Result<Toolchain, PlanError> {
    let named = ["RUSTC", "CARGO_BUILD_RUSTC"]
        .iter()
        .find_map(|name| context.variable(name));
    let rustc = match named.filter(|path| !path.is_empty()) {
        Some(path) => Utf8PathBuf::from(path),
        None => match configuration
            .get(&["build", "rustc"])
            .and_then(|(_, value)| value.as_str())
        {
            // A bare name is looked up in PATH, anything else is relative to the configuration.
            Some(name) if !name.contains('/') => Utf8PathBuf::from(name),
            Some(_) => configuration
                .get_path(&["build", "rustc"])
                .unwrap_or_else(|| "rustc".into()),
            None => "rustc".into(),
        },
    };
    let version = rustc_says(context, &rustc, &["-vV"])?;
    let sysroot = Utf8PathBuf::from(rustc_says(context, &rustc, &["--print", "sysroot"])?.trim());
    let Some(host) = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
    else {
        return Err(PlanError::Output {
            command: "rustc -vV",
            detail: "it names no host".to_owned(),
        });
    };
    let real = sysroot.join("bin/rustc");
    Ok(Toolchain {
        // rustup's proxy would choose anew, by directory; the sysroot's own cannot.
        rustc: if real.is_file() { real } else { rustc },
        sysroot,
        target: host.clone(),
        host,
        version,
    })
}

fn rustc_says(
    context: &CargoContext,
    rustc: &Utf8Path,
    arguments: &[&str],
) -> Result<String, PlanError> {
    let output = context
        .command(rustc)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|_| PlanError::RustcMissing {
            rustc: rustc.to_owned(),
        })?;
    if !output.status.success() {
        return Err(PlanError::Output {
            command: "rustc -vV",
            detail: output.status.to_string(),
        });
    }
    String::from_utf8(output.stdout).map_err(|error| PlanError::Output {
        command: "rustc -vV",
        detail: error.to_string(),
    })
}

/// Settings outside of profiles that cannot apply.
fn configured_notices(
    configuration: &Configuration,
    context: &CargoContext,
    target: &str,
) -> Vec<Notice> {
    let configured = |variables: &[&str], keys: &[&str]| {
        let set = variables
            .iter()
            .find_map(|name| context.variable(name))
            .map(str::to_owned);
        set.or_else(|| {
            configuration
                .get(keys)
                .and_then(|(_, value)| value.as_str())
                .map(str::to_owned)
        })
        .filter(|value| !value.is_empty())
    };
    let mut notices = Vec::new();
    notices.extend(runner(configuration, context, target));
    if let Some(found) =
        configured(&["CARGO_BUILD_TARGET"], &["build", "target"]).filter(|found| found != target)
    {
        notices.push(Notice::BuildTarget {
            found,
            used: target.to_owned(),
        });
    }
    for (key, variables) in [
        (
            "rustc-wrapper",
            ["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"],
        ),
        (
            "rustc-workspace-wrapper",
            [
                "RUSTC_WORKSPACE_WRAPPER",
                "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
            ],
        ),
    ] {
        if let Some(found) = configured(&variables, &["build", key]) {
            notices.push(Notice::RustcWrapper {
                key: format!("build.{key}"),
                found,
            });
        }
    }
    notices
}

/// The program that cargo would start the program with, if any: `target.<triple>.runner` or `target.<cfg>.runner`.
fn runner(configuration: &Configuration, context: &CargoContext, target: &str) -> Option<Notice> {
    let name = target.to_uppercase().replace('-', "_");
    let variable = format!("CARGO_TARGET_{name}_RUNNER");
    if let Some(found) = context
        .variable(&variable)
        .filter(|found| !found.is_empty())
    {
        return Some(Notice::Runner {
            key: variable,
            found: found.to_owned(),
        });
    }
    let shown = |value: &toml::Value| match value {
        toml::Value::String(runner) => runner.clone(),
        other => other.to_string(),
    };
    let of_triple = configuration.get(&["target", target, "runner"]);
    if let Some((_, found)) = of_triple {
        return Some(Notice::Runner {
            key: format!("target.{target}.runner"),
            found: shown(found),
        });
    }
    let tables = configuration.tables();
    let targets = tables.filter_map(|(_, table)| table.get("target")?.as_table());
    // Whether an expression holds is rustc's to say. The notice names it, and the person knows.
    targets
        .flatten()
        .filter(|(key, _)| key.starts_with("cfg("))
        .find_map(|(key, table)| {
            Some(Notice::Runner {
                key: format!("target.'{key}'.runner"),
                found: shown(table.get("runner")?),
            })
        })
}
