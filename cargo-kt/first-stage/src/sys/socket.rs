//! TCP sockets and `ppoll`.

use super::{Errno, Fd, Result, Signals, call, number, retry};

const STREAM: usize = 1;
const INTERNET: usize = 2;

/// Listens on the loopback: `ip(7)`. An executed program inherits the descriptor.
pub fn listen(port: u16) -> Result<Fd> {
    // SAFETY: it accesses no memory.
    let fd = unsafe { call(number::SOCKET, [INTERNET, STREAM, 0, 0, 0, 0]) }?;
    let fd = Fd(fd as i32);
    const SOL_SOCKET: usize = 1;
    const SO_REUSEADDR: usize = 2;
    set(&fd, SOL_SOCKET, SO_REUSEADDR)?;
    let mut address = [0_u8; 16];
    address[..2].copy_from_slice(&(INTERNET as u16).to_ne_bytes());
    address[2..4].copy_from_slice(&port.to_be_bytes());
    address[4..8].copy_from_slice(&[127, 0, 0, 1]);
    let arguments = [
        fd.0 as usize,
        address.as_ptr() as usize,
        address.len(),
        0,
        0,
        0,
    ];
    // SAFETY: `address` is a `sockaddr_in`.
    unsafe { call(number::BIND, arguments) }?;
    // SAFETY: it accesses no memory.
    unsafe { call(number::LISTEN, [fd.0 as usize, 64, 0, 0, 0, 0]) }?;
    Ok(fd)
}

/// The next connection. An executed program inherits it only after [`set_inherited`].
pub fn accept(listener: &Fd) -> Result<Fd> {
    const CLOSE_ON_EXEC: usize = 0o2_000_000;
    const IPPROTO_TCP: usize = 6;
    const TCP_NODELAY: usize = 1;
    let arguments = [listener.0 as usize, 0, 0, CLOSE_ON_EXEC, 0, 0];
    // SAFETY: the peer's address is not requested.
    let fd = Fd(unsafe { call(number::ACCEPT4, arguments) }? as i32);
    set(&fd, IPPROTO_TCP, TCP_NODELAY)?;
    Ok(fd)
}

/// Sets whether an executed program inherits a descriptor: `fcntl(2)`.
pub fn set_inherited(fd: &Fd, inherited: bool) -> Result<()> {
    const SET_FLAGS: usize = 2;
    let arguments = [fd.0 as usize, SET_FLAGS, usize::from(!inherited), 0, 0, 0];
    // SAFETY: it accesses no memory.
    unsafe { call(number::FCNTL, arguments) }.map(drop)
}

fn set(fd: &Fd, level: usize, option: usize) -> Result<()> {
    let on = 1_i32;
    let arguments = [fd.0 as usize, level, option, &raw const on as usize, 4, 0];
    // SAFETY: both options take an `int`.
    unsafe { call(number::SETSOCKOPT, arguments) }.map(drop)
}

/// Reads available bytes, without waiting; 0 if the peer closed the connection.
pub fn receive(fd: &Fd, buffer: &mut [u8]) -> Result<usize> {
    const DONT_WAIT: usize = 0x40;
    let arguments = [
        fd.0 as usize,
        buffer.as_mut_ptr() as usize,
        buffer.len(),
        DONT_WAIT,
        0,
        0,
    ];
    retry(|| {
        // SAFETY: the buffer is writable for its length.
        unsafe { call(number::RECVFROM, arguments) }
    })
}

/// Sends all bytes. It does not wait: answers are shorter than a socket's buffer. A closed
/// connection is an error, not a SIGPIPE.
pub fn send(fd: &Fd, mut bytes: &[u8]) -> Result<()> {
    const NO_SIGNAL_DONT_WAIT: usize = 0x4040;
    while !bytes.is_empty() {
        let pointer = bytes.as_ptr() as usize;
        let arguments = [
            fd.0 as usize,
            pointer,
            bytes.len(),
            NO_SIGNAL_DONT_WAIT,
            0,
            0,
        ];
        let sent = retry(|| {
            // SAFETY: the bytes are readable for their length.
            unsafe { call(number::SENDTO, arguments) }
        })?;
        bytes = bytes.get(sent..).unwrap_or_default();
    }
    Ok(())
}

/// Why [`wait`] returned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wakeup {
    Readable,
    Signal,
    Timeout,
}

/// Waits until a descriptor is readable, a signal arrives, or `timeout` milliseconds have passed:
/// `ppoll(2)`.
pub fn wait(fd: &Fd, signals: &Signals, timeout: Option<u64>) -> Wakeup {
    const IN: u64 = 1;
    // `struct pollfd`: descriptor i32, requested events u16, returned events u16; little endian.
    let entry = |fd: &Fd| fd.0 as u32 as u64 | IN << 32;
    let mut polled = [entry(fd), entry(&signals.0)];
    let time = timeout.map(|timeout| [timeout / 1000, timeout % 1000 * 1_000_000]);
    let time = time.as_ref().map_or(0, |time| time.as_ptr() as usize);
    let arguments = [polled.as_mut_ptr() as usize, polled.len(), time, 0, 0, 0];
    // SAFETY: `polled` has two entries; `time` is null or a `timespec` that outlives the call.
    let done = unsafe { call(number::PPOLL, arguments) };
    match done {
        Ok(0) => Wakeup::Timeout,
        _ if polled[1] >> 48 != 0 => Wakeup::Signal,
        Ok(_) => Wakeup::Readable,
        // Another signal interrupted the call. The caller reads, and gets EAGAIN.
        Err(Errno(_)) => Wakeup::Readable,
    }
}
