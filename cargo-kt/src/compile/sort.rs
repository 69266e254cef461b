//! Sorts crates into base and hot ones, and orders them.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::BuildError;
use super::cargo::{Artifact, ArtifactKind, Report};
use super::record::{Record, UnitKey};
use super::records::Records;
use crate::artifacts::BaseCrate;
use crate::plan::Plan;

/// A hot crate before its record is read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct HotUnit {
    /// Index in the plan's packages.
    pub(super) package: usize,
    pub(super) crate_name: String,
    pub(super) key: UnitKey,
    pub(super) rlib: Utf8PathBuf,
    /// Compiled through kt's wrapper, so it can be replayed.
    pub(super) is_member: bool,
}

/// A compilation of a path dependency that is not hot. If it changes, cargo must run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct WatchedUnit {
    pub(super) package: usize,
    pub(super) key: UnitKey,
}

/// All crates of a program, sorted.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Sorted {
    pub(super) base: Vec<BaseCrate>,
    /// Dependencies first, the program last.
    pub(super) hot: Vec<HotUnit>,
    pub(super) watched: Vec<WatchedUnit>,
}

/// Sorts what cargo reported.
///
/// # Errors
/// If the program is not among the artifacts.
pub(super) fn sort(plan: &Plan, report: &Report, records: &Records) -> Result<Sorted, BuildError> {
    let libraries: BTreeMap<usize, &Artifact> = report
        .artifacts
        .iter()
        .filter(|artifact| artifact.on_target && artifact.kind == ArtifactKind::Library)
        .map(|artifact| (artifact.package, artifact))
        .collect();
    let hot_packages = hot_packages(plan, &libraries);
    let mut units = Vec::new();
    let mut watched = Vec::new();
    for artifact in &report.artifacts {
        let package = &plan.packages[artifact.package];
        let is_hot_library = artifact.on_target
            && artifact.kind == ArtifactKind::Library
            && hot_packages[artifact.package];
        // With `-Z bindeps` other programs are among the artifacts.
        let is_program = artifact.on_target
            && artifact.kind == ArtifactKind::Program
            && artifact.package == plan.package
            && artifact.crate_name == plan.program.name.replace('-', "_");
        if !(package.has_path_source || is_hot_library) {
            continue;
        }
        let Some(key) = artifact.key(plan, records) else {
            let what = format!("`{}` of package `{}`", artifact.crate_name, package.name);
            return Err(BuildError::MissingArtifact { what });
        };
        if is_hot_library || is_program {
            let rlib = if is_program {
                key.out_dir.join(format!("lib{}.rlib", key.stem))
            } else {
                artifact.path.clone()
            };
            let crate_name = artifact.crate_name.clone();
            units.push((
                is_program,
                HotUnit {
                    package: artifact.package,
                    crate_name,
                    key,
                    rlib,
                    is_member: package.is_member,
                },
            ));
        } else {
            watched.push(WatchedUnit {
                package: artifact.package,
                key,
            });
        }
    }
    if !units.iter().any(|(is_program, _)| *is_program) {
        let what = format!("{} `{}`", plan.program.kind.as_str(), plan.program.name);
        return Err(BuildError::MissingArtifact { what });
    }
    // cargo reports artifacts in the order in which they finish. The same crates must always have
    // the same order.
    units.sort_by(|(a_last, a), (b_last, b)| {
        (a_last, &a.crate_name, &a.key).cmp(&(b_last, &b.crate_name, &b.key))
    });
    let units: Vec<_> = units.into_iter().map(|(_, unit)| unit).collect();
    let direct: Vec<_> = units
        .iter()
        .map(|unit| direct(plan, unit, &units, records.read(&unit.key).as_ref()))
        .collect();
    let third_party = libraries.values().filter(|it| !hot_packages[it.package]);
    let mut base: Vec<_> = third_party
        .map(|artifact| base_crate(plan, artifact))
        .collect();
    base.sort_by(|a, b| (&a.package, &a.version, &a.rlib).cmp(&(&b.package, &b.version, &b.rlib)));
    watched.sort_by(|a, b| a.key.cmp(&b.key));
    let hot = topological(&direct)
        .into_iter()
        .map(|index| units[index].clone())
        .collect();
    Ok(Sorted { base, hot, watched })
}

