//! Builds through cargo, which decides what to compile. Afterwards kt checks every artifact against
//! the content of its sources.

use camino::{Utf8Path, Utf8PathBuf};

use super::cargo::Report;
use super::depinfo::{self, DepInfo};
use super::error::At as _;
use super::file::Stamp;
use super::fresh::{self, Stale};
use super::phases::Stopwatch;
use super::record::{Mode, Origin, Record, UnitKey};
use super::records::Records;
use super::sort::{self, Sorted};
use super::{
    BuildError, Cancellation, Console, cargo, compilation, directory, evict, file, library_path,
    script, snapshot,
};
use crate::artifacts::{Compiled, CompiledProgram, HotCrate, Invocation, NativeLibraries};
use crate::context::CargoContext;
use crate::plan::{Plan, ScriptOverride};

/// The part of a build's result that the next build needs to skip cargo.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct KnownUnits {
    pub(super) sorted: Sorted,
    pub(super) native: NativeLibraries,
    /// `OUT_DIR` of every build script, and the index of its package.
    pub(super) script_outputs: Vec<(usize, Utf8PathBuf)>,
    /// How each of [`units`] was compiled ([`Record::manner`]).
    pub(super) manners: Vec<Option<String>>,
}

impl KnownUnits {
    /// The records of the hot units, then of the watched ones.
    pub(super) fn read(&self, records: &Records) -> Vec<Option<Record>> {
        units(&self.sorted)
            .iter()
            .map(|(key, _)| records.read(key))
            .collect()
    }

    /// Describes a unit that another build compiled since with other options, or from a directory
    /// with another configuration.
    pub(super) fn compiled_otherwise(&self, read: &[Option<Record>]) -> Option<String> {
        let units = units(&self.sorted).into_iter().zip(&self.manners);
        let mut all = units.zip(read);
        let other = all.find(|((_, manner), record)| {
            let now = record.as_ref().map(Record::manner);
            now.is_some() && **manner != now
        });
        other.map(|(((key, _), _), _)| {
            format!("another build compiled `{}` with other options", key.stem)
        })
    }
}

/// Calls cargo until every artifact is fresh by content, at most twice.
///
/// # Errors
/// If cargo fails, or sources change during both runs.
pub(super) fn compile(
    plan: &Plan,
    context: &CargoContext,
    console: &dyn Console,
    stopwatch: &Stopwatch,
    cancellation: &Cancellation,
) -> Result<(KnownUnits, Vec<Option<Record>>), BuildError> {
    let records = Records::below(&plan.kt_dir(), &plan.workspace_root);
    records
        .create(&plan.workspace_root)
        .at("create", records.directory())?;
    records.sweep();
    stopwatch.measure("evict", || {
        evict::before_cargo(plan, context, &records, console)
    })?;
    let mut again = false;
    loop {
        let directory = records.directory();
        let started = file::clock(directory).at("create a file in", directory)?;
        let mut report = Report::default();
        let succeeded = stopwatch.measure("cargo", || {
            cargo::run(plan, context, &records, console, cancellation, &mut report)
        });
        if succeeded.is_ok() {
            check_script_outputs(plan, &report)?;
        }
        // Record what a failed run did compile: the next build needs it.
        let ran_for_others = evict::observe_runs(plan, context, &records, &report, started)?;
        if succeeded.is_err() {
            observe(plan, &report, None, &records, started)?;
        }
        succeeded?;
        let sorted = sort::sort(plan, &report, &records)?;
        check_fingerprints(plan, &sorted)?;
        observe(plan, &report, Some(&sorted), &records, started)?;
        let mut native = report.native;
        for script in &plan.overridden_scripts {
            native.libraries.extend(script.libraries.iter().cloned());
            native
                .search_paths
                .extend(script.search_paths.iter().cloned());
        }
        let mut known = KnownUnits {
            sorted,
            native,
            script_outputs: report.script_outputs,
            manners: Vec::new(),
        };
        let read = known.read(&records);
        let units = units(&known.sorted);
        let stale = judge(&known.sorted, &read, context, records.warm());
        let stale: Vec<_> = units
            .iter()
            .zip(stale)
            .filter_map(|(unit, stale)| Some((unit, stale?)))
            .collect();
        let first = stale.first().map(|(_, stale)| stale.path());
        match (first, ran_for_others, again) {
            (None, false, _) | (None, true, true) => {
                known.manners = read
                    .iter()
                    .map(|record| record.as_ref().map(Record::manner))
                    .collect();
                return Ok((known, read));
            }
            (Some(path), _, true) => return Err(BuildError::SourcesChanged { path }),
            _ => again = true,
        }
        // cargo compares mtimes and does not detect these changes.
        for ((key, package), stale) in &stale {
            console.verbose(&format!("{stale}: recompiling `{}`", key.stem));
            directory::forget(key, &plan.packages[*package].name)?;
        }
    }
}

