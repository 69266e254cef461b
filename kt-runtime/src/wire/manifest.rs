//! What one generation consists of, as the developer's machine sends it and the pod checks it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ObjectId;

/// A file of the store, under the name by which others need it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Object {
    pub id: ObjectId,
    /// File name and, for shared objects, soname: `libkt-app-0123456789abcdef.so`. Never a path.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// The ELF build id in lowercase hexadecimal; empty if the file has none (libstd, launcher).
    pub build_id: String,
}

/// Everything that a worker needs to serve one generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The bin or example that this generation was built for.
    pub program: String,
    /// The version of kt-runtime in the base.
    pub kt_version: String,
    /// `rustc -vV` of the compiler that made all of it.
    pub rustc: String,
    pub target: String,
    /// Cargo's name: `dev`, `release`, or the user's own.
    pub profile: String,
    pub worker: WorkerFiles,
    pub environment: Environment,
    /// Layers of the base that are loaded beside the first, in order.
    pub layers: Vec<Layer>,
    /// Dependencies before their dependents.
    pub crates: Vec<CrateObject>,
}

/// What a worker is started from: changing any of it means a new worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerFiles {
    pub launcher: Object,
    pub libstd: Object,
    pub base: Layer,
}

/// The variables that a worker has besides those of its host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// What options and cargo's configuration ask for: changing any of it means a new worker.
    pub asked: BTreeMap<String, String>,
    /// What `cargo run` sets, as it was when the worker was started.
    pub cargo: BTreeMap<String, String>,
}

/// A layer of the base, and the crates it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    pub object: Object,
    pub crates: Vec<LayerCrate>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LayerCrate {
    pub package: String,
    pub version: String,
    /// Of the rlib's content.
    pub hash: String,
}

/// The shared object of one crate that can be edited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrateObject {
    pub object: Object,
    pub package: String,
    pub crate_name: String,
    /// Hash of the sources it was compiled from.
    pub sources: String,
    /// Keys of its remote functions, `package/bin:module::name`.
    pub functions: Vec<String>,
    /// Keys of its functions with `#[kt::init]`, sorted.
    pub inits: Vec<String>,
    pub states: Vec<StateEntry>,
    /// What lives in the object's own memory and so starts afresh with each new one, sorted.
    pub statics: Vec<PlainStatic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateEntry {
    /// `package/bin:module::NAME`.
    pub key: String,
    /// Names the layout of the state's type and of all that it reaches. `None`: it could not be determined, which equals nothing.
    /// Where something in it has no visible type, a `-` follows, and what names the types that it may have.
    pub layout: Option<String>,
}

/// A static that can change and is not a `#[kt::state]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlainStatic {
    /// `app::cache::HITS`.
    pub path: String,
    /// Each thread has its own.
    pub thread_local: bool,
    /// Where the sources have it, or the macro call that it is named in, if they say so.
    pub place: Option<SourcePlace>,
    /// The crate's sources have no `static` of this name: a macro made it.
    pub by_macro: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourcePlace {
    /// As rustc was given it: relative to the workspace, for what lies in there.
    pub file: String,
    /// From 1.
    pub line: u32,
}

impl Manifest {
    /// Every file that must be in the store before this generation can be loaded.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        let worker = [
            &self.worker.launcher,
            &self.worker.libstd,
            &self.worker.base.object,
        ];
        let layers = self.layers.iter().map(|layer| &layer.object);
        worker
            .into_iter()
            .chain(layers)
            .chain(self.crates.iter().map(|object| &object.object))
    }

    /// Whether a worker that runs `other` can load this generation beside it.
    pub fn same_worker(&self, other: &Self) -> bool {
        self.worker == other.worker
            && self.environment.asked == other.environment.asked
            && self.rustc == other.rustc
            && self.target == other.target
            && self.profile == other.profile
            && other.layers.iter().all(|old| self.layers.contains(old))
    }
}
