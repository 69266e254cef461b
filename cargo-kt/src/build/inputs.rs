//! Everything that must call cargo when it changes, and whether it has.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::directory;
use super::file::{self, Stamp};
use super::record::Record;
use super::script::Reruns;
use super::through_cargo::Known;
use super::tree;
use crate::plan::{Configuration, Plan, Surroundings, configuration_candidates};

/// What a build depends on besides the sources of hot crates. A file that must not appear is here too, as absent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Inputs {
    /// Manifests, lock file, configuration, toolchain files: blake3 of each.
    contents: Vec<(Utf8PathBuf, Option<String>)>,
    /// The compiler, libstd, cargo, the rlibs of the base, and what build scripts printed the last time they ran.
    stamps: Vec<(Utf8PathBuf, Option<Stamp>)>,
    /// What build scripts want to be run again for.
    trees: Vec<(Utf8PathBuf, String)>,
    /// Where cargo discovers targets.
    layouts: Vec<(Utf8PathBuf, String)>,
    /// Variables that code or build scripts ask for: blake3 of each.
    variables: Vec<(String, Option<String>)>,
    /// All other variables that cargo, rustc or C compilers look at.
    environment: String,
}

impl Inputs {
    /// Collects them after cargo, or `None` if one may have changed since `started` (nanoseconds since the epoch), so that
    /// nobody knows which state of it cargo has seen.
    pub(super) fn collect(
        plan: &Plan,
        known: &Known,
        records: &[Option<Record>],
        surroundings: &Surroundings,
        started: i128,
    ) -> Option<Self> {
        let scripts = Scripts::read(plan, known)?;
        let variables = scripts
            .variables
            .iter()
            .cloned()
            .chain(asked_for(records))
            .collect::<BTreeSet<_>>();
        let lock_file = plan.workspace_root.join("Cargo.lock");
        let contents = content_paths(plan, surroundings);
        let in_time = |changed: Option<i128>| changed.is_none_or(|changed| changed < started);
        // cargo itself writes the lock file.
        let unsure = contents
            .iter()
            .filter(|path| **path != lock_file)
            .any(|path| !in_time(file::changed_at(path)))
            || scripts
                .paths
                .iter()
                .any(|path| !in_time(tree::last_change(path)));
        if unsure {
            return None;
        }
        let directories = plan
            .packages
            .iter()
            .filter(|package| package.has_path_source)
            .map(|package| package.directory());
        Some(Self {
            contents: contents
                .into_iter()
                .map(|path| (path.clone(), content(&path)))
                .collect(),
            stamps: stamped_paths(plan, known)
                .into_iter()
                .map(|path| (path.clone(), Stamp::of(&path)))
                .collect(),
            trees: scripts
                .paths
                .into_iter()
                .map(|path| (path.clone(), tree::digest(&path)))
                .collect(),
            layouts: directories
                .map(|directory| (directory.to_owned(), tree::layout(directory)))
                .collect(),
            variables: variables
                .into_iter()
                .map(|name| (name.clone(), variable(surroundings, &name)))
                .collect(),
            environment: environment(surroundings),
        })
    }

    /// What has changed first, in words.
    pub(super) fn changed(&self, surroundings: &Surroundings) -> Option<String> {
        let content_of = self
            .contents
            .iter()
            .find(|(path, known)| content(path) != *known)
            .map(|(path, _)| path);
        let stamp_of = || {
            self.stamps
                .iter()
                .find(|(path, known)| Stamp::of(path) != *known)
                .map(|(path, _)| path)
        };
        let tree_of = || {
            self.trees
                .iter()
                .find(|(path, known)| tree::digest(path) != *known)
                .map(|(path, _)| path)
        };
        let layout_of = || {
            self.layouts
                .iter()
                .find(|(path, known)| tree::layout(path) != *known)
                .map(|(path, _)| path)
        };
        if let Some(path) = content_of.or_else(stamp_of).or_else(tree_of) {
            return Some(format!("`{path}` has changed"));
        }
        if let Some(path) = layout_of() {
            return Some(format!("the targets in `{path}` have changed"));
        }
        let changed = self
            .variables
            .iter()
            .find(|(name, known)| variable(surroundings, name) != *known);
        match changed {
            Some((name, _)) => Some(format!("the variable `{name}` has changed")),
            None => (environment(surroundings) != self.environment)
                .then(|| "the environment has changed".to_owned()),
        }
    }
}

fn content(path: &Utf8Path) -> Option<String> {
    file::hash(path).unwrap_or(None)
}

fn variable(surroundings: &Surroundings, name: &str) -> Option<String> {
    surroundings
        .environment
        .get(std::ffi::OsStr::new(name))
        .map(|value| file::hash_bytes(value.as_encoded_bytes()))
}

