//! The last good generation on disk, for a host that takes the place of one that was killed.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use crate::{
    codec,
    wire::{Generation, PROTOCOL, manifest::Manifest},
};

/// A file in the service's directory, which goes with the service.
#[derive(Debug)]
pub struct Kept(PathBuf);

impl Kept {
    pub fn new(directory: &Path) -> Self {
        Self(directory.join("generation"))
    }

    /// What the host before this one served. `None` also if another version of kt wrote it.
    pub fn read(&self) -> Option<(Generation, Manifest)> {
        let bytes = fs::read(&self.0).ok()?;
        let (protocol, body) = bytes.split_first_chunk()?;
        (u16::from_le_bytes(*protocol) == PROTOCOL).then_some(())?;
        codec::decode(body).ok()
    }

    /// From here on this is what a later host starts with.
    pub fn write(&self, generation: Generation, manifest: &Manifest) {
        let Ok(body) = codec::encode(&(generation, manifest), usize::MAX) else {
            return;
        };
        let temporary = self.0.with_extension("new");
        let written = File::create(&temporary).and_then(|mut file| {
            file.write_all(&PROTOCOL.to_le_bytes())?;
            file.write_all(&body)
        });
        // On a full disk a later host starts with an older generation or none; that is no reason not to serve.
        let _ = written.and_then(|()| fs::rename(&temporary, &self.0));
    }

    /// The service has ended.
    pub fn clear(&self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    #[test]
    fn what_another_version_wrote_is_not_read() {
        let directory = Scratch::new("kept");
        let kept = Kept::new(directory.path());
        assert!(kept.read().is_none());
        let path = directory.path().join("generation");
        fs::write(&path, (PROTOCOL + 1).to_le_bytes()).unwrap();
        assert!(kept.read().is_none());
        fs::write(&path, [0]).unwrap();
        assert!(kept.read().is_none());
        kept.clear();
        assert!(!path.exists());
    }
}
