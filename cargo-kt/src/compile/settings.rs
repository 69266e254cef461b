//! The files that control cargo and rustup: manifests, the lock file, configuration, toolchain
//! files.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::context::CargoContext;
use crate::plan::{Configuration, Plan};

/// All such files that may affect one build, whether or not they exist.
pub(super) fn paths(plan: &Plan, context: &CargoContext) -> BTreeSet<Utf8PathBuf> {
    let mut paths = BTreeSet::new();
    let configuration = Configuration::read_with(&plan.options.config, context);
    if let Ok(configuration) = &configuration {
        paths.extend(configuration.candidates().map(Utf8Path::to_owned));
    }
    let packages = plan.packages.iter();
    for package in packages.filter(|package| package.has_path_source) {
        paths.insert(package.manifest.clone());
        paths.extend(named_root(&package.manifest));
        // The root of its workspace may be any directory above it.
        let above = package.directory().ancestors();
        paths.extend(above.map(|directory| directory.join("Cargo.toml")));
    }
    for directory in context.directory.ancestors() {
        paths.extend(
            ["Cargo.toml", "rust-toolchain", "rust-toolchain.toml"]
                .map(|name| directory.join(name)),
        );
    }
    // The root may be outside the directories above the packages.
    paths.insert(plan.workspace_root.join("Cargo.toml"));
    paths.insert(plan.workspace_root.join("Cargo.lock"));
    let keys = ["resolver", "lockfile-path"];
    paths.extend(configuration.ok().and_then(|configuration| {
        configuration.setting_path(&keys, "CARGO_RESOLVER_LOCKFILE_PATH", context)
    }));
    let home = |variable: &str, name: &str| match context.variable(variable) {
        Some(home) => Some(Utf8PathBuf::from(home)),
        None => context
            .variable("HOME")
            .map(|home| Utf8Path::new(home).join(name)),
    };
    paths.extend(home("RUSTUP_HOME", ".rustup").map(|home| home.join("settings.toml")));
    paths
}

/// The manifest of the workspace that a package names with `package.workspace`.
pub(super) fn named_root(manifest: &Utf8Path) -> Option<Utf8PathBuf> {
    let table: toml::Table = std::fs::read_to_string(manifest).ok()?.parse().ok()?;
    let root = table.get("package")?.get("workspace")?.as_str()?;
    Some(manifest.parent()?.join(root).join("Cargo.toml"))
}
