//! Which glibc the C code of build scripts is compiled for, if that is not this machine's.

use std::{collections::BTreeMap, fs, io::Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::Glibc;

/// In the kt directory. It can be deleted at any time.
const FILE: &str = "glibc.json";

/// The record of one target directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CompiledCode {
    /// By target. It is the same for all services: the code runs on every newer glibc, and another
    /// one would recompile it.
    targets: BTreeMap<String, Glibc>,
    #[serde(skip)]
    path: Utf8PathBuf,
}

impl CompiledCode {
    /// An unreadable file counts as empty.
    pub fn read(kt_dir: &Utf8Path) -> Self {
        let path = kt_dir.join(FILE);
        let known = fs::read(&path)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        Self {
            path,
            ..known.unwrap_or_default()
        }
    }

    /// The version for a target; `None`: this machine's.
    pub fn glibc(&self, target: &str) -> Option<Glibc> {
        self.targets.get(target).copied()
    }

    /// All targets with their versions.
    pub fn into_targets(self) -> impl Iterator<Item = (String, Glibc)> {
        self.targets.into_iter()
    }

    /// Sets the version for a target.
    pub fn set(&mut self, target: &str, glibc: Glibc) {
        self.targets.insert(target.to_owned(), glibc);
    }

    /// Writes the file. A failure only costs the next run a build.
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
    fn the_version_is_known_until_the_file_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let kt_dir = Utf8Path::from_path(folder.path()).unwrap().join("warm");
        let mut code = CompiledCode::read(&kt_dir);
        assert_eq!(code.glibc("x"), None);
        code.set("x", Glibc(2, 31));
        code.write();
        assert_eq!(CompiledCode::read(&kt_dir).glibc("x"), Some(Glibc(2, 31)));
        fs::write(kt_dir.join(FILE), "{").unwrap();
        assert_eq!(CompiledCode::read(&kt_dir).glibc("x"), None);
    }
}
