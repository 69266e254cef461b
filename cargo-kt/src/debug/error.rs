//! Why a debugger could not attach, and what to do then.

use std::{io, path::PathBuf};

use kt::wire::debug::{DebugRefused, Forbidden};

use crate::{place::PlaceError, ship::debugger_attached, terminal::text};

/// Why there is no debugger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DebugError {
    #[error(
        "`{program}` is not installed\nhelp: install the package `gdb` (Debian, Ubuntu, Fedora, Arch), or set RUST_GDB to another gdb"
    )]
    NoGdb { program: String },
    #[error(
        "`{program}` is gdb {found}, and kt needs gdb {needed} or newer\nhelp: install a newer one and set RUST_GDB to its path"
    )]
    OldGdb {
        program: String,
        found: String,
        needed: u32,
    },
    #[error(
        "`{program}` does not say which version of gdb it is: {said}\nhelp: set RUST_GDB to the path of a gdb"
    )]
    NotGdb { program: String, said: String },
    #[error(
        "`{program}` was built without Python, which kt's commands and Rust's pretty printers need\nhelp: install the package `gdb` of your distribution, not `gdb-minimal`"
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
    #[error(
        "the program of {service} could not be built with debug information of variables: see above"
    )]
    Build { service: String },
    #[error("failed to {what}")]
    Io { what: String, source: io::Error },
    #[error("failed to read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} cannot be shipped to a pod: {why}", path.display())]
    Library { path: PathBuf, why: String },
    #[error(
        "gdb {found} has no DAP server\nhelp: gdb 14 or newer has one; `--print-launch-json` works with this one"
    )]
    NoDap { found: String },
    #[error(
        "{service} runs on {theirs}, and gdbserver is here for {} only\nhelp: attach from a machine of {theirs}",
        std::env::consts::ARCH
    )]
    OtherArchitecture { service: String, theirs: String },
}

impl DebugError {
    /// For `map_err`.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

fn refused(service: &str, refusal: &DebugRefused) -> String {
    match refusal {
        DebugRefused::NoWorker(why) => {
            format!("{service} has no worker to debug: {why}\nhelp: `cargo kt run` starts one")
        }
        DebugRefused::Attached(other) => format!(
            "{service} is being debugged already: {}\nhelp: one debugger at a time; it ends when that gdb quits",
            debugger_attached(other)
        ),
        DebugRefused::Traced { pid, name } => format!(
            "the worker of {service} is traced by process {pid} ({name})\nhelp: one tracer at a time; end that one first"
        ),
        DebugRefused::Forbidden(forbidden) => format!(
            "{service} cannot be debugged: {forbidden}\nhelp: {}",
            permit(*forbidden)
        ),
        DebugRefused::Missing(ids) => {
            format!(
                "{service} lost {} of gdbserver\nhelp: try again",
                text::count(ids.len(), "object")
            )
        }
        DebugRefused::Stub(why) => format!("{service} cannot be debugged: {why}"),
    }
}

/// What allows it.
pub fn permit(forbidden: Forbidden) -> &'static str {
    match forbidden {
        Forbidden::Yama(3) => {
            "only a restart of the machine, or of the pod's node, with a lower kernel.yama.ptrace_scope changes it"
        }
        Forbidden::Yama(_) => {
            "`sysctl kernel.yama.ptrace_scope=1` on the machine, or on the pod's node, allows it"
        }
        Forbidden::Seccomp => {
            "in a pod, `securityContext.seccompProfile.type: RuntimeDefault` in `pod_template` allows ptrace from Linux 4.8 on; in Docker, \
             `--security-opt seccomp=unconfined`"
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
    fn what_forbids_ptrace_is_named_with_what_allows_it() {
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
    fn a_second_debugger_reads_who_is_first_and_since_when() {
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
