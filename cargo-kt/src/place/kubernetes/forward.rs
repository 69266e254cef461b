//! A byte stream to a port in a pod, through the API server.
//!
//! Opening one takes some 50 ms, so there is one for all that a service is asked. Its end says nothing of the pod's: the
//! API server, the kubelet or anything between may have dropped it.

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

/// How long the API server and the kubelet may take to open one.
const OPEN: Duration = Duration::from_secs(10);

/// Bytes that wait for a slow reader, in each direction.
const HELD: usize = 1 << 20;
/// Bytes in a message at most.
const PIECE: usize = 64 << 10;
/// The channel of the port's bytes; the other is for errors.
const DATA: u8 = 0;

/// Why there is no stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    #[error("no connection to the pod was opened within {} s", OPEN.as_secs())]
    Silent,
    #[error("the API server did not open a connection to the pod")]
    Refused(#[source] Box<kube::Error>),
    #[error(
        "this user may not open a connection to the pod\nhelp: an administrator grants `create` and `get` on `pods/portforward`: docs/rbac.yaml"
    )]
    Forbidden,
    #[error("the API server opened a connection to the pod without the port")]
    NoPort,
}

/// Opens a stream to a port on the loopback of a pod.
///
/// # Errors
/// If the API server refuses or does not answer. That nobody listens on the port shows only in the stream's end.
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
        .map_err(|_| ForwardError::Silent)?
        .map_err(|error| match error {
            kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(status))
                if matches!(status.as_u16(), 401 | 403) =>
            {
                ForwardError::Forbidden
            }
            error => ForwardError::Refused(error.into()),
        })?;
    let (near, far) = tokio::io::duplex(HELD);
    // It goes on by itself for as long as the stream is held.
    tokio::spawn(carry(connection.into_stream(), far));
    Ok(near)
}

/// Carries a stream over a WebSocket. kube's own `Portforwarder` sends each 4 kB as a message, and API server and kubelet
/// take their time for each: an upload had a fifth of the speed.
async fn carry<S: AsyncRead + AsyncWrite + Unpin>(
    socket: WebSocketStream<S>,
    stream: DuplexStream,
) {
    let (sink, messages) = socket.split();
    let (reader, writer) = split(stream);
    // Either end is the end of both.
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
    // The first message of each channel only names the port.
    let mut begun = false;
    while let Some(Ok(message)) = messages.next().await {
        let bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Close(_) => break,
            _ => continue,
        };
        // What the kubelet has to say of an error is followed by the stream's end.
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
