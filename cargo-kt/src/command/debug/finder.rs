//! Finds the files mapped by a worker on the local machine.

use std::path::{Path, PathBuf};

use camino::Utf8PathBuf;
use kt::wire::manifest::Manifest;

use crate::{
    debug::{self, Origin},
    link,
    terminal::Terminal,
};

/// Finds the local files that correspond to the files mapped by a worker.
pub(super) struct Finder<'a> {
    pub(super) kt_dir: Utf8PathBuf,
    pub(super) manifest: Option<&'a Manifest>,
    /// Whether the worker runs on this machine.
    pub(super) is_local: bool,
}

impl Finder<'_> {
    /// Whether the name is an object of one of the program's own crates:
    /// `libkt-app-0123456789abcdef.so`.
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
        match link::debug_file(&self.kt_dir, base, name) {
            Some(file) => Origin::Local(file.into()),
            None if self.is_local => Origin::Local(path.into()),
            None => Origin::Remote,
        }
    }

    /// The object, or a copy that points gdb to the sources it was compiled from, if the files in
    /// the workspace changed since.
    pub(super) fn with_own_sources(
        &self,
        object: PathBuf,
        sources: &Path,
        terminal: &Terminal,
    ) -> PathBuf {
        let name = object.file_name().unwrap_or_default().to_string_lossy();
        let Some(snapshot) = link::snapshot(&self.kt_dir, &name) else {
            return object;
        };
        match debug::with_own_sources(&object, &snapshot, &self.kt_dir, sources) {
            Ok(copy) => copy.unwrap_or(object),
            Err(error) => {
                terminal.warning(format_args!(
                    "gdb may show newer sources than {name} was compiled from: {error}"
                ));
                object
            }
        }
    }
}
