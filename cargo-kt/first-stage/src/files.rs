//! The files in the data directory: the host, the id that marks it as complete, and a partial
//! upload.

use core::ffi::CStr;

use crate::{
    blake3::Hasher,
    sys::{self, Fd, Map, Open, Result},
    text::Text,
};

/// `PATH_MAX`, limits.h.
const PATH: usize = 4096;
/// Longest name in the directory: the name of a library with its folder.
const LONGEST: usize = 40;

pub type Path = Text<PATH>;

pub struct Files {
    directory: Path,
}

impl Files {
    /// `None` if the directory's path is too long for the names in it.
    pub fn new(directory: &CStr) -> Option<Self> {
        let mut path = Path::new();
        path.add_bytes(directory.to_bytes());
        let files = Self { directory: path };
        (files.directory.bytes().len() + LONGEST < PATH).then_some(files)
    }

    pub fn directory(&self) -> &CStr {
        self.directory.c_str()
    }

    fn path(&self, name: &str) -> Path {
        let mut path = Path::new();
        path.add_bytes(self.directory.bytes());
        path.add(name);
        path
    }

    pub fn host(&self) -> Path {
        self.path("/host")
    }

    /// A path below the directory of the host's libraries.
    pub fn libraries(&self, name: &str) -> Path {
        let mut path = self.path("/lib");
        path.add(name);
        path
    }

    /// Whether there is a host and its hash is its id.
    pub fn is_host_complete(&self) -> bool {
        let read = || -> Result<bool> {
            let mut id = [0; 64];
            let length = sys::read_full(&sys::open(self.id().c_str(), Open::Read)?, &mut id)?;
            let host = sys::open(self.host().c_str(), Open::Read)?;
            let content = Map::of(&host)?;
            let mut hasher = Hasher::new();
            hasher.update(&content);
            let mut found = Text::<65>::new();
            found.add_hex(&hasher.finish());
            Ok(length == id.len() && found.bytes() == id)
        };
        read().unwrap_or(false)
    }

    /// Creates the file of a new host, which [`commit`](Self::commit) renames.
    pub fn create(&self) -> Result<Fd> {
        sys::open(self.new_host().c_str(), Open::Create)
    }

    /// Replaces the host by the new one. The id is written last: it marks the host as complete.
    pub fn commit(&self, hash: &[u8; 32]) -> Result<()> {
        let _ = sys::remove(self.id().c_str());
        sys::rename(self.new_host().c_str(), self.host().c_str())?;
        let new_id = self.path("/host.id.new");
        let mut id = Text::<65>::new();
        id.add_hex(hash);
        sys::write_all(&sys::open(new_id.c_str(), Open::Create)?, id.bytes())?;
        sys::rename(new_id.c_str(), self.id().c_str())?;
        let _ = sys::remove(self.part().c_str());
        Ok(())
    }

    pub fn remove_host(&self) {
        for path in [self.id(), self.host()] {
            let _ = sys::remove(path.c_str());
        }
    }

    /// The partial upload: the offer as received, then the compressed bytes.
    pub fn open_part(&self) -> Result<Fd> {
        sys::open(self.part().c_str(), Open::Append)
    }

    pub fn remove_part(&self) {
        for path in [self.part(), self.new_host()] {
            let _ = sys::remove(path.c_str());
        }
    }

    fn part(&self) -> Path {
        self.path("/host.part")
    }

    fn new_host(&self) -> Path {
        self.path("/host.new")
    }

    fn id(&self) -> Path {
        self.path("/host.id")
    }
}
