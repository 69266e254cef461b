//! Connections of drivers, which the worker answers. The host keeps a copy of each: it answers those that the worker cannot
//! take, and when the worker has ended it ends them, though a process that the worker forked may still hold them open.

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
    /// Handed over, and the worker has not said yet whether it takes them.
    handed: VecDeque<OwnedFd>,
    taken: Vec<OwnedFd>,
    ended: bool,
}

impl Worker {
    /// Hands a driver's connection over. A worker that takes it answers its preamble; if none does, the host says why.
    pub fn connect(&self, connection: OwnedFd) {
        let copy = match connection.try_clone() {
            Ok(copy) => copy,
            Err(error) => return refuse(connection, format!("the host has no room: {error}")),
        };
        let mut copies = self.connections.lock();
        copies.taken.retain(|taken| !fd::hung_up(taken.as_fd()));
        let posted = match copies.ended {
            true => Err("the worker has ended".to_owned()),
            // Under the lock: the worker's answers come in the order of the messages.
            false => self
                .post(ToWorker::Connection, Some(connection))
                .map_err(|error| error.to_string()),
        };
        match posted {
            Ok(()) => copies.handed.push_back(copy),
            Err(why) => refuse(copy, why),
        }
    }

    /// Notes what the worker says of the connection that was handed over first.
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
    /// Ends them all: the worker has ended.
    pub(super) fn end(&self) {
        let mut copies = self.lock();
        copies.ended = true;
        for copy in copies.handed.drain(..) {
            refuse(
                copy,
                "the worker ended before it took the connection".to_owned(),
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

/// Answers a connection's preamble in the worker's place.
fn refuse(connection: OwnedFd, why: String) {
    let mut connection = File::from(connection);
    // Nothing was sent on it but a byte or two, so there is room. A driver that is gone needs no answer.
    let _ = connection.write_all(&preamble::encode(&Verdict::NoWorker(why)));
    fd::shutdown(connection.as_fd());
}
