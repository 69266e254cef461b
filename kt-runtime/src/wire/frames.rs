//! A body that consists of [frames](super::frame), or begins with one.

use std::fmt;

use bytes::{Bytes, BytesMut};
use serde::de::DeserializeOwned;

use super::{frame, http::Body};
use crate::codec::CodecError;

/// Reads frames from a body as they arrive.
#[derive(Debug)]
pub struct Frames {
    body: Body,
    buffer: BytesMut,
    /// Limit of one frame, in bytes.
    limit: usize,
}

/// Why there is no next frame.
#[derive(Debug)]
pub enum FramesError {
    Http(h2::Error),
    Codec(CodecError),
    /// The body ended within a frame.
    Cut,
}

impl fmt::Display for FramesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(error) => write!(f, "the connection failed: {error}"),
            Self::Codec(error) => write!(f, "the message cannot be read: {error}"),
            Self::Cut => f.write_str("the message did not arrive whole"),
        }
    }
}

impl std::error::Error for FramesError {}

impl Frames {
    pub fn new(body: Body, limit: usize) -> Self {
        Self {
            body,
            buffer: BytesMut::new(),
            limit,
        }
    }

    /// The next message, or `None` at the body's end.
    ///
    /// # Errors
    /// If the connection fails, or the message is invalid.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FramesError> {
        loop {
            let message = frame::decode(&mut self.buffer, self.limit);
            if let Some(message) = message.map_err(FramesError::Codec)? {
                return Ok(Some(message));
            }
            match self.body.chunk().await {
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                Some(Err(error)) => return Err(FramesError::Http(error)),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(FramesError::Cut),
            }
        }
    }

    /// As [`new`](Self::new), after a part of the body has been read.
    pub fn behind(first: Bytes, body: Body, limit: usize) -> Self {
        Self {
            body,
            buffer: first.into(),
            limit,
        }
    }

    /// Some of the raw bytes after a frame: at least one, at most `limit`.
    ///
    /// # Errors
    /// If the connection fails, or the body ends.
    pub async fn raw(&mut self, limit: usize) -> Result<Bytes, FramesError> {
        while self.buffer.is_empty() {
            match self.body.chunk().await {
                // Usually the whole piece fits: no copy.
                Some(Ok(chunk)) if chunk.len() <= limit && !chunk.is_empty() => return Ok(chunk),
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                Some(Err(error)) => return Err(FramesError::Http(error)),
                None => return Err(FramesError::Cut),
            }
        }
        let length = self.buffer.len().min(limit);
        Ok(self.buffer.split_to(length).freeze())
    }

    /// The bytes that arrived after the last frame, and the rest of the body.
    pub fn into_rest(self) -> (Bytes, Body) {
        (self.buffer.freeze(), self.body)
    }
}
