//! Relays bytes between a debugger's stream and its stub.

use std::{fmt, io};

use bytes::Bytes;
use tokio::net::UnixStream;

use crate::wire::http::{Body, BodySender};

/// Bytes to read from a stub at once.
const PIECE: usize = 64 << 10;

/// Both ends of a session.
pub struct Ends<'a> {
    pub body: Body,
    /// Bytes that followed the request, for the stub.
    pub received: Bytes,
    pub sender: &'a mut BodySender,
    pub stub: &'a UnixStream,
    /// Called whenever bytes move.
    pub moved: &'a (dyn Fn() + Sync),
}

/// Which end closed the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The debugger, or the connection to it.
    Client,
    Stub,
    Worker,
    Host,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "the debugger or its connection closed",
            Self::Stub => "the stub exited",
            Self::Worker => "the worker exited",
            Self::Host => "the host is stopping",
        })
    }
}

/// Relays bytes both ways until one end closes.
pub async fn run(ends: Ends<'_>) -> Ended {
    let Ends {
        body,
        received,
        sender,
        stub,
        moved,
    } = ends;
    tokio::select! {
        () = inward(body, received, stub, moved) => Ended::Client,
        ended = outward(stub, sender, moved) => ended,
    }
}

/// From the debugger to the stub. If writing fails, wait: `outward` detects the stub's exit.
async fn inward(mut body: Body, received: Bytes, stub: &UnixStream, moved: &(dyn Fn() + Sync)) {
    let mut piece = received;
    loop {
        if write_all(stub, &piece).await.is_err() {
            std::future::pending::<()>().await;
        }
        match body.chunk().await {
            Some(Ok(chunk)) => piece = chunk,
            Some(Err(_)) | None => return,
        }
        moved();
    }
}

async fn outward(stub: &UnixStream, sender: &mut BodySender, moved: &(dyn Fn() + Sync)) -> Ended {
    let mut piece = vec![0; PIECE];
    loop {
        let read = tokio::select! {
            read = read(stub, &mut piece) => read,
            () = sender.reset() => return Ended::Client,
        };
        let read = match read {
            Ok(0) | Err(_) => return Ended::Stub,
            Ok(read) => read,
        };
        moved();
        let sent = sender.send(Bytes::copy_from_slice(&piece[..read]), false);
        if sent.await.is_err() {
            return Ended::Client;
        }
    }
}

async fn read(stub: &UnixStream, piece: &mut [u8]) -> io::Result<usize> {
    loop {
        stub.readable().await?;
        match stub.try_read(piece) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

async fn write_all(stub: &UnixStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stub.writable().await?;
        match stub.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
            Ok(written) => bytes = &bytes[written..],
        }
    }
    Ok(())
}
