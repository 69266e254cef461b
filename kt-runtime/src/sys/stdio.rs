//! C's standard output, and the pipes that carry this process's output.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

unsafe extern "C" {
    /// glibc's `stdout`, a `FILE *`.
    static mut stdout: *mut libc::FILE;
}

/// Makes C code's `printf` flush whole lines, as on a terminal: on a pipe it would buffer 4 KiB.
pub fn buffer_lines() {
    // SAFETY: glibc sets `stdout` before main; setvbuf with no buffer only changes the mode.
    unsafe { libc::setvbuf(stdout, std::ptr::null_mut(), libc::_IOLBF, 0) };
}

/// Flushes what C code printed without a trailing newline.
pub fn flush() {
    // SAFETY: as above; fflush locks the stream itself.
    unsafe { libc::fflush(stdout) };
}

/// Copies bytes from the front of a pipe into another, empty pipe without consuming them: tee(2).
/// Otherwise like [`read_available`].
pub fn copy_available(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    most: usize,
) -> io::Result<Option<usize>> {
    let (from, to) = (from.as_raw_fd(), to.as_raw_fd());
    // SAFETY: no memory is involved, and both descriptors stay open for the borrows.
    let copied = unsafe { libc::tee(from, to, most, libc::SPLICE_F_NONBLOCK) };
    match usize::try_from(copied) {
        Ok(copied) => Ok(Some(copied)),
        Err(_) => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            error => Err(error),
        },
    }
}

/// Reads available bytes without waiting. `Ok(None)`: nothing is available now. `Ok(Some(0))`: all
/// writers have closed.
pub fn read_available(descriptor: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    // SAFETY: the buffer is writable for its length.
    let read = unsafe {
        libc::read(
            descriptor.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
        )
    };
    match usize::try_from(read) {
        Ok(read) => Ok(Some(read)),
        Err(_) => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            error => Err(error),
        },
    }
}

/// Sets `O_NONBLOCK` on the open file description.
pub fn set_nonblocking(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let descriptor = descriptor.as_raw_fd();
    // SAFETY: fcntl on a descriptor that stays open for the borrow.
    let done = unsafe {
        let flags = libc::fcntl(descriptor, libc::F_GETFL);
        libc::fcntl(descriptor, libc::F_SETFL, flags | libc::O_NONBLOCK)
    };
    if done == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Sets close-on-exec: child processes do not inherit the descriptor.
pub fn set_close_on_exec(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: fcntl on a descriptor that stays open for the borrow.
    let done = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
    if done == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Capacity of a pipe in bytes. `usize::MAX` if the kernel does not report it.
pub fn pipe_capacity(pipe: BorrowedFd<'_>) -> usize {
    // SAFETY: fcntl on a descriptor that stays open for the borrow.
    let capacity = unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_GETPIPE_SZ) };
    usize::try_from(capacity).unwrap_or(usize::MAX)
}

/// Number of bytes in a pipe now. 0 if the kernel does not report it.
pub fn waiting(pipe: BorrowedFd<'_>) -> usize {
    let mut bytes: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int: ioctl_pipe(2).
    let asked = unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut bytes) };
    if asked == -1 {
        0
    } else {
        usize::try_from(bytes).unwrap_or(0)
    }
}

/// Waits until one of the descriptors is readable or has no writer left, or a signal arrives.
pub fn wait_readable(descriptors: [Option<BorrowedFd<'_>>; 2]) -> io::Result<()> {
    match poll(descriptors, -1) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}

/// Which of the descriptors are readable or have no writer left.
pub fn readable(descriptors: [BorrowedFd<'_>; 2]) -> io::Result<[bool; 2]> {
    poll(descriptors.map(Some), 0)
}

/// poll(2) for reading, with a timeout in milliseconds.
fn poll(descriptors: [Option<BorrowedFd<'_>>; 2], timeout: i32) -> io::Result<[bool; 2]> {
    // poll(2) ignores negative descriptors.
    let mut polled = descriptors.map(|fd| libc::pollfd {
        fd: fd.map_or(-1, |fd| fd.as_raw_fd()),
        events: libc::POLLIN,
        revents: 0,
    });
    // SAFETY: `polled` is an array of that length.
    let done = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, timeout) };
    if done == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(polled.map(|polled| polled.revents != 0))
    }
}
