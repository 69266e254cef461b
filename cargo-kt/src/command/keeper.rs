//! While the program runs: should its pod be replaced under it, the new one gets the same code.
//!
//! A container that is restarted finds its store again and needs nothing. A pod that was deleted or evicted comes back empty,
//! and only here is what it served.

use std::time::Duration;

use kt::wire::{Generation, manifest::Manifest};
use tokio::time::sleep;

use crate::{
    place::{Connected, Dirs, PlaceError, kubernetes},
    ship::Files,
    terminal::Terminal,
};

/// Pause before the next attempt to reach a service that is there and does not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// What the service served when the program started.
pub(super) struct Keeper {
    pub(super) dirs: Dirs,
    pub(super) spec: kubernetes::ServiceSpec,
    pub(super) manifest: Manifest,
    pub(super) files: Files,
    pub(super) generation: Generation,
    pub(super) terminal: Terminal,
}

impl Keeper {
    /// Goes on until the service has ended. To be dropped with the program.
    pub(super) async fn keep(self, mut connected: Connected) {
        loop {
            connected.ended().await;
            connected = loop {
                match self.again().await {
                    Ok(Some(connected)) => break connected,
                    // Ended on purpose, or its time was up: calls say so themselves.
                    Ok(None) => return,
                    Err(error) => {
                        self.terminal.detail("Waiting", format_args!("for {}: {error}", connected.service));
                        sleep(PAUSE).await;
                    }
                }
            };
        }
    }

    async fn again(&self) -> Result<Option<Connected>, PlaceError> {
        let Some(connected) = kubernetes::find(&self.dirs, &self.spec, &|_| {}).await? else {
            return Ok(None);
        };
        if connected.status.current.is_some() {
            return Ok(Some(connected));
        }
        self.terminal.warning(format_args!(
            "the pod of {} was replaced: its worker and state are gone",
            connected.service
        ));
        Ok(Some(connected))
    }
}
