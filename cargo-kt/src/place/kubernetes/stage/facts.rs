//! What the first stage says of its image, and whether a host can live there.

use std::fmt;

use super::{HostImage, StageError};

/// A version of glibc, such as 2.36.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Glibc(pub u32, pub u32);

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

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
                "glibc" => {
                    facts.glibc = value.split_once('.').and_then(|(major, minor)| {
                        Some(Glibc(major.parse().ok()?, minor.parse().ok()?))
                    });
                }
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

    /// Whether a host and what it is to load can run there.
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
        if let Some((needed, what)) = host.needs.iter().max().filter(|need| need.0 > found) {
            return Err(StageError::OldGlibc {
                found,
                needed: *needed,
                what: what.clone(),
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
