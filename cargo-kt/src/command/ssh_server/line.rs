//! What goes through the channels of one SSH connection.
//!
//! russh gives a client room for more as soon as bytes arrive, and not when they are used: a command that does not read holds
//! up the whole connection once [`INPUT`] waits for it. Only what the client says through the same connection can make room
//! for output, so where both directions are full at once input is let in beyond that, a packet at a time and [`BEYOND`] at
//! most.

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

/// Bytes that wait for one command, of what its client sends.
const INPUT: usize = 4 << 20;
/// Bytes of these that are let in while output waits for the client.
const BEYOND: usize = 64 << 20;
/// How often a packet is let in then.
const PACE: Duration = Duration::from_millis(1);
/// What [`ChannelWriteHalf::extended_data_bytes`] calls standard error: RFC 4254, section 5.2.
const STDERR: u32 = 1;

/// What one connection's channels share.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Channels whose output waits for the client.
    stalled: AtomicUsize,
    gone: watch::Sender<bool>,
}

/// Something from a client.
#[derive(Debug)]
pub(super) enum Fed {
    Bytes(Bytes, Option<OwnedSemaphorePermit>),
    End,
    /// It wants no more of this channel.
    Closed,
}

/// Takes what comes through a channel, and keeps it until it is wanted.
pub(super) fn feed(
    mut from: ChannelReadHalf,
    line: Arc<Line>,
) -> (mpsc::UnboundedReceiver<Fed>, impl Future<Output = ()>) {
    let (queue, wanted) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(INPUT));
    let feeding = async move {
        let mut beyond = 0;
        let mut gone = line.gone.subscribe();
        loop {
            let message = tokio::select! {
                message = from.wait() => message,
                _ = gone.wait_for(|gone| *gone) => return,
            };
            let Some(message) = message else { break };
            let fed = match message {
                ChannelMsg::Data { data } => {
                    let length = u32::try_from(data.len()).unwrap_or(0);
                    let permit = tokio::select! {
                        permit = Arc::clone(&room).acquire_many_owned(length) => permit.ok(),
                        () = line.both_full(), if beyond < BEYOND => {
                            beyond += data.len();
                            None
                        }
                        // Nobody wants it.
                        () = queue.closed() => return,
                        _ = gone.wait_for(|gone| *gone) => return,
                    };
                    Fed::Bytes(data, permit)
                }
                ChannelMsg::Eof => Fed::End,
                ChannelMsg::Close => break,
                _ => continue,
            };
            if queue.send(fed).is_err() {
                return;
            }
        }
        let _ = queue.send(Fed::Closed);
    };
    (wanted, feeding)
}

impl Line {
    /// The client is gone: nothing is waited for any more.
    pub(super) fn close(&self) {
        self.gone.send_replace(true);
    }

    /// Resolves when output waits for the client.
    async fn both_full(&self) {
        loop {
            sleep(PACE).await;
            if self.stalled.load(Ordering::Relaxed) > 0 {
                return;
            }
        }
    }
}

/// Sends through a channel as fast as the client takes it.
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
    /// If the connection is gone.
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
        // A client that is gone needs none.
        let _ = self.to.eof().await;
    }

    /// Says how the command ended, and closes the channel.
    pub(super) async fn finish(&self, status: Option<u32>) {
        if let Some(status) = status {
            let _ = self.to.exit_status(status).await;
        }
        let _ = self.to.eof().await;
        let _ = self.to.close().await;
    }

    async fn waiting<T>(&self, sending: impl Future<Output = T>) -> T {
        let _stalled = Stalled::count(&self.line.stalled);
        sending.await
    }
}

/// Counts as waiting as long as it is there.
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
