//! Errors of stacks and profiles, with their help.

use kt::wire::sample::SampleRefused;

use crate::{debug::permit, ship::debugger_attached};

/// Why the threads of a worker cannot be inspected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    #[error("{}", refused(service, refusal))]
    Refused {
        service: String,
        refusal: Box<SampleRefused>,
    },
    #[error(
        "no thread of {service} was running in any of {snapshots} snapshots; no profile was written\n\
         help: call its functions while profiling, or also sample waiting threads with `--wall`"
    )]
    NothingRan { service: String, snapshots: u64 },
    #[error("failed to write {}", path.display())]
    Write {
        path: std::path::PathBuf,
        source: std::io::Error,
    },
}

fn refused(service: &str, refusal: &SampleRefused) -> String {
    match refusal {
        SampleRefused::NoWorker(why) => {
            format!("{service} has no worker: {why}\nhelp: start one with `cargo kt run`")
        }
        SampleRefused::Debugged(debugger) => format!(
            "cannot inspect the threads of {service}: {}\nhelp: run `thread apply all backtrace` in that gdb; only one tracer can attach at a time",
            debugger_attached(debugger)
        ),
        SampleRefused::Traced { pid, name } => format!(
            "the worker of {service} is traced by process {pid} ({name})\nhelp: stop that process first; only one tracer can attach at a time"
        ),
        SampleRefused::Forbidden(forbidden) => format!(
            "cannot inspect the threads of {service}: {forbidden}\nhelp: {}",
            permit(*forbidden)
        ),
        SampleRefused::Profiled => format!(
            "{service} is already being profiled\nhelp: stop that `cargo kt profile` first; only one profile can run at a time"
        ),
        SampleRefused::Failed(why) => {
            format!("cannot inspect the threads of {service}: {why}")
        }
    }
}

#[cfg(test)]
mod tests {
    use kt::wire::debug::{DebuggerAttached, Forbidden, Reloads};

    use super::*;

    #[test]
    fn a_rejection_has_a_reason_and_help() {
        let debugged = SampleRefused::Debugged(DebuggerAttached {
            who: "alice@laptop".into(),
            since_ms: 90_000,
            reloads: Reloads::Wait,
        });
        for (refusal, expected) in [
            (debugged, "alice@laptop"),
            (
                SampleRefused::Forbidden(Forbidden::Yama(2)),
                "ptrace_scope=1",
            ),
            (
                SampleRefused::Forbidden(Forbidden::Seccomp),
                "RuntimeDefault",
            ),
            (SampleRefused::NoWorker("it died".into()), "it died"),
        ] {
            let text = refused("app", &refusal);
            assert!(text.contains(expected) && text.contains("help:"), "{text}");
        }
    }
}
