//! The threads of a process: `/proc/PID/task`, proc(5).

use std::{fs, io};

/// Limit of threads to sample: stopping more would take too long.
pub const MOST: usize = 4096;

/// # Errors
/// If the process has exited.
pub fn list(pid: u32) -> io::Result<Vec<u32>> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"))?.flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(ids.take(MOST).collect())
}

/// Its scheduling state: `R` running or runnable, `S` sleeping, `D` in uninterruptible sleep.
/// `None`: it has exited.
pub fn state(pid: u32, thread: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/task/{thread}/stat")).ok()?;
    // The second field is a name in parentheses that may contain anything.
    stat.rsplit_once(") ")?.1.chars().next()
}

/// The thread's name, at most 15 bytes.
pub fn name(pid: u32, thread: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/task/{thread}/comm"));
    name.unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::thread;

    #[test]
    fn this_thread_is_listed_and_runs() {
        let own = std::process::id();
        assert!(list(own).unwrap().contains(&thread::id()));
        assert_eq!(state(own, thread::id()), Some('R'));
        assert_eq!(state(own, u32::MAX), None);
        assert!(list(u32::MAX).is_err());
    }
}
