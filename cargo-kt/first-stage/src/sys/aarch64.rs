//! AArch64: the system call instruction, the numbers of system calls
//! (`include/uapi/asm-generic/unistd.h`), and the memory functions that rustc expects from a C
//! library.

use core::arch::asm;

use super::{Errno, Result};

pub const NAME: &str = "aarch64";

pub mod number {
    pub const FCNTL: usize = 25;
    pub const MKDIRAT: usize = 34;
    pub const UNLINKAT: usize = 35;
    pub const RENAMEAT: usize = 38;
    pub const STATFS: usize = 43;
    pub const FACCESSAT: usize = 48;
    pub const OPENAT: usize = 56;
    pub const CLOSE: usize = 57;
    pub const LSEEK: usize = 62;
    pub const READ: usize = 63;
    pub const WRITE: usize = 64;
    pub const PPOLL: usize = 73;
    pub const SIGNALFD4: usize = 74;
    pub const EXIT_GROUP: usize = 94;
    pub const CLOCK_GETTIME: usize = 113;
    pub const RT_SIGPROCMASK: usize = 135;
    pub const UNAME: usize = 160;
    pub const GETEUID: usize = 175;
    pub const SOCKET: usize = 198;
    pub const BIND: usize = 200;
    pub const LISTEN: usize = 201;
    pub const SENDTO: usize = 206;
    pub const RECVFROM: usize = 207;
    pub const SETSOCKOPT: usize = 208;
    pub const MUNMAP: usize = 215;
    pub const EXECVE: usize = 221;
    pub const MMAP: usize = 222;
    pub const ACCEPT4: usize = 242;
}

/// Makes a system call.
///
/// # Safety
/// The arguments must be valid for the call, and so must the memory that they point to.
pub unsafe fn call(number: usize, arguments: [usize; 6]) -> Result<usize> {
    let result: isize;
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the kernel changes x0 only, and the memory that the caller guarantees.
    unsafe {
        asm!(
            "svc #0",
            in("x8") number,
            inlateout("x0") a => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack),
        );
    }
    match result {
        -4095..0 => Err(Errno(-result as i32)),
        _ => Ok(result as usize),
    }
}

/// `memcpy(3)`. In assembly: rustc compiles a copying loop to a call of `memcpy`.
///
/// # Safety
/// As in C.
#[cfg_attr(freestanding, unsafe(no_mangle))]
pub unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller guarantees both ranges.
    unsafe {
        asm!(
            "2:", "subs {count}, {count}, #16", "b.lo 3f",
            "ldp {a}, {b}, [{from}], #16", "stp {a}, {b}, [{to}], #16", "b 2b",
            "3:", "adds {count}, {count}, #16", "b.eq 5f",
            "4:", "ldrb {a:w}, [{from}], #1", "strb {a:w}, [{to}], #1",
            "subs {count}, {count}, #1", "b.ne 4b",
            "5:",
            count = inout(reg) count => _, from = inout(reg) from => _, to = inout(reg) to => _,
            a = out(reg) _, b = out(reg) _,
            options(nostack),
        );
    }
    to
}

/// `memmove(3)`.
///
/// # Safety
/// As in C.
#[cfg_attr(freestanding, unsafe(no_mangle))]
pub unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    if (to as usize).wrapping_sub(from as usize) >= count {
        // SAFETY: `to` is before `from` or past its end, and each pair of registers is loaded
        // before it is stored, so a forward copy reads all bytes before it overwrites them.
        return unsafe { memcpy(to, from, count) };
    }
    // SAFETY: as for memcpy, from the last byte to the first; `count` is not 0.
    unsafe {
        asm!(
            "2:", "subs {count}, {count}, #1", "b.lo 3f",
            "ldrb {a:w}, [{from}, {count}]", "strb {a:w}, [{to}, {count}]", "b 2b",
            "3:",
            count = inout(reg) count => _, from = in(reg) from, to = in(reg) to, a = out(reg) _,
            options(nostack),
        );
    }
    to
}

/// `memset(3)`.
///
/// # Safety
/// As in C.
#[cfg_attr(freestanding, unsafe(no_mangle))]
pub unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    // SAFETY: the caller guarantees the range.
    unsafe {
        asm!(
            "2:", "subs {count}, {count}, #1", "b.lo 3f",
            "strb {byte:w}, [{to}, {count}]", "b 2b",
            "3:",
            count = inout(reg) count => _, to = in(reg) to, byte = in(reg) byte,
            options(nostack),
        );
    }
    to
}
