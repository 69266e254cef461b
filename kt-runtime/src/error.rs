//! What a call can come back with instead of a result.

mod transfer;

use std::{fmt, time::Duration};

use crate::generation::Generation;

/// Why a call has no result.
///
/// `Debug` prints what `Display` does and a panic's frames below, since that is what `fn main() -> Result<(), kt::Error>` shows.
/// It has serde, so that a remote function that calls others may return it.
#[derive(Clone)]
#[non_exhaustive]
pub enum Error {
    /// The service has no such function.
    UnknownFunction {
        function: String,
        /// The most similar name that it has.
        nearest: Option<String>,
    },
    /// The caller was built with other argument or result types than the function that is served now.
    ShapeMismatch {
        function: String,
        /// The signature that the caller was built with.
        here: String,
        /// The signature that is served now.
        there: String,
        /// The caller is code that an edit replaced and that goes on in the worker: a task, a thread or a kept value.
        within: bool,
    },
    /// The service holds older code than this program was built with, and old code must not answer.
    OldGeneration {
        function: String,
        wanted: Generation,
        serving: Generation,
    },
    /// The function panicked. The worker lives on.
    Panicked(Box<Panic>),
    /// The worker ended while the call was in it.
    WorkerDied { function: String, death: Death },
    /// The call's [timeout](crate::Call::timeout) passed. The remote future was dropped; a plain function runs to its end unheard.
    TimedOut { function: String, after: Duration },
    /// Arguments or result are over the limit.
    TooLarge {
        function: String,
        what: Part,
        limit: u64,
    },
    /// Arguments or result could not be encoded or decoded: the type's serde implementation says why.
    Codec {
        function: String,
        what: Part,
        reason: String,
    },
    /// The connection broke. `sent` tells whether the call may have been carried out.
    ConnectionLost {
        function: String,
        sent: bool,
        reason: String,
    },
    /// The service is not there or refuses this program.
    Unavailable { service: String, reason: String },
    /// The call was made in a way that this thread does not allow.
    Misused { reason: String },
}

/// Which of a call's two bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Arguments,
    Result,
}

/// A panic of a remote function.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Panic {
    pub function: String,
    pub message: String,
    /// `src/lib.rs:10:5`. `None` of a call in place: only the process's panic hook learns it, and a program's hook is its own.
    pub location: Option<String>,
    /// The user's frames, innermost first.
    pub frames: Vec<Frame>,
}

/// A place in the code of a [`Panic`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    pub function: String,
    /// File and line, where the compiler left them.
    pub location: Option<(String, u32)>,
}

/// How a worker ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Death {
    /// The exit code, if it exited by itself.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The generation that it served.
    pub generation: Generation,
    /// Its largest resident memory in bytes.
    pub max_rss: u64,
    /// While it ran the kernel's out-of-memory killer ended a process of its machine.
    pub out_of_memory: bool,
    /// Another worker has taken its place, with the states that have serde.
    pub replaced: bool,
    pub uptime: Duration,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFunction { function, nearest } => {
                write!(f, "the service has no remote function `{function}`")?;
                match nearest {
                    Some(nearest) => {
                        write!(f, "; did it become `{nearest}`? Run the program again")
                    }
                    None => write!(f, "; run the program again"),
                }
            }
            Self::ShapeMismatch {
                function,
                here,
                there,
                within,
            } => fmt_shape_mismatch(f, function, here, there, *within),
            Self::OldGeneration {
                function,
                wanted,
                serving,
            } => write!(
                f,
                "`{function}` would be answered by generation {serving}, older than this program's \
                 generation {wanted}; run the program again"
            ),
            Self::Panicked(panic) => panic.fmt(f),
            Self::WorkerDied { function, death } => fmt_death(f, function, death),
            Self::TimedOut { function, after } => {
                write!(f, "`{function}` did not answer within {after:?}")
            }
            Self::TooLarge {
                function,
                what,
                limit,
            } => write!(
                f,
                "the {what} of `{function}` would take more than {limit} bytes; KT_BODY_LIMIT sets \
                 the limit"
            ),
            Self::Codec {
                function,
                what,
                reason,
            } => {
                let verb = match what {
                    Part::Arguments => "cannot be sent",
                    Part::Result => "cannot come back",
                };
                write!(f, "the {what} of `{function}` {verb}: {reason}")
            }
            Self::ConnectionLost {
                function,
                sent,
                reason,
            } => {
                let fate = match sent {
                    true => "it may have been carried out",
                    false => "it was not sent",
                };
                write!(
                    f,
                    "the connection was lost while `{function}` was called ({fate}): {reason}"
                )
            }
            Self::Unavailable { service, reason } => {
                write!(f, "the service `{service}` cannot be reached: {reason}")
            }
            Self::Misused { reason } => f.write_str(reason),
        }
    }
}

