//! Makes cargo forget what is stale by content before it is asked: it goes by mtimes, and would compile against an artifact
//! that a restored file with an old date, or another checkout in the same target directory, has made wrong.

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

/// What cargo must not find fresh.
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
        console.verbose(&format!(
            "{reason}: running the build script of `{name}` again"
        ));
        stale.push(run);
    }
    forget_runs(plan, &stale, &runs, &units)?;
    of_other_workspaces(plan, records)
}

/// Makes cargo forget build scripts' runs, what was compiled with them, and the runs of scripts that they hand something to
/// (`links`). cargo believes that what depends on a run is fresh as long as the dates say so.
fn forget_runs(
    plan: &Plan,
    stale: &[&Watch],
    runs: &[Watch],
    units: &[Record],
) -> Result<(), BuildError> {
    let mut packages: BTreeSet<_> = stale.iter().map(|run| &run.package).collect();
    loop {
        let hand_on = |index: &usize| {
            let package = &plan.packages[*index];
            package.has_links && packages.contains(&Origin::of(package))
        };
        let receives = |package: &Origin| {
            let mut found = plan.packages.iter();
            found
                .find(|other| Origin::of(other) == *package)
                .is_some_and(|other| other.normal.iter().chain(&other.build).any(hand_on))
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
        // The script itself is as good as it was.
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
        // What else makes a unit stale, cargo sees without us.
        if let Some(
            stale
            @ (Stale::Source(_) | Stale::Uncertain(_) | Stale::Artifact(_) | Stale::DebugInfo),
        ) = stale
        {
            let stem = &record.key.stem;
            console.verbose(&format!("{stale}: `{stem}` is to be compiled again"));
            forget_unit(record)?;
        }
    }
    Ok(())
}

/// cargo calls a unit of another checkout the same if name, version and place in the workspace are: what we have no record
/// of, but that checkout has, was not made of our sources.
fn of_other_workspaces(plan: &Plan, records: &Records) -> Result<(), BuildError> {
    let others = records.others();
    if others.is_empty() {
        return Ok(());
    }
    let ours: BTreeSet<_> = plan
        .packages
        .iter()
        .filter(|package| package.has_path_source)
        .map(|package| place(&Origin::of(package), &plan.workspace_root))
        .collect();
    for (root, other) in others {
        for record in other.all() {
            let is_ours = ours.contains(&place(&record.package, &root));
            if is_ours && records.read(&record.key).is_none() {
                forget_unit(&record)?;
            }
        }
        for run in other.all_runs() {
            let is_ours = ours.contains(&place(&run.package, &root));
            if is_ours && records.read_run(&run.out_dir).is_none() {
                forget_run(&run)?;
            }
        }
    }
    Ok(())
}

/// Name and directory of a package as they count for cargo's names of units.
fn place(package: &Origin, workspace_root: &Utf8Path) -> (String, Utf8PathBuf) {
    let directory = &package.directory;
    let relative = directory.strip_prefix(workspace_root).unwrap_or(directory);
    (package.name.clone(), relative.to_owned())
}

fn forget_unit(unit: &Record) -> Result<(), BuildError> {
    let key = &unit.key;
    directory::forget_if_known(key, &unit.package.name)
}

fn forget_run(run: &Watch) -> Result<(), BuildError> {
    // Its date is the one that cargo compares: without it, what depends on the run is not fresh either.
    if let Some(output) = directory::script_output(&run.out_dir) {
        file::absent_is_fine(std::fs::remove_file(&output)).at("removing", &output)?;
    }
    directory::forget_run(&run.out_dir).at("removing the fingerprint", &run.out_dir)
}

/// Writes down for which files each build script ran that cargo reported, and makes cargo forget the runs that were not
/// made for this workspace; true if there was one.
pub(super) fn observe_runs(
    plan: &Plan,
    context: &CargoContext,
    records: &Records,
    report: &Report,
    started: i128,
) -> Result<bool, BuildError> {
    let mut of_others = Vec::new();
    for (package, out_dir) in &report.script_outputs {
        // A script that failed may have left none; `check_layout` is for those that did not.
        let Some(output) = directory::script_output(out_dir) else {
            continue;
        };
        let known = records.read_run(out_dir);
        if known.is_some_and(|known| !known.is_of_another_build()) {
            continue;
        }
        let (run, _) = Watch::of(plan, *package, out_dir, context).at("reading", &output)?;
        let ran_now = file::changed_at(&output).is_some_and(|changed| changed >= started);
        if !ran_now && run.has_path_source {
            of_others.push(run);
            continue;
        }
        let in_time = run.last_change().is_none_or(|changed| changed < started);
        let run = if in_time { run } else { run.uncertain() };
        records.write_run(&run).at("writing", records.directory())?;
    }
    let stale: Vec<_> = of_others.iter().collect();
    if !stale.is_empty() {
        forget_runs(plan, &stale, &records.all_runs(), &records.all())?;
    }
    Ok(!stale.is_empty())
}
