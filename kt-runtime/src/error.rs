//! Why a call has no result.

mod transfer;

use std::{fmt, time::Duration};

use crate::generation::Generation;

/// Why a call has no result.
///
/// Every call returns `Result<T, kt::Error>`. The variants are the same under `cargo kt run` and in
/// place; in place, only [`Panicked`](Self::Panicked), [`TimedOut`](Self::TimedOut) and
/// [`Misused`](Self::Misused) occur.
///
/// ```
/// use std::time::Duration;
///
/// #[kt::remote]
/// async fn slow() -> u32 {
///     tokio::time::sleep(Duration::from_secs(3600)).await;
///     1
/// }
///
/// #[kt::remote]
/// fn parse(text: String) -> u32 {
///     text.parse().unwrap()
/// }
///
/// #[tokio::main]
/// async fn main() {
///     let error = slow().timeout(Duration::from_millis(10)).await.unwrap_err();
///     assert!(matches!(error, kt::Error::TimedOut { .. }));
///
///     match parse("one".into()).await {
///         Err(kt::Error::Panicked(panic)) => assert!(panic.message.contains("InvalidDigit")),
///         other => panic!("{other:?}"),
///     }
/// }
/// ```
///
/// `Debug` prints the same text as `Display`, followed by a panic's frames, since `fn main() ->
/// Result<(), kt::Error>` prints `Debug`. The error implements serde's traits, so a remote function
/// that calls others may return it.
#[derive(Clone)]
#[non_exhaustive]
pub enum Error {
    /// The service has no such function.
    UnknownFunction {
        /// Path of the function.
        function: String,
        /// The most similar name among the service's functions.
        nearest: Option<String>,
    },
    /// The caller was compiled with other argument or result types than the function that the
    /// service has now.
    ShapeMismatch {
        /// Path of the function.
        function: String,
        /// The signature that the caller was compiled with.
        here: String,
        /// The signature that the service has now.
        there: String,
        /// The caller is older code that still runs in the worker: a task, a thread or a kept
        /// value.
        within: bool,
    },
    /// The service runs older code than this program was compiled with, and older code must not
    /// answer.
    OldGeneration {
        /// Path of the function.
        function: String,
        /// The generation of this program.
        wanted: Generation,
        /// The generation that the service runs.
        serving: Generation,
    },
    /// The function panicked. The worker keeps running.
    Panicked(Box<Panic>),
    /// The worker exited during the call.
    WorkerDied {
        /// Path of the function.
        function: String,
        /// How the worker exited.
        death: Death,
    },
    /// The call's [timeout](crate::Call::timeout) elapsed. An `async fn` is canceled. A synchronous
    /// function runs to completion and its result is discarded.
    TimedOut {
        /// Path of the function.
        function: String,
        /// The timeout.
        after: Duration,
    },
    /// Arguments or result exceed the limit.
    TooLarge {
        /// Path of the function.
        function: String,
        /// Which of the two.
        what: Part,
        /// The limit in bytes: the service's `body_limit`.
        limit: u64,
    },
    /// Arguments or result could not be encoded or decoded.
    Codec {
        /// Path of the function.
        function: String,
        /// Which of the two.
        what: Part,
        /// The message of the type's serde implementation.
        reason: String,
    },
    /// The connection was lost.
    ConnectionLost {
        /// Path of the function.
        function: String,
        /// The request was sent, so the function may have run.
        sent: bool,
        /// Why the connection was lost.
        reason: String,
    },
    /// The service does not exist or refuses this program.
    Unavailable {
        /// Name of the service.
        service: String,
        /// Why it cannot be reached.
        reason: String,
    },
    /// The thread does not allow a call made in this way.
    Misused {
        /// What to do instead.
        reason: String,
    },
}

/// The part of a call that an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The arguments.
    Arguments,
    /// The result.
    Result,
}

/// A panic of a remote function.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Panic {
    /// Path of the function.
    pub function: String,
    /// The panic's message.
    pub message: String,
    /// `src/lib.rs:10:5`. `None` for a call in place: only the process's panic hook receives the
    /// location, and that hook is the program's own.
    pub location: Option<String>,
    /// The frames of the program's crates, innermost first.
    pub frames: Vec<Frame>,
}

