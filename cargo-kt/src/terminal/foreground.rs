//! Whose the terminal is: a child's for a while, as a shell does it with a job.

use std::io;

use rustix::{
    process::{Pid, Signal, getpgrp, kill_process_group},
    termios::tcsetpgrp,
};

/// The terminal belongs to a child's process group for as long as this is there.
#[derive(Debug)]
pub struct Foreground(());

impl Foreground {
    /// Gives it to the group that a child leads.
    ///
    /// # Errors
    /// If standard input is no terminal of this process's session.
    #[expect(unsafe_code, reason = "rustix has no signal dispositions")]
    pub fn give(leader: u32) -> io::Result<Self> {
        let group = i32::try_from(leader).ok().and_then(Pid::from_raw);
        let group = group.ok_or(io::ErrorKind::InvalidInput)?;
        // Who is not in the foreground is stopped by it when it takes the terminal back: tcsetpgrp(3).
        // SAFETY: SIG_IGN installs no handler.
        unsafe { libc::signal(libc::SIGTTOU, libc::SIG_IGN) };
        tcsetpgrp(io::stdin(), group)?;
        // It may have asked for the terminal before it was its own, and was stopped for that.
        let _ = kill_process_group(group, Signal::CONT);
        Ok(Self(()))
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let own = getpgrp();
        // A terminal that is gone needs no owner.
        let _ = tcsetpgrp(io::stdin(), own);
        // The program may have asked for the terminal meanwhile.
        let _ = kill_process_group(own, Signal::CONT);
    }
}
