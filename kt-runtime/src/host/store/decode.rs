//! Decodes a stream to the object's bytes, in bounded memory and never more bytes than announced.

use std::{
    fs::{self, File},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use zstd::{
    stream::raw::{self, DParameter, InBuffer, Operation, OutBuffer},
    zstd_safe,
};

use super::{
    StoreError,
    error::{failed, written},
};
use crate::{
    delta,
    wire::{ObjectId, limits},
};

/// Bytes to decode at once.
const PIECE: usize = 128 << 10;

/// The file that an object is written to. If it is dropped before [`place`](Self::place), the file
/// is removed.
#[derive(Debug)]
pub(super) struct Sink {
    pub file: File,
    path: PathBuf,
    announced: u64,
    length: u64,
    hasher: blake3::Hasher,
    placed: bool,
}

impl Sink {
    pub fn create(path: PathBuf, announced: u64) -> Result<Self, StoreError> {
        let file = open(&path, true).map_err(|error| written(&path, Some(announced), error))?;
        Ok(Self {
            file,
            path,
            announced,
            length: 0,
            hasher: blake3::Hasher::new(),
            placed: false,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let before = self.length;
        self.length += bytes.len() as u64;
        if self.length > self.announced {
            return Err(StoreError::WrongLength {
                announced: self.announced,
                found: self.length,
            });
        }
        self.hasher.update(bytes);
        let needed = self.announced - before;
        self.file
            .write_all(bytes)
            .map_err(|error| written(&self.path, Some(needed), error))
    }

    /// Moves the object to its final name if its hash is correct.
    pub fn place(mut self, id: ObjectId, place: &Path) -> Result<(), StoreError> {
        if self.length != self.announced {
            return Err(StoreError::WrongLength {
                announced: self.announced,
                found: self.length,
            });
        }
        check(id, &self.hasher)?;
        fs::rename(&self.path, place).map_err(|error| written(place, None, error))?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if !self.placed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Opens a file for an object or a partial upload.
pub(super) fn open(path: &Path, truncate: bool) -> std::io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(truncate)
        // Executable: objects include the launcher, and a hard link shares its file's mode.
        .mode(0o700)
        .open(path)
}

/// Compares the hash with the expected one.
pub(super) fn check(expected: ObjectId, hasher: &blake3::Hasher) -> Result<(), StoreError> {
    let found = ObjectId(*hasher.finalize().as_bytes());
    match found == expected {
        true => Ok(()),
        false => Err(StoreError::WrongHash { expected, found }),
    }
}

/// Decodes a zstd stream incrementally.
pub(super) struct Stream {
    decoder: raw::Decoder<'static>,
    buffer: Box<[u8]>,
    /// Whether the input so far ends at the end of a frame.
    ended: bool,
    pub sink: Sink,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("sink", &self.sink).finish()
    }
}

impl Stream {
    pub fn new(sink: Sink) -> Result<Self, StoreError> {
        let mut decoder = raw::Decoder::new().map_err(undecodable)?;
        decoder
            .set_parameter(DParameter::WindowLogMax(limits::WINDOW_LOG))
            .map_err(undecodable)?;
        Ok(Self {
            decoder,
            buffer: vec![0; PIECE].into(),
            ended: false,
            sink,
        })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let mut input = InBuffer::around(bytes);
        while !bytes.is_empty() {
            let mut output = OutBuffer::around(&mut self.buffer[..]);
            let left = self.decoder.run(&mut input, &mut output);
            let decoded = output.pos();
            self.ended = left.map_err(undecodable)? == 0;
            self.sink.write(&self.buffer[..decoded])?;
            let taken = input.pos() == bytes.len();
            // A full buffer means that the decoder may hold more output, except at the end of a
            // frame.
            if taken && (self.ended || decoded < self.buffer.len()) {
                break;
            }
        }
        Ok(())
    }

    pub fn finish(self) -> Result<Sink, StoreError> {
        match self.ended {
            true => Ok(self.sink),
            false => Err(StoreError::Undecodable("unexpected end of data".to_owned())),
        }
    }
}

/// Decodes a patch in one step: it needs the whole reference object anyway.
///
/// # Errors
/// If it is not a patch, or not of this reference.
pub(super) fn patch(
    mut reference: &File,
    encoded: &mut File,
    path: &Path,
    sink: &mut Sink,
) -> Result<(), StoreError> {
    let read = |file: &mut dyn Read| {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map(|_| bytes)
            .map_err(|error| failed("read", path, error))
    };
    let mut former = read(&mut reference)?;
    delta::settle(&mut former);
    encoded
        .rewind()
        .map_err(|error| failed("read", path, error))?;
    let encoded = read(encoded)?;
    let length = usize::try_from(sink.announced).unwrap_or(usize::MAX);
    let mut object = Vec::new();
    object
        .try_reserve_exact(length)
        .map_err(|error| StoreError::Undecodable(error.to_string()))?;
    let mut context = zstd_safe::DCtx::create();
    let decoded = context
        .ref_prefix(&former)
        .and_then(|_| context.decompress(&mut object, &encoded));
    decoded.map_err(|code| {
        StoreError::Undecodable(zstd_safe::get_error_name(code).to_ascii_lowercase())
    })?;
    delta::unsettle(&mut object);
    sink.write(&object)
}

fn undecodable(error: std::io::Error) -> StoreError {
    StoreError::Undecodable(error.to_string().to_ascii_lowercase())
}

/// Handles data of up to a megabyte like an upload: as a stream, then as a patch of a small object.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(data: &[u8]) {
    const LENGTH: u64 = 1 << 20;
    let path =
        |name: &str| std::env::temp_dir().join(format!("kt-fuzz-{}-{name}", std::process::id()));
    if let Ok(mut stream) = Sink::create(path("stream"), LENGTH).and_then(Stream::new) {
        let written = data.chunks(1000).try_for_each(|piece| stream.write(piece));
        let _ = written.and_then(|()| stream.finish());
    }
    let files = [(path("reference"), &REFERENCE[..]), (path("encoded"), data)];
    let opened = files.map(|(path, bytes)| {
        let file = open(&path, true).and_then(|mut file| {
            file.write_all(bytes)?;
            file.rewind().map(|()| file)
        });
        let _ = fs::remove_file(&path);
        file
    });
    if let [Ok(reference), Ok(mut encoded)] = opened
        && let Ok(mut sink) = Sink::create(path("object"), LENGTH)
    {
        let _ = patch(&reference, &mut encoded, &path("object"), &mut sink);
    }
}

#[cfg(any(test, fuzzing))]
const REFERENCE: [u8; 2000] = *include_bytes!("decode.rs").first_chunk().unwrap();

#[cfg(test)]
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let object = [&REFERENCE[300..], b"more", &REFERENCE[..200]].concat();
    let whole = zstd::bulk::compress(&object, 3).unwrap();
    let mut patch = Vec::with_capacity(4000);
    let mut context = zstd_safe::CCtx::create();
    context
        .ref_prefix(&REFERENCE)
        .and_then(|_| context.compress2(&mut patch, &object))
        .unwrap();
    vec![whole, patch]
}
