//! Interrupted uploads, in encoded form, for clients that resume them.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use super::{Store, WANTED};
use crate::wire::{
    ObjectId,
    upload::{MissingObject, Partial},
};

/// How many to keep.
pub(super) const KEPT: usize = 4;
/// Below this many bytes sending again is faster.
pub(super) const WORTH: u64 = 64 << 10;

const PREFIX: &str = "partial-";

/// Files that are being written.
pub(super) type Busy = Arc<Mutex<HashSet<PathBuf>>>;

/// The exclusive right to write to one partial upload's file, released on drop. A second upload
/// writes to another file.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    busy: Busy,
}

impl Claim {
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.remove(&self.path);
    }
}

/// The object and tag in a file's name, if it is a partial upload.
pub(super) fn parse(name: &str) -> Option<(ObjectId, &str)> {
    let (id, tag) = name.strip_prefix(PREFIX)?.split_once('-')?;
    Some((id.parse().ok()?, tag))
}

impl Store {
    /// The file of one upload, unless another upload writes to it.
    pub(super) fn claim(&self, id: ObjectId, tag: &str) -> Option<Claim> {
        let path = self.objects.join(format!("{PREFIX}{id}-{tag}"));
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.insert(path.clone()).then(|| Claim {
            path,
            busy: Arc::clone(&self.busy),
        })
    }

    /// Adds to missing objects the partial uploads that no client is writing to.
    pub(super) fn with_partials(&self, missing: Vec<ObjectId>) -> Vec<MissingObject> {
        let mut objects: Vec<MissingObject> = missing
            .into_iter()
            .map(|id| MissingObject {
                id,
                partials: Vec::new(),
            })
            .collect();
        if objects.is_empty() {
            return objects;
        }
        self.sweep_partials();
        for Found { id, tag, bytes, .. } in self.idle() {
            if let Some(object) = objects.iter_mut().find(|object| object.id == id) {
                object.partials.push(Partial { tag, bytes });
            }
        }
        objects
    }

    /// Removes expired partial uploads, and the oldest beyond the limit.
    pub(super) fn sweep_partials(&self) {
        let mut idle = self.idle();
        idle.sort_by_key(|found| std::cmp::Reverse(found.modified));
        let now = SystemTime::now();
        for (index, found) in idle.into_iter().enumerate() {
            // If the clock was set back, it looks young: then the number limit applies.
            let old = now
                .duration_since(found.modified)
                .is_ok_and(|age| age >= WANTED);
            // A killed host may leave small ones.
            if (old || index >= KEPT || found.bytes < WORTH)
                && let Some(claim) = self.claim(found.id, &found.tag)
            {
                let _ = fs::remove_file(claim.path());
            }
        }
    }

    fn idle(&self) -> Vec<Found> {
        let busy = self
            .busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let entries = fs::read_dir(&self.objects).into_iter().flatten().flatten();
        let found = entries.filter_map(|entry| {
            let name = entry.file_name();
            let (id, tag) = parse(name.to_str()?)?;
            let data = entry.metadata().ok()?;
            (!busy.contains(&entry.path())).then(|| Found {
                id,
                tag: tag.to_owned(),
                bytes: data.len(),
                modified: data.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            })
        });
        found.collect()
    }
}

struct Found {
    id: ObjectId,
    tag: String,
    bytes: u64,
    modified: SystemTime,
}
