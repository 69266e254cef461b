//! The *layout fingerprint* of every state's type: what decides whether a warm value's memory may be kept when the code
//! around it is replaced.
//!
//! Equal fingerprints mean that all memory that can be reached from the state lies as before and means what it meant, as
//! far as types say. Where that is not certain they differ, or there is none. Two steps, the second only where needed:
//! 1. `tokens`: if nothing that can influence a type changed in the sources, flags and dependencies of the state's
//!    crate, what is in the cache still holds. A few milliseconds.
//! 2. `twin` and `dwarf`: rustc compiles the crate once more, with full debug information, and that is read.
//!
//! # What types do not say
//! - The meaning of a value that only code knows: another `Ord`, `Hash` or `Drop` for the same fields, an index that
//!   counts from elsewhere. `#[kt::state(version = …)]` is for that.
//! - A pointer that is kept as an integer (`usize`, `AtomicUsize`, `[u64; 4]`).
//! - What a kept `dyn`, function pointer or future does: it goes on running the code that made it.
//! - A `dyn Any` downcast to a type without a name (a closure's own) whose captures of one type changed places.
//! - A third-party macro that makes a type depend on the line it is called in, or on the result of an `async fn` or
//!   `-> impl Trait` whose name is not among its arguments.
//! - A third-party crate that keeps other things than its type parameters behind an untyped pointer, and hands them out
//!   to hot code as typed without asking for a `TypeId`, unless hot types are among those parameters (`opaque`).
//!
//! It is given what *build* made and knows nothing of workers, pods and generations.

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
mod twin;
mod words;

pub use description::{Description, Form, Part, Role, Type};
pub use dwarf::DwarfError;
pub(crate) use identity_of_types::{TypeIdentity, new_identity};
pub use pending::Pending;
pub use tokens::ReadSource;
pub use twin::TwinError;

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::artifacts::Compiled;

/// What is wanted to be known.
#[derive(Debug, Clone, Copy)]
pub struct LayoutRequest<'a> {
    pub compiled: &'a Compiled,
    /// Keys of states by the index in [`Compiled::hot`] of the crate that has them: what follows `kt:state:` and
    /// `kt:init:` in their symbols.
    pub states: &'a [(usize, Vec<String>)],
    /// Keys of those states for which the developer vouches that what has no visible type is of no type of the workspace.
    pub keeps: &'a [String],
    /// Identity of the base, with all its layers.
    pub base_id: &'a str,
    /// The directory of all that kt writes for this workspace.
    pub warm: &'a Utf8Path,
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

/// A layout that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    pub fingerprint: Fingerprint,
    /// What the fingerprint was made from, to say what changed.
    pub description: Description,
    /// What in it has no type that can be seen (`dyn Trait`, function pointers, erased memory), and where. If there is
    /// anything, the fingerprint changes when a definition of any hot crate that existed before gets another meaning.
    pub opaque: Vec<String>,
    /// What else the fingerprint takes in.
    pub context: Context,
}

/// What a fingerprint takes in beside the types that can be seen, each only where the layout depends on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// Names the definitions of hot crates, where hot types may be in memory without a visible type and new code may read
    /// them as what they are by now; see `definitions::Lineage`.
    pub types: Option<String>,
    /// The same for the crates of others that hot crates name.
    pub dependencies: Option<String>,
    /// What `TypeId`s are made from beside the type: the hash of `-C metadata` of all hot crates.
    pub type_ids: Option<String>,
    /// The hash of what build scripts compiled.
    pub native: Option<String>,
}

/// Equal only for types that lie in memory alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// 64 hex digits of blake3 for what can be seen. If something cannot, a `-` follows, and 32 digits for what it may be.
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
        "know how rustc was called for `{0}`, a path dependency outside of the workspace; make it a member"
    )]
    NoInvocation(String),
    #[error(transparent)]
    Twin(#[from] TwinError),
    #[error(transparent)]
    Dwarf(#[from] DwarfError),
    #[error("see the same sources of `{0}` twice: they were edited meanwhile; run again")]
    Edited(String),
    #[error("finish the thread that looked at it")]
    Panicked,
}

/// Why nothing can be said of any state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    #[error(transparent)]
    ReadSource(#[from] ReadSource),
}

/// Looks at sources and cache, and starts twins for what they leave open; see [`Pending::finish`].
///
/// # Errors
/// When the sources of a hot crate cannot be read.
pub fn begin(request: LayoutRequest<'_>) -> Result<Pending, LayoutError> {
    Pending::begin(request)
}

/// What a fingerprint was made from, if it was made here and not too long ago.
pub fn description(warm: &Utf8Path, fingerprint: &str) -> Option<Description> {
    remembered(warm, fingerprint).map(|it| it.description)
}

/// What changed between a fingerprint that was made here and a layout, as a person would put it.
pub fn difference(warm: &Utf8Path, old: &str, new: &Layout) -> Option<Difference> {
    let old = remembered(warm, old)?;
    if let Some(seen) = old.description.difference(&new.description) {
        return Some(Difference::Seen(seen));
    }
    let lineage = |name: &Option<String>| {
        let path = directory(warm).join("lineages").join(name.as_deref()?);
        definitions::read(path.parent()?, path.file_name()?)
    };
    let between = |of: fn(&Context) -> &Option<String>| {
        lineage(of(&old.context))?.difference(&lineage(of(&new.context))?)
    };
    let (old, new_context) = (&old.context, &new.context);
    let guards = || {
        let text = match (&old.types, &new_context.types) {
            (None, Some(_)) => "the workspace has `unsafe` code now, or a crate outside of it",
            (Some(_), None) => "the workspace has no `unsafe` code any more",
            _ => return None,
        };
        Some(text.to_owned())
    };
    let cause = between(|it| &it.types)
        .or_else(|| between(|it| &it.dependencies))
        .or_else(guards)
        .or_else(|| (old.native != new_context.native).then(|| "code that a build script compiles changed".to_owned()))
        .or_else(|| {
            (old.type_ids != new_context.type_ids)
                .then(|| "the features or dependencies of a crate changed, and with them every `TypeId` in it".to_owned())
        });
    match new.opaque.first() {
        Some(what) => Some(Difference::Erased {
            what: words::shortened(what),
            cause,
        }),
        None => cause.map(Difference::Seen),
    }
}

/// Why two layouts are not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// "field `x` of `Item`: `u64` → `u32`".
    Seen(String),
    /// What can be seen is the same, and something that cannot may be of a type that changed.
    Erased {
        /// The first thing that has no type that can be seen.
        what: String,
        /// The definition that changed; `None` if that is not remembered, or if it is no definition.
        cause: Option<String>,
    },
}

fn remembered(warm: &Utf8Path, fingerprint: &str) -> Option<pending::Remembered> {
    let bytes = std::fs::read(pending::described(&directory(warm), fingerprint)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Where everything of this folder is kept.
fn directory(warm: &Utf8Path) -> Utf8PathBuf {
    warm.join("layout")
}

#[cfg(test)]
mod tests;
