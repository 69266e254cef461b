//! Where the files of a worker are on this machine.

use std::path::{Path, PathBuf};

use camino::Utf8PathBuf;
use kt::wire::manifest::Manifest;

use crate::{
    debug::{self, Origin},
    link,
    terminal::Terminal,
};

/// Knows where the files of a worker are here.
pub(super) struct Finder<'a> {
    pub(super) warm: Utf8PathBuf,
    pub(super) manifest: Option<&'a Manifest>,
    /// The worker is on this machine.
    pub(super) is_here: bool,
}

impl Finder<'_> {
    /// Whether it is the object of one of the program's own crates: `libkt-app-0123456789abcdef.so`.
    pub(super) fn is_crate(&self, name: &str) -> bool {
        let mut crates = self.manifest.into_iter().flat_map(|it| &it.crates);
        let stem = name
            .strip_prefix("libkt-")
            .and_then(|name| name.rsplit_once('-'));
        stem.is_some_and(|(stem, _)| crates.any(|krate| krate.crate_name == stem))
    }

    pub(super) fn find(&self, path: &str) -> Origin {
        let name = path.rsplit('/').next().unwrap_or(path);
        let base = self.manifest.map_or("", |it| &it.worker.base.object.name);
        match link::counterpart(&self.warm, base, name) {
            Some(file) => Origin::Here(file.into()),
            None if self.is_here => Origin::Here(path.into()),
            None => Origin::There,
        }
    }

    /// The object, or a copy of it that leads gdb to the sources that it was made of where the files say something else by now.
    pub(super) fn with_own_sources(
        &self,
        object: PathBuf,
        sources: &Path,
        terminal: &Terminal,
    ) -> PathBuf {
        let name = object.file_name().unwrap_or_default().to_string_lossy();
        let Some(snapshot) = link::snapshot(&self.warm, &name) else {
            return object;
        };
        match debug::with_own_sources(&object, &snapshot, &self.warm, sources) {
            Ok(copy) => copy.unwrap_or(object),
            Err(error) => {
                terminal.warning(format_args!(
                    "gdb may show newer sources than {name} was made of: {error}"
                ));
                object
            }
        }
    }
}