/// Checks that cargo's fingerprints of all units exist.
///
/// # Errors
/// If cargo's layout is unknown.
fn check_fingerprints(plan: &Plan, sorted: &Sorted) -> Result<(), BuildError> {
    for (key, package) in units(sorted) {
        directory::fingerprints(key, &plan.packages[package].name)?;
    }
    Ok(())
}

/// Checks that cargo's copies of the output of build scripts exist, right after cargo wrote them:
/// [`evict`] may remove some.
///
/// # Errors
/// If cargo's layout is unknown.
fn check_script_outputs(plan: &Plan, report: &Report) -> Result<(), BuildError> {
    for (package, out_dir) in &report.script_outputs {
        if directory::script_output(out_dir).is_none() {
            return Err(BuildError::UnknownLayout {
                what: format!(
                    "the output of the build script of `{}`",
                    plan.packages[*package].name
                ),
                path: out_dir.clone(),
            });
        }
    }
    Ok(())
}

/// Checks the hot units, then the watched ones.
pub(super) fn judge(
    sorted: &Sorted,
    read: &[Option<Record>],
    context: &CargoContext,
    warm: &Utf8Path,
) -> Vec<Option<Stale>> {
    let units = units(sorted);
    let pairs: Vec<_> = units
        .iter()
        .zip(read)
        .map(|((key, _), record)| (*key, record.as_ref()))
        .collect();
    fresh::judge(&pairs, context, warm)
}

/// Every unit whose freshness kt checks, the hot ones first.
pub(super) fn units(sorted: &Sorted) -> Vec<(&UnitKey, usize)> {
    let hot = sorted.hot.iter().map(|unit| (&unit.key, unit.package));
    hot.chain(sorted.watched.iter().map(|unit| (&unit.key, unit.package)))
        .collect()
}

/// Records the packages outside the workspace that cargo just compiled, since they bypass the
/// wrapper. If cargo failed, `sorted` is `None`: then only units that have a record or a path
/// source are recorded.
fn observe(
    plan: &Plan,
    report: &Report,
    sorted: Option<&Sorted>,
    records: &Records,
    started: i128,
) -> Result<(), BuildError> {
    let units = sorted.map(units);
    let compiled_now = report.artifacts.iter().filter(|artifact| !artifact.fresh);
    for artifact in compiled_now {
        let package = &plan.packages[artifact.package];
        if package.is_member {
            continue;
        }
        let Some(key) = artifact.key(plan, records) else {
            continue;
        };
        let is_relevant = match &units {
            Some(units) => units.iter().any(|(unit, _)| **unit == key),
            None => package.has_path_source || records.read(&key).is_some(),
        };
        if !is_relevant {
            continue;
        }
        let path = key.dep_info();
        let text = std::fs::read_to_string(&path).at("read", &path)?;
        let directory = depinfo::directory(&text, &artifact.source);
        let directory = directory.unwrap_or_else(|| package.directory());
        let info = DepInfo::parse(&text, directory);
        let generated = plan.cargo_directory();
        let (sources, certain) =
            compilation::hash_sources(info.files, &[], started, Some(&generated));
        let artifacts = Stamp::of(&artifact.path).map(|stamp| (artifact.path.clone(), stamp));
        let record = Record {
            certain,
            sources,
            environment: info.environment,
            artifacts: artifacts.into_iter().collect(),
            ..Record::empty(key.clone(), Origin::of(package), directory)
        };
        records
            .write(&key, &record)
            .at("write to", records.directory())?;
    }
    Ok(())
}

