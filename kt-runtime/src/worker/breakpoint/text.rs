//! What a person reads of a call at a breakpoint.

use std::{fmt, time::Duration};

use super::Location;
use crate::wire::data::BreakpointReached;

/// A call that waits for a debugger.
pub(super) struct Stopped<'a> {
    pub(super) location: &'a Location,
    pub(super) service: &'a str,
    /// The key of the function that was called.
    pub(super) call: Option<&'static str>,
    pub(super) limit: Duration,
    /// Other tasks of a runtime of the user's wait with it.
    pub(super) holds_runtime: bool,
}

/// Why a call went on without a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    /// None attached in time.
    NoDebugger,
    /// Nobody is there who could see that it waits.
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
            None => f.write_str("a task of its own)")?,
        }
        if self.holds_runtime {
            f.write_str(
                "\nnote: the other tasks of this call's current-thread runtime wait with it",
            )?;
        }
        write!(
            f,
            "\nhelp: `cargo kt debug {}` attaches a debugger; without one the call continues after {}",
            self.service,
            duration(self.limit)
        )
    }
}

impl Stopped<'_> {
    /// The path of the function around the breakpoint. A remote function's code is in a function of the same name within what the
    /// attribute makes of it.
    pub(super) fn function(&self) -> &str {
        let function = self.location.function;
        let outer = function.rsplit_once("::");
        let doubled = outer.filter(|(outer, name)| {
            self.call.map(path_of) == Some(outer) && outer.rsplit("::").next() == Some(name)
        });
        doubled.map_or(function, |(outer, _)| outer)
    }

    /// What a program is told of it, to ask whether it is to be debugged.
    pub(super) fn reached(&self) -> BreakpointReached {
        BreakpointReached {
            function: self.function().to_owned(),
            file: self.location.file.to_owned(),
            line: self.location.line,
            call: self.call.map(str::to_owned),
        }
    }

    /// Why it went on, and so many behind it.
    pub(super) fn passed(&self, why: Passed, behind: u64) -> String {
        let Location { file, line, .. } = self.location;
        let function = self.function();
        let why = match why {
            Passed::NoDebugger => {
                format!("no debugger attached within {}", duration(self.limit))
            }
            Passed::NoProgram => "the program that made the call has ended".to_owned(),
        };
        let others = match behind {
            0 => String::new(),
            1 => ", and so does 1 call that waited behind it".to_owned(),
            more => format!(", and so do {more} calls that waited behind it"),
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
    fn a_remote_function_is_named_as_it_is_written() {
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
    fn a_person_reads_where_and_how_to_attach() {
        assert_eq!(
            stopped(Some("app/app:app::outer")).to_string(),
            "kt: breakpoint reached: `app::work` at src/main.rs:7 (service app, call `app::outer`)\n\
             help: `cargo kt debug app` attaches a debugger; without one the call continues after 10 min"
        );
        assert!(stopped(None).to_string().contains("a task of its own"));
    }

    #[test]
    fn a_person_reads_why_calls_went_on_and_how_many() {
        let stopped = stopped(None);
        assert_eq!(
            stopped.passed(Passed::NoDebugger, 0),
            "kt: warning: no debugger attached within 10 min: `app::work` continues at src/main.rs:7"
        );
        assert!(
            stopped
                .passed(Passed::NoProgram, 2)
                .ends_with("src/main.rs:7, and so do 2 calls that waited behind it")
        );
    }

    #[test]
    fn times_are_read_in_the_unit_that_fits() {
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
