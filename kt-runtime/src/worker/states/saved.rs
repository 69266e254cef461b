//! Saves states to files and loads them.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use super::{
    LiveState, Registry,
    file::{Saved, SavedFile, Writer},
    migrate::decoder,
    requests::{Answer, LOCK_TIMEOUT, refused},
    transfer,
};
use crate::{
    codec::format::Reader,
    wire::{
        limits,
        state::{Moved, NotMigrated, Resets, StateAnswer, StateRefused},
    },
};

impl Registry {
    /// Whether there is anything to save.
    pub(in crate::worker) fn has_codec(&self) -> bool {
        let mut declared = self.live.values().filter(|live| live.declared);
        declared.any(|live| live.source().is_some())
    }

    /// Writes all states that have serde to a new file, one after another. Skips those that cannot
    /// be encoded if `leave` allows it.
    pub(in crate::worker) fn save(&self, path: &Path, leave: &Resets) -> Answer {
        let mut writer = Writer::create(path).map_err(unwritable)?;
        let mut moved = Moved::default();
        let mut all: Vec<&LiveState> = self.live.values().filter(|live| live.declared).collect();
        all.sort_by_key(|live| live.descriptor.key);
        let mut refused = Vec::new();
        for live in all {
            let key = live.descriptor.key.to_owned();
            let mark = writer.mark().map_err(unwritable)?;
            let written = self.progress.during(&key, |count| {
                let before = writer.bytes;
                self.write(live, &mut writer, &|bytes| {
                    count.store(bytes - before, Ordering::Relaxed);
                })
            });
            match written {
                Ok(true) => moved.keys.push(key),
                Ok(false) => moved.left.push(key),
                Err(StateRefused::Failed { key, path, reason }) => {
                    writer.take_back(mark).map_err(unwritable)?;
                    let failed = NotMigrated::new(&key, &path, &reason);
                    match leave.allow(&key) {
                        true => moved.failed.push(failed),
                        false => refused.push(failed),
                    }
                }
                Err(other) => return Err(other),
            }
        }
        if !refused.is_empty() {
            return Err(StateRefused::NotMigrated(refused));
        }
        moved.bytes = writer.bytes;
        writer.finish().map_err(unwritable)?;
        Ok(StateAnswer::Moved(moved))
    }

    /// Returns false for a state without serde.
    fn write(
        &self,
        live: &LiveState,
        writer: &mut Writer,
        written: &dyn Fn(u64),
    ) -> Result<bool, StateRefused> {
        let Some(source) = live.source() else {
            return Ok(false);
        };
        let descriptor = live.descriptor;
        let saved = Saved::new(
            descriptor.key,
            descriptor.type_tokens,
            descriptor.version,
            live.layout.clone(),
        );
        writer.begin(&saved).map_err(unwritable)?;
        for piece in transfer::pieces(source, Reader::Program, LOCK_TIMEOUT) {
            let piece = piece.map_err(|stopped| refused(descriptor.key, stopped))?;
            writer.piece(&piece).map_err(unwritable)?;
            written(writer.bytes);
            if writer.bytes > limits::SAVED {
                let limit = limits::SAVED;
                return Err(StateRefused::TooLarge { limit });
            }
        }
        writer.end().map_err(unwritable)?;
        Ok(true)
    }

    /// Sets states to the values of a file: all that the program declares, or none.
    pub(in crate::worker) fn load(&mut self, path: &Path) -> Answer {
        let file = SavedFile::open(path)?;
        let mut moved = Moved::default();
        let (mut made, mut failed) = (Vec::new(), Vec::new());
        for saved in &file.entries {
            let live = self.live.get(&*saved.key).filter(|live| live.declared);
            let decode = live.and_then(|live| {
                let same = saved.version == live.descriptor.version && saved.layout == live.layout;
                Some((live.descriptor.key, decoder(live.descriptor, same)?))
            });
            let Some((key, decode)) = decode else {
                moved.left.push(saved.key.clone());
                continue;
            };
            let pieces = file.pieces(saved)?;
            let value = self.progress.during(key, |count| {
                transfer::decoded(decode, transfer::counted(pieces, Arc::clone(count)))
            });
            match value.map_err(|stopped| refused(key, stopped)) {
                Ok(value) => made.push((key, value)),
                Err(StateRefused::Failed { key, path, reason }) => {
                    failed.push(NotMigrated::new(&key, &path, &reason));
                }
                Err(other) => return Err(other),
            }
            moved.keys.push(key.to_owned());
            moved.bytes += saved.bytes;
        }
        if !failed.is_empty() {
            return Err(StateRefused::NotMigrated(failed));
        }
        self.put(made)?;
        Ok(StateAnswer::Moved(moved))
    }
}

fn unwritable(error: std::io::Error) -> StateRefused {
    StateRefused::File {
        reason: error.to_string(),
    }
}
