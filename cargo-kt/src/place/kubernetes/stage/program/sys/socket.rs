//! TCP, and waiting.

use super::{Errno, Fd, Result, Signals, again, call, number};

const STREAM: usize = 1;
const INTERNET: usize = 2;

/// Listens on the loopback: `ip(7)`. The descriptor stays open for the next program.
pub fn listen(port: u16) -> Result<Fd> {
    // SAFETY: it takes no memory.
    let fd = unsafe { call(number::SOCKET, [INTERNET, STREAM, 0, 0, 0, 0]) }?;
    let fd = Fd(fd as i32);
    const SOL_SOCKET: usize = 1;
    const SO_REUSEADDR: usize = 2;
    set(&fd, SOL_SOCKET, SO_REUSEADDR)?;
    let mut address = [0_u8; 16];
    address[..2].copy_from_slice(&(INTERNET as u16).to_ne_bytes());
    address[2..4].copy_from_slice(&port.to_be_bytes());
    address[4..8].copy_from_slice(&[127, 0, 0, 1]);
    let place = [
        fd.0 as usize,
        address.as_ptr() as usize,
        address.len(),
        0,
        0,
        0,
    ];
    // SAFETY: `address` is a `sockaddr_in`.
    unsafe { call(number::BIND, place) }?;
    // SAFETY: it takes no memory.
    unsafe { call(number::LISTEN, [fd.0 as usize, 64, 0, 0, 0, 0]) }?;
    Ok(fd)
}

/// The next connection, which the next program does not inherit before [`keep_open`].
pub fn accept(listener: &Fd) -> Result<Fd> {
    const CLOSE_ON_EXEC: usize = 0o2_000_000;
    const IPPROTO_TCP: usize = 6;
    const TCP_NODELAY: usize = 1;
    let arguments = [listener.0 as usize, 0, 0, CLOSE_ON_EXEC, 0, 0];
    // SAFETY: the peer's address is not asked for.
    let fd = Fd(unsafe { call(number::ACCEPT4, arguments) }? as i32);
    set(&fd, IPPROTO_TCP, TCP_NODELAY)?;
    Ok(fd)
}

/// Has the next program inherit a descriptor: `fcntl(2)`.
pub fn keep_open(fd: &Fd, open: bool) -> Result<()> {
    const SET_FLAGS: usize = 2;
    let arguments = [fd.0 as usize, SET_FLAGS, usize::from(!open), 0, 0, 0];
    // SAFETY: it takes no memory.
    unsafe { call(number::FCNTL, arguments) }.map(drop)
}

fn set(fd: &Fd, level: usize, option: usize) -> Result<()> {
    let on = 1_i32;
    let arguments = [fd.0 as usize, level, option, &raw const on as usize, 4, 0];
    // SAFETY: both options take an `int`.
    unsafe { call(number::SETSOCKOPT, arguments) }.map(drop)
}

/// What is there now; 0 at the peer's end. To be called once [`wait`] says that it can be read.
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
    again(|| {
        // SAFETY: the buffer is writable for its length.
        unsafe { call(number::RECVFROM, arguments) }
    })
}

/// Sends all. Answers are shorter than a socket's buffer, so that it never waits; a peer that is gone is an error and no
/// signal.
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
        let sent = again(|| {
            // SAFETY: the bytes are readable for their length.
            unsafe { call(number::SENDTO, arguments) }
        })?;
        bytes = bytes.get(sent..).unwrap_or_default();
    }
    Ok(())
}

/// What ended a wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    Readable,
    Signal,
    TimedOut,
}

/// Waits until a descriptor can be read, a signal comes, or so many milliseconds are over: `ppoll(2)`.
pub fn wait(fd: &Fd, signals: &Signals, patience: Option<u64>) -> Woken {
    const IN: u64 = 1;
    // `struct pollfd`: a descriptor in 32 bits, what is asked and what is found in 16 each; little endian.
    let asked = |fd: &Fd| fd.0 as u32 as u64 | IN << 32;
    let mut polled = [asked(fd), asked(&signals.0)];
    let time = patience.map(|patience| [patience / 1000, patience % 1000 * 1_000_000]);
    let time = time.as_ref().map_or(0, |time| time.as_ptr() as usize);
    let arguments = [polled.as_mut_ptr() as usize, polled.len(), time, 0, 0, 0];
    // SAFETY: `polled` has two entries, and `time` is null or seconds and nanoseconds that outlive the call.
    let done = unsafe { call(number::PPOLL, arguments) };
    match done {
        Ok(0) => Woken::TimedOut,
        _ if polled[1] >> 48 != 0 => Woken::Signal,
        Ok(_) => Woken::Readable,
        // A signal that is not ours: who reads now learns that there is nothing.
        Err(Errno(_)) => Woken::Readable,
    }
}
