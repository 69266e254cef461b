//! Process operations that std lacks: sessions, inherited descriptors, parent-death signals and
//! exit statuses.

use std::{
    ffi::CStr,
    io, mem,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd, RawFd},
        unix::process::{CommandExt, ExitStatusExt},
    },
    process::{Command, ExitStatus},
    time::Duration,
};

use super::{fd, glibc::Glibc};

/// Pause before checking again a child that a thread of this process has stopped. Such a stop lasts
/// a few milliseconds.
const TRACED: Duration = Duration::from_millis(2);

/// How a child exited.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    /// Its peak resident memory, in bytes.
    pub max_rss: u64,
}

/// The glibc version of this process; `None` if it cannot be parsed.
pub fn glibc() -> Option<Glibc> {
    // SAFETY: it returns a string that is never freed: gnu_get_libc_version(3).
    let text = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
    text.to_str().ok()?.parse().ok()
}

/// The child will lead its own session (a terminal's Ctrl-C does not reach it) and inherit only the
/// three standard descriptors.
pub fn detach(command: &mut Command) {
    let start = || {
        // SAFETY: both are async-signal-safe and touch no memory.
        unsafe {
            if libc::setsid() == -1 {
                return Err(io::Error::last_os_error());
            }
            // Since Linux 5.11; on older kernels, descriptors without close-on-exec stay open.
            libc::syscall(
                libc::SYS_close_range,
                3_u32,
                u32::MAX,
                libc::CLOSE_RANGE_CLOEXEC,
            );
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls only and does not allocate.
    unsafe { command.pre_exec(start) };
}

/// The child will have `inherited` as descriptors 3, 4, …, and be killed when the thread that
/// spawns it exits.
///
/// # Errors
/// If this process has no free descriptors.
pub fn bind_to_parent(command: &mut Command, inherited: &[&dyn AsFd]) -> io::Result<()> {
    // Copies above every target, so that no dup2 overwrites a descriptor that a later one needs.
    let lowest = 3 + inherited.len() as RawFd;
    let copies = inherited
        .iter()
        .map(|descriptor| fd::duplicate_from(descriptor.as_fd(), lowest))
        .collect::<io::Result<Vec<OwnedFd>>>()?;
    let parent = std::process::id() as libc::pid_t;
    let start = move || {
        for (target, copy) in (3..).zip(&copies) {
            // SAFETY: dup2 is async-signal-safe; `reserve_low` keeps std's own descriptors away
            // from the targets.
            if unsafe { libc::dup2(copy.as_raw_fd(), target) } == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        // SAFETY: prctl and getppid are async-signal-safe and touch no memory.
        unsafe {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == -1 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have died before prctl; then the signal would never arrive.
            if libc::getppid() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls only and does not allocate.
    unsafe { command.pre_exec(start) };
    Ok(())
}

/// Occupies the free descriptors below `end` until the result is dropped. Descriptors opened later,
/// such as the pipe through which std's `Command` learns of a failed exec, then cannot collide with
/// those that a child inherits.
///
/// # Errors
/// If `/dev/null` cannot be opened.
pub fn reserve_low(end: RawFd) -> io::Result<Vec<OwnedFd>> {
    let mut reserved = Vec::new();
    loop {
        let next = OwnedFd::from(std::fs::File::open("/dev/null")?);
        if next.as_raw_fd() >= end {
            return Ok(reserved);
        }
        reserved.push(next);
    }
}

/// Waits until a child has exited and leaves it as a zombie: its pid is not reused before [`reap`].
///
/// # Errors
/// If it is not a child of this process.
pub fn wait_for_end(pid: u32) -> io::Result<()> {
    loop {
        // SAFETY: siginfo_t is plain data for which all zeroes is valid.
        let mut info: libc::siginfo_t = unsafe { mem::zeroed() };
        // SAFETY: waitid writes to `info` alone.
        let done = unsafe {
            libc::waitid(
                libc::P_PID,
                pid,
                &raw mut info,
                libc::WEXITED | libc::WNOWAIT,
            )
        };
        if done == 0 {
            // A child that another thread of this process traces is also reported when it stops:
            // ptrace(2).
            if matches!(
                info.si_code,
                libc::CLD_EXITED | libc::CLD_KILLED | libc::CLD_DUMPED
            ) {
                return Ok(());
            }
            std::thread::sleep(TRACED);
            continue;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Returns the status of a child that has exited.
///
/// # Errors
/// If it is not a child of this process, or is still running.
pub fn reap(pid: u32) -> io::Result<Ended> {
    let mut status = 0;
    // SAFETY: rusage is plain data for which all zeroes is valid.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: wait4 writes to `status` and `usage` alone.
    let reaped = unsafe {
        libc::wait4(
            pid as libc::pid_t,
            &raw mut status,
            libc::WNOHANG,
            &raw mut usage,
        )
    };
    match reaped {
        -1 => Err(io::Error::last_os_error()),
        0 => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(Ended {
            status: ExitStatus::from_raw(status),
            // Linux counts in KiB: getrusage(2).
            max_rss: usage.ru_maxrss as u64 * 1024,
        }),
    }
}

/// Makes this process the parent of its orphaned descendants, as the first process of a container
/// always is: `prctl(2)`.
///
/// # Errors
/// As `prctl(2)`.
pub fn adopt_orphans() -> io::Result<()> {
    // SAFETY: PR_SET_CHILD_SUBREAPER touches no memory.
    match unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The error of ptrace(2) for a process that does not exist: `ESRCH`, unless the call itself is
/// forbidden.
pub fn ptrace_error() -> io::Error {
    /// Above `PID_MAX_LIMIT` of Linux.
    const NO_PROCESS: libc::pid_t = libc::pid_t::MAX;
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: no such process exists, so it touches nothing.
    unsafe { libc::ptrace(libc::PTRACE_SEIZE, NO_PROCESS, nothing, nothing) };
    io::Error::last_os_error()
}

/// Sends a signal to a process, or to its whole group.
pub fn signal(pid: u32, group: bool, number: i32) {
    let target = pid as libc::pid_t;
    // SAFETY: kill touches no memory. It fails if the process no longer exists, which is the goal.
    unsafe { libc::kill(if group { -target } else { target }, number) };
}

/// How many processes the kernel's out-of-memory killer has killed since boot. `None`: the kernel
/// does not report it.
pub fn out_of_memory_kills() -> Option<u64> {
    let counters = std::fs::read_to_string("/proc/vmstat").ok()?;
    let count = |line: &str| line.strip_prefix("oom_kill ")?.trim().parse().ok();
    counters.lines().find_map(count)
}

/// Resident memory of a process in bytes; `None` if it no longer exists. Source: `/proc/pid/statm`,
/// proc(5).
pub fn resident(pid: u32) -> Option<u64> {
    let pages: u64 = std::fs::read_to_string(format!("/proc/{pid}/statm"))
        .ok()?
        .split(' ')
        .nth(1)?
        .parse()
        .ok()?;
    // SAFETY: sysconf touches no memory.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * u64::try_from(page).ok()?)
}

/// The effective user id.
pub fn user() -> u32 {
    // SAFETY: geteuid touches no memory and cannot fail.
    unsafe { libc::geteuid() }
}

/// Runs `work` with a umask of `mask`. The umask is per process: no other thread may be running.
pub fn with_umask<T>(mask: u32, work: impl FnOnce() -> T) -> T {
    // SAFETY: umask touches no memory and cannot fail.
    let former = unsafe { libc::umask(mask) };
    let result = work();
    // SAFETY: as above.
    unsafe { libc::umask(former) };
    result
}

/// Replaces one of the standard descriptors by `/dev/null`: a reader at the other end sees EOF.
///
/// # Errors
/// If `/dev/null` cannot be opened.
pub fn discard(descriptor: RawFd) -> io::Result<()> {
    let null = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    // SAFETY: std's handles to the standard descriptors do not own them, so replacing one is sound.
    if unsafe { libc::dup2(null.as_raw_fd(), descriptor) } == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
