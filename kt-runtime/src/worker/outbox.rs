//! Answers on their way out. An answer must not overtake what its call has printed, and to look for that takes system calls:
//! the answers that are ready when their connection is about to write share one look.

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

/// A call that has ended, and with what.
pub(super) struct Finished {
    pub(super) answer: Answer,
    pub(super) status: StatusCode,
    pub(super) generation: Option<Generation>,
    pub(super) body: Bytes,
    pub(super) codec: Codec,
    pub(super) running: InFlight,
}

/// Takes the answers of one connection. Clones share it.
#[derive(Clone)]
pub(super) struct Outbox {
    finished: UnboundedSender<Finished>,
}

/// The end that the connection's own task has.
pub(super) struct Deliveries {
    worker: Arc<Worker>,
    finished: UnboundedReceiver<Finished>,
    /// Those that leave together.
    batch: Vec<Finished>,
    /// Resolves when the worker is about to end.
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
                // The sender lives as long as the worker.
                let _ = leaving.wait_for(|leaving| *leaving).await;
            }),
            has_left: false,
        };
        (Self { finished: sender }, deliveries)
    }

    /// Answers, once everything that this process has printed until now is on its way.
    ///
    /// # Errors
    /// If the peer is gone or has reset the stream.
    pub(super) async fn send(&self, finished: Finished) -> Result<(), h2::Error> {
        let output = &finished.running.0.output;
        // Here and not in the connection's task: somebody may hold the lock on standard output for long.
        output.flush();
        // A call that is alone has nobody to share with, and is answered sooner without the connection's task in between.
        if !finished.running.alone() && Answer::fits_at_once(finished.body.len()) {
            // Fails with the connection, whose end its calls see by themselves.
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
    /// Delivers whenever it is polled. Ready once the worker is about to end; a call that comes after all is still refused.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while let Poll::Ready(1..) =
            self.finished
                .poll_recv_many(context, &mut self.batch, usize::MAX)
        {}
        if !self.batch.is_empty() {
            // Starts when all of the batch have ended, so it finds what any of them has printed.
            let position = HeaderValue::from(self.worker.output.drain());
            for finished in self.batch.drain(..) {
                let headers = head(position.clone(), &finished);
                // A peer that is gone needs no answer.
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
