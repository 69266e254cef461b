//! While the program runs: should its pod be replaced under it, the new one gets the same code.
//!
//! A container that is restarted finds its store again and needs nothing. A pod that was deleted or evicted comes back empty,
//! and only here is what it served.

use std::time::Duration;

use kt::wire::{control::Numbers, manifest::Manifest};
use tokio::time::sleep;

use super::{CommandError, Misfit, warm::Warm};
use crate::{
    link::Linked,
    place::{self, Connected, Dirs, kubernetes},
    ship::{self, Files, Order, References, Shipment},
    terminal::Terminal,
};

/// Pause before the next attempt to reach a service that is there and does not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// What the service served when the program started.
pub(super) struct Keeper {
    dirs: Dirs,
    spec: kubernetes::ServiceSpec,
    connected: Connected,
    linked: Linked,
    manifest: Manifest,
    files: Files,
    at_least: Numbers,
    terminal: Terminal,
}

impl Keeper {
    /// One for a service that may be replaced; a host on this machine is not.
    pub(super) fn of(warm: &Warm, terminal: &Terminal) -> Option<Self> {
        let place::ServiceSpec::Kubernetes(spec) = &warm.place else {
            return None;
        };
        Some(Self {
            dirs: warm.dirs.clone(),
            spec: (**spec).clone(),
            connected: warm.connected.clone(),
            linked: warm.linked.clone(),
            manifest: warm.manifest.clone(),
            files: warm.files.clone(),
            at_least: Numbers::after(&warm.swapped),
            terminal: terminal.clone(),
        })
    }

    /// Goes on until the service has ended. To be dropped with the program.
    pub(super) async fn keep(mut self) {
        loop {
            self.connected.ended().await;
            loop {
                match self.again().await {
                    Ok(true) => break,
                    // Ended on purpose, or its time was up: calls say so themselves.
                    Ok(false) => return,
                    Err(error) => {
                        let service = &self.connected.service;
                        self.terminal
                            .detail("Waiting", format_args!("for {service}: {error}"));
                        sleep(PAUSE).await;
                    }
                }
            }
        }
    }

    /// Connects again and brings what is missing. False if the service is gone.
    async fn again(&mut self) -> Result<bool, CommandError> {
        let found = kubernetes::find(&self.dirs, &self.spec, &|_| {}).await?;
        let Some(connected) = found else {
            return Ok(false);
        };
        if connected.status.current.is_none() {
            let service = &connected.service;
            // A tag may name another image by now.
            if let Some(misfit) = Misfit::between(&self.linked, &connected) {
                return Err(CommandError::NewerGlibc {
                    service: service.clone(),
                    misfit,
                    chosen: None,
                });
            }
            self.terminal.warning(format_args!(
                "the pod of {service} was replaced: its worker and state are gone; bringing the program to the new one"
            ));
            let shipment = Shipment {
                manifest: &self.manifest,
                files: &self.files,
                references: &References::default(),
                link: connected.link(),
            };
            let order = Order {
                replace_worker: true,
                at_least: Some(self.at_least),
                ..Order::default()
            };
            let mut nobody_waits = || {};
            let mut nobody_looks = |_| {};
            let shipping = ship::swap(
                &connected.client,
                &shipment,
                order,
                &mut nobody_looks,
                &mut nobody_waits,
            );
            let shipped = connected.fail_if_unresponsive(shipping).await?;
            let (_, swapped) = shipped.map_err(|source| CommandError::Ship {
                service: service.clone(),
                source,
            })?;
            self.at_least = Numbers::after(&swapped);
        }
        self.connected = connected;
        Ok(true)
    }
}
