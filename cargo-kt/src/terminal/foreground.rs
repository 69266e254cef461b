//! Makes a child the foreground process group of the terminal, as shells do for jobs.

use std::io;

use rustix::{
    process::{Pid, Signal, getpgrp, kill_process_group},
    termios::tcsetpgrp,
};

/// A child's process group is in the foreground until this is dropped.
#[derive(Debug)]
pub struct Foreground(());

impl Foreground {
    /// Moves the process group led by a child to the foreground.
    ///
    /// # Errors
    /// If standard input is not the terminal of this process's session.
    #[expect(unsafe_code, reason = "rustix has no signal dispositions")]
    pub fn give(leader: u32) -> io::Result<Self> {
        let group = i32::try_from(leader).ok().and_then(Pid::from_raw);
        let group = group.ok_or(io::ErrorKind::InvalidInput)?;
        // A background process that calls tcsetpgrp(3) to take the terminal back gets SIGTTOU,
        // which would stop it. SAFETY: SIG_IGN installs no handler.
        unsafe { libc::signal(libc::SIGTTOU, libc::SIG_IGN) };
        tcsetpgrp(io::stdin(), group)?;
        // The child may have been stopped because it used the terminal before this.
        let _ = kill_process_group(group, Signal::CONT);
        Ok(Self(()))
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let own = getpgrp();
        // Fails only if the terminal was closed.
        let _ = tcsetpgrp(io::stdin(), own);
        // The program may have been stopped because it used the terminal in the meantime.
        let _ = kill_process_group(own, Signal::CONT);
    }
}
