//! The swap to what was linked, once more where a person answers a question about its states.

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
    CommandError,
    report::{self, Differences},
    resets,
    watch::watched,
};
use crate::{
    debug,
    place::Connected,
    ship::{self, Order, Shipment},
    terminal::Terminal,
};

/// How often new code is offered again to a worker that is being debugged.
const DEBUGGED: Duration = Duration::from_millis(300);

/// A swap to what was linked.
pub(super) struct Swap<'a> {
    pub(super) terminal: &'a Terminal,
    pub(super) connected: &'a Connected,
    pub(super) shipment: &'a Shipment<'a>,
    pub(super) differences: &'a Differences,
    pub(super) states: StateOptions,
    /// A person may be asked whether to reset a state.
    pub(super) asks: bool,
}

impl Swap<'_> {
    /// Sends what the pod lacks, swaps, and checks that what answers is what was linked.
    pub(super) async fn run(&mut self) -> Result<Swapped, CommandError> {
        let service = &self.connected.service;
        let mut waits = false;
        loop {
            let refused = match self.attempt().await? {
                Ok(swapped) => return checked(self.shipment.manifest, swapped, service),
                Err(refused) => refused,
            };
            // Nothing was touched, and each round allows states that no former one did.
            if self.asks
                && let SwapRefused::NotMigrated(failed) = &refused
                && resets::agree(failed, &mut self.states, self.terminal, service)?
            {
                continue;
            }
            if let SwapRefused::Debugged(debugger) = &refused
                && debugger.reloads == Reloads::Wait
            {
                if !waits {
                    let attached = debug::attached(debugger);
                    self.terminal.status(
                        "Waiting",
                        format_args!("for the debugger of {service}: {attached}"),
                    );
                    waits = true;
                }
                sleep(DEBUGGED).await;
                continue;
            }
            let service = service.clone();
            let former = self.connected.status.worker.is_some();
            let init = report::init_refusal(&refused, former);
            let states = report::refusal(&refused, self.differences, self.states.keep);
            return Err(match (init, states) {
                (Some(why), _) => CommandError::Init { service, why },
                (None, Some(why)) => CommandError::States { service, why },
                (None, None) => CommandError::Ship {
                    service,
                    source: ship::ShipError::Refused(refused),
                },
            });
        }
    }

    /// One request, after what it needs was sent.
    async fn attempt(&self) -> Result<Result<Swapped, SwapRefused>, CommandError> {
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
            Err(source) => Err(CommandError::Ship {
                service: connected.service.clone(),
                source,
            }),
        }
    }
}

/// The answer, if what answers is what was linked.
fn checked(manifest: &Manifest, swapped: Swapped, service: &str) -> Result<Swapped, CommandError> {
    // The worker says what it found in its own memory; anything else than what was linked would be old code.
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
        return Err(CommandError::NotWhatWasSent {
            service: service.to_owned(),
            sent: list(&sent),
            found: list(&found),
        });
    }
    Ok(swapped)
}
