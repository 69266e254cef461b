//! Removes unused files from the store.

use std::{collections::HashSet, fs};

use super::{Store, WANTED, partial};
use crate::wire::ObjectId;

impl Store {
    /// Removes every object that is neither in `keep` nor wanted for a pending swap, and expired
    /// partial uploads.
    pub fn prune(&self, keep: &HashSet<ObjectId>) {
        let mut wanted = self.wanted();
        wanted.retain(|id, since| !keep.contains(id) && since.elapsed() < WANTED);
        self.remove_objects(|id| !keep.contains(&id) && !wanted.contains_key(&id));
        self.sweep_partials();
    }

    /// Removes the objects that `unwanted` selects.
    fn remove_objects(&self, unwanted: impl Fn(ObjectId) -> bool) {
        self.remove_files(|name| name.parse().is_ok_and(&unwanted));
    }

    /// Removes leftovers of uploads that a host's exit interrupted, except those that clients can
    /// resume.
    pub(super) fn sweep(&self) {
        self.remove_files(|name| {
            name.parse::<ObjectId>().is_err() && partial::parse(name).is_none()
        });
        self.sweep_partials();
    }

    fn remove_files(&self, unwanted: impl Fn(&str) -> bool) {
        let Ok(entries) = fs::read_dir(&self.objects) else {
            return;
        };
        let mut removed = 0;
        for entry in entries.flatten() {
            // A name that is not UTF-8 was not created by the store.
            if entry.file_name().to_str().is_none_or(&unwanted) {
                let _ = fs::remove_file(entry.path());
                removed += 1;
            }
        }
        if removed > 0 {
            tracing::debug!(removed, "store swept");
        }
    }
}
