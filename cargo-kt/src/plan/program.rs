//! Selects the bin or example that `cargo run` would run.

use camino::Utf8PathBuf;
use cargo_metadata::{CrateType, Metadata, Package, Target, TargetKind};

use super::error::hint;
use super::{CargoOptions, PlanError};

/// The program that is the driver.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Program {
    pub kind: ProgramKind,
    /// The target's name, as for `--bin` or `--example`.
    pub name: String,
    /// Its root source file.
    pub source: Utf8PathBuf,
}

/// The two kinds of target that can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProgramKind {
    Bin,
    Example,
}

impl ProgramKind {
    /// As in cargo's options and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bin => "bin",
            Self::Example => "example",
        }
    }
}

/// The requested targets, with `default-run` applied.
enum Filter<'a> {
    AnyBin,
    Named(ProgramKind, &'a str),
}

/// Selects the program as `cargo run` does (`src/bin/cargo/commands/run.rs` and `ops/cargo_run.rs`
/// of cargo).
pub(super) fn select<'m>(
    metadata: &'m Metadata,
    options: &CargoOptions,
) -> Result<(&'m Package, Program), PlanError> {
    let packages = selected_packages(metadata, options)?;
    let filter = filter(&packages, options);
    let mut found: Vec<(&Package, &Target, ProgramKind)> = packages
        .iter()
        .flat_map(|&package| package.targets.iter().map(move |target| (package, target)))
        .filter_map(|(package, target)| {
            let kind = kind_of(target)?;
            let wanted = match filter {
                Filter::AnyBin => kind == ProgramKind::Bin,
                Filter::Named(wanted, name) => kind == wanted && target.name == name,
            };
            wanted.then_some((package, target, kind))
        })
        .collect();
    match (found.len(), filter) {
        (1, _) => {}
        (0, Filter::AnyBin) => return Err(PlanError::NoBinTarget),
        (0, Filter::Named(kind, name)) => {
            return Err(not_found(metadata, &packages, options, kind, name));
        }
        (_, Filter::AnyBin) => {
            return Err(PlanError::Ambiguous {
                available: sorted(found.iter().map(|(_, target, _)| target.name.clone())),
            });
        }
        (_, Filter::Named(kind, _)) => {
            let available = found.iter().map(|(package, target, _)| {
                format!(
                    "{} `{}` in package `{}`",
                    kind.as_str(),
                    target.name,
                    package.name
                )
            });
            return Err(PlanError::Multiple {
                available: sorted(available),
            });
        }
    }
    let Some((package, target, kind)) = found.pop() else {
        return Err(PlanError::NoBinTarget);
    };
    if !target.crate_types.contains(&CrateType::Bin) {
        return Err(PlanError::ExampleIsLibrary {
            name: target.name.clone(),
        });
    }
    Ok((
        package,
        Program {
            kind,
            name: target.name.clone(),
            source: target.src_path.clone(),
        },
    ))
}

fn kind_of(target: &Target) -> Option<ProgramKind> {
    match target.kind.first() {
        Some(TargetKind::Bin) => Some(ProgramKind::Bin),
        Some(TargetKind::Example) => Some(ProgramKind::Example),
        _ => None,
    }
}

/// The packages to search for the program: the one that `--package` names, or cargo's default
/// members for this directory.
fn selected_packages<'m>(
    metadata: &'m Metadata,
    options: &CargoOptions,
) -> Result<Vec<&'m Package>, PlanError> {
    let members = metadata.workspace_packages();
    let Some(spec) = &options.package else {
        let default = metadata.workspace_default_packages();
        return Ok(if default.is_empty() { members } else { default });
    };
    let matching: Vec<_> = members
        .iter()
        .copied()
        .filter(|package| matches_spec(package, spec))
        .collect();
    if matching.is_empty() {
        return Err(PlanError::PackageNotFound {
            spec: spec.clone(),
            root: metadata.workspace_root.clone(),
            nearest: nearest(spec, members.iter().map(|package| package.name.as_str())),
        });
    }
    Ok(matching)
}

/// Whether a package ID specification matches: a full ID, `name`, `name@version`, `name:version`, or
/// a URL with any of them or a version after `#`
/// (<https://doc.rust-lang.org/cargo/reference/pkgid-spec.html>).
fn matches_spec(package: &Package, spec: &str) -> bool {
    if package.id.repr == spec {
        return true;
    }
    if !spec.contains("://") {
        return matches_name(package, spec);
    }
    let (url, part) = match spec.split_once('#') {
        Some((url, part)) => (url, Some(part)),
        None => (spec, None),
    };
    // A member's ID is `path+file:///directory#…`.
    let (own_url, _) = package.id.repr.split_once('#').unwrap_or_default();
    let is_same = url == own_url || own_url.strip_prefix("path+") == Some(url);
    let matches_part = |part| matches_name(package, part) || matches_version(package, part);
    is_same && part.is_none_or(matches_part)
}

/// Whether `name`, `name@version` or `name:version` matches.
fn matches_name(package: &Package, spec: &str) -> bool {
    match spec.split_once(['@', ':']) {
        Some((name, version)) => package.name.as_str() == name && matches_version(package, version),
        None => package.name.as_str() == spec,
    }
}

/// The version may be partial: 1.2 matches 1.2.3.
fn matches_version(package: &Package, version: &str) -> bool {
    let full = package.version.to_string();
    full == version || full.starts_with(&format!("{version}."))
}

fn filter<'a>(packages: &[&'a Package], options: &'a CargoOptions) -> Filter<'a> {
    if let Some(name) = &options.bin {
        return Filter::Named(ProgramKind::Bin, name);
    }
    if let Some(name) = &options.example {
        return Filter::Named(ProgramKind::Example, name);
    }
    let defaults: Vec<&str> = packages
        .iter()
        .filter_map(|package| package.default_run.as_deref())
        .collect();
    match defaults[..] {
        [name] => Filter::Named(ProgramKind::Bin, name),
        _ => Filter::AnyBin,
    }
}

fn not_found(
    metadata: &Metadata,
    packages: &[&Package],
    options: &CargoOptions,
    kind: ProgramKind,
    name: &str,
) -> PlanError {
    let names = |packages: &[&Package]| {
        sorted(packages.iter().flat_map(|package| {
            package
                .targets
                .iter()
                .filter(|target| kind_of(target) == Some(kind))
                .map(|target| target.name.clone())
        }))
    };
    // Suggest a member that is not searched by default, as cargo does since 1.82.
    let other_package = metadata
        .workspace_packages()
        .into_iter()
        .find(|package| {
            package
                .targets
                .iter()
                .any(|target| kind_of(target) == Some(kind) && target.name == name)
        })
        .map(|package| package.name.to_string());
    let available = names(packages);
    let nearest = nearest(name, available.iter().map(String::as_str));
    PlanError::ProgramNotFound {
        kind: kind.as_str(),
        name: name.to_owned(),
        within: match &options.package {
            Some(spec) => format!("`{spec}` package"),
            None => "default-run packages".to_owned(),
        },
        hint: hint(
            kind.as_str(),
            nearest.as_deref(),
            other_package.as_deref(),
            &available,
        ),
    }
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// The nearest name by edit distance, at most three edits away as in cargo
/// (`util/lev_distance.rs`).
fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= 3)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}
