//! A file being received: stored under a temporary name next to its target, until it is complete
//! and verified.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::FileExt},
    },
};

use blake3::Hasher;
use rustix::{
    fs::{
        AtFlags, FallocateFlags, FileType, FlockOperation, Mode, OFlags, Timespec, Timestamps,
        fallocate, fchmod, flock, fstat, ftruncate, futimens, openat, renameat, unlinkat,
    },
    io::Errno,
};

use super::{folder, system};
use crate::wire::files::{PIECE, Time, Why};

/// Smaller files need so little space that it is not reserved in advance.
const RESERVED: u64 = 64 << 10;

/// A file being received. If it is dropped before it is [finished](Self::finish), the received
/// bytes stay, for the next copy.
#[derive(Debug)]
pub struct Partial {
    folder: OwnedFd,
    name: OsString,
    file: File,
    finished: bool,
}

impl Partial {
    /// Opens what an earlier copy left, or creates it. It stays locked while this exists.
    pub fn open(parent: &OwnedFd, name: &OsStr) -> Result<Self, Why> {
        let failed = |error: Errno| system("write to its folder", &error.into());
        let partial = name_of(name);
        loop {
            let flags = OFlags::RDWR
                | OFlags::CREATE
                | OFlags::NOFOLLOW
                | OFlags::NONBLOCK
                | OFlags::CLOEXEC;
            let file = openat(parent, &partial, flags, Mode::RUSR | Mode::WUSR).map_err(failed)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Err(Why::Busy),
                // On a file system without locks, the hashes detect concurrent copies.
                Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS) => {}
                Err(error) => return Err(failed(error)),
            }
            let ours = fstat(&file).map_err(failed)?;
            if !folder::is(&ours, FileType::RegularFile) {
                return Err(Why::BadPath);
            }
            // Another copy may have moved it to its target before it was locked.
            let current = folder::look(parent, &partial)?;
            if current.is_some_and(|it| (it.st_dev, it.st_ino) == (ours.st_dev, ours.st_ino)) {
                let folder = parent.try_clone();
                return Ok(Self {
                    folder: folder.map_err(|error| system("open its folder", &error))?,
                    name: partial,
                    file: file.into(),
                    finished: false,
                });
            }
        }
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    pub fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Reserves the space for a file of this size, before any byte is sent.
    pub fn reserve(&self, size: u64) -> io::Result<()> {
        if size < RESERVED {
            return Ok(());
        }
        match fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, size) {
            // Not every file system supports it; then writing fails instead.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
            done => Ok(done?),
        }
    }

    /// Truncates the file to this length.
    pub fn keep(&self, length: u64) -> io::Result<()> {
        Ok(ftruncate(&self.file, length)?)
    }

    pub fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, at)
    }

    /// Moves the file to its target, atomically.
    pub fn finish(mut self, name: &OsStr, size: u64, mode: u32, modified: Time) -> Result<(), Why> {
        let done = ftruncate(&self.file, size).and_then(|()| settle(&self.file, mode, modified));
        done.map_err(|error| system("write it", &error.into()))?;
        match renameat(&self.folder, &self.name, &self.folder, name) {
            Ok(()) => {
                self.finished = true;
                Ok(())
            }
            Err(Errno::ISDIR | Errno::EXIST | Errno::NOTEMPTY) => {
                self.discard();
                Err(Why::IsAFolder)
            }
            Err(error) => Err(system("move it to its final name", &error.into())),
        }
    }

    /// Removes the received bytes.
    pub fn discard(mut self) {
        self.remove();
    }

    fn remove(&mut self) {
        self.finished = true;
        // If it cannot be removed, the next copy verifies it.
        let _ = unlinkat(&self.folder, &self.name, AtFlags::empty());
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.finished && self.length().is_ok_and(|length| length == 0) {
            self.remove();
        }
    }
}

/// Sets a file's permissions and modification time.
pub fn settle(file: impl AsFd, mode: u32, modified: Time) -> rustix::io::Result<()> {
    fchmod(&file, Mode::from_raw_mode(mode & 0o777))?;
    futimens(&file, &times(modified))
}

pub fn times(modified: Time) -> Timestamps {
    let omitted = Timespec {
        tv_sec: 0,
        tv_nsec: rustix::fs::UTIME_OMIT,
    };
    Timestamps {
        last_access: omitted,
        last_modification: Timespec {
            tv_sec: modified.seconds,
            tv_nsec: modified.nanoseconds.into(),
        },
    }
}

/// The temporary name of a file. Its length is fixed, so any name fits.
pub fn name_of(name: &OsStr) -> OsString {
    let hash = blake3::hash(name.as_bytes()).to_hex();
    format!(".kt-{}.partial", &hash[..24]).into()
}

/// Hashes the first bytes of a file. `None` if it has fewer. Calls `read` for each piece.
pub fn hash(file: &File, length: u64, mut read: impl FnMut(u64)) -> io::Result<Option<Hasher>> {
    let (mut hasher, mut at) = (Hasher::new(), 0);
    let mut buffer = vec![0; PIECE];
    while at < length {
        let wanted = (length - at).min(PIECE as u64) as usize;
        match file.read_at(&mut buffer[..wanted], at) {
            Ok(0) => return Ok(None),
            Ok(got) => {
                hasher.update(&buffer[..got]);
                at += got as u64;
                read(got as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(hasher))
}

/// Hashes a hole.
pub fn hash_zeros(hasher: &mut Hasher, mut length: u64) {
    static ZEROS: [u8; PIECE] = [0; PIECE];
    while length > 0 {
        let piece = length.min(PIECE as u64);
        hasher.update(&ZEROS[..piece as usize]);
        length -= piece;
    }
}
