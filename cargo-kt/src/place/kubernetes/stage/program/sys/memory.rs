use core::{
    ops::{Deref, DerefMut},
    slice,
};

use super::{Fd, Result, call, length, number};

/// Pages of memory, given back when they are dropped.
pub struct Map {
    start: *mut u8,
    length: usize,
}

impl Map {
    /// Zeroes. Only what is touched takes memory.
    pub fn zeroed(length: usize) -> Result<Self> {
        const READ_WRITE: usize = 3;
        const PRIVATE_ANONYMOUS: usize = 0x22;
        Self::map(length, READ_WRITE, PRIVATE_ANONYMOUS, usize::MAX)
    }

    /// A file's content, which must not shrink meanwhile.
    pub fn of(file: &Fd) -> Result<Self> {
        const READ_WRITE: usize = 3;
        const PRIVATE: usize = 2;
        Self::map(length(file)?, READ_WRITE, PRIVATE, file.number() as usize)
    }

    fn map(length: usize, protection: usize, flags: usize, fd: usize) -> Result<Self> {
        if length == 0 {
            let start = core::ptr::NonNull::dangling().as_ptr();
            return Ok(Self { start, length });
        }
        // SAFETY: the kernel chooses a place where nothing is.
        let start = unsafe { call(number::MMAP, [0, length, protection, flags, fd, 0]) }?;
        let start = start as *mut u8;
        Ok(Self { start, length })
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the pages are mapped, readable and ours alone until the drop.
        unsafe { slice::from_raw_parts(self.start, self.length) }
    }
}

impl DerefMut for Map {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and writable: a file's are our private copy.
        unsafe { slice::from_raw_parts_mut(self.start, self.length) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        if self.length > 0 {
            let range = [self.start as usize, self.length, 0, 0, 0, 0];
            // SAFETY: nobody has a reference to these pages any more.
            let _ = unsafe { call(number::MUNMAP, range) };
        }
    }
}
