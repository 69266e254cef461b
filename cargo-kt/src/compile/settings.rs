//! The files that tell cargo and rustup what to do: manifests, the lock file, configuration, toolchain files.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::context::CargoContext;
use crate::plan::{Configuration, Plan};

/// All that may lie in the way of one build, whether or not it is there.
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
        // Its workspace may be any directory above it.
        let above = package.directory().ancestors();
        paths.extend(above.map(|directory| directory.join("Cargo.toml")));
    }
    for directory in context.directory.ancestors() {
        paths.extend(
            ["Cargo.toml", "rust-toolchain", "rust-toolchain.toml"]
                .map(|name| directory.join(name)),
        );
    }
    // The root need not be above any package.
    paths.insert(plan.workspace_root.join("Cargo.toml"));
    paths.insert(plan.workspace_root.join("Cargo.lock"));
    let lock_file = context
        .variable("CARGO_RESOLVER_LOCKFILE_PATH")
        .map(|path| context.directory.join(path));
    let configured = || configuration.ok()?.get_path(&["resolver", "lockfile-path"]);
    paths.extend(lock_file.or_else(configured));
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
