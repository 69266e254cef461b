//! Stops a process with its descendants. Where the user's wrapper starts rustc and waits for it,
//! rustc is a descendant: killing the wrapper alone would leave rustc writing files that the next
//! rustc writes too.

use std::{
    collections::HashSet,
    io,
    os::fd::OwnedFd,
    process::Child,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal},
};

use super::children;

/// SIGKILL ends a process at once, unless its file system does not answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Kills `child` and its descendants. When it returns, all of them have exited.
///
/// # Errors
/// If a process cannot be killed, or still exists after 10 s.
pub fn stop(child: &mut Child) -> io::Result<()> {
    let descendants = kill_all(child.id())?;
    child.wait()?;
    let deadline = Instant::now() + TIMEOUT;
    descendants
        .iter()
        .try_for_each(|process| wait_until_exited(process, deadline))
}

/// Kills a child that was not waited for, and its descendants. They may exit a moment later.
///
/// # Errors
/// If a process cannot be killed.
pub fn kill(child: u32) -> io::Result<()> {
    kill_all(child).map(drop)
}

/// Returns the descendants.
fn kill_all(root: u32) -> io::Result<Vec<OwnedFd>> {
    let descendants = freeze_descendants(root)?;
    kill_process(pid(root)?, Signal::KILL)?;
    for process in &descendants {
        // It may have exited before it was frozen.
        let _ = pidfd_send_signal(process, Signal::KILL);
    }
    Ok(descendants)
}

/// A frozen process starts no other, so the processes that are found are all.
fn freeze_descendants(root: u32) -> io::Result<Vec<OwnedFd>> {
    let mut seen = HashSet::from([root]);
    let mut descendants = Vec::new();
    kill_process(pid(root)?, Signal::STOP)?;
    loop {
        let found: Vec<u32> = seen
            .iter()
            .flat_map(|parent| children(*parent))
            .filter(|child| !seen.contains(child))
            .collect();
        if found.is_empty() {
            return Ok(descendants);
        }
        for child in found {
            seen.insert(child);
            if let Ok(process) = pidfd_open(pid(child)?, PidfdFlags::empty()) {
                let _ = pidfd_send_signal(&process, Signal::STOP);
                descendants.push(process);
            }
        }
    }
}

fn wait_until_exited(process: &OwnedFd, deadline: Instant) -> io::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => {
                let why = "rustc still exists 10 s after it was killed";
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn pid(raw: u32) -> io::Result<Pid> {
    Pid::from_raw(raw.cast_signed()).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Read as _},
        process::{Command, Stdio},
    };

    use super::*;

    #[test]
    fn a_process_and_its_descendants_have_exited() {
        let mut child = Command::new("sh")
            .args(["-c", "(sleep 600 & echo started; wait) & wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "started\n");

        stop(&mut child).unwrap();
        // The pipe ends when its last holder has exited.
        assert_eq!(output.read_to_string(&mut line).unwrap(), 0);
    }
}
