//! *layout*: computes a fingerprint of each state's type. The fingerprint decides whether the
//! memory of a live value may be kept when the code around it is replaced.
//!
//! Equal fingerprints mean that all memory reachable from the state has the same layout and the
//! same meaning, as far as types express it. Where that is not certain, fingerprints differ, or
//! there is none. There are two steps, and the second runs only where needed:
//! 1. `tokens`: if nothing that can influence a type changed in the sources, flags and dependencies
//!    of the state's crate, the cached result holds. Takes a few milliseconds.
//! 2. `type_probe` and `dwarf`: rustc compiles the crate once more with full debug
//!    information, and kt reads the types from it.
//!
//! # What types do not express
//! - The meaning of a value that only code knows: another `Ord`, `Hash` or `Drop` for the same
//!   fields, an index with another origin. `#[kt::state(version = …)]` is for that.
//! - A pointer that is stored as an integer (`usize`, `AtomicUsize`, `[u64; 4]`).
//! - What a kept `dyn`, function pointer or future does: it keeps running the code that created it.
//! - A `dyn Any` downcast to an unnamed type (a closure's own) whose captures of one type were
//!   reordered.
//! - A third-party macro that makes a type depend on the line it is called in, or on the result of
//!   an `async fn` or `-> impl Trait` whose name is not among its arguments.
//! - A third-party crate that stores values of other types than its type parameters behind an
//!   untyped pointer, and returns them to hot code as typed without checking a `TypeId`, unless hot
//!   types are among those parameters (`opaque`).
//!
//! This module reads what *build* produced. It may not know workers, pods or generations.

mod definitions;
mod description;
mod difference;
mod dwarf;
mod identity;
mod identity_of_types;
mod opaque;
mod pending;
mod settings;
mod store;
mod syntax;
mod tokens;
mod type_names;
mod type_probe;

pub use description::{Description, Form, Part, Role, Type};
pub use dwarf::DwarfError;
pub(crate) use identity_of_types::{TypeIdentity, new_identity};
pub use pending::Pending;
pub use tokens::ReadSource;
pub use type_probe::TypeProbeError;

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::artifacts::Compiled;

/// What to compute the layouts of.
#[derive(Debug, Clone, Copy)]
pub struct LayoutRequest<'a> {
    pub compiled: &'a Compiled,
    /// Keys of states by the index in [`Compiled::hot`] of their crate. A key is what follows
    /// `kt:state:` and `kt:init:` in the state's symbols.
    pub states: &'a [(usize, Vec<String>)],
    /// Keys of the states that the developer marked with `keep`: their memory without a visible
    /// type holds no type of the workspace.
    pub keeps: &'a [String],
    /// Identity of the base, with all its layers.
    pub base_id: &'a str,
    /// The directory for all files that kt writes for this workspace.
    pub kt_dir: &'a Utf8Path,
}

/// The layout of one state.
#[derive(Debug)]
pub struct StateLayout {
    /// Index in [`Compiled::hot`].
    pub hot: usize,
    pub key: String,
    /// An unknown layout is not equal to any other, not even to itself.
    pub layout: Result<Layout, Arc<UnknownLayout>>,
}

/// A known layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    pub fingerprint: Fingerprint,
    /// What the fingerprint is computed from, to report what changed.
    pub description: Description,
    /// The parts without a visible type (`dyn Trait`, function pointers, erased memory), and where
    /// they are. If there are any, the fingerprint also changes when an existing definition of any
    /// hot crate gets another meaning.
    pub opaque: Vec<String>,
    /// Further inputs of the fingerprint.
    pub context: Context,
}

/// Inputs of a fingerprint besides the visible types, each only where the layout depends on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// Names the definitions of hot crates. Set where hot types may be in memory without a visible
    /// type and new code may read them by their current definition; see `definitions::Lineage`.
    pub types: Option<String>,
    /// The same for the third-party crates that hot crates name.
    pub dependencies: Option<String>,
    /// The input of `TypeId`s besides the type: a hash of `-C metadata` of all hot crates.
    pub type_ids: Option<String>,
    /// A hash of the code that build scripts compiled.
    pub native: Option<String>,
}

