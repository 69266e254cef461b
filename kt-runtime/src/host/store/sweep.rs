//! What goes from the store, and when.

use std::{collections::HashSet, fs, time::Duration};

use super::Store;
use crate::wire::ObjectId;

/// How long an object waits for the swap that it was uploaded for. A larger base over a slow line takes minutes.
pub(super) const WANTED: Duration = Duration::from_secs(600);

impl Store {
    /// Removes every object that is neither in `keep` nor wanted by somebody whose swap is still to come.
    pub fn prune(&self, keep: &HashSet<ObjectId>) {
        let mut wanted = self.wanted();
        wanted.retain(|id, since| !keep.contains(id) && since.elapsed() < WANTED);
        self.sweep(|id| id.is_some_and(|id| !keep.contains(&id) && !wanted.contains_key(&id)));
    }

    /// Removes the files that `unwanted` says; `None` is one that is no object, as interrupted uploads leave.
    pub(super) fn sweep(&self, unwanted: impl Fn(Option<ObjectId>) -> bool) {
        let Ok(entries) = fs::read_dir(&self.objects) else {
            return;
        };
        for entry in entries.flatten() {
            let id = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            if unwanted(id) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}
