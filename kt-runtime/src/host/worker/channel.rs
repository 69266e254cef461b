//! The tasks at the host's end of a worker's channel.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

use tokio::{net::UnixStream, sync::mpsc};

use super::Worker;
use crate::wire::{
    channel,
    worker::{FromWorker, ToWorker},
};

/// Limit of messages, including connections, that wait for a worker which does not read.
pub(super) const QUEUE: usize = 1024;

/// A message and its descriptor.
pub(super) type Outgoing = (ToWorker, Option<OwnedFd>);

/// Sends queued messages until the worker exits.
pub(super) async fn send(
    stream: Arc<UnixStream>,
    mut outgoing: mpsc::Receiver<Outgoing>,
    worker: Arc<Worker>,
) {
    let (mut sender, _) = channel::split(&stream);
    let mut end = worker.end.subscribe();
    loop {
        let ended = end.wait_for(Option::is_some);
        let Some(Some((message, descriptor))) = first(outgoing.recv(), ended).await else {
            return;
        };
        let descriptor = descriptor.as_ref().map(OwnedFd::as_fd);
        let sending = sender.send(&message, descriptor);
        match first(sending, end.wait_for(Option::is_some)).await {
            Some(Ok(())) => {}
            None => return,
            Some(Err(error)) => {
                // The channel is broken. Usually the worker has just died; if not, it is unusable.
                tracing::warn!("failed to send to worker {}: {error}", worker.id.pid);
                worker.kill();
                return;
            }
        }
    }
}

/// Dispatches messages from the worker.
pub(super) async fn receive(stream: Arc<UnixStream>, worker: Arc<Worker>) {
    let (_, mut receiver) = channel::split(&stream);
    loop {
        match receiver.receive::<FromWorker>().await {
            Ok(Some(message)) => worker.answer(message),
            Ok(None) => return,
            // The worker exited without reading all messages: this is EOF too.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return,
            Err(error) => {
                tracing::warn!("invalid message from worker {}: {error}", worker.id.pid);
                worker.kill();
                return;
            }
        }
    }
}

/// The first future's value, unless the second completes earlier.
async fn first<T, U>(work: impl Future<Output = T>, stop: impl Future<Output = U>) -> Option<T> {
    let (mut work, mut stop) = (std::pin::pin!(work), std::pin::pin!(stop));
    std::future::poll_fn(|context| {
        if let std::task::Poll::Ready(value) = work.as_mut().poll(context) {
            return std::task::Poll::Ready(Some(value));
        }
        stop.as_mut().poll(context).map(|_| None)
    })
    .await
}
