//! States to and from files.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use super::{
    Held, Registry,
    file::{Saved, SavedFile, Writer},
    migrate::decoder,
    requests::{Answer, PATIENCE, refused},
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
        let mut declared = self.held.values().filter(|held| held.declared);
        declared.any(|held| held.source().is_some())
    }

    /// Writes all states that have serde to a new file, each as it is when its turn comes. Those that cannot be encoded are left
    /// out if `leave` allows it.
    pub(in crate::worker) fn save(&self, path: &Path, leave: &Resets) -> Answer {
        let mut writer = Writer::create(path).map_err(unwritable)?;
        let mut moved = Moved::default();
        let mut all: Vec<&Held> = self.held.values().filter(|held| held.declared).collect();
        all.sort_by_key(|held| held.descriptor.key);
        let mut refused = Vec::new();
        for held in all {
            let key = held.descriptor.key.to_owned();
            let mark = writer.mark().map_err(unwritable)?;
            let written = self.progress.during(&key, |count| {
                let before = writer.bytes;
                self.write(held, &mut writer, &|bytes| {
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

    /// False for a state without serde.
    fn write(
        &self,
        held: &Held,
        writer: &mut Writer,
        written: &dyn Fn(u64),
    ) -> Result<bool, StateRefused> {
        let Some(source) = held.source() else {
            return Ok(false);
        };
        let descriptor = held.descriptor;
        let saved = Saved::new(
            descriptor.key,
            descriptor.type_tokens,
            descriptor.version,
            held.layout.clone(),
        );
        writer.begin(&saved).map_err(unwritable)?;
        for piece in transfer::pieces(source, Reader::Program, PATIENCE) {
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

    /// Gives states the values of a file, all that the program has a place for or none.
    pub(in crate::worker) fn load(&mut self, path: &Path) -> Answer {
        let file = SavedFile::open(path)?;
        let mut moved = Moved::default();
        let (mut made, mut failed) = (Vec::new(), Vec::new());
        for saved in &file.entries {
            let held = self.held.get(&*saved.key).filter(|held| held.declared);
            let decode = held.and_then(|held| {
                let same = saved.version == held.descriptor.version && saved.layout == held.layout;
                Some((held.descriptor.key, decoder(held.descriptor, same)?))
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
