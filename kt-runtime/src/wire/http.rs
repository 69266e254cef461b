//! HTTP/2 bodies for both ends: sending within the peer's window, collecting within our limit.

use std::future::poll_fn;

use bytes::{Bytes, BytesMut};
use h2::{RecvStream, SendStream};

/// Large enough that acknowledgements do not delay a body.
pub(super) const STREAM_WINDOW: u32 = 4 << 20;
pub(super) const CONNECTION_WINDOW: u32 = 64 << 20;
/// Limit of concurrent calls on one connection.
pub(super) const CALLS: u32 = 1 << 20;
/// Limit of concurrent requests on one connection to a host, or of connections in one tunnel.
/// Further ones wait.
pub(super) const CONTROL_STREAMS: u32 = 512;
/// Limit of what h2 buffers for one stream that the peer does not read.
pub(super) const CHUNK: usize = 256 << 10;

/// Why a body is incomplete.
#[derive(Debug)]
pub enum BodyError {
    /// It exceeds the limit, in bytes.
    TooLarge(usize),
    Http(h2::Error),
}

impl From<h2::Error> for BodyError {
    fn from(error: h2::Error) -> Self {
        Self::Http(error)
    }
}

/// A body to receive.
#[derive(Debug)]
pub struct Body(pub(super) RecvStream);

impl Body {
    /// The next piece, or `None` at the end. The peer may then send as many bytes again.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, h2::Error>> {
        let chunk = self.0.data().await?;
        Some(chunk.and_then(|bytes| {
            self.0.flow_control().release_capacity(bytes.len())?;
            Ok(bytes)
        }))
    }

    /// The whole body.
    ///
    /// # Errors
    /// If there are more than `limit` bytes, or the connection or stream closes early.
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

/// A body to send piece by piece.
#[derive(Debug)]
pub struct BodySender(pub(super) SendStream<Bytes>);

impl BodySender {
    /// Sends `bytes` as fast as the peer accepts them.
    ///
    /// # Errors
    /// If the peer reset the stream or the connection is closed.
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
            // The rest is small enough for h2 to buffer.
            self.send_last(bytes)?;
        }
        Ok(())
    }

    /// Sends the last bytes, which h2 buffers until the window has space.
    pub(super) fn send_last(&mut self, bytes: Bytes) -> Result<(), h2::Error> {
        self.0.send_data(bytes, true)
    }

    /// Resolves when the peer resets the stream.
    pub async fn reset(&mut self) {
        // An error means that the connection is closed, and the stream with it.
        let _ = poll_fn(|context| self.0.poll_reset(context)).await;
    }
}
