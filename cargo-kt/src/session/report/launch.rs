//! Progress of a launch: a line for each phase.

use std::{
    fmt::Display,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    place::LaunchStep,
    session::timings::Timings,
    terminal::{Progress, Terminal, text},
};

/// Reports the phases of one launch.
#[derive(Debug)]
pub(in crate::session) struct LaunchReport {
    terminal: Terminal,
    timings: Timings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the last phase ended, since the start of the run.
    last: Duration,
    started: bool,
    upload: Option<Progress>,
}

impl LaunchReport {
    pub(in crate::session) fn new(terminal: Terminal, timings: Timings) -> Self {
        Self {
            terminal,
            timings,
            state: Mutex::default(),
        }
    }

    pub(in crate::session) fn step(&self, step: LaunchStep) {
        match &step {
            LaunchStep::Uploading { .. } => tracing::trace!(?step, "launch step"),
            _ => tracing::debug!(?step, "launch step"),
        }
        match step {
            LaunchStep::Began { service, place } => {
                let mut state = self.state();
                state.last = self.timings.elapsed();
                drop(state);
                self.terminal
                    .status("Launching", format_args!("{service} in {place}"));
            }
            LaunchStep::Created { objects } => {
                self.phase("Created", "created", text::count(objects, "object"));
            }
            LaunchStep::Scheduled { node } => {
                self.phase("Scheduled", "scheduled", format_args!("to {node}"));
            }
            LaunchStep::Pulling { size } => {
                let size = text::bytes(size);
                self.terminal
                    .status("Pulling", format_args!("image ({size})"));
            }
            LaunchStep::Pulled { message, size } => {
                let what = match size {
                    _ if message.contains("already present") => "image (already present)".into(),
                    Some(size) => format!("image ({})", text::bytes(size)),
                    None => "image".into(),
                };
                self.phase("Pulled", "pulled", what);
            }
            LaunchStep::ForeignImage {
                image,
                platforms,
                pod,
            } => self.terminal.warning(format_args!(
                "image `{image}` is for {platforms}, but the pod is {pod}: the image's own programs \
                 cannot run in it"
            )),
            LaunchStep::Started { pod } => self.started(&pod),
            LaunchStep::Connected { pod } => {
                // The tunnel may see the pod before the watch does.
                self.started(&pod);
                self.phase("Connected", "connected", "through a port-forward");
            }
            LaunchStep::Uploading { sent, total } => {
                let mut state = self.state();
                let bar = state
                    .upload
                    .get_or_insert_with(|| self.terminal.progress("Uploading", total));
                bar.set(sent, sent);
            }
            LaunchStep::Entered { uploaded } => {
                self.state().upload = None;
                match uploaded {
                    0 => self.phase("Entered", "entered", "the host (already running)"),
                    _ => self.phase(
                        "Uploaded",
                        "uploaded",
                        format_args!("the host ({})", text::bytes(uploaded)),
                    ),
                }
            }
            LaunchStep::Ready => self.phase("Ready", "ready", "the host answers"),
            // The error follows.
            LaunchStep::Unpaused | LaunchStep::Failed => {}
        }
    }

    fn started(&self, pod: &str) {
        let before = std::mem::replace(&mut self.state().started, true);
        if !before {
            self.phase("Started", "started", pod);
        }
    }

    /// A phase that ends now and began when the last one ended.
    fn phase(&self, verb: &str, phase: &str, what: impl Display) {
        let mut state = self.state();
        let started = std::mem::replace(&mut state.last, self.timings.elapsed());
        let took = state.last.saturating_sub(started);
        drop(state);
        self.timings.phase(&format!("pod {phase}"), started);
        self.terminal
            .status(verb, format_args!("{what} in {}", text::duration(took)));
        let message = serde_json::json!({"phase": phase, "seconds": took.as_secs_f64()});
        self.terminal.json("kt-launch", &message);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
