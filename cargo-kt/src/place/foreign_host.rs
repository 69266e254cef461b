//! The host for another kind of machine: a cargo-kt that was built for its target.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::linux::OWN_EXECUTABLE;

/// Where the host for a target can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignHost {
    /// Next to this executable, from a release or copied by hand.
    pub beside: PathBuf,
    /// The folder that cargo-kt builds it for, as `cargo install --root` expects it.
    pub root: PathBuf,
}

impl ForeignHost {
    /// The candidates for this executable. Another build of cargo-kt has another `root`.
    ///
    /// # Errors
    /// If this executable cannot be found.
    pub fn of(target: &str, cache: &Path) -> io::Result<Self> {
        Self::next_to(&std::env::current_exe()?, target, cache)
    }

    /// The candidates for an executable at this path.
    ///
    /// # Errors
    /// If the metadata of this executable cannot be read.
    pub fn next_to(executable: &Path, target: &str, cache: &Path) -> io::Result<Self> {
        let own = fs::metadata(OWN_EXECUTABLE)?;
        let identity = format!("{} {} {}", own.size(), own.mtime(), own.mtime_nsec());
        let identity = blake3::hash(identity.as_bytes()).to_hex();
        let folder = format!("{target}-{}", &identity[..8]);
        Ok(Self {
            beside: executable.with_file_name(format!("cargo-kt-{target}")),
            root: cache.join("foreign-host").join(folder),
        })
    }

    /// The executable that `cargo install --root` writes.
    pub fn built(&self) -> PathBuf {
        self.root.join("bin/cargo-kt")
    }

    /// The first candidate that exists.
    pub fn find(&self) -> Option<PathBuf> {
        let mut candidates = [self.beside.clone(), self.built()].into_iter();
        candidates.find(|path| path.is_file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_next_to_this_executable_precedes_one_that_was_built() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("bin/cargo-kt");
        let cache = folder.path().join("cache");
        let host = ForeignHost::next_to(&own, "aarch64-unknown-linux-gnu", &cache).unwrap();
        assert_eq!(host.find(), None);
        for candidate in [host.built(), host.beside.clone()] {
            fs::create_dir_all(candidate.parent().unwrap()).unwrap();
            fs::write(&candidate, "").unwrap();
            assert_eq!(host.find(), Some(candidate));
        }
        let other = ForeignHost::next_to(&own, "x86_64-unknown-linux-gnu", &cache).unwrap();
        assert_eq!(other.find(), None);
    }
}
