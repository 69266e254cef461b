//! The upload of one object.

use bytes::Bytes;
use camino::Utf8PathBuf;
use http::Method;
use kt::wire::{
    ObjectId,
    client::{self, Client, RequestError},
    control::path,
    upload::{Encoding, Head, Partial, UploadRefused},
};
use tokio::{sync::mpsc, task};

use super::{
    Reference, ShipError, Transport,
    encode::{self, Encoded},
};

/// Pieces that are encoded ahead of the connection.
const AHEAD: usize = 4;

/// An object to send.
#[derive(Debug, Clone)]
pub(super) struct Sending {
    pub client: Client,
    pub id: ObjectId,
    pub path: Utf8PathBuf,
    pub transport: Transport,
    /// An object of the service that a patch may refer to.
    pub reference: Option<Reference>,
    /// The part that the service has already.
    pub partials: Vec<Partial>,
    pub steps: mpsc::UnboundedSender<Step>,
}

/// Progress of an upload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Bytes of the object.
    pub covered: u64,
    /// Bytes on the wire.
    pub sent: u64,
}

/// A finished upload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub patched: bool,
    /// Whether it resumed an interrupted upload.
    pub resumed: bool,
}

/// A failed upload.
enum Failed {
    /// Another encoding may be accepted.
    Refused(RequestError),
    For(ShipError),
}

impl Sending {
    /// Sends the shortest encoding. If that is rejected, sends the object whole.
    pub async fn run(self) -> Result<Sent, ShipError> {
        // Bytes of the object in the furthest attempt.
        let mut covered = 0;
        let (sent, length) = self.send(&mut covered).await?;
        // The service may have had all of it.
        let covered = length.saturating_sub(covered);
        let _ = self.steps.send(Step { covered, sent: 0 });
        Ok(sent)
    }

    async fn send(&self, covered: &mut u64) -> Result<(Sent, u64), ShipError> {
        let choosing = self.clone();
        let encoded = self
            .blocking(move || {
                encode::choose(
                    &choosing.path,
                    choosing.transport,
                    choosing.reference.as_ref(),
                )
            })
            .await?;
        let mut head = Head {
            length: Some(encoded.length),
            encoding: encoded.encoding.clone(),
            offset: 0,
        };
        let tag = head.tag();
        let partial = self.partials.iter().find(|partial| partial.tag == tag);
        head.offset = partial.map_or(0, |partial| partial.bytes);
        let patched = matches!(head.encoding, Encoding::Patch { .. });
        let resumed = head.offset > 0;
        let length = encoded.length;
        let sent = Sent { patched, resumed };
        tracing::debug!(
            object = %self.id,
            bytes = length,
            encoding = ?head.encoding,
            offset = head.offset,
            "sending an object"
        );
        let source = match self.attempt(encoded, head.clone(), covered).await {
            Ok(()) => return Ok((sent, length)),
            Err(Failed::For(error)) => return Err(error),
            Err(Failed::Refused(source)) => source,
        };
        if !patched && !resumed {
            return Err(self.refused(source));
        }
        tracing::debug!(object = %self.id, error = %source, "sending the object again, whole");
        let (path, transport) = (self.path.clone(), self.transport);
        let whole = self
            .blocking(move || encode::whole(&path, transport))
            .await?;
        head.encoding = whole.encoding.clone();
        head.offset = 0;
        let sent = Sent {
            patched: false,
            resumed: false,
        };
        match self.attempt(whole, head, covered).await {
            Ok(()) => Ok((sent, length)),
            Err(Failed::For(error)) => Err(error),
            Err(Failed::Refused(source)) => Err(self.refused(source)),
        }
    }

    async fn attempt(&self, encoded: Encoded, head: Head, covered: &mut u64) -> Result<(), Failed> {
        let refused = |error| Failed::For(self.refused(error));
        let mut request = client::request(Method::PUT, &format!("{}{}", path::OBJECT, self.id));
        head.write(request.headers_mut());
        let (response, mut body) = self
            .client
            .begin(Box::new(request), false)
            .await
            .map_err(|error| refused(RequestError::Http(error)))?;
        let (pieces, mut ahead) = mpsc::channel(AHEAD);
        let sending = async {
            // Runs beside the sender and stops with it: a dropped receiver accepts no piece.
            let producing = self.blocking(move || {
                encoded.produce(head.offset, |piece| pieces.blocking_send(piece).is_ok())
            });
            let sending = async {
                while let Some(piece) = ahead.recv().await {
                    let sent = piece.bytes.len() as u64;
                    // The answer has the reason: a service that rejects an upload stops reading.
                    if body.send(piece.bytes, false).await.is_err() {
                        ahead.close();
                        return false;
                    }
                    let more = piece.covered.saturating_sub(*covered);
                    *covered += more;
                    let covered = more;
                    // The receiver is dropped if another upload failed.
                    let _ = self.steps.send(Step { covered, sent });
                }
                true
            };
            let (produced, open) = tokio::join!(producing, sending);
            // The body ends only if it is complete: an aborted one is not an object.
            produced?;
            if open {
                let _ = body.send(Bytes::new(), true).await;
            }
            Ok(())
        };
        let answering = async {
            let response = response
                .await
                .map_err(|error| refused(RequestError::Http(error)))?;
            let otherwise = UploadRefused::read(response.headers()).is_some();
            match Client::answer(response).await {
                Ok(_) => Ok(()),
                Err(error) if otherwise => Err(Failed::Refused(error)),
                Err(error) => Err(refused(error)),
            }
        };
        tokio::pin!(sending, answering);
        // A rejection may arrive long before the end of the body.
        tokio::select! {
            biased;
            answer = &mut answering => return answer,
            sent = &mut sending => sent.map_err(Failed::For)?,
        }
        answering.await
    }

    fn refused(&self, source: RequestError) -> ShipError {
        let path = self.path.clone();
        ShipError::Upload { path, source }
    }

    /// Reads and encodes on a thread for blocking work.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, ShipError> {
        let done = task::spawn_blocking(work).await;
        let done = done.map_err(std::io::Error::other).flatten();
        done.map_err(|source| ShipError::Read {
            path: self.path.clone(),
            source,
        })
    }
}
