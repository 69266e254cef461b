//! Flow control for the channels of one SSH connection. russh extends the client's window as soon
//! as bytes arrive, not when they are consumed: a command that does not read blocks the whole
//! connection once [`MAX_QUEUED`] bytes are queued for it. But the window for output is extended
//! only by messages on the same connection, and russh does not send output while it waits for the
//! queue. So when output is to be sent too, input is accepted beyond that limit, one packet at a
//! time and at most [`MAX_EXCESS`] bytes. Beyond that the channel is closed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, server::Msg};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::sleep,
};

/// Maximum bytes of input queued for one command.
const MAX_QUEUED: usize = 4 << 20;
/// Maximum bytes accepted beyond that while output waits for the client.
const MAX_EXCESS: usize = 64 << 20;
/// Interval between packets accepted in that case.
const EXCESS_INTERVAL: Duration = Duration::from_millis(1);
/// Packets accepted for one message of output: after each, russh chooses at random whether to send
/// or to receive next.
const TURNS: usize = 32;
/// The data type code of stderr for [`ChannelWriteHalf::extended_data_bytes`]: RFC 4254, section
/// 5.2.
const STDERR: u32 = 1;

/// State shared by the channels of one connection.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Channels whose output waits for the client.
    stalled: AtomicUsize,
    /// Packets to accept until russh has certainly sent the last output.
    turns: AtomicUsize,
    closed: watch::Sender<bool>,
}

/// A message from a client on a channel.
#[derive(Debug)]
pub(super) enum Input {
    Bytes(Bytes, Option<OwnedSemaphorePermit>),
    End,
    /// The client closed the channel.
    Closed,
}

/// Receives the messages of a channel and queues them.
pub(super) fn feed(
    mut from: ChannelReadHalf,
    line: Arc<Line>,
) -> (mpsc::UnboundedReceiver<Input>, impl Future<Output = ()>) {
    let (queue, queued) = mpsc::unbounded_channel();
    let capacity = Arc::new(Semaphore::new(MAX_QUEUED));
    let feeding = async move {
        let mut excess = 0;
        let mut closed = line.closed.subscribe();
        loop {
            let message = tokio::select! {
                message = from.wait() => message,
                _ = closed.wait_for(|closed| *closed) => return,
            };
            let Some(message) = message else { break };
            let input = match message {
                ChannelMsg::Data { data } => {
                    let length = u32::try_from(data.len()).unwrap_or(0);
                    let permit = tokio::select! {
                        permit = Arc::clone(&capacity).acquire_many_owned(length) => permit.ok(),
                        () = line.both_full() => {
                            excess += data.len();
                            if excess > MAX_EXCESS {
                                break;
                            }
                            None
                        }
                        // The receiver was dropped.
                        () = queue.closed() => return,
                        _ = closed.wait_for(|closed| *closed) => return,
                    };
                    Input::Bytes(data, permit)
                }
                ChannelMsg::Eof => Input::End,
                ChannelMsg::Close => break,
                _ => continue,
            };
            if queue.send(input).is_err() {
                return;
            }
        }
        let _ = queue.send(Input::Closed);
    };
    (queued, feeding)
}

impl Line {
    /// Cancels all waits, because the client disconnected.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Resolves when output is to be sent to the client.
    async fn both_full(&self) {
        let take_turn = || {
            let less = |turns: usize| turns.checked_sub(1);
            let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
            self.turns.fetch_update(set, fetch, less).is_ok()
        };
        loop {
            sleep(EXCESS_INTERVAL).await;
            if self.stalled.load(Ordering::Relaxed) > 0 || take_turn() {
                return;
            }
        }
    }
}

/// Sends through a channel as fast as the client accepts it.
#[derive(Debug)]
pub(super) struct Output {
    to: ChannelWriteHalf<Msg>,
    line: Arc<Line>,
}

impl Output {
    pub(super) fn new(to: ChannelWriteHalf<Msg>, line: Arc<Line>) -> Self {
        Self { to, line }
    }

    /// # Errors
    /// If the connection closed.
    pub(super) async fn stdout(&self, bytes: Bytes) -> Result<(), russh::Error> {
        self.waiting(self.to.data_bytes(bytes)).await
    }

    /// # Errors
    /// As [`stdout`](Self::stdout).
    pub(super) async fn stderr(&self, bytes: Bytes) -> Result<(), russh::Error> {
        self.waiting(self.to.extended_data_bytes(STDERR, bytes))
            .await
    }

    pub(super) async fn end(&self) {
        // Fails only if the client disconnected.
        let _ = self.waiting(self.to.eof()).await;
    }

    /// Sends the exit status and closes the channel.
    pub(super) async fn finish(&self, status: Option<u32>) {
        if let Some(status) = status {
            let _ = self.waiting(self.to.exit_status(status)).await;
        }
        let _ = self.waiting(self.to.eof()).await;
        let _ = self.waiting(self.to.close()).await;
    }

    async fn waiting<T>(&self, sending: impl Future<Output = T>) -> T {
        let _stalled = Stalled::count(&self.line.stalled);
        let sent = sending.await;
        // It is queued in russh.
        self.line.turns.store(TURNS, Ordering::Relaxed);
        sent
    }
}

/// Counts as a stalled output until it is dropped.
struct Stalled<'a>(&'a AtomicUsize);

impl<'a> Stalled<'a> {
    fn count(stalled: &'a AtomicUsize) -> Self {
        stalled.fetch_add(1, Ordering::Relaxed);
        Self(stalled)
    }
}

impl Drop for Stalled<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
