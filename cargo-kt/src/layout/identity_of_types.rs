//! Under which name a crate's types go: another as soon as a definition that existed has another meaning.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::definitions::{self, Collected};
use super::{directory, settings, tokens};
use crate::artifacts::HotCrate;

/// A name that nothing has.
pub(crate) fn new_identity() -> String {
    definitions::new_id()
}

/// What the types of a crate mean, and the name that they may go by.
pub(crate) struct TypeIdentity {
    /// The name of the newest generations with which no definition disagrees; `None` if there are none.
    pub(crate) known: Option<String>,
    collected: Collected<'static>,
    lineages: Utf8PathBuf,
}

impl TypeIdentity {
    /// Of the last of the crates, the others being all hot crates that it depends on; `None` if their sources cannot be read.
    pub(crate) fn of(crates: &[HotCrate], warm: &Utf8Path) -> Option<Self> {
        let directory = directory(warm);
        let sources = tokens::hash(crates, &directory.join("tokens")).ok()?;
        let files: Vec<_> = sources.into_iter().flat_map(|it| it.files).collect();
        let settings: Vec<_> = crates.iter().map(settings::of).collect();
        let rlib = &crates.last()?.rlib;
        // Of two profiles each has its own.
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

    /// Writes down that code with these definitions goes by the name: only then may it run.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn remember(&self, name: &str) -> io::Result<()> {
        let is_known = self.known.as_deref() == Some(name);
        definitions::remember(&self.lineages, name, is_known, &self.collected)
    }

    /// Where it is written down, for messages.
    pub(crate) fn place(&self) -> &Utf8Path {
        &self.lineages
    }
}
