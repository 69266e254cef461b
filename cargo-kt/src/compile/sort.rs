//! Which crates are base and which are hot, and in what order.

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
    /// Compiled through our wrapper, so that it can be replayed.
    pub(super) is_member: bool,
}

/// A compilation of a package in a directory of the user's that is not hot: a change of it needs cargo.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct WatchedUnit {
    pub(super) package: usize,
    pub(super) key: UnitKey,
}

/// The outcome.
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
/// When the program is not among the artifacts.
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
        let is_program = artifact.on_target && artifact.kind == ArtifactKind::Program;
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
    // cargo reports in the order of finishing: the same crates must come in the same order each time.
    units.sort_by(|(a_last, a), (b_last, b)| {
        (a_last, &a.crate_name, &a.key).cmp(&(b_last, &b.crate_name, &b.key))
    });
    let units: Vec<_> = units.into_iter().map(|(_, unit)| unit).collect();
    let direct: Vec<_> = units
        .iter()
        .map(|unit| direct(plan, unit, &units, records.read(&unit.key).as_ref()))
        .collect();
    let mut base: Vec<_> = libraries
        .values()
        .filter(|artifact| !hot_packages[artifact.package])
        .map(|artifact| {
            let package = &plan.packages[artifact.package];
            BaseCrate {
                package: package.name.clone(),
                version: package.version.clone(),
                rlib: artifact.path.clone(),
            }
        })
        .collect();
    base.sort_by(|a, b| (&a.package, &a.version, &a.rlib).cmp(&(&b.package, &b.version, &b.rlib)));
    watched.sort_by(|a, b| a.key.cmp(&b.key));
    let hot = topological(&direct)
        .into_iter()
        .map(|index| units[index].clone())
        .collect();
    Ok(Sorted { base, hot, watched })
}

/// Packages with a path source, less kt-runtime and what it needs, and whatever depends on one of them: with `[patch]` a
/// registry's crate may depend on a directory of the user's, and the base cannot depend on a hot crate.
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
        let carried: Vec<usize> = libraries
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
        if carried.is_empty() {
            return hot;
        }
        for index in carried {
            hot[index] = true;
        }
    }
}

/// The hot units that one needs directly: by its `--extern`s, which are exact, or else by its package's dependencies.
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

/// Dependencies first; otherwise in the given order.
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
    /// Whether its metadata is a file of its own: not for programs and crates that are also a cdylib.
    pub(super) fn has_metadata(&self) -> bool {
        self.rlib.with_extension("rmeta").is_file()
    }
}

impl Sorted {
    /// For each hot unit the indices of those that it needs directly, by the records at hand.
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

/// Closes direct dependencies transitively, each list ascending; `direct` names lower indices only.
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
