//! Processes that a test must not leave behind.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// Processes with `path` in their arguments, environment or executable: pid and command line.
pub(crate) fn of(path: &Path) -> Vec<(i32, String)> {
    let path = path.display().to_string();
    let processes = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    let ours = processes.filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let read = |name| {
            fs::read(entry.path().join(name))
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        let command = read("cmdline")
            .ok()
            .filter(|command| !command.is_empty())?
            .replace('\0', " ");
        let executable = fs::read_link(entry.path().join("exe")).unwrap_or_default();
        let mentioned = command.contains(&path)
            || executable.starts_with(&path)
            || read("environ").is_ok_and(|environment| environment.contains(&path));
        (mentioned && pid as u32 != std::process::id()).then_some((pid, command))
    });
    ours.collect()
}

/// Waits until these processes exited, kills the remaining ones, and returns them.
pub(crate) fn end(path: &Path) -> Vec<(i32, String)> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut left = of(path);
    while !left.is_empty() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
        left = of(path);
    }
    for (pid, _) in &left {
        // SAFETY: no memory is involved; the process was started in a test's own directory.
        unsafe { libc::kill(*pid, libc::SIGKILL) };
    }
    left
}
