//! Sends bytes and descriptors over a Unix socket: `sendmsg(2)`, `recvmsg(2)`, `unix(7)`.

use std::{
    collections::VecDeque,
    io,
    mem::{self, MaybeUninit},
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    ptr,
};

use bytes::BytesMut;

/// Buffer for the control data of four descriptors, aligned as `cmsghdr` requires.
#[repr(align(8))]
struct Control([MaybeUninit<u8>; 64]);

/// Sends bytes, and a descriptor with the first of them. Returns how many bytes were sent.
///
/// # Errors
/// As `sendmsg(2)`; a closed peer is `EPIPE`, never a signal.
pub fn send(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptor: Option<BorrowedFd<'_>>,
) -> io::Result<usize> {
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let mut control = Control([MaybeUninit::uninit(); 64]);
    // SAFETY: msghdr is plain data for which all zeroes is valid.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    if let Some(descriptor) = descriptor {
        let size = mem::size_of::<RawFd>() as u32;
        message.msg_control = control.0.as_mut_ptr().cast();
        // SAFETY: CMSG_SPACE, CMSG_FIRSTHDR, CMSG_LEN and CMSG_DATA only compute; `control` is
        // aligned and larger than the one header with one descriptor that is written to it.
        unsafe {
            message.msg_controllen = libc::CMSG_SPACE(size) as _;
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(size) as _;
            ptr::write_unaligned(libc::CMSG_DATA(header).cast(), descriptor.as_raw_fd());
        }
    }
    // SAFETY: `message` points at `part`, `bytes` and `control`, all of which outlive the call.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Appends received bytes to `buffer` and descriptors (close-on-exec) to `descriptors`. A
/// descriptor is `None` if this process has no free descriptor number. Returns 0 at the end of the
/// stream.
///
/// # Errors
/// As `recvmsg(2)`.
pub fn receive(
    socket: BorrowedFd<'_>,
    buffer: &mut BytesMut,
    descriptors: &mut VecDeque<Option<OwnedFd>>,
) -> io::Result<usize> {
    buffer.reserve(16 << 10);
    let spare = buffer.spare_capacity_mut();
    let mut part = libc::iovec {
        iov_base: spare.as_mut_ptr().cast(),
        iov_len: spare.len(),
    };
    let mut control = Control([MaybeUninit::uninit(); 64]);
    // SAFETY: msghdr is plain data for which all zeroes is valid.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = control.0.len() as _;
    // SAFETY: `message` points at `part`, whose memory is `buffer`'s spare capacity, and at
    // `control`.
    let read =
        unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
    let read = usize::try_from(read).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: recvmsg wrote `read` bytes at the start of the spare capacity.
    unsafe { buffer.set_len(buffer.len() + read) };

    // SAFETY: the kernel filled `control` with well-formed headers within msg_controllen; each
    // descriptor in an SCM_RIGHTS header is new and has no other owner.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                let length = (*header).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                for index in 0..length / mem::size_of::<RawFd>() {
                    let descriptor =
                        ptr::read_unaligned(libc::CMSG_DATA(header).cast::<RawFd>().add(index));
                    descriptors.push_back(Some(OwnedFd::from_raw_fd(descriptor)));
                }
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
    }
    if message.msg_flags & libc::MSG_CTRUNC != 0 {
        // Messages with a descriptor are received one at a time (`unix(7)`), and each has exactly
        // one: it was dropped.
        descriptors.push_back(None);
    }
    Ok(read)
}

/// Enough descriptors for any number of connections, and few enough for programs that close every
/// possible descriptor before an exec.
const MAX_DESCRIPTORS: libc::rlim_t = 1 << 16;

/// Raises the soft limit of open descriptors up to the hard limit, for this process and its
/// children. On failure the limit stays unchanged.
pub fn raise_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: getrlimit writes to `limit` alone.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == -1 {
        return;
    }
    let wanted = limit.rlim_max.min(MAX_DESCRIPTORS);
    if limit.rlim_cur < wanted {
        limit.rlim_cur = wanted;
        // SAFETY: setrlimit reads `limit` alone.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
}

/// Shuts a connection down in both directions, for all copies of the descriptor. Bytes already sent
/// still arrive.
#[cfg(feature = "host")]
pub fn shutdown(socket: BorrowedFd<'_>) {
    // SAFETY: shutdown touches no memory. It fails if the other end is closed, which is equivalent.
    unsafe { libc::shutdown(socket.as_raw_fd(), libc::SHUT_RDWR) };
}

/// Whether the other end of a socket is closed now: `poll(2)`.
#[cfg(feature = "host")]
pub fn hung_up(socket: BorrowedFd<'_>) -> bool {
    let mut poll = libc::pollfd {
        fd: socket.as_raw_fd(),
        events: 0,
        revents: 0,
    };
    // SAFETY: poll writes to the one pollfd that it is given, and does not wait.
    let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
    ready == 1 && poll.revents & libc::POLLHUP != 0
}

/// Limits the unsent bytes that a TCP socket buffers: TCP_NOTSENT_LOWAT, tcp(7).
///
/// # Errors
/// As `setsockopt(2)`.
#[cfg(feature = "host")]
pub fn limit_unsent(socket: BorrowedFd<'_>, bytes: u32) -> io::Result<()> {
    // SAFETY: the option takes an `int`, which outlives the call.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_NOTSENT_LOWAT,
            (&raw const bytes).cast(),
            mem::size_of_val(&bytes) as libc::socklen_t,
        )
    };
    match done {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Takes ownership of an inherited descriptor, and sets it to close-on-exec.
///
/// # Errors
/// If there is no descriptor with this number.
///
/// # Safety
/// The descriptor must have no other owner in this process.
#[cfg(feature = "host")]
pub unsafe fn inherit(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_SETFD touches no memory.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and the caller vouches that it has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// A copy of a descriptor (close-on-exec) whose number is at least `lowest`.
///
/// # Errors
/// As `fcntl(2)`.
#[cfg(feature = "host")]
pub fn duplicate_from(descriptor: BorrowedFd<'_>, lowest: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_DUPFD_CLOEXEC touches no memory of this process.
    let copy = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, lowest) };
    if copy == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}
