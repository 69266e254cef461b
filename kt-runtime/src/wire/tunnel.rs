//! Many connections to a host over one: HTTP/2 with a single path. A `POST` of [`CONNECT`] is a new
//! connection, its request's body the bytes from the client, its answer's body the bytes to it.
//! What travels in there starts with a [preamble](super::preamble) as on a socket, without a token:
//! who opened the tunnel has shown it.
//!
//! Each end of a direction is passed on as such, so a half-closed connection stays half open. A
//! connection that breaks resets its stream, and a stream that is reset closes its connection.

use std::{fmt, io};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};

use super::{
    client::{self, Client},
    http::{Body, BodySender},
    limits,
};

pub const CONNECT: &str = "/v1/connect";

/// Limit of bytes per read: a large piece costs as much as a small one.
const PIECE: usize = 128 << 10;

/// Why a connection through a tunnel broke.
#[derive(Debug)]
pub enum TunnelError {
    /// The tunnel itself, or this one stream of it.
    Http(h2::Error),
    /// The local connection.
    Io(io::Error),
    /// The host's message and HTTP status.
    Refused(http::StatusCode, String),
}

impl fmt::Display for TunnelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(error) => write!(f, "the tunnel failed: {error}"),
            Self::Io(error) => error.fmt(f),
            Self::Refused(status, message) => write!(f, "{message} ({status})"),
        }
    }
}

impl std::error::Error for TunnelError {}

impl From<h2::Error> for TunnelError {
    fn from(error: h2::Error) -> Self {
        Self::Http(error)
    }
}

impl From<io::Error> for TunnelError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Couples a stream here with a new connection at the tunnel's other end, until both directions
/// have ended.
///
/// # Errors
/// If the tunnel or the stream breaks, or the host refuses; the other side is closed then.
pub async fn open(client: &Client, stream: impl AsyncRead + AsyncWrite) -> Result<(), TunnelError> {
    let (head, sender) = client.begin(Box::new(client::post(CONNECT)), false).await?;
    let (reader, writer) = split(stream);
    let down = async {
        let response = head.await?;
        let status = response.status();
        if status.is_success() {
            return receive(Bytes::new(), response.into_body(), writer, &|| {}).await;
        }
        let message = response.into_body().collect(limits::CONTROL).await;
        let message = message.map_or_else(|_| String::new(), |message| text(&message));
        Err(TunnelError::Refused(status, message))
    };
    tokio::try_join!(send(reader, sender, &|| {}), down).map(drop)
}

/// Couples a stream with a request's body and its answer's, until both directions have ended.
/// `first` has been read off the body already; `moved` is called whenever bytes move.
///
/// # Errors
/// If either breaks; the other is closed then.
pub async fn couple(
    stream: impl AsyncRead + AsyncWrite,
    first: Bytes,
    body: Body,
    sender: BodySender,
    moved: impl Fn(),
) -> Result<(), TunnelError> {
    let (reader, writer) = split(stream);
    let both = (
        send(reader, sender, &moved),
        receive(first, body, writer, &moved),
    );
    tokio::try_join!(both.0, both.1).map(drop)
}

/// Forwards each read immediately: waiting for more would delay small messages.
async fn send<S: AsyncRead>(
    mut reader: ReadHalf<S>,
    mut sender: BodySender,
    moved: &impl Fn(),
) -> Result<(), TunnelError> {
    let mut buffer = BytesMut::new();
    loop {
        if buffer.capacity() < PIECE / 4 {
            buffer.reserve(PIECE);
        }
        let read = tokio::select! {
            read = reader.read_buf(&mut buffer) => read?,
            // The peer no longer reads, and this stream may never send anything.
            () = sender.reset() => return Err(h2::Error::from(h2::Reason::CANCEL).into()),
        };
        moved();
        if read == 0 {
            sender.send(Bytes::new(), true).await?;
            return Ok(());
        }
        sender.send(buffer.split().freeze(), false).await?;
    }
}

async fn receive<S: AsyncWrite>(
    first: Bytes,
    mut body: Body,
    mut writer: WriteHalf<S>,
    moved: &impl Fn(),
) -> Result<(), TunnelError> {
    writer.write_all(&first).await?;
    while let Some(chunk) = body.chunk().await {
        moved();
        writer.write_all(&chunk?).await?;
    }
    match writer.shutdown().await {
        // The peer is already disconnected.
        Err(error) if error.kind() != io::ErrorKind::NotConnected => Err(error.into()),
        _ => Ok(()),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
