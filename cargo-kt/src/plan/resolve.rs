//! Resolves the options to a [`Plan`].

use super::{
    CargoOptions, Configuration, Notice, Packages, Plan, PlanError, Profile, ProgramEnvironment,
    Setting, metadata::metadata, profile::ProfileSettings, program, script_override, toolchain,
};
use crate::context::CargoContext;

/// The targets of pods, besides that of this machine.
const POD_TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

/// cargo's name for this machine's target.
const HOST_TUPLE: &str = "host-tuple";

/// Resolves the command line as `cargo run` would.
///
/// # Errors
/// [`PlanError`]. If cargo itself fails, it printed why to stderr.
pub fn plan(options: &CargoOptions, context: &CargoContext) -> Result<Plan, PlanError> {
    check_project(options, context)?;
    let configuration = Configuration::read_with(&options.config, context)?;
    let mut toolchain = toolchain::toolchain(&configuration, context)?;
    if let Some(target) = options
        .target
        .as_ref()
        .filter(|target| **target != toolchain.host && **target != HOST_TUPLE)
    {
        if !POD_TARGETS.contains(&target.as_str()) {
            return Err(PlanError::ForeignTarget {
                target: target.clone(),
                host: toolchain.host,
            });
        }
        toolchain.target.clone_from(target);
    }
    toolchain.compiler = toolchain::compiler(&toolchain.target, &configuration, context);
    let metadata = metadata(options, context, &toolchain)?;
    let (package, program) = program::select(&metadata, options)?;
    let packages = Packages::reached_from(&metadata, &package.id);
    let Some(index) = packages.position(&package.id.repr) else {
        return Err(PlanError::Output {
            command: "cargo metadata",
            detail: "it has no dependency resolution".to_owned(),
        });
    };
    check_runtime(&packages, &package.name)?;
    let workspace_root = metadata.workspace_root.clone();
    let profile = ProfileSettings::read(
        options.profile_name(),
        &workspace_root.join("Cargo.toml"),
        &configuration,
        context,
    )?;
    let mut notices = profile.replaced();
    notices.extend(configured_notices(
        &configuration,
        context,
        &toolchain.target,
    ));
    let environment = ProgramEnvironment::of(package, &configuration);
    let overridden_scripts = script_override::all(&packages, &toolchain.target, &configuration);
    Ok(Plan {
        options: options.clone(),
        environment,
        cargo: context.cargo().to_owned(),
        packages,
        package: index,
        program,
        profile: Profile::of(&profile),
        toolchain,
        judges_warnings: judges_warnings(&configuration, context),
        configured_jobs: configured_jobs(&configuration, context),
        overridden_scripts,
        target_directory: match &options.target_dir {
            Some(directory) => context.directory.join(directory),
            None => metadata.target_directory.clone(),
        },
        workspace_root,
        notices,
    })
}

/// Checks for `Cargo.toml` before cargo does: cargo's message mentions `cargo metadata`, which the
/// user did not run.
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

/// Whether `build.warnings` hides warnings or makes them errors.
fn judges_warnings(configuration: &Configuration, context: &CargoContext) -> bool {
    let level = configuration.setting(&["build", "warnings"], "CARGO_BUILD_WARNINGS", context);
    let level = level.and_then(Setting::as_str);
    level.is_some_and(|level| level != "warn")
}

/// `build.jobs`, a number or `default`.
fn configured_jobs(configuration: &Configuration, context: &CargoContext) -> Option<String> {
    match configuration.setting(&["build", "jobs"], "CARGO_BUILD_JOBS", context)? {
        Setting::Written(_, toml::Value::Integer(jobs)) => Some(jobs.to_string()),
        other => other.as_str().map(str::to_owned),
    }
}

/// Settings outside profiles that have no effect.
fn configured_notices(
    configuration: &Configuration,
    context: &CargoContext,
    target: &str,
) -> Vec<Notice> {
    let build_target = configuration.setting(&["build", "target"], "CARGO_BUILD_TARGET", context);
    let build_target = build_target.and_then(|setting| match setting {
        // Several targets, which `cargo run` rejects.
        Setting::Written(_, value @ toml::Value::Array(_)) => Some(value.to_string()),
        _ => setting.as_str().map(str::to_owned),
    });
    let mut notices = Vec::new();
    notices.extend(runner(configuration, context, target));
    if let Some(found) =
        build_target.filter(|found| !found.is_empty() && found != target && found != HOST_TUPLE)
    {
        notices.push(Notice::BuildTarget {
            found,
            used: target.to_owned(),
        });
    }
    notices
}

/// The runner that cargo would use, if any: `target.<triple>.runner` or `target.<cfg>.runner`.
fn runner(configuration: &Configuration, context: &CargoContext, target: &str) -> Option<Notice> {
    let name = target.to_uppercase().replace('-', "_");
    let variable = format!("CARGO_TARGET_{name}_RUNNER");
    let shown = |value: &toml::Value| match value {
        toml::Value::String(runner) => runner.clone(),
        other => other.to_string(),
    };
    match configuration.setting(&["target", target, "runner"], &variable, context) {
        Some(Setting::Variable(found)) if !found.is_empty() => {
            return Some(Notice::Runner {
                key: variable,
                found: found.to_owned(),
            });
        }
        Some(Setting::Written(_, found)) => {
            return Some(Notice::Runner {
                key: format!("target.{target}.runner"),
                found: shown(found),
            });
        }
        _ => {}
    }
    let tables = configuration.tables();
    let targets = tables.filter_map(|(_, table)| table.get("target")?.as_table());
    // Only rustc can evaluate the expression. The notice prints it, and the user decides.
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
