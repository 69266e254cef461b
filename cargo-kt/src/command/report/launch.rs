//! What `run` and `build` say while a pod comes up: a line for each phase that took its time.

use std::{
    fmt::Display,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    command::clock::Clock,
    place::kubernetes::{Step, launch, tunnel::Report},
    terminal::{Progress, Terminal, text},
};

/// Tells the phases of one launch.
#[derive(Debug)]
pub(in crate::command) struct LaunchReport {
    terminal: Terminal,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the last phase ended, since the run's begin.
    last: Duration,
    started: bool,
    upload: Option<Progress>,
}

impl LaunchReport {
    pub(in crate::command) fn new(terminal: Terminal, clock: Clock) -> Self {
        Self {
            terminal,
            clock,
            state: Mutex::default(),
        }
    }

    pub(in crate::command) fn step(&self, step: Step) {
        match step {
            Step::Began { service, place } => {
                let mut state = self.state();
                state.last = self.clock.elapsed();
                drop(state);
                self.terminal
                    .status("Launching", format_args!("{service} in {place}"));
            }
            Step::Created { objects } => {
                self.phase("Created", "created", text::count(objects, "object"));
            }
            Step::Launch(launch::Step::Scheduled { node }) => {
                self.phase("Scheduled", "scheduled", format_args!("to {node}"));
            }
            Step::Launch(launch::Step::Pulled { message }) => {
                // The kubelet's sentence, shorter: `… already present on machine …`, or how long it took.
                let here = message.contains("already present");
                let what = if here {
                    "the image was there"
                } else {
                    "the image"
                };
                self.phase("Pulled", "pulled", what);
            }
            Step::Launch(launch::Step::Started { pod }) => self.started(&pod),
            Step::Tunnel(Report::Connected { pod, .. }) => {
                // The tunnel may have heard of it before we have.
                self.started(&pod);
                self.phase("Connected", "connected", "through a port-forward");
            }
            Step::Tunnel(Report::Uploading { sent, total }) => {
                let mut state = self.state();
                let bar = state
                    .upload
                    .get_or_insert_with(|| self.terminal.progress("Uploading", total));
                bar.set(sent, sent);
            }
            Step::Tunnel(Report::Entered { uploaded, .. }) => {
                self.state().upload = None;
                match uploaded {
                    0 => self.phase("Entered", "entered", "the host was there"),
                    _ => self.phase(
                        "Uploaded",
                        "uploaded",
                        format_args!("the host ({})", text::bytes(uploaded)),
                    ),
                }
            }
            Step::Ready => self.phase("Ready", "ready", "the host answers"),
            Step::Unpaused | Step::Tunnel(_) => {}
        }
    }

    fn started(&self, pod: &str) {
        let before = std::mem::replace(&mut self.state().started, true);
        if !before {
            self.phase("Started", "started", pod);
        }
    }

    /// A phase that has just ended; it began with the end of the one before.
    fn phase(&self, verb: &str, phase: &str, what: impl Display) {
        let mut state = self.state();
        let started = std::mem::replace(&mut state.last, self.clock.elapsed());
        let took = state.last.saturating_sub(started);
        drop(state);
        self.clock.phase(&format!("pod {phase}"), started);
        self.terminal
            .status(verb, format_args!("{what} in {}", text::duration(took)));
        let message = serde_json::json!({"phase": phase, "seconds": took.as_secs_f64()});
        self.terminal.json("kt-launch", &message);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
