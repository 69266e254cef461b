//! Reads requests, and answers or refuses them.

use std::future::Future;

use bytes::Bytes;
use http::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use crate::{
    codec,
    wire::{
        frames::{Frames, FramesError},
        http::Body,
        limits,
        server::Answer,
    },
};

/// A refusal: its status and message.
pub type Refusal = (StatusCode, String);

/// Decodes the request, runs `work`, encodes the answer.
pub async fn answered<Q, A, W>(
    body: Body,
    answer: Answer,
    work: impl FnOnce(Q) -> W,
) -> Result<(), h2::Error>
where
    Q: DeserializeOwned,
    A: Serialize,
    W: Future<Output = A>,
{
    match question(body).await {
        Ok(question) => answer.value(&work(question).await).await,
        Err((status, message)) => answer.refuse(status, message).await,
    }
}

/// Sends the value or the refusal.
pub async fn value_or_refusal<A: Serialize>(
    value: Result<A, Refusal>,
    answer: Answer,
) -> Result<(), h2::Error> {
    match value {
        Ok(value) => answer.value(&value).await,
        Err((status, message)) => answer.refuse(status, message).await,
    }
}

pub async fn question<Q: DeserializeOwned>(body: Body) -> Result<Q, Refusal> {
    let body = timeout(limits::STALLED, body.collect(limits::CONTROL)).await;
    let bad = |message: String| (StatusCode::BAD_REQUEST, message);
    match body {
        Ok(Ok(bytes)) => {
            codec::decode(&bytes).map_err(|error| bad(format!("invalid request: {error}")))
        }
        Ok(Err(_)) => Err(bad("incomplete request".to_owned())),
        Err(_) => Err((
            StatusCode::REQUEST_TIMEOUT,
            "timed out waiting for the request".to_owned(),
        )),
    }
}

/// The message that a body begins with, the bytes received after it, and the rest of the body.
pub async fn opening<T: DeserializeOwned>(body: Body) -> Result<(T, Bytes, Body), Refusal> {
    let mut frames = Frames::new(body, limits::CONTROL);
    let bad = |message: String| (StatusCode::BAD_REQUEST, message);
    match timeout(limits::STALLED, frames.next()).await {
        Ok(Ok(Some(message))) => {
            let (first, body) = frames.into_rest();
            Ok((message, first, body))
        }
        Ok(Ok(None)) => Err(bad(FramesError::Cut.to_string())),
        Ok(Err(error)) => Err(bad(error.to_string())),
        Err(_) => Err((
            StatusCode::REQUEST_TIMEOUT,
            "timed out waiting for the request".to_owned(),
        )),
    }
}
