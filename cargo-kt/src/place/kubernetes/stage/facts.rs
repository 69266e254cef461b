//! The first stage's facts about its image, and whether the host can run in it.

use kt::wire::platform::Glibc;

use super::{HostImage, StageError};

/// The lines that `cargo-kt/first-stage/src/facts.rs` writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The node's architecture, as in target triples.
    pub architecture: String,
    /// `None` if the image has none.
    pub glibc: Option<Glibc>,
    /// Other dynamic linkers in the image: `musl`, or the name of another architecture.
    pub loaders: Vec<String>,
    pub kernel: String,
    pub user: Option<u32>,
    /// Bytes per page.
    pub page: Option<u64>,
    /// Free bytes in the data volume.
    pub free: Option<u64>,
    /// Whether files in the data volume can be executed.
    pub executable: bool,
    /// Why the last host could not be started.
    pub problem: Option<String>,
}

impl Facts {
    /// Parses the lines. Ignores unknown ones, which later versions may send.
    pub fn parse(text: &str) -> Self {
        let mut facts = Self {
            executable: true,
            ..Self::default()
        };
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match name {
                "arch" => facts.architecture = value.to_owned(),
                "glibc" => facts.glibc = value.parse().ok(),
                "loader" => facts.loaders.push(value.to_owned()),
                "kernel" => facts.kernel = value.to_owned(),
                "uid" => facts.user = value.parse().ok(),
                "page" => facts.page = value.parse().ok(),
                "free" => facts.free = value.parse().ok(),
                "exec" => facts.executable = value == "yes",
                "problem" => facts.problem = Some(value.to_owned()),
                _ => {}
            }
        }
        facts
    }

    /// Whether a host needs a newer glibc than the image has, or the image has none.
    pub fn is_too_old_for(&self, host: &HostImage) -> bool {
        self.glibc < host.glibc
    }

    /// Checks that the node can run the host, and that the volume has space for the host.
    ///
    /// # Errors
    /// The first requirement that is not met.
    pub fn check(&self, host: &HostImage) -> Result<(), StageError> {
        if self.architecture != host.architecture {
            return Err(StageError::OtherMachine {
                theirs: self.architecture.clone(),
                ours: host.architecture.clone(),
            });
        }
        let mut loaders = self.loaders.iter();
        // An image without a dynamic linker has static programs alone, which may fit.
        let other = loaders.find(|loader| *loader != "musl");
        if let (None, Some(theirs)) = (self.glibc, other) {
            return Err(StageError::OtherImage {
                theirs: theirs.clone(),
                ours: self.architecture.clone(),
            });
        }
        if !self.executable {
            return Err(StageError::NotExecutable);
        }
        // During the upload the volume has both the compressed and the uncompressed host.
        let needed = host.length + host.compressed;
        match self.free {
            Some(free) if free < needed => Err(StageError::NoSpace { free, needed }),
            _ => Ok(()),
        }
    }
}
