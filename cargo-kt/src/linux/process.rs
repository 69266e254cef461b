//! Facts about processes: proc(5).

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt,
};

/// The executable of this process, also if its file was replaced after the start.
pub const OWN_EXECUTABLE: &str = "/proc/self/exe";

/// The start time of a process in clock ticks since boot; `None` if it has exited or is a zombie.
/// Source: `/proc/<pid>/stat`, proc(5).
pub fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses that may contain any character. The third, the
    // state, follows it.
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let field = |number: usize| fields.get(number - 3).copied();
    // If only the first thread has exited, the process is shown as a zombie although other threads
    // still run and hold its files and locks.
    let threads = field(20)?;
    if matches!(field(3)?, "Z" | "X") && matches!(threads, "0" | "1") {
        return None;
    }
    field(22)?.parse().ok()
}

/// The environment that a process was started with, as `NAME=VALUE`; `None` if it has exited.
pub fn environment(pid: u32) -> Option<Vec<OsString>> {
    texts(pid, "environ")
}

/// The command line of a process; `None` if it has exited.
pub fn arguments(pid: u32) -> Option<Vec<OsString>> {
    texts(pid, "cmdline")
}

fn texts(pid: u32, file: &str) -> Option<Vec<OsString>> {
    let bytes = fs::read(format!("/proc/{pid}/{file}")).ok()?;
    let parts = bytes.split(|byte| *byte == 0);
    let parts = parts.filter(|part| !part.is_empty());
    Some(
        parts
            .map(|part| OsStr::from_bytes(part).to_owned())
            .collect(),
    )
}

/// The processes that the threads of a process started. See `proc_pid_task_tid_children(5)`.
pub fn children(parent: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{parent}/task"));
    threads
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|text| {
            text.split_ascii_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Whether processes that this one starts inherit a file descriptor: it is open, without
/// `O_CLOEXEC`. See `proc_pid_fdinfo(5)`.
pub fn is_inherited(descriptor: u32) -> bool {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}"));
    let flags = info.ok().and_then(|info| {
        let octal = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
        i32::from_str_radix(octal.trim(), 8).ok()
    });
    flags.is_some_and(|flags| flags & libc::O_CLOEXEC == 0)
}

/// The memory mappings of this process, one a line: `proc_pid_maps(5)`.
///
/// # Errors
/// If `/proc` is not mounted.
#[cfg(feature = "kubernetes")]
pub fn own_mappings() -> std::io::Result<String> {
    fs::read_to_string("/proc/self/maps")
}