fn fmt_shape_mismatch(
    f: &mut fmt::Formatter<'_>,
    function: &str,
    here: &str,
    there: &str,
    within: bool,
) -> fmt::Result {
    if !within {
        return write!(
            f,
            "`{function}` is served with other types than this program was built with (here \
             `{here}`, there `{there}`); run the program again"
        );
    }
    // Types without a known shape: the signatures are equal, and the types may be.
    let has = if here == there { "may have" } else { "has" };
    write!(
        f,
        "`{function}` {has} other types now (`{there}`) than in the code that calls it (`{here}`), \
         which goes on in the worker since before an edit; `cargo kt state clear STATE` ends it if a \
         state holds it, `cargo kt down SERVICE` ends all such code"
    )
}

fn fmt_death(f: &mut fmt::Formatter<'_>, function: &str, death: &Death) -> fmt::Result {
    if death.replaced {
        write!(
            f,
            "the worker was ended while `{function}` ran in it: {death}; the next call goes to the \
             new one"
        )
    } else if death.was_stopped() {
        write!(
            f,
            "the worker was ended while `{function}` ran in it: {death}; its state is gone, run the \
             program again"
        )
    } else {
        write!(
            f,
            "the worker died while `{function}` ran in it: {death}; the next call starts a new one, \
             and its state is gone"
        )
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(panic) => panic.fmt(f),
            other => fmt::Display::fmt(other, f),
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` panicked", self.function)?;
        if let Some(location) = &self.location {
            write!(f, " at {location}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        self.frames
            .iter()
            .enumerate()
            .try_for_each(|(number, frame)| write!(f, "\n  {number:>2}: {frame:?}"))
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        match &self.location {
            Some((file, line)) => write!(f, "\n      at {file}:{line}"),
            None => Ok(()),
        }
    }
}

impl Death {
    /// Whether its host ended it and nothing took its place.
    fn was_stopped(&self) -> bool {
        self.code.is_none() && self.signal.is_none() && !self.replaced
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "it exited with code {code}, ")?,
            (_, Some(SIGKILL)) if self.out_of_memory => write!(
                f,
                "it was ended by signal 9 (SIGKILL), and the kernel ran out of memory and killed a process meanwhile, "
            )?,
            (_, Some(signal)) => write!(f, "it was ended by {}, ", signal_name(signal))?,
            (None, None) if self.replaced => f.write_str("it was replaced, ")?,
            (None, None) => f.write_str("it was ended by its host, ")?,
        }
        let megabytes = self.max_rss as f64 / (1 << 20) as f64;
        write!(
            f,
            "after {:.1?} in generation {}, with {megabytes:.0} MiB at most",
            self.uptime, self.generation
        )
    }
}

/// Signals by their numbers on Linux, which signal(7) lists: a program that runs its functions in place has no use for libc.
const SIGKILL: i32 = 9;

fn signal_name(signal: i32) -> String {
    let name = match signal {
        2 => "SIGINT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        other => return format!("signal {other}"),
    };
    format!("signal {signal} ({name})")
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arguments => "arguments",
            Self::Result => "result",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn died(death: Death) -> String {
        let function = "app::work".into();
        Error::WorkerDied { function, death }.to_string()
    }

    const DEATH: Death = Death {
        code: None,
        signal: None,
        generation: Generation(2),
        max_rss: 13 << 20,
        out_of_memory: false,
        replaced: false,
        uptime: Duration::from_secs(3),
    };

    #[test]
    fn old_code_in_the_worker_is_told_from_a_program_that_can_run_again() {
        let error = |there: &str, within| {
            let error = Error::ShapeMismatch {
                function: "app::handle".into(),
                here: "fn(u64)".into(),
                there: there.into(),
                within,
            };
            error.to_string()
        };
        assert!(error("fn(u8)", false).ends_with("run the program again"));
        let text = error("fn(u8)", true);
        assert!(
            text.starts_with("`app::handle` has other types now (`fn(u8)`)"),
            "{text}"
        );
        assert!(
            text.contains("`cargo kt state clear STATE`")
                && text.contains("`cargo kt down SERVICE`")
        );
        assert!(!text.contains("run the program again"), "{text}");
        // Types whose encoding is not known: they may be the same.
        assert!(error("fn(u64)", true).contains("may have other types"));
    }

    #[test]
    fn only_what_is_known_is_said_of_a_workers_end() {
        let killed = Death {
            signal: Some(SIGKILL),
            ..DEATH
        };
        let text = died(killed.clone());
        assert!(
            text.contains("ended by signal 9 (SIGKILL), after 3.0s"),
            "{text}"
        );
        assert!(!text.contains("memory and"), "{text}");
        let text = died(Death {
            out_of_memory: true,
            ..killed
        });
        assert!(text.contains("the kernel ran out of memory"), "{text}");

        let text = died(Death {
            replaced: true,
            ..DEATH
        });
        assert!(
            text.contains("it was replaced, after") && !text.contains("gone"),
            "{text}"
        );
        let text = died(DEATH);
        assert!(
            text.contains("ended by its host") && !text.contains("next call"),
            "{text}"
        );
    }
}
