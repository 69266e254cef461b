//! TCP connections through a service: `cargo kt forward`.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /v1/forward/connect` | a [frame](super::frame) with [`Connect`], then bytes for the connection | a frame with `Result<(), `[`NotConnected`]`>`, then its bytes |
//! | `POST /v1/forward/listen` | [`Listen`] | frames: `Result<`[`Listening`]`, `[`NotListening`]`>`, then [`Accepted`] for each connection |
//! | `POST /v1/forward/accept` | a frame with [`Accepted`], then bytes for the connection | as `connect` |
//!
//! The end of a body is the end of that direction alone: a half-closed connection goes on in the other.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::http::{Body, BodySender};

/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

pub const CONNECT: &str = "/v1/forward/connect";
pub const LISTEN: &str = "/v1/forward/listen";
pub const ACCEPT: &str = "/v1/forward/accept";

/// Where to connect to, as seen from the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connect {
    pub host: String,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotConnected {
    /// The system's message.
    Failed(String),
    /// An accepted connection that nobody asked for in time is closed.
    Gone,
}

/// A port of the service's loopback to listen on; 0 is any that is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listen {
    pub port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotListening {
    /// The port is in use.
    pub in_use: bool,
    /// The system's message.
    pub why: String,
}

/// A connection that somebody made to a port of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    pub id: u64,
}

/// Carries the bytes of one connection, at either end, until both directions have ended or one of them breaks. `first` came
/// before `body`; `moved` is called whenever bytes move.
///
/// # Errors
/// If the connection or the stream breaks. Both are to be dropped then, which breaks the other end's.
pub async fn carry(
    connection: TcpStream,
    first: Bytes,
    body: Body,
    sender: BodySender,
    moved: impl Fn(),
) -> Result<(), h2::Error> {
    // Small messages are not kept back: who waits for them is far away as it is.
    let _ = connection.set_nodelay(true);
    let (from, to) = connection.into_split();
    tokio::try_join!(send(from, sender, &moved), receive(to, first, body, &moved)).map(drop)
}

async fn send(
    mut from: OwnedReadHalf,
    mut sender: BodySender,
    moved: &impl Fn(),
) -> Result<(), h2::Error> {
    let mut piece = vec![0; PIECE];
    loop {
        let read = tokio::select! {
            read = from.read(&mut piece) => read,
            () = sender.reset() => return Err(h2::Reason::CANCEL.into()),
        };
        let read = read.map_err(|_| h2::Error::from(h2::Reason::CONNECT_ERROR))?;
        moved();
        sender
            .send(Bytes::copy_from_slice(&piece[..read]), read == 0)
            .await?;
        if read == 0 {
            return Ok(());
        }
    }
}

async fn receive(
    mut to: OwnedWriteHalf,
    first: Bytes,
    mut body: Body,
    moved: &impl Fn(),
) -> Result<(), h2::Error> {
    let broken = |_| h2::Error::from(h2::Reason::CONNECT_ERROR);
    to.write_all(&first).await.map_err(broken)?;
    while let Some(chunk) = body.chunk().await {
        moved();
        to.write_all(&chunk?).await.map_err(broken)?;
    }
    // One that is closed already has no direction to end.
    let _ = to.shutdown().await;
    Ok(())
}
