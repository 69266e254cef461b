//! The name that identifies a crate's types: it changes when an existing definition gets another
//! meaning.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::definitions::{self, Collected};
use super::{directory, settings, tokens};
use crate::artifacts::HotCrate;

/// A new unique name.
pub(crate) fn new_identity() -> String {
    definitions::new_id()
}

/// The meaning of a crate's types, and the name that may identify them.
pub(crate) struct TypeIdentity {
    /// The name of the newest generations whose definitions agree with these; `None` if there are
    /// none.
    pub(crate) known: Option<String>,
    collected: Collected<'static>,
    lineages: Utf8PathBuf,
}

impl TypeIdentity {
    /// Computes the identity of the last of `crates`. The others are all hot crates that it depends
    /// on. `None` if their sources cannot be read.
    pub(crate) fn of(crates: &[HotCrate], kt_dir: &Utf8Path) -> Option<Self> {
        let directory = directory(kt_dir);
        let sources = tokens::hash(crates, &directory.join("tokens")).ok()?;
        let files: Vec<_> = sources.into_iter().flat_map(|it| it.files).collect();
        let settings: Vec<_> = crates.iter().map(settings::of).collect();
        let rlib = &crates.last()?.rlib;
        // Each profile has its own lineages.
        let place = blake3::hash(rlib.as_str().as_bytes()).to_hex();
        let lineages = directory.join("lineages/crates").join(format!(
            "{}-{}",
            rlib.file_stem()?,
            &place[..8]
        ));
        let collected = Collected::of(settings, files);
        Some(Self {
            known: definitions::continued(&lineages, &collected),
            collected,
            lineages,
        })
    }

    /// Records that the name identifies code with these definitions. Only then may that code run.
    ///
    /// # Errors
    /// File system errors.
    pub(crate) fn remember(&self, name: &str) -> io::Result<()> {
        let is_known = self.known.as_deref() == Some(name);
        definitions::remember(&self.lineages, name, is_known, &self.collected)
    }

    /// The directory of the record, for messages.
    pub(crate) fn place(&self) -> &Utf8Path {
        &self.lineages
    }
}
