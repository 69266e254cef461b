//! Detects whether a program reads the terminal's keys: a prompt of another process might not get
//! the answer.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

use rustix::termios::{LocalModes, tcgetattr};

/// Whether a process waits for keys of this process's terminal, or has changed its modes (line
/// editors, full-screen programs).
pub fn is_read_by(pid: u32) -> bool {
    let edits_lines =
        tcgetattr(io::stdin()).is_ok_and(|modes| modes.local_modes.contains(LocalModes::ICANON));
    !edits_lines || threads(pid).any(|thread| waits_for_keys(&thread))
}

fn threads(pid: u32) -> impl Iterator<Item = std::path::PathBuf> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    threads
        .into_iter()
        .flatten()
        .flatten()
        .map(|thread| thread.path())
}

/// Whether a thread is blocked in a read(2) of the terminal.
fn waits_for_keys(thread: &Path) -> bool {
    let call = fs::read_to_string(thread.join("syscall")).unwrap_or_default();
    let Some(descriptor) = read_descriptor(&call) else {
        return false;
    };
    let device = |path: &Path| {
        fs::metadata(path)
            .map(|file| file.rdev())
            .ok()
            .filter(|&device| device != 0)
    };
    let read = device(&thread.join(format!("fd/{descriptor}")));
    read.is_some() && read == device(Path::new("/proc/self/fd/0"))
}

/// The descriptor of a line of `/proc/PID/task/TID/syscall` (proc(5)): `NUMBER 0xARGUMENT …`, or
/// `running`.
fn read_descriptor(call: &str) -> Option<u64> {
    let mut fields = call.split_whitespace();
    let number: i64 = fields.next()?.parse().ok()?;
    let descriptor = u64::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok()?;
    [libc::SYS_read, libc::SYS_readv]
        .contains(&number)
        .then_some(descriptor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_blocked_in_a_read_is_recognized() {
        let read = format!(
            "{} 0x3 0x7ffd 0x400 0x0 0x0 0x0 0x7ffe 0x7f00",
            libc::SYS_read
        );
        assert_eq!(read_descriptor(&read), Some(3));
        let wait = format!("{} 0x3 0x7ffd", libc::SYS_epoll_pwait);
        assert_eq!(read_descriptor(&wait), None);
        assert_eq!(read_descriptor("running"), None);
        assert_eq!(read_descriptor(""), None);
    }
}
