//! One connection through a service.

use std::{fmt, io};

use kt::wire::{
    client::{self, Client, RequestError},
    codec,
    forward::{self, Listen, NotConnected},
    frame,
    frames::{Frames, FramesError},
    http::BodySender,
    limits,
};
use serde::Serialize;
use tokio::net::TcpStream;

use crate::place::{Connected, PlaceError};

/// The far end of a connection.
pub(super) struct Tunnel {
    sender: BodySender,
    answer: Frames,
}

/// Opens one; `asked` says which.
///
/// # Errors
/// Why there is none, for a person.
pub(super) async fn open(
    connected: &Connected,
    path: &str,
    asked: &impl Serialize,
) -> Result<Tunnel, String> {
    let head = frame::encode(asked, limits::CONTROL).map_err(text)?;
    let request = Box::new(client::post(path));
    let (answer, mut sender) = connected.client.begin(request, false).await.map_err(text)?;
    sender.send(head.into(), false).await.map_err(text)?;
    let answer = connected.unless_silent(answer).await.map_err(text)?;
    let answer = answer.map_err(text)?;
    if !answer.status().is_success() {
        return Err(Client::answer(answer)
            .await
            .err()
            .map_or_else(|| "it was refused".to_owned(), text));
    }
    let mut answer = Frames::new(answer.into_body(), limits::CONTROL);
    let opened = connected.unless_silent(answer.next()).await.map_err(text)?;
    match opened.map_err(text)? {
        Some(Ok(())) => Ok(Tunnel { sender, answer }),
        Some(Err(NotConnected::Failed(why))) => Err(why),
        Some(Err(NotConnected::Gone)) => Err("it was closed meanwhile".to_owned()),
        None => Err(text(FramesError::Cut)),
    }
}

impl Tunnel {
    /// Carries a connection's bytes to its end.
    pub(super) async fn carry(self, stream: TcpStream) {
        let (first, body) = self.answer.into_rest();
        // A connection that breaks breaks at both ends: nothing is left to say.
        let _ = forward::carry(stream, first, body, self.sender, || {}).await;
    }
}

/// Asks the service to listen.
///
/// # Errors
/// If it does not answer.
pub(super) async fn listen(connected: &Connected, listen: &Listen) -> Result<Frames, PlaceError> {
    let refused = |source| PlaceError::Request {
        service: connected.service.clone(),
        source,
    };
    let body = codec::encode(listen, limits::CONTROL)
        .map_err(|error| refused(RequestError::Codec(error)))?;
    let asking = connected
        .client
        .request(client::post(forward::LISTEN), body.into());
    let answer = connected
        .unless_silent(asking)
        .await?
        .map_err(|error| refused(RequestError::Http(error)))?;
    if !answer.status().is_success() {
        let status = answer.status();
        let refusal = Client::answer(answer).await.err();
        let unknown = || RequestError::Refused(status, String::new());
        return Err(refused(refusal.unwrap_or_else(unknown)));
    }
    Ok(Frames::new(answer.into_body(), limits::CONTROL))
}

pub(super) fn broken(connected: &Connected, error: FramesError) -> PlaceError {
    PlaceError::Connection {
        service: connected.service.clone(),
        source: io::Error::other(error),
    }
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}
