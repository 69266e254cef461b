//! *ship* and *swap*: sends the linked program, swaps to it, and checks that the service loaded
//! exactly that.

use std::time::{Duration, Instant};

use kt::wire::{
    control::{SwapRefused, Swapped},
    debug::Reloads,
    limits,
    manifest::Manifest,
    state::StateOptions,
};

use tokio::time::sleep;

use super::{
    SessionError,
    report::{self, Differences},
    resets,
    watch::watched,
};
use crate::{
    place::Connected,
    ship::{self, Order, Shipment},
    terminal::Terminal,
};

/// Pause before the next attempt to swap while a debugger is attached.
const DEBUGGER_PAUSE: Duration = Duration::from_millis(300);

/// A swap to the linked program.
pub(super) struct Swap<'a> {
    pub(super) terminal: &'a Terminal,
    pub(super) connected: &'a Connected,
    pub(super) shipment: &'a Shipment<'a>,
    pub(super) differences: &'a Differences,
    pub(super) states: StateOptions,
    /// Whether a person may be asked to reset a state.
    pub(super) asks: bool,
}

impl Swap<'_> {
    /// Sends the objects that the service lacks, swaps, and checks what it loaded.
    pub(super) async fn run(&mut self) -> Result<Swapped, SessionError> {
        let service = &self.connected.service;
        let mut waits = false;
        loop {
            let refused = match self.attempt().await? {
                Ok(swapped) => return checked(self.shipment.manifest, swapped, service),
                Err(refused) => refused,
            };
            // Nothing was swapped yet, and each round allows a state that no earlier one did.
            if self.asks
                && let SwapRefused::NotMigrated(failed) = &refused
                && resets::agree(failed, &mut self.states, self.terminal, service)?
            {
                tracing::debug!("swapping again: states may be reset");
                continue;
            }
            if let SwapRefused::Debugged(debugger) = &refused
                && debugger.reloads == Reloads::Wait
            {
                if !waits {
                    let attached = ship::debugger_attached(debugger);
                    self.terminal.status(
                        "Waiting",
                        format_args!("for the debugger of {service}: {attached}"),
                    );
                    tracing::debug!("swapping again: a debugger is attached");
                    waits = true;
                }
                sleep(DEBUGGER_PAUSE).await;
                continue;
            }
            let service = service.clone();
            let former = self.connected.status.worker.is_some();
            let init = report::init_refusal(&refused, former);
            let states = report::refusal(&refused, self.differences, self.states.keep);
            return Err(match (init, states) {
                (Some(why), _) => SessionError::Init { service, why },
                (None, Some(why)) => SessionError::States { service, why },
                (None, None) => SessionError::Ship {
                    service,
                    source: ship::ShipError::Refused(refused),
                },
            });
        }
    }

    /// One request, after the objects that it needs.
    async fn attempt(&self) -> Result<Result<Swapped, SwapRefused>, SessionError> {
        let (terminal, connected) = (self.terminal, self.connected);
        let started = Instant::now();
        let (mut bar, mut elapsed) = (None, Duration::ZERO);
        let mut progress = |progress: ship::Progress| {
            bar.get_or_insert_with(|| terminal.progress("Shipping", progress.total))
                .set(progress.done, progress.sent);
            if progress.done == progress.total {
                bar = None;
            }
            elapsed = started.elapsed();
        };
        let mut slow = || {
            let (service, limit) = (&connected.service, limits::LOAD);
            terminal.note(format_args!(
                "the worker of `{service}` has not loaded the new code yet; it is given {limit:?}, and `cargo kt down {service}` ends it \
                 with its state"
            ));
        };
        let order = Order {
            replace_worker: true,
            states: self.states.clone(),
            at_least: None,
        };
        let shipment = self.shipment;
        let swapping = ship::swap(&connected.client, shipment, order, &mut progress, &mut slow);
        let swapping = watched(connected, terminal, "Migrating", swapping);
        match connected.fail_if_unresponsive(swapping).await? {
            Ok((shipped, swapped)) => {
                if shipped.objects > 0 {
                    let objects = shipment.manifest.objects().count();
                    report::shipped(terminal, &shipped, objects, elapsed);
                }
                Ok(Ok(swapped))
            }
            Err(ship::ShipError::Refused(refused)) => Ok(Err(refused)),
            Err(source) => Err(SessionError::Ship {
                service: connected.service.clone(),
                source,
            }),
        }
    }
}

/// The answer, if the build ids that the service loaded are those that were sent.
fn checked(manifest: &Manifest, swapped: Swapped, service: &str) -> Result<Swapped, SessionError> {
    // The worker reads the build ids from its own memory. Any difference means that old code
    // serves.
    let sent: Vec<_> = manifest
        .crates
        .iter()
        .map(|it| (&it.object.name, &it.object.build_id))
        .collect();
    let found: Vec<_> = swapped
        .loaded
        .iter()
        .map(|it| (&it.name, &it.build_id))
        .collect();
    if sent != found {
        let list = |objects: &[(&String, &String)]| {
            objects
                .iter()
                .map(|(name, id)| format!("{name} ({id})"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        return Err(SessionError::BuildIdMismatch {
            service: service.to_owned(),
            sent: list(&sent),
            found: list(&found),
        });
    }
    Ok(swapped)
}
