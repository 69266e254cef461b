//! What an old value with erased memory may be read as: the types and traits of the hot crates, by name.
//!
//! Such a value may be kept as long as no type that it can hold was given another meaning. Which types it holds nobody
//! can see, but they existed when it was made. So only definitions that *both* generations have are compared
//! ([`lineage`]): a new type, import or constant changes nothing that is there.
//!
//! A definition is compared by its tokens and by what its names stand for ([`program`]): constants, functions that
//! constants call, macros and imports are followed, types are compared on their own. Names are looked up the way rustc
//! does it, but never more narrowly.

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
