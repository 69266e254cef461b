//! One connection through a service.

use kt::wire::{forward::NotConnected, frames::Frames, http::BodySender, tunnel};
use serde::Serialize;
use tokio::net::TcpStream;

use crate::place::Connected;

/// The far end of a connection.
pub(in crate::command) struct Tunnel {
    sender: BodySender,
    answer: Frames,
}

/// Opens one; `asked` says which.
///
/// # Errors
/// Why there is none, for a person.
pub(in crate::command) async fn open(
    connected: &Connected,
    path: &str,
    asked: &impl Serialize,
) -> Result<Tunnel, String> {
    let opened = async {
        let (sender, mut answer) = connected.converse(path, asked).await?;
        let opened: Result<(), NotConnected> = connected.must_next(&mut answer).await?;
        Ok::<_, crate::place::PlaceError>(opened.map(|()| Tunnel { sender, answer }))
    };
    match opened.await {
        Ok(Ok(tunnel)) => Ok(tunnel),
        Ok(Err(NotConnected::Failed(why))) => Err(why),
        Ok(Err(NotConnected::Gone)) => Err("it was closed meanwhile".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

impl Tunnel {
    /// Where the connection's bytes go, and where they come from.
    pub(in crate::command) fn into_parts(self) -> (BodySender, Frames) {
        (self.sender, self.answer)
    }

    /// Carries a connection's bytes to its end.
    pub(super) async fn carry(self, stream: TcpStream) {
        let (first, body) = self.answer.into_rest();
        let _ = stream.set_nodelay(true);
        // A connection that breaks breaks at both ends: nothing is left to say.
        let _ = tunnel::couple(stream, first, body, self.sender, || {}).await;
    }
}
