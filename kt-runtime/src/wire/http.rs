//! HTTP/2 bodies for both ends: sending within the peer's window, collecting within our limit.

use std::future::poll_fn;

use bytes::{Bytes, BytesMut};
use h2::{RecvStream, SendStream};

/// Windows large enough that a body is not held up by its own acknowledgements.
pub(super) const STREAM_WINDOW: u32 = 4 << 20;
pub(super) const CONNECTION_WINDOW: u32 = 64 << 20;
/// Calls on one connection at once.
pub(super) const CALLS: u32 = 1 << 20;
/// Requests on one connection to a host at once, or connections in one tunnel. A client that has more waits.
pub(super) const CONTROL_STREAMS: u32 = 512;
/// What h2 may hold for one stream that the peer does not read.
pub(super) const CHUNK: usize = 256 << 10;

/// Why a body did not arrive.
#[derive(Debug)]
pub enum BodyError {
    /// The limit, bytes.
    TooLarge(usize),
    Http(h2::Error),
}

impl From<h2::Error> for BodyError {
    fn from(error: h2::Error) -> Self {
        Self::Http(error)
    }
}

/// A body that arrives.
#[derive(Debug)]
pub struct Body(pub(super) RecvStream);

impl Body {
    /// The next piece, or `None` at the end. What was taken may be replaced by the peer at once.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, h2::Error>> {
        let chunk = self.0.data().await?;
        Some(chunk.and_then(|bytes| {
            self.0.flow_control().release_capacity(bytes.len())?;
            Ok(bytes)
        }))
    }

    /// All of it.
    ///
    /// # Errors
    /// If there is more than `limit` bytes, or the connection or stream ends early.
    pub async fn collect(mut self, limit: usize) -> Result<Bytes, BodyError> {
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(chunk) = self.chunk().await {
            let chunk = chunk?;
            if first.len() + all.len() + chunk.len() > limit {
                return Err(BodyError::TooLarge(limit));
            }
            // Most bodies are one frame: no copy for them.
            if first.is_empty() && all.is_empty() {
                first = chunk;
                continue;
            }
            if all.is_empty() {
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&chunk);
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    }
}

/// A body that is sent piece by piece.
#[derive(Debug)]
pub struct BodySender(pub(super) SendStream<Bytes>);

impl BodySender {
    /// Sends `bytes` as fast as the peer takes them.
    ///
    /// # Errors
    /// If the peer reset the stream or the connection is gone.
    pub async fn send(&mut self, mut bytes: Bytes, end: bool) -> Result<(), h2::Error> {
        while bytes.len() > CHUNK || !end && !bytes.is_empty() {
            self.0.reserve_capacity(bytes.len().min(CHUNK));
            let granted = match poll_fn(|context| self.0.poll_capacity(context)).await {
                Some(granted) => granted?,
                None => return Err(h2::Reason::CANCEL.into()),
            };
            self.0
                .send_data(bytes.split_to(granted.min(bytes.len())), false)?;
        }
        if end {
            // What is left is small enough for h2 to hold until the window has room.
            self.send_last(bytes)?;
        }
        Ok(())
    }

    /// Ends the body with these bytes, which h2 holds until the window has room.
    pub(super) fn send_last(&mut self, bytes: Bytes) -> Result<(), h2::Error> {
        self.0.send_data(bytes, true)
    }

    /// Resolves when the peer resets the stream.
    pub async fn reset(&mut self) {
        // An error here is the connection's end, which ends the stream as well.
        let _ = poll_fn(|context| self.0.poll_reset(context)).await;
    }
}
