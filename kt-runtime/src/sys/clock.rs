//! Clocks that std lacks.

use std::{mem, time::Duration};

/// Time since an arbitrary start, the same for all threads of the machine, with the resolution of a
/// timer tick: a few milliseconds. Reading it only reads memory, while `Instant::now` also reads a
/// processor register.
pub fn coarse() -> Duration {
    read(libc::CLOCK_MONOTONIC_COARSE)
}

/// CPU time of this thread.
#[cfg(feature = "host")]
pub fn thread() -> Duration {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn read(clock: libc::clockid_t) -> Duration {
    // SAFETY: timespec is plain data for which all zeroes is valid.
    let mut now: libc::timespec = unsafe { mem::zeroed() };
    // SAFETY: it writes to the one structure. It cannot fail: both clocks exist since Linux 2.6.32,
    // clock_gettime(2).
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    Duration::new(now.tv_sec.cast_unsigned(), now.tv_nsec as u32)
}
