//! One upload, from its first byte or from where another broke off.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

use tokio::time::Instant;

use super::{
    Store, StoreError,
    decode::{self, Sink, Stream},
    error::{failed, written},
    partial::{Claim, WORTH},
};
use crate::wire::{
    ObjectId, limits,
    upload::{Encoding, Head},
};

/// Bytes that are read at once of what was there before.
const PIECE: usize = 256 << 10;

impl Store {
    /// Begins to take an object, or goes on.
    ///
    /// # Errors
    /// If it is too large, what it builds on is not there, or no file can be made.
    pub fn upload(&self, id: ObjectId, head: &Head) -> Result<Upload, StoreError> {
        let limit = match head.encoding {
            Encoding::Patch { .. } => limits::PATCHED,
            _ => limits::OBJECT,
        };
        if head.length.is_some_and(|length| length > limit) {
            return Err(StoreError::TooLarge { limit });
        }
        self.wanted().insert(id, Instant::now());
        // Also of one that does not say its length: a patch is decoded in memory.
        let announced = head.length.unwrap_or(limit);
        let decoding = match &head.encoding {
            Encoding::Identity => Decoding::None(Box::default()),
            Encoding::Zstd { .. } => {
                let sink = Sink::create(self.temporary(), announced)?;
                Decoding::Stream(Box::new(Stream::new(sink)?))
            }
            Encoding::Patch { reference, .. } => Decoding::Patch {
                // Open, it stays readable even if it is removed meanwhile.
                reference: self.reference(*reference)?,
                into: self.temporary(),
                announced,
                turn: Arc::clone(&self.patching),
            },
        };
        let claim = self.claim(id, &head.tag());
        let path = match &claim {
            Some(claim) => claim.path().to_owned(),
            None => self.temporary(),
        };
        let file = decode::open(&path, claim.is_none())
            .map_err(|error| written(&path, head.length, error))?;
        let mut upload = Upload {
            id,
            length: head.length,
            // A compressed stream is hardly longer than its object: blocks that do not shrink are stored as they are.
            limit: match head.encoding {
                Encoding::Identity => announced,
                _ => announced + announced / 128 + 1024,
            },
            arrived: 0,
            file,
            path,
            claim,
            decoding,
            place: self.path(id),
            spoilt: false,
            done: false,
        };
        upload.go_on(head.offset)?;
        Ok(upload)
    }

    fn reference(&self, id: ObjectId) -> Result<File, StoreError> {
        let path = self.path(id);
        let file = File::open(&path).map_err(|_| StoreError::NoReference(id))?;
        let length = file
            .metadata()
            .map_err(|error| failed("read", &path, error))?
            .len();
        let limit = limits::PATCHED;
        match length <= limit {
            true => Ok(file),
            false => Err(StoreError::TooLarge { limit }),
        }
    }

    /// A name that no other upload has.
    fn temporary(&self) -> PathBuf {
        let number = self.uploads.fetch_add(1, Ordering::Relaxed);
        self.objects.join(format!("upload-{number}"))
    }
}

/// An object that arrives. Dropped before [`finish`](Self::finish), it leaves what came of it for who goes on with it, if
/// nothing was wrong with that and it is worth it.
#[derive(Debug)]
pub struct Upload {
    id: ObjectId,
    /// Of the object, bytes.
    length: Option<u64>,
    /// Of the encoded stream, bytes.
    limit: u64,
    /// Bytes of the encoded stream.
    arrived: u64,
    /// What arrived, as it arrived.
    pub(super) file: File,
    path: PathBuf,
    /// None if another upload of the same stream came first: then this one leaves nothing.
    claim: Option<Claim>,
    decoding: Decoding,
    place: PathBuf,
    spoilt: bool,
    done: bool,
}

#[derive(Debug)]
enum Decoding {
    /// What arrives is the object.
    None(Box<blake3::Hasher>),
    Stream(Box<Stream>),
    Patch {
        reference: File,
        into: PathBuf,
        announced: u64,
        turn: Arc<Mutex<()>>,
    },
}

impl Upload {
    /// Takes in what is there up to `offset`, and forgets the rest.
    fn go_on(&mut self, offset: u64) -> Result<(), StoreError> {
        let read = |error| failed("read", &self.path, error);
        let there = self.file.metadata().map_err(read)?.len();
        if there < offset {
            // It may still be of use to somebody else.
            self.arrived = there;
            return Err(StoreError::NoPartial { offset, there });
        }
        self.file.set_len(offset).map_err(read)?;
        let mut piece = vec![0; PIECE.min(usize::try_from(offset).unwrap_or(PIECE))];
        while self.arrived < offset {
            let length = self
                .file
                .read(&mut piece)
                .map_err(|error| failed("read", &self.path, error))?;
            if length == 0 {
                let there = self.arrived;
                return Err(StoreError::NoPartial { offset, there });
            }
            self.arrived += length as u64;
            self.decode(&piece[..length])
                .inspect_err(|_| self.spoilt = true)?;
        }
        self.file
            .seek(SeekFrom::Start(offset))
            .map_err(|error| failed("read", &self.path, error))?;
        Ok(())
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// If there are too many, they cannot be decoded, or the disk is full.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let written = self.take(bytes);
        self.spoilt |= written.is_err();
        written
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let before = self.arrived;
        self.arrived += bytes.len() as u64;
        if self.arrived > self.limit {
            return Err(match self.length {
                None => StoreError::TooLarge { limit: self.limit },
                Some(announced) => StoreError::WrongLength {
                    announced,
                    found: self.arrived,
                },
            });
        }
        let needed = self.length.map(|all| all.saturating_sub(before));
        self.file
            .write_all(bytes)
            .map_err(|error| written(&self.path, needed, error))?;
        self.decode(bytes)
    }

    fn decode(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        match &mut self.decoding {
            Decoding::None(hasher) => drop(hasher.update(bytes)),
            Decoding::Stream(stream) => stream.write(bytes)?,
            Decoding::Patch { .. } => {}
        }
        Ok(())
    }

    /// Puts the object under its name if it is what it says.
    ///
    /// # Errors
    /// If it is another, or it cannot be renamed.
    pub fn finish(mut self) -> Result<(), StoreError> {
        // What was sent to its end is right, or of no use to anybody.
        self.spoilt = true;
        match std::mem::replace(&mut self.decoding, Decoding::None(Box::default())) {
            Decoding::None(hasher) => {
                decode::check(self.id, &hasher)?;
                fs::rename(&self.path, &self.place)
                    .map_err(|error| written(&self.place, None, error))?;
                self.done = true;
                Ok(())
            }
            Decoding::Stream(stream) => stream.finish()?.place(self.id, &self.place),
            Decoding::Patch {
                reference,
                into,
                announced,
                turn,
            } => {
                let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
                let mut sink = Sink::create(into, announced)?;
                decode::patch(&reference, &mut self.file, &self.path, &mut sink)?;
                sink.place(self.id, &self.place)
            }
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let keep = self.claim.is_some() && !self.spoilt && self.arrived >= WORTH;
        if !self.done && !keep {
            let _ = fs::remove_file(&self.path);
        }
    }
}
