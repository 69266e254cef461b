//! From rustc's debug information to a [`Description`] of each state's type.
//!
//! It knows ELF and DWARF and nothing of crates, caches or how the object came to be.

mod graph;
mod index;
mod object;

use std::collections::HashMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::Description;

/// Why the type of a state cannot be described.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DwarfError {
    #[error("read {path}")]
    Read {
        path: Utf8PathBuf,
        source: std::io::Error,
    },
    #[error("parse the object file")]
    Object(#[from] ::object::Error),
    #[error("parse its debug information")]
    Gimli(#[from] gimli::Error),
    #[error("find `{0}` in its debug information")]
    NoVariable(String),
    #[error("understand its debug information: {0}")]
    Unexpected(String),
}

/// Describes the types of the variables that have these linkage names.
///
/// # Errors
/// The outer error when the object as a whole cannot be read, the inner one for a single variable.
pub fn describe(
    object: &Utf8Path,
    linkage_names: &[String],
) -> Result<HashMap<String, Result<Description, DwarfError>>, DwarfError> {
    object::with_dwarf(object, |dwarf| {
        let index = index::Index::build(dwarf, linkage_names)?;
        let describe = |name: &String| {
            let variable = index
                .variable(name)
                .ok_or_else(|| DwarfError::NoVariable(name.clone()))?;
            graph::describe(dwarf, &index, variable)
        };
        Ok(linkage_names
            .iter()
            .map(|name| (name.clone(), describe(name)))
            .collect())
    })
}
