use core::{
    ops::{Deref, DerefMut},
    slice,
};

use super::{Fd, Result, call, length, number};

/// Mapped pages. Dropping them unmaps them.
pub struct Map {
    start: *mut u8,
    length: usize,
}

impl Map {
    /// Zeroed memory. Only written pages occupy memory.
    pub fn zeroed(length: usize) -> Result<Self> {
        const READ_WRITE: usize = 3;
        const PRIVATE_ANONYMOUS: usize = 0x22;
        Self::new(length, READ_WRITE, PRIVATE_ANONYMOUS, usize::MAX)
    }

    /// A file's content. The file must not shrink while it is mapped.
    pub fn of(file: &Fd) -> Result<Self> {
        const READ_WRITE: usize = 3;
        const PRIVATE: usize = 2;
        Self::new(length(file)?, READ_WRITE, PRIVATE, file.number() as usize)
    }

    fn new(length: usize, protection: usize, flags: usize, fd: usize) -> Result<Self> {
        if length == 0 {
            let start = core::ptr::NonNull::dangling().as_ptr();
            return Ok(Self { start, length });
        }
        // SAFETY: the kernel chooses unused addresses.
        let start = unsafe { call(number::MMAP, [0, length, protection, flags, fd, 0]) }?;
        let start = start as *mut u8;
        Ok(Self { start, length })
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the pages are mapped and readable until the drop, and this value owns them.
        unsafe { slice::from_raw_parts(self.start, self.length) }
    }
}

impl DerefMut for Map {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and writable: the mapping of a file is a private copy.
        unsafe { slice::from_raw_parts_mut(self.start, self.length) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        if self.length > 0 {
            let range = [self.start as usize, self.length, 0, 0, 0, 0];
            // SAFETY: all references to these pages borrow from `self`.
            let _ = unsafe { call(number::MUNMAP, range) };
        }
    }
}
