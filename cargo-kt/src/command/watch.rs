//! What a person sees while values move, which may take long.

use std::{convert::Infallible, time::Duration};

use kt::wire::control::{Status, path};
use tokio::time::sleep;

use super::report::name_of;
use crate::{
    place::Connected,
    terminal::{Moving, Terminal, text},
};

/// What is over sooner is not shown.
const PATIENCE: Duration = Duration::from_secs(1);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(300);

/// Works, and from the second second on tells a person which state is on its way.
pub(super) async fn watched<T>(
    connected: &Connected,
    terminal: &Terminal,
    verb: &'static str,
    work: impl Future<Output = T>,
) -> T {
    let Some(line) = terminal.moving(verb) else {
        return work.await;
    };
    tokio::select! {
        biased;
        done = work => done,
        never = look(connected, &line) => match never {},
    }
}

async fn look(connected: &Connected, line: &Moving) -> Infallible {
    sleep(PATIENCE).await;
    loop {
        let status = connected.ask::<_, Status>(path::STATUS, &()).await;
        let worker = status.ok().and_then(|status| status.worker);
        let moving = worker.and_then(|worker| worker.migrating);
        line.show(moving.map(|it| {
            let (name, bytes) = (name_of(&it.key), text::bytes(it.bytes));
            format!("{name} ({bytes})")
        }));
        sleep(PAUSE).await;
    }
}
