//! The processes of a service, which are not children of the test.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    time::Duration,
};

/// How long a process may take to exit on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A process of a service. Unlike a pid, the descriptor never refers to a later process:
/// `pidfd_open(2)`.
#[derive(Debug)]
pub struct ServiceProcess {
    pub pid: u32,
    descriptor: OwnedFd,
}

impl ServiceProcess {
    /// Opens the running process with this pid.
    #[track_caller]
    pub fn open(pid: u32) -> Self {
        // SAFETY: no memory is involved.
        let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        assert!(
            descriptor >= 0,
            "process {pid}: {}",
            io::Error::last_os_error()
        );
        // SAFETY: the descriptor is new and has no other owner.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor as i32) };
        Self { pid, descriptor }
    }

    /// Sends a signal.
    #[track_caller]
    pub fn signal(&self, signal: i32) {
        let (descriptor, no_info) = (self.descriptor.as_raw_fd(), std::ptr::null::<()>());
        // SAFETY: a null pointer selects the siginfo of kill(2).
        let sent =
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, descriptor, signal, no_info, 0) };
        assert_eq!(sent, 0, "{self:?}: {}", io::Error::last_os_error());
    }

    /// Waits until it exits.
    #[track_caller]
    pub fn assert_exits(&self) {
        let mut poll = libc::pollfd {
            fd: self.descriptor.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let timeout = TIMEOUT.as_millis() as i32;
        // SAFETY: poll writes only to the one pollfd.
        let ready = unsafe { libc::poll(&raw mut poll, 1, timeout) };
        assert_eq!(ready, 1, "{self:?} does not exit");
    }
}
