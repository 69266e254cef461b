//! The threads of a process: `/proc/PID/task`, proc(5).

use std::{fs, io};

/// More threads than these are not looked at: to stop them would take too long.
pub const MOST: usize = 4096;

/// # Errors
/// If the process has ended.
pub fn list(pid: u32) -> io::Result<Vec<u32>> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"))?.flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(ids.take(MOST).collect())
}

/// What it does: `R` runs or could run, `S` waits, `D` waits and cannot be interrupted. `None`: it has ended.
pub fn state(pid: u32, thread: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/task/{thread}/stat")).ok()?;
    // The second field is a name in brackets that may hold anything.
    stat.rsplit_once(") ")?.1.chars().next()
}

/// The name that it gave itself, at most 15 bytes.
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