/// Manifests (a package's workspace may be any directory above it), lock file, cargo's and rustup's configuration.
fn content_paths(plan: &Plan, surroundings: &Surroundings) -> BTreeSet<Utf8PathBuf> {
    let mut paths: BTreeSet<_> = configuration_candidates(surroundings).into_iter().collect();
    if let Ok(configuration) = Configuration::read(surroundings) {
        paths.extend(configuration.paths().map(Utf8Path::to_owned));
    }
    // A value after `--config` may be a file.
    paths.extend(
        plan.options
            .config
            .iter()
            .map(|config| surroundings.directory.join(config)),
    );
    for package in plan
        .packages
        .iter()
        .filter(|package| package.has_path_source)
    {
        paths.insert(package.manifest.clone());
        paths.extend(
            package
                .directory()
                .ancestors()
                .map(|directory| directory.join("Cargo.toml")),
        );
    }
    for directory in surroundings.directory.ancestors() {
        paths.extend(
            ["Cargo.toml", "rust-toolchain", "rust-toolchain.toml"]
                .map(|name| directory.join(name)),
        );
    }
    paths.insert(plan.workspace_root.join("Cargo.lock"));
    let home = |variable: &str, name: &str| match surroundings.variable(variable) {
        Some(home) => Some(Utf8PathBuf::from(home)),
        None => surroundings
            .variable("HOME")
            .map(|home| Utf8Path::new(home).join(name)),
    };
    paths.extend(home("RUSTUP_HOME", ".rustup").map(|home| home.join("settings.toml")));
    paths
}

fn stamped_paths(plan: &Plan, known: &Known) -> BTreeSet<Utf8PathBuf> {
    let toolchain = &plan.toolchain;
    let mut paths = BTreeSet::from([toolchain.rustc.clone()]);
    if plan.cargo.is_absolute() {
        paths.insert(plan.cargo.clone());
    }
    for directory in [
        "lib".into(),
        Utf8PathBuf::from(format!("lib/rustlib/{}/lib", toolchain.target)),
    ] {
        let entries = toolchain
            .sysroot
            .join(directory)
            .read_dir_utf8()
            .into_iter()
            .flatten()
            .flatten();
        let is_compiler =
            |name: &str| name.starts_with("librustc_driver") || name.starts_with("libstd-");
        paths.extend(
            entries
                .filter(|entry| is_compiler(entry.file_name()))
                .map(|entry| entry.into_path()),
        );
    }
    paths.extend(known.sorted.base.iter().map(|base| base.rlib.clone()));
    // Another program's build may have run the same script with other variables.
    paths.extend(
        known
            .script_outputs
            .iter()
            .filter_map(|(_, out_dir)| directory::script_output(out_dir)),
    );
    paths
}

/// Variables in `env!` of units whose invocation we do not know, so that we cannot tell cargo's values from the user's.
fn asked_for(records: &[Option<Record>]) -> impl Iterator<Item = String> {
    let unknown = records
        .iter()
        .flatten()
        .filter(|record| record.invocation.is_none());
    unknown.flat_map(|record| record.environment.iter().map(|(name, _)| name.clone()))
}

/// Names and values of the variables that every build may depend on.
fn environment(surroundings: &Surroundings) -> String {
    /// They change from one terminal to the next and touch no artifact.
    const IGNORED: &[&str] = &[
        "CARGO_MAKEFLAGS",
        "RUST_LOG",
        "RUST_BACKTRACE",
        "RUST_LIB_BACKTRACE",
        "RUST_RECURSION_COUNT",
    ];
    const PREFIXES: &[&str] = &[
        "CARGO",
        "RUST",
        "CC",
        "CXX",
        "CFLAGS",
        "CXXFLAGS",
        "CPPFLAGS",
        "LDFLAGS",
        "AR",
        "PKG_CONFIG",
        "HOST_",
        "TARGET_",
    ];
    let mut hasher = blake3::Hasher::new();
    for (name, value) in &surroundings.environment {
        let text = name.to_string_lossy();
        let counts = *text == *"PATH" || PREFIXES.iter().any(|prefix| text.starts_with(prefix));
        if counts && !IGNORED.contains(&&*text) && !text.starts_with("CARGO_TERM_") {
            hasher
                .update(name.as_encoded_bytes())
                .update(b"=")
                .update(value.as_encoded_bytes())
                .update(b"\0");
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// What all build scripts together want to be run again for.
struct Scripts {
    paths: BTreeSet<Utf8PathBuf>,
    variables: BTreeSet<String>,
}

impl Scripts {
    /// `None` if the output of one is missing: then nobody knows.
    fn read(plan: &Plan, known: &Known) -> Option<Self> {
        let mut scripts = Self {
            paths: BTreeSet::new(),
            variables: BTreeSet::new(),
        };
        for (package, out_dir) in &known.script_outputs {
            let package = &plan.packages[*package];
            let reruns = Reruns::read(out_dir, package.directory()).ok()?;
            if package.has_path_source && reruns.is_unspecific() {
                scripts.paths.insert(package.directory().to_owned());
            }
            // What lies in cargo's own copy of a package never changes.
            let outside = |path: &&Utf8PathBuf| {
                package.has_path_source || !path.starts_with(package.directory())
            };
            scripts
                .paths
                .extend(reruns.paths.iter().filter(outside).cloned());
            scripts.variables.extend(reruns.variables);
        }
        Some(scripts)
    }
}
