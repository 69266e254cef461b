//! System calls, and the only unsafe code of the first stage. Knows no protocol. Numbers and layouts are those of Linux on
//! 64-bit machines: `syscalls(2)` and the manual page of each call.

mod library;
#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
mod machine;
mod memory;
mod process;
mod socket;

use core::ffi::CStr;

use machine::{call, number};

pub use machine::NAME as ARCHITECTURE;
pub use memory::Map;
pub use process::{Arguments, Clock, Signals, effective_user, execute, kernel_release, page_size};
pub use socket::{Woken, accept, keep_open, listen, receive, send, wait};

/// An error's number: `errno(3)`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    pub const NOT_FOUND: Self = Self(2);
    pub const AGAIN: Self = Self(11);
    pub const INTERRUPTED: Self = Self(4);
    pub const INVALID: Self = Self(22);

    /// What the number means, for those that can be expected here.
    pub fn words(self) -> &'static str {
        match self.0 {
            2 => "no such file or directory",
            8 => "it is no executable for this machine",
            12 => "out of memory",
            13 => "permission denied",
            22 => "invalid argument",
            26 => "it is being written to",
            28 => "no space left on the device",
            30 => "the file system is read-only",
            98 => "the address is in use",
            122 => "the disk quota is exceeded",
            _ => "system error",
        }
    }
}

pub type Result<T> = core::result::Result<T, Errno>;

/// An open descriptor, closed when it is dropped.
pub struct Fd(i32);

impl Fd {
    pub fn number(&self) -> i32 {
        self.0
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: closing takes no memory, and nobody else has this number.
        let _ = unsafe { call(number::CLOSE, [self.0 as usize, 0, 0, 0, 0, 0]) };
    }
}

/// What a file is opened for.
#[derive(Clone, Copy)]
pub enum Open {
    Read,
    /// Made or emptied; for its owner to execute too.
    Create,
    /// Made if it is not there; writes go to its end, and it can be read.
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
    let arguments = [HERE, path.as_ptr() as usize, flags, 0o700, 0, 0];
    // SAFETY: the path is a C string that outlives the call.
    unsafe { call(number::OPENAT, arguments) }.map(|fd| Fd(fd as i32))
}

/// `AT_FDCWD`: paths are as they are.
const HERE: usize = -100_isize as usize;

/// `read(2)`, again where a signal interrupts it.
pub fn read(fd: &Fd, buffer: &mut [u8]) -> Result<usize> {
    let arguments = [
        fd.0 as usize,
        buffer.as_mut_ptr() as usize,
        buffer.len(),
        0,
        0,
        0,
    ];
    again(|| {
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

/// `write(2)` until all is written.
pub fn write_all(fd: &Fd, bytes: &[u8]) -> Result<()> {
    write_to(fd.0, bytes)
}

/// Says something in the container's log. Who cannot be told is not told.
pub fn complain(text: &[u8]) {
    let _ = write_to(2, text);
}

fn write_to(fd: i32, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        let arguments = [fd as usize, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0];
        let written = again(|| {
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
        // SAFETY: lseek takes no memory.
        unsafe { call(number::LSEEK, [fd.0 as usize, offset, whence, 0, 0, 0]) }
    };
    let length = seek(0, 2)?;
    seek(0, 0)?;
    Ok(length)
}

/// `unlinkat(2)`.
pub fn remove(path: &CStr) -> Result<()> {
    // SAFETY: the path is a C string that outlives the call.
    unsafe { call(number::UNLINKAT, [HERE, path.as_ptr() as usize, 0, 0, 0, 0]) }.map(drop)
}

/// `mkdirat(2)`, for its owner alone. One that is there already is as good.
pub fn make_directory(path: &CStr) -> Result<()> {
    const EXISTS: Errno = Errno(17);
    let arguments = [HERE, path.as_ptr() as usize, 0o700, 0, 0, 0];
    // SAFETY: the path is a C string that outlives the call.
    match unsafe { call(number::MKDIRAT, arguments) } {
        Ok(_) | Err(EXISTS) => Ok(()),
        Err(error) => Err(error),
    }
}

/// `renameat(2)`: whoever looks sees the old file or the new one, whole.
pub fn rename(from: &CStr, to: &CStr) -> Result<()> {
    let arguments = [
        HERE,
        from.as_ptr() as usize,
        HERE,
        to.as_ptr() as usize,
        0,
        0,
    ];
    // SAFETY: both paths are C strings that outlive the call.
    unsafe { call(number::RENAMEAT, arguments) }.map(drop)
}

/// Whether there is a file: `faccessat(2)`.
pub fn exists(path: &CStr) -> bool {
    // SAFETY: the path is a C string that outlives the call.
    unsafe {
        call(
            number::FACCESSAT,
            [HERE, path.as_ptr() as usize, 0, 0, 0, 0],
        )
    }
    .is_ok()
}

/// What is known of a file system.
pub struct FileSystem {
    /// Bytes that a user may still write.
    pub free: u64,
    /// Whether files in it may be executed.
    pub executable: bool,
}

/// `statfs(2)`, whose structure has 15 words on 64-bit machines.
pub fn file_system(path: &CStr) -> Result<FileSystem> {
    const NO_EXECUTION: u64 = 8;
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
        executable: words[10] & NO_EXECUTION == 0,
    })
}

fn again(work: impl Fn() -> Result<usize>) -> Result<usize> {
    loop {
        match work() {
            Err(Errno::INTERRUPTED) => {}
            done => return done,
        }
    }
}
