//! What a person asked for, as the command line understood it.

use std::time::Duration;

use kt::wire::{limits, manifest::Manifest, state::StateOptions};

use super::{SessionError, resets};
use crate::{config::Flags, plan::CargoOptions};

/// A `cargo kt run` or `cargo kt build`.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) cargo: &'a CargoOptions,
    pub(crate) flags: &'a Flags,
    pub(crate) states: StateChoices<'a>,
    /// Whether a launch in a cluster asks the image's registry.
    pub(crate) image_check: bool,
    /// How many of the arguments that were typed are the program's.
    pub(crate) program_arguments: usize,
}

/// How a swap may treat states.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StateChoices<'a> {
    /// `--keep-state`: refuse new code that would reset a state.
    pub(crate) keep: bool,
    /// `--reset-state`: names of states that may be reset.
    pub(crate) resets: &'a [String],
    /// `--state-timeout`: how long running calls and locks may delay a migration.
    pub(crate) timeout: Option<Duration>,
    /// `--yes`: do not ask before state is lost.
    pub(crate) yes: bool,
}

impl StateChoices<'_> {
    /// The same for the states of one program.
    ///
    /// # Errors
    /// If the program does not have a state that was named.
    pub(super) fn options(&self, manifest: &Manifest) -> Result<StateOptions, SessionError> {
        let timeout = self.timeout.unwrap_or(limits::MIGRATION);
        Ok(StateOptions {
            keep: self.keep,
            resets: resets::resolve(self.resets, manifest)?,
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        })
    }
}
