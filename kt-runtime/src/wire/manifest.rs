//! The parts of one generation: the developer's machine sends the manifest, the worker checks it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ObjectId;

/// A file of the store, and the name under which others refer to it.
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
    /// `rustc -vV` of its compiler.
    pub rustc: String,
    pub target: String,
    /// Cargo's name: `dev`, `release`, or the user's own.
    pub profile: String,
    pub worker: WorkerFiles,
    pub environment: Environment,
    /// Further layers of the base, in loading order.
    pub layers: Vec<Layer>,
    /// Dependencies before their dependents.
    pub crates: Vec<CrateObject>,
}

/// The files that a worker is started from: a change requires a new worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerFiles {
    pub launcher: Object,
    /// A dynamic linker, which the launcher names by its place in the store, and a C library with
    /// others that the program needs; none if the worker uses those of its image.
    pub libraries: Vec<Object>,
    pub libstd: Object,
    pub base: Layer,
}

/// The variables of a worker besides those of its host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// From options and cargo's configuration: a change requires a new worker.
    pub asked: BTreeMap<String, String>,
    /// The variables that `cargo run` sets, from the worker's start.
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
    /// Hash of the rlib's content.
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
    /// Statics in the object's own memory, which each new object resets, sorted.
    pub statics: Vec<PlainStatic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateEntry {
    /// `package/bin:module::NAME`.
    pub key: String,
    /// Fingerprint of the layout of the state's type and of everything that it reaches. `None`:
    /// unknown, and equal to no other. If a part has no visible type, a `-` follows with a
    /// fingerprint of the types that it may have.
    pub layout: Option<String>,
}

/// A static that can change and is not a `#[kt::state]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlainStatic {
    /// `app::cache::HITS`.
    pub path: String,
    /// Each thread has its own.
    pub thread_local: bool,
    /// Its place in the source, or that of the macro call with its name, if known.
    pub place: Option<SourcePlace>,
    /// The crate's sources have no `static` of this name: a macro generated it.
    pub by_macro: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourcePlace {
    /// As passed to rustc: relative to the workspace for files in it.
    pub file: String,
    /// From 1.
    pub line: u32,
}

impl Manifest {
    /// The files that the store must have before this generation can be loaded.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        let worker = [
            &self.worker.launcher,
            &self.worker.libstd,
            &self.worker.base.object,
        ];
        let worker = worker.into_iter().chain(&self.worker.libraries);
        let layers = self.layers.iter().map(|layer| &layer.object);
        worker
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