/// A frame of a [`Panic`]'s backtrace.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// Path of the function.
    pub function: String,
    /// File and line, if the debug information has them.
    pub location: Option<(String, u32)>,
}

/// How a worker exited.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Death {
    /// The exit code, if it exited.
    pub code: Option<i32>,
    /// The signal that terminated it.
    pub signal: Option<i32>,
    /// The generation that it ran.
    pub generation: Generation,
    /// Its peak resident memory in bytes.
    pub max_rss: u64,
    /// The kernel's out-of-memory killer terminated a process on the worker's machine while it ran.
    pub out_of_memory: bool,
    /// Another worker replaced it, with the states that implement serde's traits.
    pub replaced: bool,
    /// How long it ran.
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
                "the service has generation {serving} of `{function}`, older than this program's \
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
                    Part::Result => "cannot be returned",
                };
                write!(f, "the {what} of `{function}` {verb}: {reason}")
            }
            Self::ConnectionLost {
                function,
                sent,
                reason,
            } => {
                let fate = match sent {
                    true => "the function may have run",
                    false => "the call was not sent",
                };
                write!(
                    f,
                    "connection lost during the call of `{function}` ({fate}): {reason}"
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
            "the types of `{function}` do not match: this program was built with `{here}`, the \
             service has `{there}`; run the program again"
        );
    }
    // Equal signatures: the shape of a type is unknown, and the types may be equal.
    let verb = if here == there { "may not" } else { "do not" };
    write!(
        f,
        "the types of `{function}` {verb} match: its caller was built with `{here}`, the function \
         now has `{there}`; the caller is code from before an edit that still runs in the worker: \
         `cargo kt state clear STATE` stops it if a state holds it, `cargo kt down SERVICE` stops \
         all such code"
    )
}

fn fmt_death(f: &mut fmt::Formatter<'_>, function: &str, death: &Death) -> fmt::Result {
    if death.replaced {
        write!(
            f,
            "the worker was stopped while `{function}` ran: {death}; the next call goes to its \
             replacement"
        )
    } else if death.was_stopped() {
        write!(
            f,
            "the worker was stopped while `{function}` ran: {death}; its state was lost, run the \
             program again"
        )
    } else {
        write!(
            f,
            "the worker died while `{function}` ran: {death}; its state was lost, and the next call \
             starts a new worker"
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
    /// Whether its host stopped it without a replacement.
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
                "it was killed by signal 9 (SIGKILL), and the kernel ran out of memory and killed a \
                 process meanwhile, "
            )?,
            (_, Some(signal)) => write!(f, "it was killed by {}, ", signal_name(signal))?,
            (None, None) if self.replaced => f.write_str("it was replaced, ")?,
            (None, None) => f.write_str("its host stopped it, ")?,
        }
        let megabytes = self.max_rss as f64 / (1 << 20) as f64;
        write!(
            f,
            "after {:.1?} in generation {}, with a peak of {megabytes:.0} MiB",
            self.uptime, self.generation
        )
    }
}

/// Signal numbers on Linux, signal(7). Plain builds do not depend on libc.
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
    fn a_mismatch_inside_the_worker_does_not_ask_to_run_the_program_again() {
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
            text.starts_with("the types of `app::handle` do not match"),
            "{text}"
        );
        assert!(
            text.contains("`cargo kt state clear STATE`")
                && text.contains("`cargo kt down SERVICE`")
        );
        assert!(!text.contains("run the program again"), "{text}");
        // Types whose shape is unknown may be equal.
        assert!(error("fn(u64)", true).contains("may not match"));
    }

    #[test]
    fn a_death_reports_only_what_is_known() {
        let killed = Death {
            signal: Some(SIGKILL),
            ..DEATH
        };
        let text = died(killed.clone());
        assert!(
            text.contains("killed by signal 9 (SIGKILL), after 3.0s"),
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
            text.contains("it was replaced, after") && !text.contains("lost"),
            "{text}"
        );
        let text = died(DEATH);
        assert!(
            text.contains("its host stopped it") && !text.contains("next call"),
            "{text}"
        );
    }
}