fn base_crate(plan: &Plan, artifact: &Artifact) -> BaseCrate {
    let package = &plan.packages[artifact.package];
    BaseCrate {
        package: package.name.clone(),
        version: package.version.clone(),
        rlib: artifact.path.clone(),
    }
}

/// Packages with a path source, except kt-runtime and its dependencies, and all packages that
/// depend on one of them. With `[patch]` a registry crate may depend on a path, and the base cannot
/// depend on a hot crate.
fn hot_packages(plan: &Plan, libraries: &BTreeMap<usize, &Artifact>) -> Vec<bool> {
    let runtimes = plan
        .packages
        .iter()
        .enumerate()
        .filter(|(_, package)| package.name == "kt-runtime");
    let base = plan.packages.closure(runtimes.map(|(index, _)| index));
    let mut hot: Vec<bool> = plan
        .packages
        .iter()
        .map(|package| package.has_path_source)
        .collect();
    for (index, hot) in hot.iter_mut().enumerate() {
        *hot &= !base[index] && libraries.contains_key(&index);
    }
    loop {
        let dependents: Vec<usize> = libraries
            .keys()
            .copied()
            .filter(|index| !hot[*index] && !base[*index])
            .filter(|index| {
                plan.packages[*index]
                    .normal
                    .iter()
                    .any(|dependency| hot[*dependency])
            })
            .collect();
        if dependents.is_empty() {
            return hot;
        }
        for index in dependents {
            hot[index] = true;
        }
    }
}

/// The direct dependencies of a unit among the hot units: by its `--extern`s, which are exact, or
/// else by the dependencies of its package.
fn direct(plan: &Plan, unit: &HotUnit, units: &[HotUnit], record: Option<&Record>) -> Vec<usize> {
    let positions = |wanted: &dyn Fn(&HotUnit) -> bool| {
        units
            .iter()
            .enumerate()
            .filter(|(_, other)| other.key != unit.key && wanted(other))
            .map(|(index, _)| index)
            .collect()
    };
    match record {
        Some(record) if unit.is_member => {
            let keys: Vec<_> = record
                .externs
                .iter()
                .filter_map(|(path, _)| UnitKey::of_artifact(path))
                .collect();
            positions(&|other| keys.contains(&other.key))
        }
        _ => {
            let needed = &plan.packages[unit.package].normal;
            positions(&|other| needed.contains(&other.package))
        }
    }
}

/// Orders dependencies first, otherwise as given.
fn topological(direct: &[Vec<usize>]) -> Vec<usize> {
    fn visit(index: usize, direct: &[Vec<usize>], seen: &mut [bool], order: &mut Vec<usize>) {
        if !std::mem::replace(&mut seen[index], true) {
            for &dependency in &direct[index] {
                visit(dependency, direct, seen, order);
            }
            order.push(index);
        }
    }
    let mut order = Vec::with_capacity(direct.len());
    let mut seen = vec![false; direct.len()];
    for index in 0..direct.len() {
        visit(index, direct, &mut seen, &mut order);
    }
    order
}

impl HotUnit {
    /// Whether it has an rmeta file. Programs and crates that are also a cdylib do not.
    pub(super) fn has_metadata(&self) -> bool {
        self.rlib.with_extension("rmeta").is_file()
    }
}

impl Sorted {
    /// For each hot unit the indices of its direct dependencies, by the records given.
    pub(super) fn direct_dependencies(
        &self,
        plan: &Plan,
        records: &[Option<Record>],
    ) -> Vec<Vec<usize>> {
        self.hot
            .iter()
            .zip(records)
            .map(|(unit, record)| direct(plan, unit, &self.hot, record.as_ref()))
            .collect()
    }
}

/// Computes the transitive dependencies, each list ascending. `direct` names lower indices only.
pub(super) fn closed(direct: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = Vec::with_capacity(direct.len());
    for (index, dependencies) in direct.iter().enumerate() {
        let mut closed: Vec<usize> = dependencies
            .iter()
            .copied()
            .filter(|dependency| *dependency < index)
            .collect();
        let further: Vec<usize> = closed
            .iter()
            .flat_map(|dependency| all[*dependency].iter().copied())
            .collect();
        closed.extend(further);
        closed.sort_unstable();
        closed.dedup();
        all.push(closed);
    }
    all
}
