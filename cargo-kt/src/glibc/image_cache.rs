//! A cache of the glibc versions of images, so that the next run links for the right one at once.

use std::{collections::BTreeMap, fs, io::Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::Glibc;

/// In the kt directory. It can be deleted at any time.
const FILE: &str = "glibc.json";

/// The cache of one target directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImageGlibcCache {
    /// By image, as written in the options.
    images: BTreeMap<String, Glibc>,
    /// By target, the glibc that C code of build scripts is compiled for, if any needed that. It is
    /// the same for all services: the code runs on every newer glibc, and another one would
    /// recompile it.
    #[serde(default)]
    pub c: BTreeMap<String, Glibc>,
    #[serde(skip)]
    path: Utf8PathBuf,
}

impl ImageGlibcCache {
    /// An unreadable file counts as empty.
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

    /// The version that objects for this image must be linked for; `None`: this machine's.
    pub fn of(&self, image: &str) -> Option<Glibc> {
        self.images.get(image).copied()
    }

    /// Sets the version of an image.
    pub fn set(&mut self, image: &str, glibc: Glibc) {
        self.images.insert(image.to_owned(), glibc);
    }

    /// Writes the file. A failure only costs the next run a link.
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
        let mut memory = ImageGlibcCache::read(&warm);
        assert_eq!(memory.of("debian:11"), None);
        memory.set("debian:11", Glibc(2, 31));
        memory.c.insert("x".into(), Glibc(2, 31));
        memory.write();
        let memory = ImageGlibcCache::read(&warm);
        assert_eq!(memory.of("debian:11"), Some(Glibc(2, 31)));
        assert_eq!(memory.c["x"], Glibc(2, 31));
        fs::write(warm.join(FILE), "{").unwrap();
        assert_eq!(ImageGlibcCache::read(&warm).of("debian:11"), None);
    }
}
