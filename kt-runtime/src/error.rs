//! Why a call has no result.

mod transfer;

use std::{fmt, time::Duration};

use crate::generation::Generation;
#[cfg(any(kt, feature = "host"))]
use crate::wire::{
    control::{self, Exit},
    data::Symbol,
};

/// Why a call has no result.
///
/// Every call returns `Result<T, kt::Error>`. The variants are the same under `cargo kt run` and in place; in place, only
/// [`Panicked`](Self::Panicked), [`TimedOut`](Self::TimedOut) and [`Misused`](Self::Misused) occur.
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
/// `Debug` prints the same text as `Display`, followed by a panic's frames, since `fn main() -> Result<(), kt::Error>` prints
/// `Debug`. The error implements serde's traits, so a remote function that calls others may return it.
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
    /// The caller was compiled with other argument or result types than the function that the service has now.
    ShapeMismatch {
        /// Path of the function.
        function: String,
        /// The signature that the caller was compiled with.
        here: String,
        /// The signature that the service has now.
        there: String,
        /// The caller is older code that still runs in the worker: a task, a thread or a kept value.
        within: bool,
    },
    /// The service runs older code than this program was compiled with, and older code must not answer.
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
    /// The call's [timeout](crate::Call::timeout) elapsed. An `async fn` is canceled. A synchronous function runs to completion
    /// and its result is discarded.
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
    /// `src/lib.rs:10:5`. `None` for a call in place: only the process's panic hook receives the location, and that hook is the
    /// program's own.
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
    /// The exit code, if it exited by itself.
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

#[cfg(any(kt, feature = "host"))]
impl From<control::Death> for Death {
    fn from(death: control::Death) -> Self {
        let (code, signal) = match death.how {
            Exit::Code(code) => (Some(code), None),
            Exit::Signal { number, .. } => (None, Some(number)),
            Exit::Replaced | Exit::Stopped => (None, None),
        };
        let uptime = Duration::from_millis(death.uptime_ms);
        Self {
            code,
            signal,
            generation: death.generation,
            max_rss: death.max_rss,
            out_of_memory: death.out_of_memory,
            replaced: death.how == Exit::Replaced,
            uptime,
        }
    }
}

#[cfg(any(kt, feature = "host"))]
impl From<Symbol> for Frame {
    fn from(symbol: Symbol) -> Self {
        Self {
            function: symbol.function,
            location: symbol.file.zip(symbol.line),
        }
    }
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
                within: true,
            } => {
                match here == there {
                    true => write!(f, "`{function}` may have other types now (`{there}`) ")?,
                    false => write!(f, "`{function}` has other types now (`{there}`) ")?,
                }
                write!(
                    f,
                    "than in the code that calls it (`{here}`), which goes on in the worker since before an edit; `cargo kt state \
                     clear STATE` ends it if a state holds it, `cargo kt down SERVICE` ends all such code"
                )
            }
            Self::ShapeMismatch {
                function,
                here,
                there,
                within: false,
            } => write!(
                f,
                "`{function}` is served with other types than this program was built with (here `{here}`, there `{there}`); \
                 run the program again"
            ),
            Self::OldGeneration {
                function,
                wanted,
                serving,
            } => write!(
                f,
                "`{function}` would be answered by generation {serving}, older than this program's generation {wanted}; run the \
                 program again"
            ),
            Self::Panicked(panic) => panic.fmt(f),
            Self::WorkerDied { function, death } if death.replaced => write!(
                f,
                "the worker was ended while `{function}` ran in it: {death}; the next call goes to the new one"
            ),
            Self::WorkerDied { function, death } if death.was_stopped() => write!(
                f,
                "the worker was ended while `{function}` ran in it: {death}; its state is gone, run the program again"
            ),
            Self::WorkerDied { function, death } => write!(
                f,
                "the worker died while `{function}` ran in it: {death}; the next call starts a new one, and its state is gone"
            ),
            Self::TimedOut { function, after } => {
                write!(f, "`{function}` did not answer within {after:?}")
            }
            Self::TooLarge {
                function,
                what,
                limit,
            } => {
                write!(
                    f,
                    "the {what} of `{function}` would take more than {limit} bytes; KT_BODY_LIMIT sets the limit"
                )
            }
            Self::Codec {
                function,
                what,
                reason,
            } => {
                let verb = if *what == Part::Arguments {
                    "cannot be sent"
                } else {
                    "cannot come back"
                };
                write!(f, "the {what} of `{function}` {verb}: {reason}")
            }
            Self::ConnectionLost {
                function,
                sent,
                reason,
            } => {
                let fate = if *sent {
                    "it may have been carried out"
                } else {
                    "it was not sent"
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
