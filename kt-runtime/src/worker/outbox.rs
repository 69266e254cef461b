//! Outgoing answers. An answer must not overtake the output that its call printed, and checking for
//! output takes system calls: answers that are ready when their connection is about to write share
//! one check.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::{InFlight, Worker};
use crate::{
    codec::Codec,
    wire::{Generation, data::header, server::Answer},
};

/// A call that has ended, and its result.
pub(super) struct Finished {
    pub(super) answer: Answer,
    pub(super) status: StatusCode,
    pub(super) generation: Option<Generation>,
    pub(super) body: Bytes,
    pub(super) codec: Codec,
    pub(super) running: InFlight,
}

/// Collects the answers of one connection. Clones share it.
#[derive(Clone)]
pub(super) struct Outbox {
    finished: UnboundedSender<Finished>,
}

/// The end that the connection's own task polls.
pub(super) struct Deliveries {
    worker: Arc<Worker>,
    finished: UnboundedReceiver<Finished>,
    /// Answers that are sent together.
    batch: Vec<Finished>,
    /// Resolves when the worker is about to exit.
    leaving: Pin<Box<dyn Future<Output = ()> + Send>>,
    has_left: bool,
}

impl Outbox {
    pub(super) fn new(worker: Arc<Worker>) -> (Self, Deliveries) {
        let (sender, finished) = mpsc::unbounded_channel();
        let mut leaving = worker.leaving.subscribe();
        let deliveries = Deliveries {
            worker,
            finished,
            batch: Vec::new(),
            leaving: Box::pin(async move {
                // The sender is never dropped before the worker.
                let _ = leaving.wait_for(|leaving| *leaving).await;
            }),
            has_left: false,
        };
        (Self { finished: sender }, deliveries)
    }

    /// Sends an answer once all output printed so far has been queued.
    ///
    /// # Errors
    /// If the peer has disconnected or has reset the stream.
    pub(super) async fn send(&self, finished: Finished) -> Result<(), h2::Error> {
        let output = &finished.running.0.output;
        // Here and not in the connection's task: user code may hold the lock on standard output for
        // long.
        output.flush();
        // A single call has no others to share with, and is answered sooner without the
        // connection's task in between.
        if !finished.running.alone() && Answer::fits_at_once(finished.body.len()) {
            // Fails only if the connection is closed, which its calls detect themselves.
            let _ = self.finished.send(finished);
            return Ok(());
        }
        let headers = head(output.drain().into(), &finished);
        let Finished {
            answer,
            status,
            body,
            running: _running,
            ..
        } = finished;
        answer.send(status, headers, body).await
    }
}

impl Deliveries {
    /// Sends all queued answers. Ready once the worker is about to exit; later calls are still
    /// refused.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while let Poll::Ready(1..) =
            self.finished
                .poll_recv_many(context, &mut self.batch, usize::MAX)
        {}
        if !self.batch.is_empty() {
            // Drains after all calls of the batch have ended, so it includes what any of them
            // printed.
            let position = HeaderValue::from(self.worker.output.drain());
            for finished in self.batch.drain(..) {
                let headers = head(position.clone(), &finished);
                // Ignore a disconnected peer.
                let _ = finished
                    .answer
                    .send_at_once(finished.status, headers, finished.body);
            }
        }
        if !self.has_left {
            ready!(self.leaving.as_mut().poll(context));
            self.has_left = true;
        }
        Poll::Ready(())
    }
}

fn head(position: HeaderValue, finished: &Finished) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(3);
    headers.insert(&header::POSITION, position);
    headers.insert(&header::CONTENT_TYPE, finished.codec.value());
    if let Some(generation) = finished.generation {
        headers.insert(&header::GENERATION, generation.0.into());
    }
    headers
}
