//! Briefly stops single threads of another process: ptrace(2).
//!
//! One thread must make all calls. When that thread exits, the kernel detaches everything it
//! traces, including threads that never stopped. A detached thread continues as if nothing had
//! happened, except in system calls that never restart after a stop, such as epoll_wait(2): those
//! return `EINTR`, signal(7).

use std::{io, mem, ptr};

/// The registers that unwinding starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registers {
    pub instruction: u64,
    pub stack: u64,
    pub frame: u64,
    /// aarch64's link register; 0 on other architectures.
    pub link: u64,
}

/// A stop of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// The pending signal, to deliver on detach; 0 if there is none.
    signal: i32,
}

/// Starts tracing a thread without stopping it.
///
/// # Errors
/// `ESRCH` if it has exited, `EPERM` if it is already traced or may not be traced.
pub fn seize(thread: u32) -> io::Result<()> {
    request(libc::PTRACE_SEIZE, thread, 0)
}

/// Requests that a thread stop soon.
///
/// # Errors
/// If it has exited.
pub fn interrupt(thread: u32) -> io::Result<()> {
    request(libc::PTRACE_INTERRUPT, thread, 0)
}

/// Lets a stopped thread continue, and stops tracing it.
///
/// # Errors
/// If it has exited.
pub fn detach(thread: u32, stop: Stop) -> io::Result<()> {
    request(libc::PTRACE_DETACH, thread, stop.signal as usize)
}

/// Whether a thread has stopped since it was interrupted. Does not consume the exit status of a
/// process.
///
/// # Errors
/// If it is not traced, or has exited.
pub fn stopped(thread: u32) -> io::Result<Option<Stop>> {
    // SAFETY: siginfo_t is plain data for which all zeroes is valid.
    let mut info: libc::siginfo_t = unsafe { mem::zeroed() };
    let options = libc::WSTOPPED | libc::WNOHANG | libc::__WALL;
    // SAFETY: waitid writes to `info` alone.
    if unsafe { libc::waitid(libc::P_PID, thread, &raw mut info, options) } == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it describes a child, or is all zeroes if nothing has happened.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    if pid == 0 {
        return Ok(None);
    }
    // An event's number is stored above the signal's: ptrace(2). Such a stop delivers no signal.
    let signal = if status >> 8 == 0 { status } else { 0 };
    Ok(Some(Stop { signal }))
}

/// The registers of a stopped thread.
///
/// # Errors
/// If it has exited.
pub fn registers(thread: u32) -> io::Result<Registers> {
    // SAFETY: it is plain data for which all zeroes is valid.
    let mut registers: libc::user_regs_struct = unsafe { mem::zeroed() };
    let mut vector = libc::iovec {
        iov_base: (&raw mut registers).cast(),
        iov_len: mem::size_of_val(&registers),
    };
    // SAFETY: the kernel writes at most `iov_len` bytes at `iov_base`.
    let done = unsafe {
        libc::ptrace(
            libc::PTRACE_GETREGSET,
            thread as libc::pid_t,
            libc::NT_PRSTATUS as usize,
            &raw mut vector,
        )
    };
    if done == -1 {
        return Err(io::Error::last_os_error());
    }
    #[cfg(target_arch = "x86_64")]
    let registers = Registers {
        instruction: registers.rip,
        stack: registers.rsp,
        frame: registers.rbp,
        link: 0,
    };
    #[cfg(target_arch = "aarch64")]
    let registers = Registers {
        instruction: registers.pc,
        stack: registers.sp,
        frame: registers.regs[29],
        link: registers.regs[30],
    };
    Ok(registers)
}

fn request(request: libc::c_uint, thread: u32, data: usize) -> io::Result<()> {
    let nothing = ptr::null_mut::<libc::c_void>();
    // SAFETY: none of these requests reads or writes memory of this process.
    let done = unsafe { libc::ptrace(request, thread as libc::pid_t, nothing, data) };
    match done {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        process::{Child, Command, Stdio},
        sync::mpsc,
        thread,
        time::Duration,
    };

    use super::*;
    use crate::sys::process;

    /// A sleeping child that is killed at the end of its test.
    struct Sleeper(Child);

    impl Sleeper {
        fn start(seconds: &str) -> Self {
            let mut command = Command::new("sleep");
            let command = command.arg(seconds).stdin(Stdio::null());
            let command = command.stdout(Stdio::null()).stderr(Stdio::null());
            Self(command.spawn().expect("sleep starts"))
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            // Fails if it was reaped already.
            let _ = self.0.kill();
        }
    }

    #[test]
    fn waiting_for_a_childs_exit_ignores_ptrace_stops() {
        let child = Sleeper::start("1000");
        let pid = child.0.id();
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || sender.send(process::wait_for_end(pid).is_ok()));
        seize(pid).unwrap();
        interrupt(pid).unwrap();
        let stop = loop {
            if let Some(stop) = stopped(pid).unwrap() {
                break stop;
            }
        };
        assert_eq!(stop.signal, 0, "an interrupt delivers no signal");
        assert_ne!(registers(pid).unwrap().stack, 0);
        // Long enough for the other thread to see the stop several times.
        let early = ended.recv_timeout(Duration::from_millis(50));
        assert_eq!(early, Err(mpsc::RecvTimeoutError::Timeout));
        detach(pid, stop).unwrap();
        drop(child);
        assert_eq!(ended.recv(), Ok(true));
        process::reap(pid).unwrap();
    }

    #[test]
    fn a_tracer_that_exits_releases_what_it_stopped() {
        let mut child = Sleeper::start("0.2");
        let pid = child.0.id();
        let tracer = thread::spawn(move || {
            seize(pid).unwrap();
            interrupt(pid).unwrap();
            while stopped(pid).unwrap().is_none() {}
        });
        tracer.join().unwrap();
        // It continues and exits normally.
        assert!(child.0.wait().unwrap().success());
    }

    #[test]
    fn a_thread_that_does_not_exist_cannot_be_seized() {
        let error = seize(libc::pid_t::MAX.cast_unsigned()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ESRCH));
    }
}
