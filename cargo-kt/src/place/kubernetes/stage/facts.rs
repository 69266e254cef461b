//! What the first stage says of its image, and whether a host can live there.

use kt::wire::platform::Glibc;

use super::{HostImage, StageError};

/// The oldest glibc that libstd runs on: <https://doc.rust-lang.org/rustc/platform-support.html>.
const OLDEST: Glibc = Glibc(2, 17);

/// The lines that `program/facts.rs` writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Of the node, as Rust names it.
    pub architecture: String,
    pub glibc: Option<Glibc>,
    /// Dynamic linkers that are there instead: `musl`, or another architecture's name.
    pub loaders: Vec<String>,
    pub kernel: String,
    pub user: Option<u32>,
    /// Bytes in a page.
    pub page: Option<u64>,
    /// Bytes that are free in the data volume.
    pub free: Option<u64>,
    /// Whether files in the data volume may be executed.
    pub executable: bool,
    /// Why the host that was there could not be started.
    pub problem: Option<String>,
}

impl Facts {
    /// Reads the lines; unknown ones are a later version's and are passed over.
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

    /// Whether a host needs a newer glibc than the image has, and so has to bring one along.
    pub fn is_too_old_for(&self, host: &HostImage) -> bool {
        self.glibc < host.glibc
    }

    /// Whether anything of Rust can run there, and there is room for this host.
    ///
    /// # Errors
    /// What keeps it from it.
    pub fn check(&self, host: &HostImage) -> Result<(), StageError> {
        if self.architecture != host.architecture {
            return Err(StageError::OtherMachine {
                theirs: self.architecture.clone(),
                ours: host.architecture.clone(),
            });
        }
        let Some(found) = self.glibc else {
            return match self.loaders.iter().find(|loader| *loader != "musl") {
                Some(theirs) => Err(StageError::OtherImage {
                    theirs: theirs.clone(),
                    ours: self.architecture.clone(),
                }),
                None => Err(StageError::NoGlibc {
                    musl: !self.loaders.is_empty(),
                }),
            };
        };
        if found < OLDEST {
            return Err(StageError::OldGlibc {
                found,
                needed: OLDEST,
            });
        }
        if !self.executable {
            return Err(StageError::NotExecutable);
        }
        // While it arrives, both the compressed and the uncompressed host are there.
        let needed = host.length + host.compressed;
        match self.free {
            Some(free) if free < needed => Err(StageError::NoSpace { free, needed }),
            _ => Ok(()),
        }
    }
}
