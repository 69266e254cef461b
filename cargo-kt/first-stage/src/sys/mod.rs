//! System calls, the program's start and the memory functions of C: all unsafe code of the first
//! stage. Knows no protocol. Numbers and layouts are those of 64-bit Linux: `syscalls(2)` and the
//! manual page of each call.

#[cfg(target_arch = "aarch64")]
pub mod aarch64;
mod memory;
mod process;
mod socket;
pub mod start;
pub mod strings;
#[cfg(target_arch = "x86_64")]
pub mod x86_64;

use core::ffi::CStr;

#[cfg(target_arch = "aarch64")]
use aarch64 as machine;
#[cfg(target_arch = "x86_64")]
use x86_64 as machine;

use machine::{call, number};

pub use machine::NAME as ARCHITECTURE;
pub use memory::Map;
pub use process::{
    Arguments, Clock, Signals, effective_user, execute, exit, kernel_release, page_size,
};
pub use socket::{Wakeup, accept, listen, receive, send, set_inherited, wait};

/// An error's number: `errno(3)`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    pub const NOT_FOUND: Self = Self(2);
    pub const AGAIN: Self = Self(11);
    pub const INTERRUPTED: Self = Self(4);
    pub const INVALID: Self = Self(22);

    /// The message for the errors that these system calls usually return.
    pub fn message(self) -> &'static str {
        match self.0 {
            2 => "no such file or directory",
            8 => "not an executable for this machine",
            12 => "out of memory",
            13 => "permission denied",
            22 => "invalid argument",
            26 => "text file busy",
            28 => "no space left on device",
            30 => "read-only file system",
            98 => "address already in use",
            122 => "disk quota exceeded",
            _ => "system error",
        }
    }
}

pub type Result<T> = core::result::Result<T, Errno>;

/// An open file descriptor. Dropping it closes the file.
pub struct Fd(i32);

impl Fd {
    pub fn number(&self) -> i32 {
        self.0
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: closing accesses no memory, and this value alone owns the descriptor.
        let _ = unsafe { call(number::CLOSE, [self.0 as usize, 0, 0, 0, 0, 0]) };
    }
}

/// How a file is opened.
#[derive(Clone, Copy)]
pub enum Open {
    Read,
    /// Created or truncated, for writing. The owner may execute it.
    Create,
    /// Created if it does not exist, for reading and appending.
    Append,
}

/// `openat(2)`.
pub fn open(path: &CStr, how: Open) -> Result<Fd> {
    const CLOSE_ON_EXEC: usize = 0o2_000_000;
    let flags = CLOSE_ON_EXEC
        | match how {
            Open::Read => 0,
            Open::Create => 0o1 | 0o100 | 0o1000,
            Open::Append => 0o2 | 0o100 | 0o2000,
        };
    let arguments = [
        CURRENT_DIRECTORY,
        path.as_ptr() as usize,
        flags,
        0o700,
        0,
        0,
    ];
    // SAFETY: the path is a C string that outlives the call.
    unsafe { call(number::OPENAT, arguments) }.map(|fd| Fd(fd as i32))
}

/// `AT_FDCWD`.
const CURRENT_DIRECTORY: usize = -100_isize as usize;

/// `read(2)`, repeated after EINTR.
pub fn read(fd: &Fd, buffer: &mut [u8]) -> Result<usize> {
    let arguments = [
        fd.0 as usize,
        buffer.as_mut_ptr() as usize,
        buffer.len(),
        0,
        0,
        0,
    ];
    retry(|| {
        // SAFETY: the buffer is writable for its length.
        unsafe { call(number::READ, arguments) }
    })
}

/// Reads until the buffer is full or the file ends.
pub fn read_full(fd: &Fd, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read(fd, &mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// `write(2)` until all bytes are written.
pub fn write_all(fd: &Fd, bytes: &[u8]) -> Result<()> {
    write_to(fd.0, bytes)
}

/// Prints to stderr, which is the container's log. Ignores errors.
pub fn print_error(text: &[u8]) {
    let _ = write_to(2, text);
}

fn write_to(fd: i32, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        let arguments = [fd as usize, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0];
        let written = retry(|| {
            // SAFETY: the bytes are readable for their length.
            unsafe { call(number::WRITE, arguments) }
        })?;
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// Length of a file in bytes: `lseek(2)` to its end.
pub fn length(fd: &Fd) -> Result<usize> {
    let seek = |offset, whence| {
        // SAFETY: lseek accesses no memory.
        unsafe { call(number::LSEEK, [fd.0 as usize, offset, whence, 0, 0, 0]) }
    };
    let length = seek(0, 2)?;
    seek(0, 0)?;
    Ok(length)
}

/// `unlinkat(2)`.
pub fn remove(path: &CStr) -> Result<()> {
    // SAFETY: the path is a C string that outlives the call.
    unsafe {
        call(
            number::UNLINKAT,
            [CURRENT_DIRECTORY, path.as_ptr() as usize, 0, 0, 0, 0],
        )
    }
    .map(drop)
}

/// `mkdirat(2)` with access for the owner. Succeeds if the directory exists.
pub fn create_directory(path: &CStr) -> Result<()> {
    const EXISTS: Errno = Errno(17);
    let arguments = [CURRENT_DIRECTORY, path.as_ptr() as usize, 0o700, 0, 0, 0];
    // SAFETY: the path is a C string that outlives the call.
    match unsafe { call(number::MKDIRAT, arguments) } {
        Ok(_) | Err(EXISTS) => Ok(()),
        Err(error) => Err(error),
    }
}

/// `renameat(2)`: atomic, so other processes open either the old file or the new one.
pub fn rename(from: &CStr, to: &CStr) -> Result<()> {
    let arguments = [
        CURRENT_DIRECTORY,
        from.as_ptr() as usize,
        CURRENT_DIRECTORY,
        to.as_ptr() as usize,
        0,
        0,
    ];
    // SAFETY: both paths are C strings that outlive the call.
    unsafe { call(number::RENAMEAT, arguments) }.map(drop)
}

/// Whether a file exists: `faccessat(2)`.
pub fn exists(path: &CStr) -> bool {
    // SAFETY: the path is a C string that outlives the call.
    unsafe {
        call(
            number::FACCESSAT,
            [CURRENT_DIRECTORY, path.as_ptr() as usize, 0, 0, 0, 0],
        )
    }
    .is_ok()
}

/// Facts about a file system.
pub struct FileSystem {
    /// Bytes available to unprivileged users.
    pub free: u64,
    /// Whether it is mounted without `noexec`.
    pub executable: bool,
}

/// `statfs(2)`. Its structure has 15 words on 64-bit machines.
pub fn file_system(path: &CStr) -> Result<FileSystem> {
    const ST_NOEXEC: u64 = 8;
    let mut words = [0_u64; 15];
    let arguments = [
        path.as_ptr() as usize,
        words.as_mut_ptr() as usize,
        0,
        0,
        0,
        0,
    ];
    // SAFETY: the path is a C string, and `words` has the structure's size.
    unsafe { call(number::STATFS, arguments) }?;
    Ok(FileSystem {
        free: words[1].saturating_mul(words[4]),
        executable: words[10] & ST_NOEXEC == 0,
    })
}

fn retry(work: impl Fn() -> Result<usize>) -> Result<usize> {
    loop {
        match work() {
            Err(Errno::INTERRUPTED) => {}
            done => return done,
        }
    }
}
