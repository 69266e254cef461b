//! While the program runs: if its pod is replaced, the new pod gets the same code.
//!
//! A container that restarts finds its store again. A pod that was deleted or evicted comes back
//! empty, and only this machine has the code that it served.

use std::time::Duration;

use kt::wire::{control::Numbers, manifest::Manifest};
use tokio::time::sleep;

use super::{Deployed, SessionError, glibc_mismatch::GlibcMismatch};
use crate::{
    link::Linked,
    place::{self, Connected, Dirs, kubernetes},
    ship::{self, Files, Order, References, Shipment},
    terminal::Terminal,
};

/// Pause before the next attempt to reach a service that does not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Deploys again what the service served when the program started.
pub(super) struct Redeployer {
    dirs: Dirs,
    spec: Box<kubernetes::ServiceSpec>,
    connected: Connected,
    linked: Linked,
    manifest: Manifest,
    files: Files,
    at_least: Numbers,
    terminal: Terminal,
}

impl Redeployer {
    /// `None` for a local service: its host is never replaced.
    pub(super) fn of(deployed: &Deployed, terminal: &Terminal) -> Option<Self> {
        let place::ServiceSpec::Kubernetes(spec) = &deployed.place else {
            return None;
        };
        Some(Self {
            dirs: deployed.dirs.clone(),
            spec: spec.clone(),
            connected: deployed.connected.clone(),
            linked: deployed.linked.clone(),
            manifest: deployed.manifest.clone(),
            files: deployed.files.clone(),
            at_least: Numbers::after(&deployed.swapped),
            terminal: terminal.clone(),
        })
    }

    /// Runs until the service is down. The caller drops it when the program exits.
    pub(super) async fn run(mut self) {
        loop {
            self.connected.ended().await;
            tracing::debug!("connection to the service ended");
            loop {
                match self.reconnect().await {
                    Ok(true) => break,
                    // `cargo kt down`, or the inactivity TTL: calls report it themselves.
                    Ok(false) => return,
                    Err(error) => {
                        tracing::debug!(%error, "reconnecting again");
                        let service = &self.connected.service;
                        self.terminal
                            .detail("Waiting", format_args!("for {service}: {error}"));
                        sleep(PAUSE).await;
                    }
                }
            }
        }
    }

    /// Connects again and deploys to an empty pod. False if the service is down.
    async fn reconnect(&mut self) -> Result<bool, SessionError> {
        let found = kubernetes::find(&self.dirs, &self.spec, &|_| {}).await?;
        let Some(connected) = found else {
            return Ok(false);
        };
        if connected.status.current.is_none() {
            self.deploy(&connected).await?;
        }
        self.connected = connected;
        Ok(true)
    }

    async fn deploy(&mut self, connected: &Connected) -> Result<(), SessionError> {
        let service = &connected.service;
        // The image's tag may name another image now.
        let has_libraries = !self.manifest.worker.libraries.is_empty();
        let mismatch = GlibcMismatch::between(&self.linked, connected);
        if let Some(mismatch) = mismatch.filter(|_| !has_libraries) {
            return Err(SessionError::NewerGlibc {
                service: service.clone(),
                mismatch,
                chosen: None,
            });
        }
        self.terminal.warning(format_args!(
            "the pod of {service} was replaced and its state is lost; deploying the program to the new pod"
        ));
        let shipment = Shipment {
            manifest: &self.manifest,
            files: &self.files,
            references: &References::default(),
            transport: connected.transport(),
        };
        let order = Order {
            replace_worker: true,
            at_least: Some(self.at_least),
            ..Order::default()
        };
        let (mut no_progress, mut not_slow) = (|_| {}, || {});
        let shipping = ship::swap(
            &connected.client,
            &shipment,
            order,
            &mut no_progress,
            &mut not_slow,
        );
        let shipped = connected.fail_if_unresponsive(shipping).await?;
        let (_, swapped) = shipped.map_err(|source| SessionError::Ship {
            service: service.clone(),
            source,
        })?;
        self.at_least = Numbers::after(&swapped);
        Ok(())
    }
}
