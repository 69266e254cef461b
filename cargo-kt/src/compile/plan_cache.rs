//! The plan of a program's last build, cached so that the next build does not have to start cargo.

use camino::Utf8PathBuf;

use super::cargo_build::KnownUnits;
use super::inputs::Inputs;
use super::{file, settings};
use crate::context::CargoContext;
use crate::plan::{CargoOptions, Configuration, Plan, kt_dir};

/// Increase when [`CachedPlan`] changes its meaning: older files are then as good as absent.
const FORMAT: u32 = 7;

/// The outcome of the last build through cargo.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct CachedPlan {
    format: u32,
    /// The version of cargo-kt: plans of another version do not count.
    version: String,
    pub(super) plan: Plan,
    pub(super) known: KnownUnits,
    pub(super) inputs: Inputs,
}

/// The file with a program's plan.
#[derive(Debug, Clone)]
pub(super) struct PlanCache {
    path: Utf8PathBuf,
}

impl PlanCache {
    /// For what was typed here, below a target directory of the user's.
    pub(super) fn at(
        target_directory: &camino::Utf8Path,
        options: &CargoOptions,
        context: &CargoContext,
    ) -> Self {
        // How it is shown does not change what is built.
        let typed = CargoOptions {
            quiet: false,
            verbose: 0,
            color: None,
            message_format: None,
            jobs: None,
            keep_going: false,
            ..options.clone()
        };
        let key = file::hash_bytes(format!("{typed:?} {}", context.directory).as_bytes());
        Self {
            path: kt_dir(target_directory)
                .join("programs")
                .join(format!("{}.json", &key[..16])),
        }
    }

    /// Looks where cargo's target directory can be, without asking cargo: whatever is found says
    /// itself on which files its being right depends.
    pub(super) fn find(
        options: &CargoOptions,
        context: &CargoContext,
    ) -> Option<(Utf8PathBuf, Self)> {
        let candidates = target_directories(options, context);
        let found = candidates
            .into_iter()
            .map(|target| (target.clone(), Self::at(&target, options, context)));
        found.into_iter().find(|(_, cache)| cache.path.is_file())
    }

    pub(super) fn read(&self) -> Option<CachedPlan> {
        let cached: CachedPlan = serde_json::from_slice(&std::fs::read(&self.path).ok()?).ok()?;
        let is_ours = cached.format == FORMAT && cached.version == env!("CARGO_PKG_VERSION");
        is_ours.then_some(cached)
    }

    /// # Errors
    /// Those of the file system.
    pub(super) fn write(
        &self,
        plan: Plan,
        known: KnownUnits,
        inputs: Inputs,
    ) -> std::io::Result<()> {
        let cached = CachedPlan {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            plan,
            known,
            inputs,
        };
        file::write_atomically(&self.path, &serde_json::to_vec(&cached)?)
    }

    pub(super) fn remove(&self) {
        // What cannot be removed is found out of date by its inputs.
        let _ = std::fs::remove_file(&self.path);
    }

    /// The sources that a replay has refused to compile, by one digest.
    pub(super) fn refused(&self) -> Option<String> {
        std::fs::read_to_string(self.path.with_extension("refused")).ok()
    }

    pub(super) fn set_refused(&self, sources: Option<&str>) {
        let path = self.path.with_extension("refused");
        // It only spares a second opinion; to lose it costs one call of cargo.
        let _ = match sources {
            Some(sources) => file::write_atomically(&path, sources.as_bytes()),
            None => std::fs::remove_file(&path),
        };
    }
}

/// cargo's target directory by option, environment, configuration, or beside a manifest above.
fn target_directories(options: &CargoOptions, context: &CargoContext) -> Vec<Utf8PathBuf> {
    let here = &context.directory;
    if let Some(directory) = &options.target_dir {
        return vec![here.join(directory)];
    }
    let variable = context.variable("CARGO_TARGET_DIR");
    if let Some(directory) = variable.filter(|path| !path.is_empty()) {
        return vec![here.join(directory)];
    }
    let keys = ["build", "target-dir"];
    let configured = Configuration::read_with(&options.config, context)
        .ok()
        .and_then(|found| found.setting_path(&keys, "CARGO_BUILD_TARGET_DIR", context));
    if let Some(directory) = configured {
        return vec![directory];
    }
    let manifest = options.manifest_path.as_ref().map(|path| here.join(path));
    let start = manifest
        .as_deref()
        .and_then(camino::Utf8Path::parent)
        .unwrap_or(here);
    let above = || start.ancestors();
    // The package may name a root that is not above it.
    let named = above()
        .map(|directory| directory.join("Cargo.toml"))
        .find(|manifest| manifest.is_file())
        .and_then(|manifest| settings::named_root(&manifest));
    let named = named.iter().filter_map(|root| root.parent());
    named
        .chain(above())
        .map(|directory| directory.join("target"))
        .collect()
}
