//! A TCP connection through a service.

use kt::wire::{forward::NotConnected, frames::Frames, http::BodySender, tunnel};
use serde::Serialize;
use tokio::net::TcpStream;

use crate::place::Connected;

/// The service's side of a connection.
pub(in crate::command) struct Tunnel {
    sender: BodySender,
    answer: Frames,
}

/// Opens a connection; `request` identifies it.
///
/// # Errors
/// The reason for the failure, as a message.
pub(in crate::command) async fn open(
    connected: &Connected,
    path: &str,
    request: &impl Serialize,
) -> Result<Tunnel, String> {
    let opened = async {
        let (sender, mut answer) = connected.converse(path, request).await?;
        let opened: Result<(), NotConnected> = connected.must_next(&mut answer).await?;
        Ok::<_, crate::place::PlaceError>(opened.map(|()| Tunnel { sender, answer }))
    };
    match opened.await {
        Ok(Ok(tunnel)) => Ok(tunnel),
        Ok(Err(NotConnected::Failed(why))) => Err(why),
        Ok(Err(NotConnected::Gone)) => Err("the connection was closed".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

impl Tunnel {
    /// The sender for the connection's bytes, and the bytes it receives.
    pub(in crate::command) fn into_parts(self) -> (BodySender, Frames) {
        (self.sender, self.answer)
    }

    /// Copies bytes in both directions until the connection closes.
    pub(super) async fn carry(self, stream: TcpStream) {
        let (first, body) = self.answer.into_rest();
        let _ = stream.set_nodelay(true);
        // Both peers notice a broken connection themselves.
        let _ = tunnel::couple(stream, first, body, self.sender, || {}).await;
    }
}
