//! Processes beyond what std offers: sessions, inherited descriptors, deaths of parents and how a child ended.

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

/// Pause before a child is looked at again that a thread of this process has stopped. Such a stop takes a few milliseconds.
const TRACED: Duration = Duration::from_millis(2);

/// How a child ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    /// The largest resident memory it ever had, in bytes.
    pub max_rss: u64,
}

/// The version of the glibc that this process runs on; `None` if it does not look like one.
pub fn glibc() -> Option<Glibc> {
    // SAFETY: it returns a string that is never freed: gnu_get_libc_version(3).
    let text = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
    text.to_str().ok()?.parse().ok()
}

/// The child will lead a session of its own (no terminal's Ctrl-C reaches it) and inherit no descriptor but the standard
/// three.
pub fn detach(command: &mut Command) {
    let start = || {
        // SAFETY: both are async-signal-safe and touch no memory.
        unsafe {
            if libc::setsid() == -1 {
                return Err(io::Error::last_os_error());
            }
            // Linux 5.11; before it, what was inherited without close-on-exec stays open.
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

/// The child will have `inherited` as descriptors 3, 4, …, and be killed when the thread that spawns it ends.
///
/// # Errors
/// If there are no descriptors left.
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
            // SAFETY: dup2 is async-signal-safe; `reserve_low` keeps std's own descriptors away from the targets.
            if unsafe { libc::dup2(copy.as_raw_fd(), target) } == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        // SAFETY: prctl and getppid are async-signal-safe and touch no memory.
        unsafe {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == -1 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have died before prctl; then no signal would ever come.
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

/// Occupies the descriptors below `end` that are free, for as long as the result lives: nothing that is opened later, such as
/// the pipe on which std's `Command` learns of a failed exec, gets a number that a child's inherited descriptor overwrites.
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

/// Waits until a child has ended and leaves it as a zombie: its id is not given to anybody else before [`reap`].
///
/// # Errors
/// If it is no child of ours.
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
            // A child that another thread of this process traces is reported when it stops, too: ptrace(2).
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

/// Takes the status of a child that has ended.
///
/// # Errors
/// If it is no child of ours or still runs.
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

/// Makes this process the parent of its descendants' orphans, as the first process of a container is anyway: `prctl(2)`.
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

/// The error of a ptrace(2) of a process that does not exist: `ESRCH`, unless something forbids the call itself.
pub fn ptrace_error() -> io::Error {
    /// Above `PID_MAX_LIMIT` of Linux.
    const NOBODY: libc::pid_t = libc::pid_t::MAX;
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: it finds no process, so it touches nothing.
    unsafe { libc::ptrace(libc::PTRACE_SEIZE, NOBODY, nothing, nothing) };
    io::Error::last_os_error()
}

/// Sends a signal to a process, or to its whole group.
pub fn signal(pid: u32, group: bool, number: i32) {
    let target = pid as libc::pid_t;
    // SAFETY: kill touches no memory. Its failure means that nobody is there any more, which is what was wanted.
    unsafe { libc::kill(if group { -target } else { target }, number) };
}

/// How many processes the kernel's out-of-memory killer has ended since the machine started. `None`: the kernel does not say.
pub fn out_of_memory_kills() -> Option<u64> {
    let counters = std::fs::read_to_string("/proc/vmstat").ok()?;
    let count = |line: &str| line.strip_prefix("oom_kill ")?.trim().parse().ok();
    counters.lines().find_map(count)
}

/// Resident memory of a process in bytes; `None` if it is gone. Source: `/proc/pid/statm`, proc(5).
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

/// Our effective user id.
pub fn user() -> u32 {
    // SAFETY: geteuid touches no memory and cannot fail.
    unsafe { libc::geteuid() }
}

/// Runs `work` while new files have none of the bits in `mask`. The mask is the whole process's: no other thread may run.
pub fn with_umask<T>(mask: u32, work: impl FnOnce() -> T) -> T {
    // SAFETY: umask touches no memory and cannot fail.
    let former = unsafe { libc::umask(mask) };
    let result = work();
    // SAFETY: as above.
    unsafe { libc::umask(former) };
    result
}

/// Replaces one of the standard descriptors by `/dev/null`: whoever reads the other end sees its end.
///
/// # Errors
/// If `/dev/null` cannot be opened.
pub fn discard(descriptor: RawFd) -> io::Result<()> {
    let null = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    // SAFETY: std's handles to the standard descriptors own nothing, so that replacing one takes it from nobody.
    if unsafe { libc::dup2(null.as_raw_fd(), descriptor) } == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
