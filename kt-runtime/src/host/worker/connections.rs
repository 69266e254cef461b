//! Connections of drivers, which the worker answers. The host keeps a copy of each: it answers
//! those that the worker cannot accept, and closes all when the worker has exited, even if a
//! process that the worker forked still holds them open.

use std::{
    collections::VecDeque,
    fs::File,
    io::Write,
    os::fd::{AsFd, OwnedFd},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::Worker;
use crate::{
    sys::fd,
    wire::{
        preamble::{self, Verdict},
        worker::ToWorker,
    },
};

/// Copies of a worker's connections.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<Copies>);

#[derive(Debug, Default)]
struct Copies {
    /// Passed on, and not yet accepted or refused by the worker.
    handed: VecDeque<OwnedFd>,
    taken: Vec<OwnedFd>,
    ended: bool,
}

impl Worker {
    /// Passes a driver's connection to the worker, which answers its preamble. If the worker
    /// cannot, the host refuses it.
    pub fn connect(&self, connection: OwnedFd) {
        let copy = match connection.try_clone() {
            Ok(copy) => copy,
            Err(error) => {
                return refuse(
                    connection,
                    format!("the host cannot duplicate the connection: {error}"),
                );
            }
        };
        let mut copies = self.connections.lock();
        copies.taken.retain(|taken| !fd::hung_up(taken.as_fd()));
        let posted = match copies.ended {
            true => Err("the worker has exited".to_owned()),
            // Under the lock: the worker answers in the order of the messages.
            false => self
                .post(ToWorker::Connection, Some(connection))
                .map_err(|error| error.to_string()),
        };
        match posted {
            Ok(()) => copies.handed.push_back(copy),
            Err(why) => refuse(copy, why),
        }
    }

    /// Records the worker's answer for the oldest pending connection.
    pub(super) fn connected(&self, answer: Result<(), String>) {
        let mut copies = self.connections.lock();
        match (copies.handed.pop_front(), answer) {
            (Some(copy), Ok(())) => copies.taken.push(copy),
            (Some(copy), Err(why)) => refuse(copy, why),
            (None, _) => {}
        }
    }
}

impl Connections {
    /// Closes all connections: the worker has exited.
    pub(super) fn end(&self) {
        let mut copies = self.lock();
        copies.ended = true;
        for copy in copies.handed.drain(..) {
            refuse(
                copy,
                "the worker exited before it accepted the connection".to_owned(),
            );
        }
        for copy in copies.taken.drain(..) {
            fd::shutdown(copy.as_fd());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Copies> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers a connection's preamble in place of the worker.
fn refuse(connection: OwnedFd, why: String) {
    let mut connection = File::from(connection);
    // Hardly anything was sent on it, so writing does not block. Ignore a disconnected driver.
    let _ = connection.write_all(&preamble::encode(&Verdict::NoWorker(why)));
    fd::shutdown(connection.as_fd());
}
