//! Why there are no stacks, and what to do then.

use kt::wire::sample::SampleRefused;

use crate::{debug::permit, ship::debugger_attached};

/// Why threads of a worker cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    #[error("{}", refused(service, refusal))]
    Refused {
        service: String,
        refusal: Box<SampleRefused>,
    },
    #[error(
        "no thread of {service} ran in any of {looks} looks: nothing was written\nhelp: call its functions meanwhile, or sample threads \
         that wait with `--wall`"
    )]
    NothingRan { service: String, looks: u64 },
    #[error("failed to write {}", path.display())]
    Write {
        path: std::path::PathBuf,
        source: std::io::Error,
    },
}

fn refused(service: &str, refusal: &SampleRefused) -> String {
    match refusal {
        SampleRefused::NoWorker(why) => {
            format!("{service} has no worker: {why}\nhelp: `cargo kt run` starts one")
        }
        SampleRefused::Debugged(debugger) => format!(
            "the threads of {service} cannot be looked at: {}\nhelp: one tracer at a time; gdb's `thread apply all backtrace` shows the same",
            debugger_attached(debugger)
        ),
        SampleRefused::Traced { pid, name } => format!(
            "the worker of {service} is traced by process {pid} ({name})\nhelp: one tracer at a time; end that one first"
        ),
        SampleRefused::Forbidden(forbidden) => format!(
            "the threads of {service} cannot be looked at: {forbidden}\nhelp: {}",
            permit(*forbidden)
        ),
        SampleRefused::Profiled => format!(
            "{service} is being profiled already\nhelp: one profile at a time; it ends with its `cargo kt profile`"
        ),
        SampleRefused::Failed(why) => {
            format!("the threads of {service} cannot be looked at: {why}")
        }
    }
}

#[cfg(test)]
mod tests {
    use kt::wire::debug::{DebuggerAttached, Forbidden, Reloads};

    use super::*;

    #[test]
    fn a_refusal_says_who_or_what_forbids_it_and_what_to_do() {
        let debugged = SampleRefused::Debugged(DebuggerAttached {
            who: "alice@laptop".into(),
            since_ms: 90_000,
            reloads: Reloads::Wait,
        });
        for (refusal, said) in [
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
            assert!(text.contains(said) && text.contains("help:"), "{text}");
        }
    }
}
