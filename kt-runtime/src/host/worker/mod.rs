//! One worker from the host's view: requests go to it, answers return in order, and its exit is
//! noticed at once.

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

/// A worker, running or exited.
#[derive(Debug)]
pub struct Worker {
    pub id: WorkerId,
    pub view: View,
    /// Its variables in addition to the host's own.
    pub environment: Environment,
    started: Instant,
    process: Process,
    channel: Arc<UnixStream>,
    messages: mpsc::Sender<Outgoing>,
    waiting: Mutex<Waiting>,
    connections: Connections,
    /// The generation it serves, or the first one that it loads.
    serving: AtomicU64,
    /// How many generations it has loaded.
    taken: AtomicU64,
    /// The reason if the host stops it.
    ending: OnceLock<Exit>,
    /// The value of [`process::out_of_memory_kills`] at its start.
    out_of_memory_kills: Option<u64>,
    end: watch::Sender<Option<End>>,
}

impl Worker {
    /// Records which generation it serves, for the report of its exit.
    pub fn serves(&self, generation: Generation) {
        self.serving.store(generation.0, Ordering::Relaxed);
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Number of generations it has loaded after its first.
    pub fn reloads(&self) -> u64 {
        self.taken.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// False as soon as it can no longer answer. The kernel closes a dying process's descriptors in
    /// ascending order: the channel's EOF is visible before a driver sees EOF on its connection,
    /// and before the process becomes a zombie with an exit status.
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

/// A duration as milliseconds, as on the wire.
pub fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}
