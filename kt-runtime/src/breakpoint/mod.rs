//! [`breakpoint!`](crate::breakpoint): stops the call that reaches it, for a debugger.
//!
//! The trap instruction is part of the macro and not of a function, so that a debugger shows the
//! user's own frame on top. This module decides whether to execute it: only in a thread that a
//! debugger traces. A worker first waits for a debugger ([`worker::breakpoint`](crate::worker));
//! any other process checks once and continues.

mod trap;

use std::fs::File;
use std::io::Read;

#[cfg(all(
    any(kt, feature = "host"),
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub(crate) use trap::marker;

/// The location of a breakpoint.
#[cfg(any(kt, feature = "host"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) function: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
}

/// Whether the calling thread must stop. The macro calls this just before the trap instruction.
#[must_use]
#[cfg_attr(
    not(any(kt, feature = "host")),
    expect(unused_variables, reason = "only a worker reports where a call waits")
)]
pub fn reached<C>(file: &'static str, line: u32, _in_function: &C) -> bool {
    #[cfg(any(kt, feature = "host"))]
    if let Some(worker) = crate::worker::current() {
        return worker.breakpoint(&Location {
            function: function_of::<C>(),
            file,
            line,
        });
    }
    is_traced()
}

/// The debugger let the call continue.
pub fn passed() {
    #[cfg(any(kt, feature = "host"))]
    if let Some(worker) = crate::worker::current() {
        worker.breakpoint_passed();
    }
}

/// The path of the function that contains a closure. The body of an async function counts as the
/// function.
#[cfg(any(kt, feature = "host"))]
fn function_of<C>() -> &'static str {
    let mut path = std::any::type_name::<C>();
    while let Some(outer) = path.strip_suffix("::{{closure}}") {
        path = outer;
    }
    path
}

/// Whether a debugger traces the calling thread: `TracerPid` of proc(5). Checks this thread and not
/// the process: a debugger may attach to the main thread long before it reaches this one.
pub(crate) fn is_traced() -> bool {
    // The line is within the first few hundred bytes; the name before it has at most 64.
    let mut status = [0; 1024];
    let read = File::open("/proc/thread-self/status").and_then(|mut file| file.read(&mut status));
    read.is_ok_and(|read| tracer(&status[..read]).is_some())
}

/// The pid of the process that traces the thread with this status.
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

    #[cfg(feature = "host")]
    #[test]
    fn the_function_of_a_breakpoint_is_the_enclosing_one() {
        fn path_of<C>(_: &C) -> &'static str {
            function_of::<C>()
        }
        let here = "kt::breakpoint::tests::the_function_of_a_breakpoint_is_the_enclosing_one";
        assert_eq!(path_of(&|| {}), here);
        let in_closure = || path_of(&|| {});
        assert_eq!(in_closure(), here);
    }

    #[test]
    fn a_breakpoint_does_nothing_without_a_debugger() {
        crate::breakpoint!();
    }
}
