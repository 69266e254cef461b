//! Decides from a crate's sources alone whether its types may have changed.
//!
//! The *types hash* of a crate covers all tokens except those that cannot influence the type of any
//! static: comments, and functions that no constant mentions. A type can depend on a function in
//! two ways only. Constant expressions can name it (embassy has arrays as large as the future of an
//! `async fn`), and items in its body exist outside of it as well. So a function counts
//! - whole, if it is a `const fn`, has an attribute that might be a macro, or has items or unknown
//!   macros in its body;
//! - with its signature, if a constant expression or a macro's arguments mention its name; and also
//!   with its body, if only the body determines the result type (`async`, `impl Trait`);
//! - not at all otherwise.
//!
//! Each file is read on its own, and its facts are cached by content. Which names are mentioned,
//! and which macros are the known ones, is decided over all hot crates together.

mod facts;
mod functions;

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

pub use facts::FileFacts;

use super::{
    definitions::{FileDefinitions, SourceFacts},
    syntax::Digest,
};
use crate::artifacts::HotCrate;

/// The hashes of a crate's sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcesHash {
    /// Equal if no change in these sources can have changed the type of a static.
    pub types: String,
    /// Hash over paths and contents: equal if nothing changed.
    pub contents: String,
    /// The definitions in each file.
    pub files: Vec<SourceFacts>,
}

/// A source that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read {path}")]
pub struct ReadSource {
    pub path: Utf8PathBuf,
    pub source: std::io::Error,
}

/// Facts of the files of one crate at the last read, by the hash of their content.
#[derive(Debug, Default, Serialize, Deserialize)]
struct KnownFiles {
    format: u32,
    files: BTreeMap<String, FileFacts>,
}

/// Increase when the meaning of facts changes.
const FORMAT: u32 = 4;

struct SourceFile {
    path: Utf8PathBuf,
    content: String,
    facts: FileFacts,
}

/// Hashes the sources of every hot crate, in order. `cache` is a directory that only this module
/// uses.
///
/// # Errors
/// If a source cannot be read. A cache that cannot be read or written only costs time.
pub fn hash(hot: &[HotCrate], cache: &Utf8Path) -> Result<Vec<SourcesHash>, ReadSource> {
    let crates = hot
        .iter()
        .map(|it| read(it, cache))
        .collect::<Result<Vec<_>, _>>()?;
    let mut shared = Shared::default();
    for file in crates.iter().flatten() {
        shared
            .mentioned
            .extend(file.facts.mentioned.iter().map(String::as_str));
        shared
            .suspect_macros
            .extend(file.facts.suspect_macros.iter().map(String::as_str));
        shared.sources_are_data |= file.facts.reads_sources;
    }
    let combined: Vec<_> = crates.iter().map(|files| combine(files, &shared)).collect();
    let with_files =
        |((hot, files), (types, contents)): ((usize, Vec<SourceFile>), (String, String))| {
            SourcesHash {
                types,
                contents,
                files: files.into_iter().map(|file| file.with_crate(hot)).collect(),
            }
        };
    Ok(crates
        .into_iter()
        .enumerate()
        .zip(combined)
        .map(with_files)
        .collect())
}

/// The combined facts of the files of all hot crates.
#[derive(Default)]
struct Shared<'a> {
    mentioned: BTreeSet<&'a str>,
    suspect_macros: BTreeSet<&'a str>,
    /// A constant may have the text of a Rust source.
    sources_are_data: bool,
}

fn read(hot: &HotCrate, cache: &Utf8Path) -> Result<Vec<SourceFile>, ReadSource> {
    let stem = hot.rlib.file_stem().unwrap_or(&hot.crate_name);
    let cached = cache.join(format!("{stem}.json"));
    let stored = std::fs::read(&cached)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<KnownFiles>(&bytes).ok());
    let mut known = stored
        .filter(|known| known.format == FORMAT)
        .unwrap_or_default();
    let mut used = KnownFiles {
        format: FORMAT,
        files: BTreeMap::new(),
    };
    let mut is_stale = false;
    let mut files = Vec::with_capacity(hot.sources.len());
    for path in &hot.sources {
        let absolute = match &hot.invocation {
            Some(invocation) => invocation.directory.join(path),
            None => path.clone(),
        };
        let bytes = std::fs::read(&absolute).map_err(|source| ReadSource {
            path: absolute,
            source,
        })?;
        let content = blake3::hash(&bytes).to_hex().to_string();
        let facts = match used
            .files
            .get(&content)
            .cloned()
            .or_else(|| known.files.remove(&content))
        {
            Some(facts) => facts,
            None => {
                is_stale = true;
                FileFacts::of(&bytes, path.extension() == Some("rs"))
            }
        };
        used.files.insert(content.clone(), facts.clone());
        files.push(SourceFile {
            path: path.clone(),
            content,
            facts,
        });
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    if is_stale {
        super::store::write_json(&cached, &used);
    }
    Ok(files)
}

impl SourceFile {
    fn with_crate(self, hot: usize) -> SourceFacts {
        SourceFacts {
            hot,
            path: self.path,
            content: self.content,
            definitions: self.facts.definitions,
        }
    }
}

/// The two hashes of [`SourcesHash`].
fn combine(files: &[SourceFile], shared: &Shared<'_>) -> (String, String) {
    let mut types = Digest::new("kt types");
    let mut contents = Digest::new("kt sources");
    for file in files {
        contents.add(file.path.as_str()).add(&file.content);
        types.add(file.path.as_str());
        if shared.sources_are_data {
            types.add(&file.content);
            continue;
        }
        types.add(&file.facts.kept);
        for function in &file.facts.functions {
            let is_suspect = function
                .macros
                .iter()
                .any(|name| shared.suspect_macros.contains(name.as_str()));
            let is_mentioned = shared.mentioned.contains(function.name.as_str());
            if is_suspect || is_mentioned {
                types.add(&function.signature);
            }
            if is_suspect || is_mentioned && function.body_determines_type {
                types.add(&function.body);
            }
        }
    }
    (types.finish(), contents.finish())
}

#[cfg(test)]
mod tests;
