//! Verifies stored objects before a worker executes them: a disk error or a user may have changed
//! them.

use std::{
    fs::{self, File},
    io::Read,
    time::Duration,
};

use super::{Store, StoreError, error::failed};
use crate::wire::ObjectId;

/// Bytes to hash at once.
const PIECE: usize = 1 << 20;
/// An object stored this recently was hashed when it was stored: skip reading it again.
const FRESH: Duration = Duration::from_secs(60);

impl Store {
    /// Removes those `ids` whose content changed, so that they count as missing.
    pub fn remove_damaged(&self, ids: impl IntoIterator<Item = ObjectId>) {
        for id in ids {
            if self.path(id).exists() {
                let _ = self.verify(id);
            }
        }
    }

    /// Whether it was stored so recently that verification can be skipped.
    pub(super) fn is_fresh(&self, id: ObjectId) -> bool {
        let modified = fs::metadata(self.path(id)).and_then(|data| data.modified());
        // If the clock was set back, it counts as old.
        modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age < FRESH))
    }

    /// Verifies an object's hash. A mismatching object is removed: the next client sends it again.
    ///
    /// # Errors
    /// If the hash differs, or the object cannot be read.
    pub(super) fn verify(&self, id: ObjectId) -> Result<(), StoreError> {
        let path = self.path(id);
        match self.is_whole(id) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => return Err(failed("read", &path, error)),
        }
        let _ = fs::remove_file(&path);
        Err(StoreError::Damaged { id, path })
    }

    fn is_whole(&self, id: ObjectId) -> std::io::Result<bool> {
        let mut file = File::open(self.path(id))?;
        let (mut hasher, mut piece) = (blake3::Hasher::new(), vec![0; PIECE]);
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(hasher.finalize().as_bytes() == &id.0),
                read => hasher.update(&piece[..read]),
            };
        }
    }
}
