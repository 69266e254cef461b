//! The inputs of a build whose change requires cargo, and whether one changed.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::cargo_build::KnownUnits;
use super::directory;
use super::file::{self, Stamp};
use super::record::Record;
use super::watch::Watch;
use super::{settings, tree};
use crate::context::CargoContext;
use crate::plan::{Configuration, Plan};

/// What a build depends on besides the sources of hot crates. A file whose appearance matters is
/// recorded as absent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Inputs {
    /// Manifests, lock file, configuration, toolchain files: blake3 of each.
    contents: Vec<(Utf8PathBuf, Option<String>)>,
    /// The compiler, libstd, the linker, cargo, the rlibs of the base, and the output of the last run of each
    /// build script.
    stamps: Vec<(Utf8PathBuf, Option<Stamp>)>,
    /// The paths whose change reruns a build script.
    watches: Vec<Watch>,
    /// The directories in which cargo discovers targets.
    layouts: Vec<(Utf8PathBuf, String)>,
    /// Variables that code or build scripts read: blake3 of each.
    variables: Vec<(String, Option<String>)>,
    /// All other variables that cargo, rustc or C compilers read.
    environment: String,
}

impl Inputs {
    /// Collects the inputs after cargo exited. `None` if one may have changed since `started`
    /// (nanoseconds since the epoch): it is unknown which version cargo read.
    pub(super) fn collect(
        plan: &Plan,
        known: &KnownUnits,
        records: &[Option<Record>],
        context: &CargoContext,
        started: i128,
    ) -> Option<Self> {
        let mut variables = asked_for(plan, records, context);
        let mut watches = Vec::with_capacity(known.script_outputs.len());
        for (package, out_dir) in &known.script_outputs {
            let (watch, asked) = Watch::of(plan, *package, out_dir, context).ok()?;
            watches.push(watch);
            variables.extend(asked);
        }
        let lock_file = plan.workspace_root.join("Cargo.lock");
        let contents = settings::paths(plan, context);
        let in_time = |changed: Option<i128>| changed.is_none_or(|changed| changed < started);
        // cargo itself writes the lock file.
        let unsure = contents
            .iter()
            .filter(|path| **path != lock_file)
            .any(|path| !in_time(file::changed_at(path)))
            || watches.iter().any(|watch| !in_time(watch.last_change()));
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
            watches,
            layouts: directories
                .map(|directory| (directory.to_owned(), tree::layout(directory)))
                .collect(),
            variables: variables
                .into_iter()
                .map(|name| (name.clone(), variable(context, &name)))
                .collect(),
            environment: environment(context),
        })
    }

    /// Describes the first input that changed.
    pub(super) fn changed(&self, context: &CargoContext) -> Option<String> {
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
        let layout_of = || {
            self.layouts
                .iter()
                .find(|(path, known)| tree::layout(path) != *known)
                .map(|(path, _)| path)
        };
        if let Some(path) = content_of.or_else(stamp_of) {
            return Some(format!("`{path}` has changed"));
        }
        if let Some(reason) = self.watches.iter().find_map(Watch::reason) {
            return Some(reason);
        }
        if let Some(path) = layout_of() {
            return Some(format!("the targets in `{path}` have changed"));
        }
        let changed = self
            .variables
            .iter()
            .find(|(name, known)| variable(context, name) != *known);
        match changed {
            Some((name, _)) => Some(format!("the variable `{name}` has changed")),
            None => (environment(context) != self.environment)
                .then(|| "the environment has changed".to_owned()),
        }
    }
}

fn content(path: &Utf8Path) -> Option<String> {
    file::hash(path).unwrap_or(None)
}

fn variable(context: &CargoContext, name: &str) -> Option<String> {
    context
        .environment
        .get(std::ffi::OsStr::new(name))
        .map(|value| file::hash_bytes(value.as_encoded_bytes()))
}

fn stamped_paths(plan: &Plan, known: &KnownUnits) -> BTreeSet<Utf8PathBuf> {
    let toolchain = &plan.toolchain;
    let mut paths = BTreeSet::from([toolchain.rustc.clone(), toolchain.lld.clone()]);
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
    // A build of another program may have run the same script with different variables.
    paths.extend(
        known
            .script_outputs
            .iter()
            .filter_map(|(_, out_dir)| directory::script_output(out_dir)),
    );
    paths
}

/// Variables that code reads with `env!`, and those of `[env]` in cargo's configuration.
fn asked_for(plan: &Plan, records: &[Option<Record>], context: &CargoContext) -> BTreeSet<String> {
    let read = records.iter().flatten();
    let mut names: BTreeSet<_> = read
        .flat_map(|record| record.environment.iter().map(|(name, _)| name.clone()))
        .collect();
    if let Ok(configuration) = Configuration::read_with(&plan.options.config, context) {
        names.extend(configuration.keys("env").map(str::to_owned));
    }
    names
}

/// Names and values of the variables that every build may depend on.
fn environment(context: &CargoContext) -> String {
    /// They differ between terminals and affect no artifact.
    const IGNORED: &[&str] = &[
        "CARGO_MAKEFLAGS",
        "RUST_LOG",
        "RUST_BACKTRACE",
        "RUST_LIB_BACKTRACE",
        "RUST_RECURSION_COUNT",
    ];
    /// Configuration and toolchains are in `HOME` by default. Since 1.99 cargo switches incremental
    /// compilation off by the last two.
    const NAMES: &[&str] = &["PATH", "HOME", "CI", "TF_BUILD"];
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
    for (name, value) in &context.environment {
        let text = name.to_string_lossy();
        let counts =
            NAMES.contains(&&*text) || PREFIXES.iter().any(|prefix| text.starts_with(prefix));
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
