//! One upload, from its first byte or resumed.

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

/// Bytes to read at once from a partial upload.
const PIECE: usize = 256 << 10;

impl Store {
    /// Starts or resumes an upload.
    ///
    /// # Errors
    /// If it is too large, its reference or partial upload is missing, or no file can be created.
    pub fn upload(&self, id: ObjectId, head: &Head) -> Result<Upload, StoreError> {
        let limit = match head.encoding {
            Encoding::Patch { .. } => limits::PATCHED,
            _ => limits::OBJECT,
        };
        if head.length.is_some_and(|length| length > limit) {
            return Err(StoreError::TooLarge { limit });
        }
        self.wanted().insert(id, Instant::now());
        // Also without an announced length: a patch is decoded in memory.
        let announced = head.length.unwrap_or(limit);
        let decoding = match &head.encoding {
            Encoding::Identity => Decoding::None(Box::default()),
            Encoding::Zstd { .. } => {
                let sink = Sink::create(self.temporary(), announced)?;
                Decoding::Stream(Box::new(Stream::new(sink)?))
            }
            Encoding::Patch { reference, .. } => Decoding::Patch {
                // Once opened, it stays readable even if it is removed.
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
            // A compressed stream is hardly longer than its object: incompressible blocks are
            // stored uncompressed.
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
            invalid: false,
            done: false,
        };
        upload.resume(head.offset)?;
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

    /// A unique file name.
    fn temporary(&self) -> PathBuf {
        let number = self.uploads.fetch_add(1, Ordering::Relaxed);
        self.objects.join(format!("upload-{number}"))
    }
}

/// An upload in progress. If it is dropped before [`finish`](Self::finish), the received bytes are
/// kept for resuming, unless they are invalid or too few.
#[derive(Debug)]
pub struct Upload {
    id: ObjectId,
    /// Length of the object, in bytes.
    length: Option<u64>,
    /// Length limit of the encoded stream, in bytes.
    limit: u64,
    /// Received bytes of the encoded stream.
    arrived: u64,
    /// The encoded stream.
    pub(super) file: File,
    path: PathBuf,
    /// `None` if another upload of the same stream came first: then nothing is kept.
    claim: Option<Claim>,
    decoding: Decoding,
    place: PathBuf,
    invalid: bool,
    done: bool,
}

#[derive(Debug)]
enum Decoding {
    /// The stream is the object.
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
    /// Decodes the received bytes up to `offset`, and truncates the rest.
    fn resume(&mut self, offset: u64) -> Result<(), StoreError> {
        let read = |error| failed("read", &self.path, error);
        let there = self.file.metadata().map_err(read)?.len();
        if there < offset {
            // Another client may still resume it.
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
                .inspect_err(|_| self.invalid = true)?;
        }
        self.file
            .seek(SeekFrom::Start(offset))
            .map_err(|error| failed("read", &self.path, error))?;
        Ok(())
    }

    /// Adds the next bytes.
    ///
    /// # Errors
    /// If there are too many, they cannot be decoded, or the disk is full.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let written = self.take(bytes);
        self.invalid |= written.is_err();
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

    /// Moves the object to its final name if its hash is correct.
    ///
    /// # Errors
    /// If the hash differs, or renaming fails.
    pub fn finish(mut self) -> Result<(), StoreError> {
        // A complete stream is either valid, or not worth keeping.
        self.invalid = true;
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
        let keep = self.claim.is_some() && !self.invalid && self.arrived >= WORTH;
        if !self.done && !keep {
            let _ = fs::remove_file(&self.path);
        }
    }
}
