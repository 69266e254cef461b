//! A byte stream to a port in a pod, through the API server.
//!
//! A stream takes about 50 ms to open, so all requests to a service share one. Its end does not
//! mean that the pod has stopped: the API server, the kubelet or a proxy may have dropped it.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use k8s_openapi::api::core::v1::Pod;
use kube::{Client, Resource, api::Request, client::UpgradeConnectionError};
use tokio::{
    io::{
        AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf,
        split,
    },
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

/// Timeout for the API server and the kubelet to open a stream.
const OPEN: Duration = Duration::from_secs(10);

/// Bytes buffered for a slow reader, in each direction.
const HELD: usize = 1 << 20;
/// Maximum bytes in a message.
const PIECE: usize = 64 << 10;
/// The channel for data; the other one is for errors.
const DATA: u8 = 0;

/// Why a stream could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    #[error("opening a connection to the pod timed out after {} s", OPEN.as_secs())]
    TimedOut,
    #[error("the API server refused to open a connection to the pod")]
    Refused(#[source] Box<kube::Error>),
    #[error(
        "this user is not allowed to open a connection to the pod\nhelp: ask an administrator to grant `create` and `get` on `pods/portforward`: docs/rbac.yaml"
    )]
    Forbidden,
    #[error("the API server opened a connection to the pod without the requested port")]
    NoPort,
}

/// Opens a stream to a loopback port of a pod.
///
/// # Errors
/// If the API server refuses or does not answer. If no process listens on the port, the stream ends
/// without an error.
pub async fn forward(
    client: &Client,
    namespace: &str,
    pod: &str,
    port: u16,
) -> Result<DuplexStream, ForwardError> {
    let pods = Request::new(Pod::url_path(&(), Some(namespace)));
    let request = pods.portforward(pod, &[port]);
    let request = request
        .map_err(|error| ForwardError::Refused(Box::new(kube::Error::BuildRequest(error))))?;
    let opened = timeout(OPEN, client.connect(request)).await;
    let connection = opened
        .map_err(|_| ForwardError::TimedOut)?
        .map_err(|error| match error {
            kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(status))
                if matches!(status.as_u16(), 401 | 403) =>
            {
                ForwardError::Forbidden
            }
            error => ForwardError::Refused(error.into()),
        })?;
    let (near, far) = tokio::io::duplex(HELD);
    // The task runs until the stream is dropped.
    tokio::spawn(carry(connection.into_stream(), far));
    Ok(near)
}

/// Carries a stream over a WebSocket. kube's own `Portforwarder` sends each 4 kB as a message,
/// which the API server and the kubelet process slowly: uploads had a fifth of the speed.
async fn carry<S: AsyncRead + AsyncWrite + Unpin>(
    socket: WebSocketStream<S>,
    stream: DuplexStream,
) {
    let (sink, messages) = socket.split();
    let (reader, writer) = split(stream);
    // The end of either direction ends both.
    tokio::select! {
        () = send(reader, sink) => {}
        () = receive(messages, writer) => {}
    }
}

async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    mut reader: ReadHalf<DuplexStream>,
    mut sink: SplitSink<WebSocketStream<S>, Message>,
) {
    loop {
        let mut piece = BytesMut::with_capacity(1 + PIECE);
        piece.put_u8(DATA);
        match reader.read_buf(&mut piece).await {
            Ok(read) if read > 0 => {
                if sink.send(Message::Binary(piece.freeze())).await.is_err() {
                    return;
                }
            }
            _ => {
                let _ = sink.close().await;
                return;
            }
        }
    }
}

async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    mut messages: SplitStream<WebSocketStream<S>>,
    mut writer: WriteHalf<DuplexStream>,
) {
    // The first message of each channel contains only the port number.
    let mut begun = false;
    while let Some(Ok(message)) = messages.next().await {
        let bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Close(_) => break,
            _ => continue,
        };
        // Ignore the error channel: the stream ends after an error.
        let Some(bytes) = bytes.strip_prefix(&[DATA]) else {
            continue;
        };
        if begun && writer.write_all(bytes).await.is_err() {
            return;
        }
        begun = true;
    }
    let _ = writer.shutdown().await;
}
