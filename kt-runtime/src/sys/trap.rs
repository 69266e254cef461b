//! Handles traps (SIGTRAP) that no debugger takes. Without a handler each of them kills the
//! process.
//!
//! Two of them are survivable. The debugger of a [`breakpoint!`](crate::breakpoint) may detach
//! between the check and the instruction. And a debugger that was killed leaves its breakpoints in
//! the code until the host has restored the original bytes: a thread that hits one waits for that,
//! and then executes the original instruction.

use std::{io, mem, ptr};

/// The bytes after the trap instruction of a breakpoint: a no-op that compilers never emit, `nop
/// dword ptr [rax + rax + 0x7062746b]`. The displacement reads `ktbp`.
#[cfg(target_arch = "x86_64")]
const MARKER: [u8; 8] = [0x0f, 0x1f, 0x84, 0x00, b'k', b't', b'b', b'p'];

/// The trap instruction of a breakpoint: `brk #0x6b74`, which reads `kt`. The marker is the
/// instruction's own immediate: a debugger uses 0.
#[cfg(target_arch = "aarch64")]
const MARKER: u32 = 0xd420_0000 | (0x6b74 << 5);

/// Time for the host to repair the code of a worker whose debugger exited. It needs about 10 ms.
const REPAIR: libc::timespec = libc::timespec {
    tv_sec: 10,
    tv_nsec: 0,
};
/// How often the code is checked meanwhile.
const POLL: libc::timespec = libc::timespec {
    tv_sec: 0,
    tv_nsec: 1_000_000,
};

/// Installs the handler, and allows the host's other children to trace this process where the
/// kernel requires permission (Yama).
///
/// # Errors
/// As sigaction(2).
pub fn install() -> io::Result<()> {
    // SAFETY: it touches no memory. Kernels without Yama reject it, and do not need it.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::getppid(), 0, 0, 0) };
    // SAFETY: sigaction is plain data for which all zeroes is valid.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = on_trap;
    action.sa_sigaction = handler as usize;
    // On the stack that std allocated for signals: the thread's own stack may be broken.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
    // SAFETY: the handler is async-signal-safe, and the action is initialized.
    match unsafe { libc::sigaction(libc::SIGTRAP, &raw const action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Only makes system calls and reads code; it neither allocates nor locks.
extern "C" fn on_trap(_: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes both, valid during the handler: sigaction(2).
    let (code, context) = unsafe { ((*info).si_code, &mut *context.cast::<libc::ucontext_t>()) };
    // SAFETY: errno is thread-local. It must be restored for the interrupted code.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let former = unsafe { *errno };
    // A step or a hardware breakpoint of a debugger that exited: nothing to undo.
    let is_harmless = matches!(code, libc::TRAP_TRACE | libc::TRAP_HWBKPT);
    if !is_harmless && (code <= 0 || !survive(context)) {
        // As without a handler: this signal kills the process once the handler has returned.
        // SAFETY: both are async-signal-safe.
        unsafe {
            libc::signal(libc::SIGTRAP, libc::SIG_DFL);
            libc::raise(libc::SIGTRAP);
        }
    }
    // SAFETY: as above.
    unsafe { *errno = former };
}

/// Continues the thread after kt's own trap, or at the instruction that a debugger's trap replaced.
/// Returns false if neither is possible.
#[cfg(target_arch = "x86_64")]
fn survive(context: &mut libc::ucontext_t) -> bool {
    const INT3: u8 = 0xcc;
    let next = &mut context.uc_mcontext.gregs[libc::REG_RIP as usize];
    let at = *next as usize as *const u8;
    // SAFETY: the thread has just executed the byte before `at`. The following bytes are read only
    // as long as they match the marker, and code never ends inside the marker.
    let ours = (0..MARKER.len()).all(|index| unsafe { at.add(index).read() } == MARKER[index]);
    if ours {
        return true;
    }
    let trap = at.wrapping_sub(1);
    // SAFETY: as above. The host writes to it from another process.
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
    // SAFETY: as above. The host writes to it from another process.
    wait_until(|| unsafe { at.read_volatile() } != BRK)
}

fn wait_until(condition: impl Fn() -> bool) -> bool {
    let poll = POLL;
    let end = now().saturating_add(nanoseconds(REPAIR));
    while !condition() {
        if now() > end {
            return false;
        }
        // SAFETY: nanosleep is async-signal-safe, and may return early.
        unsafe { libc::nanosleep(&raw const poll, ptr::null_mut()) };
    }
    true
}

/// Monotonic time. `Instant` makes no promise about signal handlers.
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
