//! Deletes the fingerprints of units that are stale by content, before cargo runs. cargo compares
//! mtimes: it takes an artifact for fresh after a file was restored with an old mtime, or after
//! another checkout used the same target directory.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::cargo::Report;
use super::error::At as _;
use super::file;
use super::fresh::{self, Stale};
use super::record::{Origin, Record};
use super::records::Records;
use super::watch::Watch;
use super::{BuildError, Console, directory};
use crate::context::CargoContext;
use crate::plan::Plan;

/// Makes cargo recompile stale units and rerun stale build scripts.
pub(super) fn before_cargo(
    plan: &Plan,
    context: &CargoContext,
    records: &Records,
    console: &dyn Console,
) -> Result<(), BuildError> {
    let units = records.all();
    stale_units(&units, context, records.warm(), console)?;
    let runs = records.all_runs();
    let mut stale = Vec::new();
    for run in &runs {
        let is_other = run.is_of_another_build();
        let reason = match run.changed() {
            Some(path) => format!("`{path}` has changed"),
            None if is_other && run.has_path_source => "another build ran it".to_owned(),
            None => continue,
        };
        let name = &run.package.name;
        console.verbose(&format!("{reason}: rerunning the build script of `{name}`"));
        stale.push(run);
    }
    forget_runs(plan, &stale, &runs, &units)?;
    forget_other_workspaces(plan, records)
}

/// Makes cargo forget runs of build scripts, the units compiled with their output, and the runs of
/// scripts that receive metadata from them (`links`). cargo only compares mtimes with those of the
/// run.
fn forget_runs(
    plan: &Plan,
    stale: &[&Watch],
    runs: &[Watch],
    units: &[Record],
) -> Result<(), BuildError> {
    let mut packages: BTreeSet<_> = stale.iter().map(|run| &run.package).collect();
    loop {
        let sends = |index: &usize| {
            let package = &plan.packages[*index];
            package.links.is_some() && packages.contains(&Origin::of(package))
        };
        let receives = |package: &Origin| {
            let mut found = plan.packages.iter();
            found
                .find(|other| Origin::of(other) == *package)
                .is_some_and(|other| other.normal.iter().chain(&other.build).any(sends))
        };
        let more: Vec<_> = runs
            .iter()
            .map(|run| &run.package)
            .filter(|package| !packages.contains(package) && receives(package))
            .collect();
        if more.is_empty() {
            break;
        }
        packages.extend(more);
    }
    for run in stale.iter().copied().chain(runs) {
        if packages.contains(&run.package) {
            forget_run(run)?;
        }
    }
    for unit in units {
        // The compiled script itself stays fresh.
        if packages.contains(&unit.package) && !unit.key.stem.starts_with("build_script_") {
            forget_unit(unit)?;
        }
    }
    Ok(())
}

fn stale_units(
    all: &[Record],
    context: &CargoContext,
    warm: &Utf8Path,
    console: &dyn Console,
) -> Result<(), BuildError> {
    let pairs: Vec<_> = all
        .iter()
        .map(|record| (&record.key, Some(record)))
        .collect();
    let judged = fresh::judge(&pairs, context, warm);
    for (record, stale) in all.iter().zip(judged) {
        // cargo itself detects the other causes.
        if let Some(
            stale
            @ (Stale::Source(_) | Stale::Uncertain(_) | Stale::Artifact(_) | Stale::DebugInfo),
        ) = stale
        {
            let stem = &record.key.stem;
            console.verbose(&format!("{stale}: recompiling `{stem}`"));
            forget_unit(record)?;
        }
    }
    Ok(())
}

/// Makes cargo forget units of another checkout. cargo gives them the same names if the package's
/// name, version and path in the workspace are the same. A unit that only the other checkout has a
/// record of was not compiled from the sources of this one.
fn forget_other_workspaces(plan: &Plan, records: &Records) -> Result<(), BuildError> {
    let others = records.others();
    if others.is_empty() {
        return Ok(());
    }
    let ours: BTreeSet<_> = plan
        .packages
        .iter()
        .filter(|package| package.has_path_source)
        .map(|package| unit_origin(&Origin::of(package), &plan.workspace_root))
        .collect();
    for (root, other) in others {
        for record in other.all() {
            let is_ours = ours.contains(&unit_origin(&record.package, &root));
            if is_ours && records.read(&record.key).is_none() {
                forget_unit(&record)?;
            }
        }
        for run in other.all_runs() {
            let is_ours = ours.contains(&unit_origin(&run.package, &root));
            if is_ours && records.read_run(&run.out_dir).is_none() {
                forget_run(&run)?;
            }
        }
    }
    Ok(())
}

/// The name and directory of a package that cargo derives unit names from.
fn unit_origin(package: &Origin, workspace_root: &Utf8Path) -> (String, Utf8PathBuf) {
    let directory = &package.directory;
    let relative = directory.strip_prefix(workspace_root).unwrap_or(directory);
    (package.name.clone(), relative.to_owned())
}

fn forget_unit(unit: &Record) -> Result<(), BuildError> {
    let key = &unit.key;
    directory::forget_if_known(key, &unit.package.name)
}

fn forget_run(run: &Watch) -> Result<(), BuildError> {
    // cargo compares mtimes with this file's: without it the dependents of the run are not fresh
    // either.
    if let Some(output) = directory::script_output(&run.out_dir) {
        file::absent_is_fine(std::fs::remove_file(&output)).at("remove", &output)?;
    }
    directory::forget_run(&run.out_dir).at("remove the fingerprint of", &run.out_dir)
}

/// Records the inputs of each build script run that cargo reported, and makes cargo forget runs of
/// other workspaces. Returns true if there was one.
pub(super) fn observe_runs(
    plan: &Plan,
    context: &CargoContext,
    records: &Records,
    report: &Report,
    started: i128,
) -> Result<bool, BuildError> {
    let mut of_others = Vec::new();
    for (package, out_dir) in &report.script_outputs {
        // A script that failed may have no output. The caller checks those that succeeded.
        let Some(output) = directory::script_output(out_dir) else {
            continue;
        };
        let known = records.read_run(out_dir);
        if known.is_some_and(|known| !known.is_of_another_build()) {
            continue;
        }
        let (run, _) = Watch::of(plan, *package, out_dir, context).at("read", &output)?;
        let ran_now = file::changed_at(&output).is_some_and(|changed| changed >= started);
        if !ran_now && run.has_path_source {
            of_others.push(run);
            continue;
        }
        let in_time = run.last_change().is_none_or(|changed| changed < started);
        let run = if in_time { run } else { run.uncertain() };
        records
            .write_run(&run)
            .at("write to", records.directory())?;
    }
    let stale: Vec<_> = of_others.iter().collect();
    if !stale.is_empty() {
        forget_runs(plan, &stale, &records.all_runs(), &records.all())?;
    }
    Ok(!stale.is_empty())
}
