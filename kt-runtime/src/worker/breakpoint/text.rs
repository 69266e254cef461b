//! Messages about a call at a breakpoint.

use std::{fmt, time::Duration};

use super::Location;
use crate::wire::data::BreakpointReached;

/// A call that waits for a debugger.
pub(super) struct Stopped<'a> {
    pub(super) location: &'a Location,
    pub(super) service: &'a str,
    /// The key of the called function.
    pub(super) call: Option<&'static str>,
    pub(super) limit: Duration,
    /// Other tasks of the user's runtime wait with it.
    pub(super) holds_runtime: bool,
}

/// Why a call continued without stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    /// No debugger attached before the timeout.
    NoDebugger,
    /// No program is connected that could show the message.
    NoProgram,
}

impl fmt::Display for Stopped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Location { file, line, .. } = self.location;
        let function = self.function();
        write!(
            f,
            "kt: breakpoint reached: `{function}` at {file}:{line} (service {}, ",
            self.service
        )?;
        match self.call {
            Some(call) => write!(f, "call `{}`)", path_of(call))?,
            None => f.write_str("a background task)")?,
        }
        if self.holds_runtime {
            f.write_str(
                "\nnote: other tasks of this call's current-thread runtime are blocked too",
            )?;
        }
        write!(
            f,
            "\nhelp: run `cargo kt debug {}` to attach a debugger; without one the call continues after {}",
            self.service,
            duration(self.limit)
        )
    }
}

impl Stopped<'_> {
    /// The path of the function that contains the breakpoint. `#[kt::remote]` puts a function's
    /// code into an inner function of the same name.
    pub(super) fn function(&self) -> &str {
        let function = self.location.function;
        let outer = function.rsplit_once("::");
        let doubled = outer.filter(|(outer, name)| {
            self.call.map(path_of) == Some(outer) && outer.rsplit("::").next() == Some(name)
        });
        doubled.map_or(function, |(outer, _)| outer)
    }

    /// Sent to the program, which offers to start a debugger.
    pub(super) fn reached(&self) -> BreakpointReached {
        BreakpointReached {
            function: self.function().to_owned(),
            file: self.location.file.to_owned(),
            line: self.location.line,
            call: self.call.map(str::to_owned),
        }
    }

    /// Reports why the call and `behind` more continued.
    pub(super) fn passed(&self, why: Passed, behind: u64) -> String {
        let Location { file, line, .. } = self.location;
        let function = self.function();
        let why = match why {
            Passed::NoDebugger => {
                format!("no debugger attached within {}", duration(self.limit))
            }
            Passed::NoProgram => "the program that made the call has exited".to_owned(),
        };
        let others = match behind {
            0 => String::new(),
            1 => ", and so does 1 call queued behind it".to_owned(),
            more => format!(", and so do {more} calls queued behind it"),
        };
        format!("kt: warning: {why}: `{function}` continues at {file}:{line}{others}")
    }
}

/// The path in a function's key, `package/bin:module::name`.
fn path_of(key: &str) -> &str {
    key.split_once(':').map_or(key, |(_, path)| path)
}

fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, _) if duration.subsec_millis() > 0 => format!("{:.1} s", duration.as_secs_f64()),
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCATION: Location = Location {
        function: "app::work",
        file: "src/main.rs",
        line: 7,
    };

    fn stopped(call: Option<&'static str>) -> Stopped<'static> {
        Stopped {
            location: &LOCATION,
            service: "app",
            call,
            limit: Duration::from_secs(600),
            holds_runtime: false,
        }
    }

    #[test]
    fn a_remote_function_is_named_as_in_the_source() {
        let location = Location {
            function: "app::work::work",
            ..LOCATION
        };
        let mut stopped = stopped(Some("app/app:app::work"));
        stopped.location = &location;
        assert_eq!(stopped.function(), "app::work");
        stopped.call = Some("app/app:app::other");
        assert_eq!(stopped.function(), "app::work::work");
    }

    #[test]
    fn the_message_names_the_location_and_the_debug_command() {
        assert_eq!(
            stopped(Some("app/app:app::outer")).to_string(),
            "kt: breakpoint reached: `app::work` at src/main.rs:7 (service app, call `app::outer`)\n\
             help: run `cargo kt debug app` to attach a debugger; without one the call continues after 10 min"
        );
        assert!(stopped(None).to_string().contains("a background task"));
    }

    #[test]
    fn the_warning_names_the_reason_and_the_number_of_calls() {
        let stopped = stopped(None);
        assert_eq!(
            stopped.passed(Passed::NoDebugger, 0),
            "kt: warning: no debugger attached within 10 min: `app::work` continues at src/main.rs:7"
        );
        assert!(
            stopped
                .passed(Passed::NoProgram, 2)
                .ends_with("src/main.rs:7, and so do 2 calls queued behind it")
        );
    }

    #[test]
    fn durations_use_a_fitting_unit() {
        for (millis, text) in [
            (600_000, "10 min"),
            (90_000, "1 min 30 s"),
            (2_000, "2 s"),
            (500, "0.5 s"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
    }
}
