//! Converts rustc's debug information to a [`Description`] of each state's type.
//!
//! This module knows ELF and DWARF. It may not know crates, caches or where the object comes from.

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
    #[error("failed to read {path}")]
    Read {
        path: Utf8PathBuf,
        source: std::io::Error,
    },
    #[error("failed to parse the object file")]
    Object(#[from] ::object::Error),
    #[error("failed to parse the debug information")]
    Gimli(#[from] gimli::Error),
    #[error("the debug information has no variable `{0}`")]
    NoVariable(String),
    #[error("unsupported debug information: {0}")]
    Unexpected(String),
}

/// Describes the types of the variables with these linkage names.
///
/// # Errors
/// The outer error if the object cannot be read, an inner one for a single variable.
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
