//! The host's end of a command's terminal.

use std::{io, os::fd::OwnedFd};

use rustix::{
    process::Pid,
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{Winsize, tcgetpgrp, tcsetwinsize},
};

use crate::wire::command::WindowSize;

/// The master of a pseudoterminal: pty(7).
#[derive(Debug)]
pub struct Terminal(OwnedFd);

impl Terminal {
    /// Opens a pseudoterminal, and its other end.
    ///
    /// # Errors
    /// If the device is missing, or too many are open.
    pub fn open(size: WindowSize) -> io::Result<(Self, OwnedFd)> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        // Not by its path: an image may mount another /dev/pts.
        let slave = ioctl_tiocgptpeer(&master, flags)?;
        let terminal = Self(master);
        terminal.resize(size)?;
        Ok((terminal, slave))
    }

    /// # Errors
    /// If no descriptors are left.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.0.try_clone()
    }

    /// Changes the size. The foreground group gets SIGWINCH.
    ///
    /// # Errors
    /// As ioctl_tty(2).
    pub fn resize(&self, size: WindowSize) -> io::Result<()> {
        let size = Winsize {
            ws_col: size.columns,
            ws_row: size.rows,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        Ok(tcsetwinsize(&self.0, size)?)
    }

    /// The process group that receives the keys.
    pub fn foreground(&self) -> Option<Pid> {
        tcgetpgrp(&self.0).ok()
    }
}
