//! Asks an image's registry, from this machine, what a node will find there.
//!
//! The answer explains and never decides. Nodes may have other credentials, another network, a
//! mirror, or the image itself: only the cluster knows whether the pod runs. This module therefore
//! knows nothing of pods, and what fails in it is only logged.

mod challenge;
mod client;
mod credentials;
mod docker_config;
mod error;
mod helper;
mod manifest;
mod reference;
mod tags;

use std::{fmt, time::Duration};

use reqwest::StatusCode;
use serde::Deserialize;
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tracing::Instrument as _;

use self::{
    client::{Client, json},
    manifest::{KINDS, LIMIT},
};
pub use self::{
    docker_config::DockerConfig,
    error::Unanswered,
    manifest::{Image, Platform},
    reference::{Reference, Version},
    tags::Tags,
};

/// Timeout of the whole check.
const TIMEOUT: Duration = Duration::from_secs(6);

/// What a registry says about an image, to this machine's user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Found(Image),
    /// The repository has other tags, or no image at all.
    NotFound(Tags),
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<ErrorCode>,
}

#[derive(Deserialize)]
struct ErrorCode {
    code: String,
}

/// Asks the registry of an image.
///
/// # Errors
/// If its answer cannot be known with the credentials in `config`.
pub async fn ask(
    reference: &Reference,
    config: DockerConfig,
    pod: &Platform,
) -> Result<Answer, Unanswered> {
    let mut client = Client::new(reference, config)?;
    let path = format!("manifests/{}", reference.version());
    let manifest = client.get(&path, KINDS, LIMIT).await?;
    match manifest.status {
        StatusCode::OK => {
            let image = manifest::examine(&mut client, &manifest.body, pod).await?;
            Ok(Answer::Found(image))
        }
        StatusCode::NOT_FOUND if is_unknown(&manifest.body) => {
            Ok(Answer::NotFound(match reference.version() {
                Version::Tag(tag) => tags::list(&mut client, tag).await,
                Version::Digest(_) => Tags::default(),
            }))
        }
        status => Err(Unanswered::Status(status.as_u16())),
    }
}

/// Whether a registry, and not a server in between, says that it has no such image. Harbor's code is
/// `NOT_FOUND`.
fn is_unknown(body: &[u8]) -> bool {
    let codes = ["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND"];
    json::<Errors>(body, "error").is_ok_and(|answer| {
        let mut errors = answer.errors.iter();
        errors.any(|error| codes.contains(&&*error.code))
    })
}

/// A check that runs in the background until it is dropped.
pub struct ImageCheck {
    image: String,
    pod: Platform,
    answer: watch::Receiver<Option<Answer>>,
    /// Aborted when dropped.
    _task: JoinSet<()>,
}

impl ImageCheck {
    /// Begins to ask the registry of an image, for a pod of this CPU architecture.
    pub fn begin(image: &str, architecture: &str) -> Self {
        let (sender, answer) = watch::channel(None);
        let pod = Platform::linux(architecture);
        let (name, asked) = (image.to_owned(), pod.clone());
        let asking = async move {
            let answer = async {
                let reference = Reference::parse(&name).ok_or(Unanswered::Name)?;
                ask(&reference, DockerConfig::read(), &asked).await
            };
            let answer = timeout(TIMEOUT, answer)
                .await
                .unwrap_or(Err(Unanswered::Timeout));
            match answer {
                Ok(answer) => {
                    tracing::debug!(?answer, "the registry answered");
                    sender.send_replace(Some(answer));
                }
                Err(why) => tracing::debug!(%why, "the registry's answer is not known"),
            }
        };
        let mut task = JoinSet::new();
        task.spawn(asking.instrument(tracing::debug_span!("image check", image)));
        Self {
            image: image.to_owned(),
            pod,
            answer,
            _task: task,
        }
    }

    /// A check that has no answer.
    pub fn none() -> Self {
        Self {
            image: String::new(),
            pod: Platform::linux(""),
            answer: watch::channel(None).1,
            _task: JoinSet::new(),
        }
    }

    /// The image that was asked for.
    pub fn image(&self) -> &str {
        &self.image
    }

    /// The platform of the pod.
    pub fn pod(&self) -> &Platform {
        &self.pod
    }

    /// The image, if it is known by now that it exists.
    pub fn found(&self) -> Option<Image> {
        match self.answer.borrow().as_ref()? {
            Answer::Found(image) => Some(image.clone()),
            Answer::NotFound(_) => None,
        }
    }

    /// Waits until the registry answers, which may be never.
    pub async fn answered(&self) {
        let mut answer = self.answer.clone();
        if answer.wait_for(Option::is_some).await.is_err() {
            std::future::pending().await
        }
    }

    pub fn is_answered(&self) -> bool {
        self.answer.borrow().is_some()
    }

    /// The answer, if it is known within this time.
    pub async fn answer(&self, limit: Duration) -> Option<Answer> {
        let mut answer = self.answer.clone();
        let answer = timeout(limit, answer.wait_for(Option::is_some)).await;
        answer.ok()?.ok()?.clone()
    }
}

impl fmt::Debug for ImageCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ImageCheck").field(&self.image).finish()
    }
}
