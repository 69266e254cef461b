//! The socket pair between host and worker: [messages](super::worker) in both directions, file
//! descriptors beside them.

use std::{
    collections::VecDeque,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use bytes::BytesMut;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{io::Interest, net::UnixStream};

use super::{frame, limits};
use crate::codec::CodecError;
use crate::sys::fd;

/// Sends messages.
#[derive(Debug)]
pub struct Sender<'a>(&'a UnixStream);

/// Receives messages and the descriptors that came with them.
#[derive(Debug)]
pub struct Receiver<'a> {
    stream: &'a UnixStream,
    buffer: BytesMut,
    descriptors: VecDeque<Option<OwnedFd>>,
}

/// Both directions of a stream, for use in two tasks.
pub fn split(stream: &UnixStream) -> (Sender<'_>, Receiver<'_>) {
    (
        Sender(stream),
        Receiver {
            stream,
            buffer: BytesMut::new(),
            descriptors: VecDeque::new(),
        },
    )
}

impl Sender<'_> {
    /// Sends a message, and a descriptor with its first byte.
    ///
    /// # Errors
    /// If the other process has exited.
    pub async fn send<T: Serialize>(
        &mut self,
        message: &T,
        descriptor: Option<BorrowedFd<'_>>,
    ) -> io::Result<()> {
        let frame = frame::encode(message, limits::WORKER_MESSAGE).map_err(invalid)?;
        let (mut rest, mut descriptor) = (&frame[..], descriptor);
        while !rest.is_empty() {
            let sent = self
                .0
                .async_io(Interest::WRITABLE, || {
                    fd::send(self.0.as_fd(), rest, descriptor)
                })
                .await?;
            descriptor = None;
            rest = &rest[sent..];
        }
        Ok(())
    }
}

impl Receiver<'_> {
    /// The next message, or `None` when the other process has closed its end.
    ///
    /// # Errors
    /// If the stream breaks or has invalid bytes.
    pub async fn receive<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        loop {
            if let Some(message) =
                frame::decode(&mut self.buffer, limits::WORKER_MESSAGE).map_err(invalid)?
            {
                return Ok(Some(message));
            }
            let (buffer, descriptors) = (&mut self.buffer, &mut self.descriptors);
            let read = self
                .stream
                .async_io(Interest::READABLE, || {
                    fd::receive(self.stream.as_fd(), buffer, descriptors)
                })
                .await?;
            if read == 0 {
                return Ok(None);
            }
        }
    }

    /// The descriptor that came with the message just received; `None` if this process has no free
    /// descriptor. Descriptors arrive in the order of their messages.
    pub fn descriptor(&mut self) -> Option<OwnedFd> {
        self.descriptors.pop_front().flatten()
    }
}

fn invalid(error: CodecError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[tokio::test]
    async fn a_descriptor_arrives_with_its_message() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        let (mut sender, _) = split(&ours);
        sender.send(&"plain", None).await.unwrap();
        sender.send(&"with", Some(far.as_fd())).await.unwrap();
        drop(far);

        let (_, mut receiver) = split(&theirs);
        assert_eq!(
            receiver.receive::<String>().await.unwrap().as_deref(),
            Some("plain")
        );
        assert_eq!(
            receiver.receive::<String>().await.unwrap().as_deref(),
            Some("with")
        );
        let mut far = std::os::unix::net::UnixStream::from(receiver.descriptor().unwrap());
        near.write_all(b"through").unwrap();
        drop(near);
        let mut text = String::new();
        far.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
        drop(ours);
        assert_eq!(receiver.receive::<String>().await.unwrap(), None);
    }
}
