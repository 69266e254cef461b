//! The types and traits of the hot crates by name: an old value with erased memory may be read as
//! one of them.
//!
//! Such a value may be kept as long as no type that it can hold gets another meaning. Its types
//! cannot be seen, but they existed when it was created. So only definitions that *both*
//! generations have are compared ([`lineage`]): a new type, import or constant does not affect
//! existing values.
//!
//! A definition is compared by its tokens and by what its names refer to ([`program`]): constants,
//! functions that constants call, macros and imports are followed, and types are compared on their
//! own. Names are resolved as rustc resolves them, but never more narrowly.

mod collected;
mod facts;
mod lineage;
mod mentions;
mod program;
#[cfg(test)]
mod tests;

pub use collected::Collected;
pub use facts::FileDefinitions;
pub use lineage::{Lineage, continued, new_id, read, remember};
pub use program::{Crate, SourceFacts, expands_unknown, is_safe};