/// Equal only for types with the same layout in memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// 64 hex digits of blake3 over the visible types. If the type has opaque parts, a `-` and 32
    /// digits over their context follow.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why a state has no fingerprint; the state is reset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownLayout {
    #[error(
        "the rustc command line of `{0}`, a path dependency outside the workspace, is not known; make it a member"
    )]
    NoInvocation(String),
    #[error(transparent)]
    TypeProbe(#[from] TypeProbeError),
    #[error(transparent)]
    Dwarf(#[from] DwarfError),
    #[error("the sources of `{0}` were edited while rustc read them; run again")]
    Edited(String),
    #[error("the thread that computed it panicked")]
    Panicked,
}

/// Why no layout of any state can be computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    #[error(transparent)]
    ReadSource(#[from] ReadSource),
}

/// Checks the sources and the cache, and starts type probes for the states that are not cached; see
/// [`Pending::finish`].
///
/// # Errors
/// If the sources of a hot crate cannot be read.
pub fn begin(request: LayoutRequest<'_>) -> Result<Pending, LayoutError> {
    Pending::begin(request)
}

/// What a fingerprint was computed from, if this machine computed it and still has the file.
pub fn description(kt_dir: &Utf8Path, fingerprint: &str) -> Option<Description> {
    stored_description(kt_dir, fingerprint).map(|it| it.description)
}

/// What changed between a fingerprint that this machine computed and a layout, for messages.
pub fn difference(kt_dir: &Utf8Path, old: &str, new: &Layout) -> Option<Difference> {
    let old = stored_description(kt_dir, old)?;
    if let Some(seen) = old.description.difference(&new.description) {
        return Some(Difference::Seen(seen));
    }
    let lineage = |name: &Option<String>| {
        let path = directory(kt_dir).join("lineages").join(name.as_deref()?);
        definitions::read(path.parent()?, path.file_name()?)
    };
    let between = |of: fn(&Context) -> &Option<String>| {
        lineage(of(&old.context))?.difference(&lineage(of(&new.context))?)
    };
    let (old, new_context) = (&old.context, &new.context);
    let guards = || {
        let text = match (&old.types, &new_context.types) {
            (None, Some(_)) => {
                "the workspace now has `unsafe` code, or a path dependency outside it"
            }
            (Some(_), None) => "the workspace no longer has `unsafe` code",
            _ => return None,
        };
        Some(text.to_owned())
    };
    let cause = between(|it| &it.types)
        .or_else(|| between(|it| &it.dependencies))
        .or_else(guards)
        .or_else(|| (old.native != new_context.native).then(|| "code compiled by a build script changed".to_owned()))
        .or_else(|| {
            (old.type_ids != new_context.type_ids)
                .then(|| "the features or dependencies of a crate changed, which changes every `TypeId` in it".to_owned())
        });
    match new.opaque.first() {
        Some(what) => Some(Difference::Erased {
            what: type_names::shortened(what),
            cause,
        }),
        None => cause.map(Difference::Seen),
    }
}

/// Why two layouts differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// "field `x` of `Item`: `u64` → `u32`".
    Seen(String),
    /// The visible types are the same, but an opaque part may be of a type that changed.
    Erased {
        /// The first part without a visible type.
        what: String,
        /// The definition that changed; `None` if it is not recorded, or if something else changed.
        cause: Option<String>,
    },
}

fn stored_description(kt_dir: &Utf8Path, fingerprint: &str) -> Option<pending::StoredDescription> {
    let bytes = std::fs::read(pending::described(&directory(kt_dir), fingerprint)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The directory for all files of this module.
fn directory(kt_dir: &Utf8Path) -> Utf8PathBuf {
    kt_dir.join("layout")
}

#[cfg(test)]
mod tests;