/// Assembles the input of *link* from the records of the hot units.
///
/// # Errors
/// If the program cannot be linked, or a record is missing or incomplete.
pub(super) fn assemble(
    plan: &Plan,
    known: &KnownUnits,
    records: &[Option<Record>],
) -> Result<Compiled, BuildError> {
    let sorted = &known.sorted;
    let dependencies = sort::closed(&sorted.direct_dependencies(plan, records));
    let warm = plan.kt_dir();
    let mut hot = Vec::with_capacity(sorted.hot.len());
    let mut program = CompiledProgram::Library;
    for ((unit, record), dependencies) in sorted.hot.iter().zip(records).zip(dependencies) {
        let package = &plan.packages[unit.package];
        let missing = || BuildError::MissingArtifact {
            what: format!("`{}`", unit.crate_name),
        };
        let record = record.as_ref().ok_or_else(missing)?;
        snapshot::keep(&warm, record);
        if record.mode == Some(Mode::Executable) {
            program = CompiledProgram::Executable {
                link_line: record.link_line.clone().ok_or_else(missing)?,
            };
            continue;
        }
        hot.push(HotCrate {
            package: package.name.clone(),
            version: package.version.clone(),
            crate_name: unit.crate_name.clone(),
            rlib: unit.rlib.clone(),
            dependencies,
            sources_hash: record.sources_hash(),
            sources: record
                .sources
                .iter()
                .map(|(path, _)| path.clone())
                .collect(),
            variables: record.environment.clone(),
            invocation: record.invocation.clone(),
            types: record.types.clone(),
        });
    }
    // Records of watched units follow those of the hot ones.
    let of_program = records.get(..sorted.hot.len()).and_then(<[_]>::last);
    let invocation = of_program.and_then(|record| record.as_ref()?.invocation.as_ref());
    let overridden = override_of_program(plan);
    let scripts = scripts_of_program(plan, known, invocation);
    Ok(Compiled {
        toolchain: plan.toolchain.clone(),
        profile: plan.profile.name.clone(),
        base: sorted.base.clone(),
        script_environment: script_environment(overridden, &scripts, invocation),
        shared_libraries: library_path::of_program(plan, &known.native),
        unused_link_arguments: match program {
            CompiledProgram::Library => link_arguments(overridden, &scripts, invocation),
            CompiledProgram::Executable { .. } => Vec::new(),
        },
        hot,
        native: known.native.clone(),
        program,
    })
}

/// The `OUT_DIR` of each build script of the program's package. With several, the first is the one
/// that cargo sets for rustc, and the last the one that it sets for the program.
fn scripts_of_program<'a>(
    plan: &Plan,
    known: &'a KnownUnits,
    program: Option<&Invocation>,
) -> Vec<&'a Utf8Path> {
    let target = plan.cargo_directory().join(&plan.toolchain.target);
    let outputs = known.script_outputs.iter();
    let mut of_program: Vec<_> = outputs
        .filter(|(package, out_dir)| *package == plan.package && out_dir.starts_with(&target))
        .map(|(_, out_dir)| out_dir.as_path())
        .collect();
    let variables = program.map_or(&[][..], |program| &program.environment);
    let of_rustc = variables.iter().find(|(name, _)| name == "OUT_DIR");
    // cargo reports the scripts in the order in which they finish.
    of_program.sort_by_key(|out_dir| {
        let is_first = of_rustc.is_some_and(|(_, first)| *out_dir == first);
        (!is_first, *out_dir)
    });
    of_program
}

/// The arguments for the program's linker from its build scripts and from flags of rustc.
fn link_arguments(
    overridden: Option<&ScriptOverride>,
    scripts: &[&Utf8Path],
    program: Option<&Invocation>,
) -> Vec<String> {
    let of_scripts = match overridden {
        Some(script) => script.link_arguments.clone(),
        None => scripts
            .iter()
            .flat_map(|out_dir| script::link_arguments(out_dir))
            .collect(),
    };
    let of_flags = program.into_iter().flat_map(Invocation::link_arguments);
    // Another linker makes the same program.
    of_scripts
        .into_iter()
        .chain(of_flags)
        .filter(|argument| !argument.starts_with("-fuse-ld="))
        .collect()
}

/// The results of the build script of the program's package, if cargo does not run it.
fn override_of_program(plan: &Plan) -> Option<&ScriptOverride> {
    let mut scripts = plan.overridden_scripts.iter();
    scripts.find(|script| script.package == plan.package)
}

/// The variables that `cargo run` sets from the build scripts of the program's package. Of several
/// with one name the last counts.
fn script_environment(
    overridden: Option<&ScriptOverride>,
    scripts: &[&Utf8Path],
    program: Option<&Invocation>,
) -> Vec<(String, String)> {
    if let Some(script) = overridden {
        // cargo names a directory to rustc, and does not report it.
        let variables = program.into_iter().flat_map(|it| &it.environment);
        let out_dir = variables.filter(|(name, _)| name == "OUT_DIR");
        return out_dir.chain(&script.variables).cloned().collect();
    }
    let of_script = |out_dir: &&Utf8Path| {
        let mut variables = vec![("OUT_DIR".to_owned(), out_dir.to_string())];
        variables.extend(script::environment(out_dir));
        variables
    };
    scripts.iter().flat_map(of_script).collect()
}
