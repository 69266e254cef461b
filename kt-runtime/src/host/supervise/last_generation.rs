//! The last serving generation on disk, for a host that replaces a killed one.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use crate::{
    codec,
    wire::{Generation, PROTOCOL, manifest::Manifest},
};

/// A file in the service's directory, removed with the service.
#[derive(Debug)]
pub struct LastGenerationFile(PathBuf);

impl LastGenerationFile {
    pub fn new(directory: &Path) -> Self {
        Self(directory.join("generation"))
    }

    /// The generation that the previous host served. `None` also if another version of kt wrote the
    /// file.
    pub fn read(&self) -> Option<(Generation, Manifest)> {
        let bytes = fs::read(&self.0).ok()?;
        let (protocol, body) = bytes.split_first_chunk()?;
        (u16::from_le_bytes(*protocol) == PROTOCOL).then_some(())?;
        codec::decode(body).ok()
    }

    /// Records the generation that a later host restores.
    pub fn write(&self, generation: Generation, manifest: &Manifest) {
        let Ok(body) = codec::encode(&(generation, manifest), usize::MAX) else {
            return;
        };
        let temporary = self.0.with_extension("new");
        let written = File::create(&temporary).and_then(|mut file| {
            file.write_all(&PROTOCOL.to_le_bytes())?;
            file.write_all(&body)
        });
        // On a full disk a later host restores an older generation or none; this one still serves.
        let _ = written.and_then(|()| fs::rename(&temporary, &self.0));
    }

    /// Removes the file: the service has stopped.
    pub fn clear(&self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    #[test]
    fn files_of_other_versions_are_ignored() {
        let directory = Scratch::new("kept");
        let file = LastGenerationFile::new(directory.path());
        assert!(file.read().is_none());
        let path = directory.path().join("generation");
        fs::write(&path, (PROTOCOL + 1).to_le_bytes()).unwrap();
        assert!(file.read().is_none());
        fs::write(&path, [0]).unwrap();
        assert!(file.read().is_none());
        file.clear();
        assert!(!path.exists());
    }
}
