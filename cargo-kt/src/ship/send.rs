//! One object on its way.

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
    Link, Reference, ShipError,
    encode::{self, Encoded},
};

/// Pieces that are encoded ahead of the connection.
const AHEAD: usize = 4;

/// An object that is to be sent.
#[derive(Debug, Clone)]
pub(super) struct Sending {
    pub client: Client,
    pub id: ObjectId,
    pub path: Utf8PathBuf,
    pub link: Link,
    /// An object that is there, which this one may be a patch of.
    pub reference: Option<Reference>,
    /// What is there of it.
    pub partials: Vec<Partial>,
    pub steps: mpsc::UnboundedSender<Step>,
}

/// So much more of an object is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Bytes of the object.
    pub covered: u64,
    /// Bytes that it took to say so.
    pub sent: u64,
}

/// How it went.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub patched: bool,
    /// It went on where an interrupted upload had ended.
    pub resumed: bool,
}

/// An upload that did not come to its good end.
enum Failed {
    /// It may be taken when it is sent in another way.
    Refused(RequestError),
    For(ShipError),
}

impl Sending {
    /// Sends it in the shortest form, and if that is refused whole.
    pub async fn run(self) -> Result<Sent, ShipError> {
        // Of the object, in the furthest attempt; bytes.
        let mut covered = 0;
        let (sent, length) = self.send(&mut covered).await?;
        // All of it may have been there before.
        let covered = length.saturating_sub(covered);
        let _ = self.steps.send(Step { covered, sent: 0 });
        Ok(sent)
    }

    async fn send(&self, covered: &mut u64) -> Result<(Sent, u64), ShipError> {
        let choosing = self.clone();
        let encoded = self
            .blocking(move || {
                encode::choose(&choosing.path, choosing.link, choosing.reference.as_ref())
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
        let source = match self.attempt(encoded, head.clone(), covered).await {
            Ok(()) => return Ok((sent, length)),
            Err(Failed::For(error)) => return Err(error),
            Err(Failed::Refused(source)) => source,
        };
        if !patched && !resumed {
            return Err(self.refused(source));
        }
        let (path, link) = (self.path.clone(), self.link);
        let whole = self.blocking(move || encode::whole(&path, link)).await?;
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
            // Beside the sending, and ended by it: a receiver that is gone takes no piece.
            let producing = self.blocking(move || {
                encoded.produce(head.offset, |piece| pieces.blocking_send(piece).is_ok())
            });
            let sending = async {
                while let Some(piece) = ahead.recv().await {
                    let sent = piece.bytes.len() as u64;
                    // A failure here is the answer's business: a service that refuses stops reading.
                    if body.send(piece.bytes, false).await.is_err() {
                        ahead.close();
                        return false;
                    }
                    let more = piece.covered.saturating_sub(*covered);
                    *covered += more;
                    let covered = more;
                    // Nobody counts any more if another upload failed.
                    let _ = self.steps.send(Step { covered, sent });
                }
                true
            };
            let (produced, open) = tokio::join!(producing, sending);
            // Ended only if it is whole: what breaks off is no object.
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
        // A refusal may come long before the end of the body.
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

    /// Reads and encodes where it holds nobody up.
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
