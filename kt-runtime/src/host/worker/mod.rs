//! One worker as the host sees it: questions go to it, answers come back in their order, and its end is known at once.

mod channel;
mod connections;
mod end;
mod requests;
mod start;

use std::{
    os::fd::AsFd,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::UnixStream,
    sync::{mpsc, watch},
    time::Instant,
};

pub use self::start::Plan;
use self::{channel::Outgoing, connections::Connections, end::End, requests::Waiting};
use super::{process::Process, store::View};
use crate::{
    sys::fd,
    wire::{Generation, WorkerId, control::Exit, manifest::Environment},
};

/// A running worker, or one whose end is known.
#[derive(Debug)]
pub struct Worker {
    pub id: WorkerId,
    pub view: View,
    /// What it has beside the host's own variables, as long as it lives.
    pub environment: Environment,
    started: Instant,
    process: Process,
    channel: Arc<UnixStream>,
    messages: mpsc::Sender<Outgoing>,
    waiting: Mutex<Waiting>,
    connections: Connections,
    /// The generation it serves, or the first that it is to serve.
    serving: AtomicU64,
    /// How many generations it has taken.
    taken: AtomicU64,
    /// Why the host ends it, if it does.
    ending: OnceLock<Exit>,
    /// What [`process::out_of_memory_kills`] was at its start.
    out_of_memory_kills: Option<u64>,
    end: watch::Sender<Option<End>>,
}

impl Worker {
    /// Notes which generation it serves, for the report of its end.
    pub fn serves(&self, generation: Generation) {
        self.serving.store(generation.0, Ordering::Relaxed);
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Generations that it has taken after its first.
    pub fn reloads(&self) -> u64 {
        self.taken.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// False from the moment at which it can answer nobody any more. The kernel closes a dying process's descriptors from
    /// the lowest on: the channel's end shows before a driver can have seen the end of its own connection, and before the
    /// process is a zombie that tells how it died.
    pub fn is_alive(&self) -> bool {
        self.end.borrow().is_none() && !fd::hung_up(self.channel.as_fd())
    }

    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn resident(&self) -> u64 {
        self.process.resident().unwrap_or(0)
    }
}

/// Milliseconds, as durations travel.
pub fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}
