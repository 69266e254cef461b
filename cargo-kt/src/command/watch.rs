//! What a person sees while values move, which may take long.

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

/// What is over sooner is not shown.
const PATIENCE: Duration = Duration::from_secs(1);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(300);

/// From when on a command waits noticeably for a worker that is well: longer than its locks may
/// take.
const SLOW: Duration = Duration::from_secs(5);

/// Works, and from the second second on tells a person which state is on its way.
pub(super) async fn watched<T>(
    connected: &Connected,
    terminal: &Terminal,
    verb: &'static str,
    work: impl Future<Output = T>,
) -> T {
    let Some(line) = terminal.live_line(verb) else {
        return work.await;
    };
    let look = Look {
        connected,
        show: |seen: Seen| line.show(seen.moving()),
    };
    tokio::select! {
        biased;
        done = work => done,
        never = look.on() => match never {},
    }
}

/// As [`watched`], for a command that the worker answers when its turn comes: also says what it
/// waits for, to a script once.
pub(super) async fn awaited<T>(
    connected: &Connected,
    terminal: &Terminal,
    verb: &'static str,
    work: impl Future<Output = T>,
) -> T {
    let line = terminal.live_line(verb);
    let mut said = false;
    let show = |seen: Seen| {
        let waits = seen.waits(&connected.service);
        match (&line, waits) {
            (Some(line), waits) => line.show(seen.moving().or(waits)),
            (None, Some(waits)) if !said => {
                terminal.note(waits);
                said = true;
            }
            (None, _) => {}
        }
    };
    let look = Look { connected, show };
    tokio::select! {
        biased;
        done = work => done,
        never = look.on() => match never {},
    }
}

/// Looks at a service again and again, and shows what it sees.
struct Look<'a, F> {
    connected: &'a Connected,
    show: F,
}

impl<F: FnMut(Seen)> Look<'_, F> {
    async fn on(mut self) -> Infallible {
        let started = Instant::now();
        sleep(PATIENCE).await;
        loop {
            let status = self.connected.ask::<_, Status>(path::STATUS, &()).await;
            (self.show)(Seen {
                worker: status.ok().and_then(|status| status.worker),
                after: started.elapsed(),
            });
            sleep(PAUSE).await;
        }
    }
}

/// What a look saw.
struct Seen {
    worker: Option<WorkerStatus>,
    /// Since the work began.
    after: Duration,
}

impl Seen {
    /// The state that is on its way.
    fn moving(&self) -> Option<String> {
        let moving = self.worker.as_ref()?.migrating.as_ref()?;
        let (name, bytes) = (name_of(&moving.key), text::bytes(moving.bytes));
        Some(format!("{name} ({bytes})"))
    }

    /// What keeps the answer from coming. The host gives up by itself.
    fn waits(&self, service: &str) -> Option<String> {
        let worker = self.worker.as_ref()?;
        let why = match worker.calls {
            None => "does not answer: it is stopped, or all its threads are busy",
            Some(_) if worker.migrating.is_none() && self.after > SLOW => {
                "loads new code, or carries out another command first"
            }
            Some(_) => return None,
        };
        let limit = text::duration(limits::LOAD);
        Some(format!(
            "waiting for {service}: its worker {why}; it has {limit}"
        ))
    }
}
