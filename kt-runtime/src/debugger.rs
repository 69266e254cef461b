//! Whether a debugger traces a thread.

use std::{fs::File, io::Read};

/// Whether a debugger traces the calling thread: `TracerPid` of proc(5). Not of the process: a
/// debugger may attach to its leader long before it attaches to this thread.
pub(crate) fn traces_this_thread() -> bool {
    // The line is in the first few hundred bytes: the name before it has 64 at most.
    let mut status = [0; 1024];
    let read = File::open("/proc/thread-self/status").and_then(|mut file| file.read(&mut status));
    read.is_ok_and(|read| tracer(&status[..read]).is_some())
}

/// The process that traces the thread with this status.
pub(crate) fn tracer(status: &[u8]) -> Option<u32> {
    let status = String::from_utf8_lossy(status);
    let field = |line: &str| line.strip_prefix("TracerPid:")?.trim().parse().ok();
    status.lines().find_map(field).filter(|&pid: &u32| pid != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_traced_if_its_status_names_a_tracer() {
        let status =
            |tracer: u32| format!("Name:\tkt-call\nPPid:\t1\nTracerPid:\t{tracer}\nUid:\t0\n");
        assert_eq!(tracer(status(0).as_bytes()), None);
        assert_eq!(tracer(status(4711).as_bytes()), Some(4711));
        assert_eq!(tracer(b""), None);
    }
}
