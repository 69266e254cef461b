//! Errors of the debugger, with their help.

use std::{io, path::PathBuf};

use kt::wire::debug::{DebugRefused, Forbidden};

use crate::{place::PlaceError, ship::debugger_attached, terminal::text};

/// Why a debugger could not attach.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DebugError {
    #[error(
        "`{program}` is not installed\nhelp: install the package `gdb` (Debian, Ubuntu, Fedora, Arch), or set RUST_GDB to another gdb"
    )]
    NoGdb { program: String },
    #[error(
        "`{program}` is gdb {found}, but kt requires gdb {needed} or newer\nhelp: install a newer gdb and set RUST_GDB to its path"
    )]
    OldGdb {
        program: String,
        found: String,
        needed: u32,
    },
    #[error(
        "`{program}` did not print a gdb version: {printed}\nhelp: set RUST_GDB to the path of a gdb"
    )]
    NotGdb { program: String, printed: String },
    #[error(
        "`{program}` was built without Python, which kt's commands and Rust's pretty printers require\nhelp: install the package `gdb` of your distribution, not `gdb-minimal`"
    )]
    NoPython { program: String },
    #[error(
        "`gdbserver` is not installed\nhelp: install the package `gdbserver` (Debian, Ubuntu), `gdb-gdbserver` (Fedora) or `gdb` (Arch)"
    )]
    NoGdbserver,
    #[error("{}", refused(service, refusal))]
    Refused {
        service: String,
        refusal: Box<DebugRefused>,
    },
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("failed to build the program of {service} with full debug information: see above")]
    Build { service: String },
    #[error("failed to {what}")]
    Io { what: String, source: io::Error },
    #[error("failed to read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("failed to ship {} to a pod: {why}", path.display())]
    Library { path: PathBuf, why: String },
    #[error(
        "gdb {found} has no DAP server\nhelp: use gdb 14 or newer, or `--print-launch-json`, which works with this version"
    )]
    NoDap { found: String },
    #[error(
        "{service} runs on {theirs}, but the local gdbserver is for {}\nhelp: attach from a {theirs} machine",
        std::env::consts::ARCH
    )]
    OtherArchitecture { service: String, theirs: String },
}

impl DebugError {
    /// Returns a function for `map_err`.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

fn refused(service: &str, refusal: &DebugRefused) -> String {
    match refusal {
        DebugRefused::NoWorker(why) => {
            format!("{service} has no worker to debug: {why}\nhelp: start one with `cargo kt run`")
        }
        DebugRefused::Attached(other) => format!(
            "{service} is already being debugged: {}\nhelp: quit that gdb first; only one debugger can attach at a time",
            debugger_attached(other)
        ),
        DebugRefused::Traced { pid, name } => format!(
            "the worker of {service} is traced by process {pid} ({name})\nhelp: stop that process first; only one tracer can attach at a time"
        ),
        DebugRefused::Forbidden(forbidden) => format!(
            "{service} cannot be debugged: {forbidden}\nhelp: {}",
            permit(*forbidden)
        ),
        DebugRefused::Missing(ids) => {
            format!(
                "{service} no longer has {} of gdbserver\nhelp: try again",
                text::count(ids.len(), "object")
            )
        }
        DebugRefused::Stub(why) => format!("{service} cannot be debugged: {why}"),
    }
}

/// Help for a forbidden ptrace.
pub fn permit(forbidden: Forbidden) -> &'static str {
    match forbidden {
        Forbidden::Yama(3) => {
            "reboot the machine, or the pod's node, with a lower kernel.yama.ptrace_scope; it cannot be changed at runtime"
        }
        Forbidden::Yama(_) => {
            "run `sysctl kernel.yama.ptrace_scope=1` on the machine, or on the pod's node"
        }
        Forbidden::Seccomp => {
            "in a pod, set `securityContext.seccompProfile.type: RuntimeDefault` in `pod_template`, which allows ptrace since Linux 4.8; in Docker, \
             use `--security-opt seccomp=unconfined`"
        }
    }
}

#[cfg(test)]
mod tests {
    use kt::wire::debug::{DebuggerAttached, Reloads};

    use super::*;

    fn text_of(refusal: DebugRefused) -> String {
        DebugError::Refused {
            service: "app".into(),
            refusal: Box::new(refusal),
        }
        .to_string()
    }

    #[test]
    fn forbidden_ptrace_has_help() {
        let yama = text_of(DebugRefused::Forbidden(Forbidden::Yama(2)));
        assert!(
            yama.contains("ptrace_scope = 2") && yama.contains("sysctl kernel.yama.ptrace_scope=1"),
            "{yama}"
        );
        let seccomp = text_of(DebugRefused::Forbidden(Forbidden::Seccomp));
        assert!(
            seccomp.contains("a seccomp filter") && seccomp.contains("RuntimeDefault"),
            "{seccomp}"
        );
    }

    #[test]
    fn a_second_debugger_is_rejected_with_the_user_of_the_first() {
        let second = text_of(DebugRefused::Attached(DebuggerAttached {
            who: "alice@laptop".into(),
            since_ms: 90_000,
            reloads: Reloads::Wait,
        }));
        assert!(
            second.contains("alice@laptop") && second.contains("since"),
            "{second}"
        );
    }
}
