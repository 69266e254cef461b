//! Progress while states move or a worker is busy, which may take long.

use std::{convert::Infallible, time::Duration};

use kt::wire::{
    control::{Status, WorkerStatus, path},
    limits,
};
use tokio::time::{Instant, sleep};

use super::report::name_of;
use crate::{
    place::Connected,
    terminal::{Terminal, text},
};

/// Shorter waits are not shown.
const DELAY: Duration = Duration::from_secs(1);
/// Interval of the status requests.
const INTERVAL: Duration = Duration::from_millis(300);

/// A healthy worker answers sooner, even if it waits for locks.
const SLOW: Duration = Duration::from_secs(5);

/// Awaits `work`, and after a second shows which state is being moved.
pub(crate) async fn watched<T>(
    connected: &Connected,
    terminal: &Terminal,
    verb: &'static str,
    work: impl Future<Output = T>,
) -> T {
    let Some(line) = terminal.live_line(verb) else {
        return work.await;
    };
    let poll = Poll {
        connected,
        show: |snapshot: Snapshot| line.show(snapshot.moving()),
    };
    tokio::select! {
        biased;
        done = work => done,
        never = poll.run() => match never {},
    }
}

/// As [`watched`], for a request that the worker may queue: also shows what it waits for, to a
/// script once.
pub(crate) async fn awaited<T>(
    connected: &Connected,
    terminal: &Terminal,
    verb: &'static str,
    work: impl Future<Output = T>,
) -> T {
    let line = terminal.live_line(verb);
    let mut noted = false;
    let show = |snapshot: Snapshot| {
        let waits = snapshot.waits(&connected.service);
        match (&line, waits) {
            (Some(line), waits) => line.show(snapshot.moving().or(waits)),
            (None, Some(waits)) if !noted => {
                terminal.note(waits);
                noted = true;
            }
            (None, _) => {}
        }
    };
    let poll = Poll { connected, show };
    tokio::select! {
        biased;
        done = work => done,
        never = poll.run() => match never {},
    }
}

/// Requests a service's status at an interval, and shows it.
struct Poll<'a, F> {
    connected: &'a Connected,
    show: F,
}

impl<F: FnMut(Snapshot)> Poll<'_, F> {
    async fn run(mut self) -> Infallible {
        let started = Instant::now();
        sleep(DELAY).await;
        loop {
            let status = self.connected.ask::<_, Status>(path::STATUS, &()).await;
            (self.show)(Snapshot {
                worker: status.ok().and_then(|status| status.worker),
                after: started.elapsed(),
            });
            sleep(INTERVAL).await;
        }
    }
}

/// A service's status.
struct Snapshot {
    worker: Option<WorkerStatus>,
    /// Since the work started.
    after: Duration,
}

impl Snapshot {
    /// The state that is being moved.
    fn moving(&self) -> Option<String> {
        let moving = self.worker.as_ref()?.migrating.as_ref()?;
        let (name, bytes) = (name_of(&moving.key), text::bytes(moving.bytes));
        Some(format!("{name} ({bytes})"))
    }

    /// Why there is no answer yet. The host has a timeout.
    fn waits(&self, service: &str) -> Option<String> {
        let worker = self.worker.as_ref()?;
        let why = match worker.calls {
            None => "does not respond: it is stopped, or all its threads are busy",
            Some(_) if worker.migrating.is_none() && self.after > SLOW => {
                "is loading new code, or running another command"
            }
            Some(_) => return None,
        };
        let limit = text::duration(limits::LOAD);
        Some(format!(
            "waiting for {service}: its worker {why} (timeout: {limit})"
        ))
    }
}
