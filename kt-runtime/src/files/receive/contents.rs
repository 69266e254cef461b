//! Contents of files: received bytes and holes, and the final hash.

use std::{fs::File, io, path::PathBuf};

use blake3::Hasher;
use bytes::Bytes;

use super::Receiver;
use crate::{
    files::{
        Side, Stopped,
        folder::Target,
        partial::{Partial, hash_zeros, settle},
        system,
    },
    wire::files::{FromReceiver, Hash, Problem, Time, Why},
};

/// A file whose contents will follow.
pub(super) struct Wanted {
    pub(super) place: PathBuf,
    pub(super) size: u64,
    pub(super) sparse: bool,
    pub(super) mode: u32,
    pub(super) modified: Time,
    pub(super) partial: Partial,
    /// Existing data, its length and hash.
    pub(super) have: Option<(Found, u64, Hasher)>,
}

pub(super) enum Found {
    Partial,
    /// A complete file at the target itself.
    Whole(File),
}

/// The file whose contents are being received.
pub(super) struct Arriving {
    wanted: Wanted,
    at: u64,
    hasher: Hasher,
    /// The sender was notified that it is lost.
    lost: bool,
    /// Bytes that were already present.
    found: u64,
    /// It is already at its target, if the hash matches.
    whole: Option<File>,
}

impl Receiver<'_> {
    pub(super) fn begin(&mut self, from: u64) -> Result<(), Stopped> {
        if self.arriving.is_some() {
            return Err(Stopped::Protocol);
        }
        let mut wanted = self.wanted.pop_front().ok_or(Stopped::Protocol)?;
        let (mut hasher, mut whole) = (Hasher::new(), None);
        let have = wanted.have.take();
        if from > 0 {
            match have {
                Some((found, length, known)) if length == from => {
                    hasher = known;
                    if let Found::Whole(file) = found {
                        whole = Some(file);
                    }
                }
                _ => return Err(Stopped::Protocol),
            }
        }
        self.watch.moved(from, false);
        let prepared = match &whole {
            Some(_) => Ok(()),
            None => wanted
                .partial
                .keep(from)
                .and_then(|()| match wanted.sparse {
                    true => Ok(()),
                    false => wanted.partial.reserve(wanted.size),
                }),
        };
        let left = wanted.size - from;
        self.arriving = Some(Arriving {
            wanted,
            at: from,
            hasher,
            lost: false,
            found: from,
            whole,
        });
        match prepared {
            Ok(()) => Ok(()),
            Err(error) => {
                let why = full(&self.target, error, left);
                self.lose(why)
            }
        }
    }

    pub(super) fn bytes(&mut self, bytes: &Bytes) -> Result<(), Stopped> {
        let length = bytes.len() as u64;
        self.watch.moved(length, true);
        let arriving = self.arriving.as_mut().ok_or(Stopped::Protocol)?;
        if arriving.lost {
            return Ok(());
        }
        let at = arriving.at;
        arriving.forward(length)?;
        arriving.hasher.update(bytes);
        match arriving.wanted.partial.write(bytes, at) {
            Ok(()) => Ok(()),
            Err(error) => {
                let left = arriving.wanted.size - at;
                let why = full(&self.target, error, left);
                self.lose(why)
            }
        }
    }

    pub(super) fn hole(&mut self, length: u64) -> Result<(), Stopped> {
        self.watch.moved(length, false);
        let arriving = self.arriving.as_mut().ok_or(Stopped::Protocol)?;
        arriving.forward(length)?;
        hash_zeros(&mut arriving.hasher, length);
        Ok(())
    }

    /// Gives up the file being received. The received part stays: the user may free space.
    fn lose(&mut self, why: Why) -> Result<(), Stopped> {
        let Some(arriving) = &mut self.arriving else {
            return Ok(());
        };
        arriving.lost = true;
        let problem = Problem {
            path: self.target.shown(&arriving.wanted.place),
            why,
        };
        self.watch.problem(Side::Target, problem.clone());
        self.peer.send(FromReceiver::Lost(problem))
    }

    pub(super) fn end(&mut self, sent: Hash, changed: bool) -> Result<(), Stopped> {
        let arriving = self.arriving.take().ok_or(Stopped::Protocol)?;
        if arriving.lost {
            return Ok(());
        }
        let size = arriving.wanted.size;
        if arriving.at != size {
            return Err(Stopped::Protocol);
        }
        let path = self.target.shown(&arriving.wanted.place);
        let found = arriving.found;
        let hash = *arriving.hasher.finalize().as_bytes();
        match finish(arriving, hash == sent) {
            Ok(()) => {
                self.summary.files += 1;
                self.summary.bytes += size;
                self.summary.found += found;
                if changed {
                    let why = Why::Changed;
                    let path = path.clone();
                    self.watch.problem(Side::Source, Problem { path, why });
                }
                self.watch.arrived(&path, size, &hash);
                self.peer.send(FromReceiver::Arrived { hash })
            }
            Err(why) => {
                let problem = Problem { path, why };
                self.watch.problem(Side::Target, problem.clone());
                self.peer.send(FromReceiver::Lost(problem))
            }
        }
    }

    /// The sender cannot read the rest of a file.
    pub(super) fn cut(&mut self, problem: Problem) -> Result<(), Stopped> {
        let wanted = match self.arriving.take() {
            Some(arriving) if arriving.lost => return Ok(()),
            Some(arriving) => arriving.wanted,
            None => self.wanted.pop_front().ok_or(Stopped::Protocol)?,
        };
        wanted.partial.discard();
        self.watch.problem(Side::Source, problem.clone());
        self.peer.send(FromReceiver::Lost(problem))
    }
}

impl Arriving {
    /// Advances by `length`, up to the announced size.
    fn forward(&mut self, length: u64) -> Result<(), Stopped> {
        let at = self.at.checked_add(length);
        self.at = at
            .filter(|&at| at <= self.wanted.size)
            .ok_or(Stopped::Protocol)?;
        Ok(())
    }
}

/// Moves a complete file to its target.
fn finish(arriving: Arriving, verified: bool) -> Result<(), Why> {
    let Wanted {
        place,
        size,
        mode,
        modified,
        partial,
        ..
    } = arriving.wanted;
    if !verified {
        partial.discard();
        return Err(Why::WrongHash);
    }
    match arriving.whole {
        Some(file) => {
            partial.discard();
            settle(&file, mode, modified)
                .map_err(|error| system("set its permissions and time", &error.into()))
        }
        None => {
            let name = place.file_name().ok_or(Why::BadPath)?;
            partial.finish(name, size, mode, modified)
        }
    }
}

/// Converts an error, with the needed and available space if the disk is full.
pub(super) fn full(target: &Target, error: io::Error, needed: u64) -> Why {
    match error.raw_os_error() {
        Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) => Why::NoRoom {
            needed,
            available: target.available().unwrap_or(0),
        },
        _ => system("write it", &error),
    }
}
