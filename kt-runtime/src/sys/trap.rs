//! What a process does with a trap that no debugger takes. Without a handler each of them ends the process.
//!
//! Two of them can be survived. A [`breakpoint!`](crate::breakpoint) may find its debugger gone in the instant between the
//! question and the instruction. And a debugger that was killed leaves its own breakpoints in the code, until the host has put the
//! original bytes back: a thread that runs into one waits for that, and executes the original instruction.

use std::{io, mem, ptr};

/// What follows the instruction of a breakpoint in the code: an instruction that does nothing, which
/// no compiler writes: `nop dword ptr [rax + rax + 0x7062746b]`, whose displacement reads `ktbp`.
#[cfg(target_arch = "x86_64")]
const MARKER: [u8; 8] = [0x0f, 0x1f, 0x84, 0x00, b'k', b't', b'b', b'p'];

/// The instruction of a breakpoint: `brk #0x6b74`, which reads `kt`. The immediate of a debugger's own
/// is 0.
#[cfg(target_arch = "aarch64")]
const MARKER: u32 = 0xd420_0000 | (0x6b74 << 5);

/// How long the host may take to repair the code of a worker whose debugger is gone. It needs some 10 ms.
const REPAIR: libc::timespec = libc::timespec {
    tv_sec: 10,
    tv_nsec: 0,
};
/// How often the code is looked at meanwhile.
const LOOK: libc::timespec = libc::timespec {
    tv_sec: 0,
    tv_nsec: 1_000_000,
};

/// Installs the handler, and lets the host's other children trace this process where the kernel asks for that (Yama).
///
/// # Errors
/// As sigaction(2).
pub fn install() -> io::Result<()> {
    // SAFETY: it touches no memory. Kernels without Yama refuse it, and need it not.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::getppid(), 0, 0, 0) };
    // SAFETY: sigaction is plain data for which all zeroes is valid.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = on_trap;
    action.sa_sigaction = handler as usize;
    // On the stack that std made for signals: the thread's own may be what is broken.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
    // SAFETY: the handler is async-signal-safe, and the action is initialized.
    match unsafe { libc::sigaction(libc::SIGTRAP, &raw const action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Makes system calls and reads code; it allocates nothing and takes no lock.
extern "C" fn on_trap(_: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes both for the time of the handler: sigaction(2).
    let (code, context) = unsafe { ((*info).si_code, &mut *context.cast::<libc::ucontext_t>()) };
    // SAFETY: errno is the thread's own, and what was interrupted must find it as it was.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let former = unsafe { *errno };
    // A step, or a breakpoint in a debug register, of a debugger that is gone: nothing is left to do about it.
    let is_harmless = matches!(code, libc::TRAP_TRACE | libc::TRAP_HWBKPT);
    if !is_harmless && (code <= 0 || !survive(context)) {
        // As without a handler: the process ends by this signal once the handler has returned.
        // SAFETY: both are async-signal-safe.
        unsafe {
            libc::signal(libc::SIGTRAP, libc::SIG_DFL);
            libc::raise(libc::SIGTRAP);
        }
    }
    // SAFETY: as above.
    unsafe { *errno = former };
}

/// Has the thread go on behind a trap of ours, or at the instruction that a debugger's trap stood in for. False if it cannot.
#[cfg(target_arch = "x86_64")]
fn survive(context: &mut libc::ucontext_t) -> bool {
    const INT3: u8 = 0xcc;
    let next = &mut context.uc_mcontext.gregs[libc::REG_RIP as usize];
    let at = *next as usize as *const u8;
    // SAFETY: the thread has just executed the byte before `at`. What follows is read only as far as it is the marker, which no
    // code ends within.
    let ours = (0..MARKER.len()).all(|index| unsafe { at.add(index).read() } == MARKER[index]);
    if ours {
        return true;
    }
    let trap = at.wrapping_sub(1);
    // SAFETY: as above. The host writes to it from outside of this process.
    let repaired = wait_until(|| unsafe { trap.read_volatile() } != INT3);
    if repaired {
        *next -= 1;
    }
    repaired
}

#[cfg(target_arch = "aarch64")]
fn survive(context: &mut libc::ucontext_t) -> bool {
    const BRK: u32 = 0xd420_0000;
    let at = context.uc_mcontext.pc as *const u32;
    // SAFETY: the thread has just executed the instruction at `at`.
    if unsafe { at.read() } == MARKER {
        context.uc_mcontext.pc += 4;
        return true;
    }
    // SAFETY: as above. The host writes to it from outside of this process.
    wait_until(|| unsafe { at.read_volatile() } != BRK)
}

fn wait_until(condition: impl Fn() -> bool) -> bool {
    let look = LOOK;
    let end = now().saturating_add(nanoseconds(REPAIR));
    while !condition() {
        if now() > end {
            return false;
        }
        // SAFETY: nanosleep is async-signal-safe, and may end early.
        unsafe { libc::nanosleep(&raw const look, ptr::null_mut()) };
    }
    true
}

/// Of the monotonic clock. `Instant` promises nothing about signal handlers.
fn now() -> i128 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: clock_gettime is async-signal-safe and writes to `time` alone.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    nanoseconds(time)
}

fn nanoseconds(time: libc::timespec) -> i128 {
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}
