//! The other end of a copy: transfers messages and bytes between a request and channels.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::mpsc::{self, error::TryRecvError};

use super::Stopped;
use crate::wire::{
    files::{FromReceiver, FromSender, PIECE},
    frame,
    frames::Frames,
    http::BodySender,
    limits,
};

/// Limit of pieces that wait for the disk or the connection.
const WAITING: usize = 16;

/// A part of the stream in one direction.
#[derive(Debug)]
pub enum Piece<T> {
    Message(T),
    /// Bytes that a message announced, in one or more pieces.
    Bytes(Bytes),
}

/// A message that may announce bytes.
pub trait Announces {
    /// The number of bytes that follow.
    fn bytes(&self) -> usize;
}

impl Announces for FromSender {
    fn bytes(&self) -> usize {
        match self {
            Self::Bytes { length } => *length as usize,
            _ => 0,
        }
    }
}

impl Announces for FromReceiver {
    fn bytes(&self) -> usize {
        0
    }
}

/// The other end, for a thread that may block. `I` arrives from it, `O` is sent to it.
#[derive(Debug)]
pub struct Peer<I, O> {
    incoming: mpsc::Receiver<Piece<I>>,
    outgoing: mpsc::Sender<Piece<O>>,
}

impl<I, O> Peer<I, O> {
    /// Waits for the next piece.
    pub(super) fn next(&mut self) -> Result<Piece<I>, Stopped> {
        self.incoming.blocking_recv().ok_or(Stopped::Disconnected)
    }

    /// The next message, if one has arrived.
    pub(super) fn poll(&mut self) -> Result<Option<I>, Stopped> {
        match self.incoming.try_recv() {
            Ok(Piece::Message(message)) => Ok(Some(message)),
            Ok(Piece::Bytes(_)) => Err(Stopped::Protocol),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Stopped::Disconnected),
        }
    }

    /// The next message, where no bytes may follow.
    pub(super) fn message(&mut self) -> Result<I, Stopped> {
        match self.next()? {
            Piece::Message(message) => Ok(message),
            Piece::Bytes(_) => Err(Stopped::Protocol),
        }
    }

    pub(super) fn send(&mut self, message: O) -> Result<(), Stopped> {
        self.pass(Piece::Message(message))
    }

    pub(super) fn pass(&mut self, piece: Piece<O>) -> Result<(), Stopped> {
        let passed = self.outgoing.blocking_send(piece);
        passed.map_err(|_| Stopped::Disconnected)
    }
}

/// The connection between a [`Peer`] and a request.
#[derive(Debug)]
pub struct Connection<I, O> {
    arriving: mpsc::Sender<Piece<I>>,
    leaving: mpsc::Receiver<Piece<O>>,
}

/// A peer, and its connection, which must be [driven](Connection::carry) concurrently.
pub fn connect<I, O>() -> (Peer<I, O>, Connection<I, O>) {
    let (arriving, incoming) = mpsc::channel(WAITING);
    let (outgoing, leaving) = mpsc::channel(WAITING);
    (
        Peer { incoming, outgoing },
        Connection { arriving, leaving },
    )
}

/// Two peers that are connected to each other.
#[cfg(test)]
pub(super) fn pair<I, O>() -> (Peer<I, O>, Peer<O, I>) {
    let (outgoing, far) = mpsc::channel(WAITING);
    let (far_outgoing, incoming) = mpsc::channel(WAITING);
    let far = Peer {
        incoming: far,
        outgoing: far_outgoing,
    };
    (Peer { incoming, outgoing }, far)
}

impl<I, O> Connection<I, O>
where
    I: DeserializeOwned + Announces,
    O: Serialize,
{
    /// Transfers a copy until this end has sent everything, and the other end has too or has
    /// disconnected. Calls `moved` whenever bytes move.
    pub async fn carry(self, frames: Frames, sender: BodySender, moved: impl Fn()) {
        let arriving = arrive(frames, self.arriving, &moved);
        let leaving = leave(self.leaving, sender, &moved);
        tokio::join!(arriving, leaving);
    }
}

async fn arrive<I: DeserializeOwned + Announces>(
    mut frames: Frames,
    arriving: mpsc::Sender<Piece<I>>,
    moved: &impl Fn(),
) {
    // However the body ends, dropping the channel tells the copying thread that no more data
    // follows.
    while let Ok(Some(message)) = frames.next::<I>().await {
        moved();
        let mut left = message.bytes();
        if left > PIECE || arriving.send(Piece::Message(message)).await.is_err() {
            return;
        }
        while left > 0 {
            let Ok(bytes) = frames.raw(left).await else {
                return;
            };
            moved();
            left -= bytes.len();
            if arriving.send(Piece::Bytes(bytes)).await.is_err() {
                return;
            }
        }
    }
}

async fn leave<O: Serialize>(
    mut leaving: mpsc::Receiver<Piece<O>>,
    mut sender: BodySender,
    moved: &impl Fn(),
) {
    loop {
        let piece = tokio::select! {
            piece = leaving.recv() => piece,
            // The receiver is no longer interested.
            () = sender.reset() => return,
        };
        let bytes = match piece {
            Some(Piece::Message(message)) => match frame::encode(&message, limits::CONTROL) {
                Ok(frame) => frame.into(),
                Err(_) => return,
            },
            Some(Piece::Bytes(bytes)) => bytes,
            None => {
                let _ = sender.send(Bytes::new(), true).await;
                return;
            }
        };
        if sender.send(bytes, false).await.is_err() {
            return;
        }
        moved();
    }
}
