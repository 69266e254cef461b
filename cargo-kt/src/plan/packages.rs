//! The packages that a program depends on: the part of `cargo metadata` that kt stores.

use std::collections::{BTreeSet, HashMap};

use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{DependencyKind, Metadata, PackageId, TargetKind};

/// A package.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Package {
    /// cargo's package id, the key of its JSON messages.
    pub id: String,
    pub name: String,
    pub version: String,
    pub manifest: Utf8PathBuf,
    /// It is a member or a path dependency, and not from a registry or git.
    pub has_path_source: bool,
    /// A member of the workspace, which cargo compiles through RUSTC_WORKSPACE_WRAPPER.
    pub is_member: bool,
    /// `links` of its manifest: its build script passes metadata to the scripts of dependents.
    pub links: Option<String>,
    /// It has a build script.
    pub has_build_script: bool,
    /// It has a feature `serde` that is not enabled.
    pub lacks_serde: bool,
    /// Indices of its normal dependencies.
    pub normal: Vec<usize>,
    /// Indices of its dev-dependencies, which examples may use.
    pub dev: Vec<usize>,
    /// Indices of its build-dependencies.
    pub build: Vec<usize>,
}

impl Package {
    /// The directory of its manifest.
    pub fn directory(&self) -> &Utf8Path {
        self.manifest.parent().unwrap_or(Utf8Path::new("/"))
    }
}

/// All packages of a program.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Packages(Vec<Package>);

impl Packages {
    /// `root` and its dependencies in `metadata`, in cargo's order.
    pub(super) fn reached_from(metadata: &Metadata, root: &PackageId) -> Self {
        let Some(resolve) = &metadata.resolve else {
            return Self(Vec::new());
        };
        let nodes: HashMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
        let mut reached = std::collections::HashSet::new();
        let mut pending = vec![root];
        while let Some(id) = pending.pop() {
            if reached.insert(id)
                && let Some(node) = nodes.get(id)
            {
                // Only dev-dependencies of the program's own package count.
                pending.extend(
                    node.deps
                        .iter()
                        .filter(|dep| id == root || !only_dev(dep))
                        .map(|dep| &dep.pkg),
                );
            }
        }
        let kept: Vec<_> = metadata
            .packages
            .iter()
            .filter(|package| reached.contains(&package.id))
            .collect();
        let index: HashMap<_, _> = kept
            .iter()
            .enumerate()
            .map(|(index, package)| (&package.id, index))
            .collect();
        let packages = kept.iter().map(|package| {
            let edges = |kind: DependencyKind| match nodes.get(&package.id) {
                None => Vec::new(),
                Some(node) => {
                    let of_kind = |dep: &&cargo_metadata::NodeDep| {
                        dep.dep_kinds.iter().any(|info| info.kind == kind)
                    };
                    node.deps
                        .iter()
                        .filter(of_kind)
                        .filter_map(|dep| index.get(&dep.pkg).copied())
                        .collect()
                }
            };
            Package {
                id: package.id.repr.clone(),
                name: package.name.to_string(),
                version: package.version.to_string(),
                manifest: package.manifest_path.clone(),
                has_path_source: package.source.is_none(),
                is_member: metadata.workspace_members.contains(&package.id),
                links: package.links.clone(),
                has_build_script: package
                    .targets
                    .iter()
                    .any(|target| target.kind.contains(&TargetKind::CustomBuild)),
                lacks_serde: package.features.contains_key("serde")
                    && nodes
                        .get(&package.id)
                        .is_some_and(|node| !node.features.iter().any(|on| **on == "serde")),
                normal: edges(DependencyKind::Normal),
                dev: edges(DependencyKind::Development),
                build: edges(DependencyKind::Build),
            }
        });
        Self(packages.collect())
    }

    /// The index of the package with this id.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.0.iter().position(|package| package.id == id)
    }

    /// Direct dependencies of workspace members that have a feature `serde` which is not enabled.
    pub fn lacking_serde(&self) -> impl Iterator<Item = &Package> {
        let members = self.0.iter().filter(|package| package.is_member);
        let direct: BTreeSet<usize> = members
            .flat_map(|member| member.normal.iter().copied())
            .collect();
        direct
            .into_iter()
            .map(|index| &self.0[index])
            .filter(|package| package.lacks_serde)
    }

    /// For each package, whether it is in `from` or a transitive normal dependency of it.
    pub fn closure(&self, from: impl IntoIterator<Item = usize>) -> Vec<bool> {
        let mut reached = vec![false; self.0.len()];
        let mut pending: Vec<usize> = from.into_iter().collect();
        while let Some(index) = pending.pop() {
            if !std::mem::replace(&mut reached[index], true) {
                pending.extend(&self.0[index].normal);
            }
        }
        reached
    }
}

impl std::ops::Deref for Packages {
    type Target = [Package];

    fn deref(&self) -> &[Package] {
        &self.0
    }
}

fn only_dev(dependency: &cargo_metadata::NodeDep) -> bool {
    !dependency.dep_kinds.is_empty()
        && dependency
            .dep_kinds
            .iter()
            .all(|info| info.kind == DependencyKind::Development)
}
