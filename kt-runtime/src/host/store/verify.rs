//! Whether stored objects are still what was stored: a worker executes them, and a disk or a hand may have changed them since.

use std::{
    fs::{self, File},
    io::Read,
    time::Duration,
};

use super::{Store, StoreError, error::failed};
use crate::wire::ObjectId;

/// Bytes that are hashed at once.
const PIECE: usize = 1 << 20;
/// What was stored just now was hashed just now: an edit's object is not read twice.
const FRESH: Duration = Duration::from_secs(60);

impl Store {
    /// Removes those of `ids` that are there and are something else, so that they count as missing.
    pub fn remove_damaged(&self, ids: impl IntoIterator<Item = ObjectId>) {
        for id in ids {
            if self.path(id).exists() {
                let _ = self.verify(id);
            }
        }
    }

    /// Whether it was stored so short a time ago that nobody needs to look.
    pub(super) fn is_fresh(&self, id: ObjectId) -> bool {
        let modified = fs::metadata(self.path(id)).and_then(|data| data.modified());
        // A clock that was set back makes it old.
        modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age < FRESH))
    }

    /// Checks that an object has the content that its name says. One that has not is removed: the next client sends it again.
    ///
    /// # Errors
    /// If it has another, or cannot be read.
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
