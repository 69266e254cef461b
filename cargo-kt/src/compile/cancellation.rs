//! Stops a build whose result is no longer needed.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use crate::linux::process_tree;

/// Cancels one build, from another thread. Clones refer to the same build.
///
/// Only cargo is stopped: what kt itself compiles after an edit takes a moment.
#[derive(Debug, Clone, Default)]
pub struct Cancellation(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    is_canceled: bool,
    /// The process of cargo, which was not waited for.
    cargo: Option<u32>,
}

/// Registers the process of cargo until it is dropped.
#[derive(Debug)]
pub(super) struct Running<'a>(&'a Cancellation);

impl Cancellation {
    /// Stops cargo with everything that it runs, now or when it starts. What it compiled completely
    /// is used by the next build.
    ///
    /// # Errors
    /// If its process cannot be killed.
    pub fn cancel(&self) -> io::Result<()> {
        let mut state = self.state();
        state.is_canceled = true;
        match state.cargo {
            Some(cargo) => process_tree::kill(cargo),
            None => Ok(()),
        }
    }

    pub(super) fn is_canceled(&self) -> bool {
        self.state().is_canceled
    }

    /// `process` is a child that is not waited for while the result lives.
    pub(super) fn running(&self, process: u32) -> io::Result<Running<'_>> {
        let mut state = self.state();
        state.cargo = Some(process);
        if state.is_canceled {
            process_tree::kill(process)?;
        }
        drop(state);
        Ok(Running(self))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.state().cargo = None;
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt, process::Command};

    use super::*;

    fn sleeping() -> std::process::Child {
        Command::new("sleep").arg("600").spawn().unwrap()
    }

    #[test]
    fn a_process_that_runs_or_starts_later_is_killed() {
        let cancellation = Cancellation::default();
        let mut early = sleeping();
        let running = cancellation.running(early.id()).unwrap();
        cancellation.cancel().unwrap();
        drop(running);
        assert_eq!(early.wait().unwrap().signal(), Some(9));

        let mut late = sleeping();
        drop(cancellation.running(late.id()).unwrap());
        assert_eq!(late.wait().unwrap().signal(), Some(9));
        cancellation.cancel().unwrap();
    }
}
