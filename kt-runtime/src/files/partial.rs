//! A file that arrives: under another name beside its place, until all of it is there and verified.

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

/// Smaller files take so little that nobody asks for their room first.
const ASKED: u64 = 64 << 10;

/// A file on its way. Dropped before it is [finished](Self::finish), what arrived stays, for the next copy.
#[derive(Debug)]
pub struct Partial {
    folder: OwnedFd,
    name: OsString,
    file: File,
    finished: bool,
}

impl Partial {
    /// Opens what an earlier copy left, or makes it. It is locked for as long as this is there.
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
                // A file system without locks: two copies at once are told by the hashes.
                Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS) => {}
                Err(error) => return Err(failed(error)),
            }
            let ours = fstat(&file).map_err(failed)?;
            if !folder::is(&ours, FileType::RegularFile) {
                return Err(Why::BadPath);
            }
            // Another copy may have moved it to its place before it was locked.
            let there = folder::look(parent, &partial)?;
            if there.is_some_and(|it| (it.st_dev, it.st_ino) == (ours.st_dev, ours.st_ino)) {
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

    /// Takes the room for a file of this size, before a byte of it is sent.
    pub fn reserve(&self, size: u64) -> io::Result<()> {
        if size < ASKED {
            return Ok(());
        }
        match fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, size) {
            // Not every file system can; writing tells then.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
            done => Ok(done?),
        }
    }

    /// Forgets what lies behind this offset.
    pub fn keep(&self, length: u64) -> io::Result<()> {
        Ok(ftruncate(&self.file, length)?)
    }

    pub fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, at)
    }

    /// Puts the file in its place, in one step.
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
            Err(error) => Err(system("put it in its place", &error.into())),
        }
    }

    /// Removes what arrived.
    pub fn discard(mut self) {
        self.remove();
    }

    fn remove(&mut self) {
        self.finished = true;
        // What cannot be removed is checked by the next copy.
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

/// Gives a file its permissions and the time of its last change.
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

/// What a file is called until it is complete: any name fits.
pub fn name_of(name: &OsStr) -> OsString {
    let hash = blake3::hash(name.as_bytes()).to_hex();
    format!(".kt-{}.partial", &hash[..24]).into()
}

/// Hashes the first bytes of a file. `None` if it has fewer. `read` is told of each piece.
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
