//! Which images have an older glibc than this machine's objects need, so that the next run links right at once.

use std::{collections::BTreeMap, fs, io::Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::Glibc;

/// Beside what is linked: it can be deleted at any time.
const FILE: &str = "glibc.json";

/// What is known below one target directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// By image as it is written in the options.
    images: BTreeMap<String, Glibc>,
    /// What the C code of build scripts is compiled for by target, since there was some that needed it. For all services alike: it
    /// runs on every newer glibc, and would have to be compiled again at each change.
    #[serde(default)]
    pub c: BTreeMap<String, Glibc>,
    #[serde(skip)]
    path: Utf8PathBuf,
}

impl Memory {
    /// What cannot be read is as good as nothing.
    pub fn read(warm: &Utf8Path) -> Self {
        let path = warm.join(FILE);
        let known = fs::read(&path)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        Self {
            path,
            ..known.unwrap_or_default()
        }
    }

    /// The version that objects for this image have to be linked for; `None`: this machine's own will do.
    pub fn of(&self, image: &str) -> Option<Glibc> {
        self.images.get(image).copied()
    }

    /// Remembers it.
    pub fn set(&mut self, image: &str, glibc: Glibc) {
        self.images.insert(image.to_owned(), glibc);
    }

    /// Writes it down. That this fails costs the next run a link and no more.
    pub fn write(&self) {
        let written = || -> std::io::Result<()> {
            let folder = self.path.parent().unwrap_or(&self.path);
            fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.persist(&self.path)?;
            Ok(())
        };
        let _ = written();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_remembered_until_the_file_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let warm = Utf8Path::from_path(folder.path()).unwrap().join("warm");
        let mut memory = Memory::read(&warm);
        assert_eq!(memory.of("debian:11"), None);
        memory.set("debian:11", Glibc(2, 31));
        memory.c.insert("x".into(), Glibc(2, 31));
        memory.write();
        let memory = Memory::read(&warm);
        assert_eq!(memory.of("debian:11"), Some(Glibc(2, 31)));
        assert_eq!(memory.c["x"], Glibc(2, 31));
        fs::write(warm.join(FILE), "{").unwrap();
        assert_eq!(Memory::read(&warm).of("debian:11"), None);
    }
}
