//! x86-64: the system call instruction, the numbers of system calls
//! (`arch/x86/entry/syscalls/syscall_64.tbl`), and the memory functions that rustc expects from a C
//! library.

use core::arch::asm;

use super::{Errno, Result};

pub const NAME: &str = "x86_64";

pub mod number {
    pub const READ: usize = 0;
    pub const WRITE: usize = 1;
    pub const CLOSE: usize = 3;
    pub const LSEEK: usize = 8;
    pub const MMAP: usize = 9;
    pub const MUNMAP: usize = 11;
    pub const RT_SIGPROCMASK: usize = 14;
    pub const SOCKET: usize = 41;
    pub const SENDTO: usize = 44;
    pub const RECVFROM: usize = 45;
    pub const BIND: usize = 49;
    pub const LISTEN: usize = 50;
    pub const SETSOCKOPT: usize = 54;
    pub const EXECVE: usize = 59;
    pub const UNAME: usize = 63;
    pub const FCNTL: usize = 72;
    pub const GETEUID: usize = 107;
    pub const STATFS: usize = 137;
    pub const CLOCK_GETTIME: usize = 228;
    pub const EXIT_GROUP: usize = 231;
    pub const OPENAT: usize = 257;
    pub const MKDIRAT: usize = 258;
    pub const UNLINKAT: usize = 263;
    pub const RENAMEAT: usize = 264;
    pub const FACCESSAT: usize = 269;
    pub const PPOLL: usize = 271;
    pub const ACCEPT4: usize = 288;
    pub const SIGNALFD4: usize = 289;
}

/// Makes a system call.
///
/// # Safety
/// The arguments must be valid for the call, and so must the memory that they point to.
pub unsafe fn call(number: usize, arguments: [usize; 6]) -> Result<usize> {
    let result: isize;
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the kernel changes rax, rcx and r11 only, and the memory that the caller guarantees.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
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
    // SAFETY: the caller guarantees both ranges; the direction flag is clear (System V ABI).
    unsafe {
        asm!("rep movsb", inout("rdi") to => _, inout("rsi") from => _, inout("rcx") count => _,
            options(nostack, preserves_flags));
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
        // SAFETY: `to` is before `from` or past its end, so a forward copy reads all bytes before
        // it overwrites them.
        return unsafe { memcpy(to, from, count) };
    }
    // SAFETY: as for memcpy, from the last byte to the first; the direction flag is cleared
    // afterwards (System V ABI).
    unsafe {
        asm!("std", "rep movsb", "cld",
            inout("rdi") to.wrapping_add(count).wrapping_sub(1) => _,
            inout("rsi") from.wrapping_add(count).wrapping_sub(1) => _,
            inout("rcx") count => _,
            options(nostack));
    }
    to
}

/// `memset(3)`.
///
/// # Safety
/// As in C.
#[cfg_attr(freestanding, unsafe(no_mangle))]
pub unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    // SAFETY: as for memcpy.
    unsafe {
        asm!("rep stosb", inout("rdi") to => _, in("al") byte as u8, inout("rcx") count => _,
            options(nostack, preserves_flags));
    }
    to
}
