//! From a response to a result or an error.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, StatusCode};

use super::{Driver, failure::Failure, panic::panicked, printed::Printed};
use crate::{
    codec::{self, Codec},
    error::Error,
    function::Function,
    wire::{
        Generation,
        data::{Fault, Part, header},
        http::{Body, BodyError},
    },
};

/// Reads an answer, after everything that the call printed is on the terminal.
pub(super) async fn read(
    driver: &Driver,
    printed: &Printed,
    function: &'static Function,
    response: Response<Body>,
) -> Result<Result<(Bytes, Codec), Error>, Failure> {
    let (head, body) = response.into_parts();
    let name = || function.path().to_owned();
    let too_large = |limit| Error::TooLarge {
        function: name(),
        what: Part::Result,
        limit: limit as u64,
    };
    let body = match body.collect(driver.config.body_limit).await {
        Ok(body) => body,
        Err(BodyError::TooLarge(limit)) => return Ok(Err(too_large(limit))),
        // The worker has begun to answer, so it has seen the call.
        Err(BodyError::Http(error)) => return Err(Failure::Lost(error.to_string())),
    };
    if let Some(position) = number(&head.headers, &header::POSITION) {
        printed.up_to(position).await;
    }
    if head.status == StatusCode::OK {
        let wanted = driver.config.generation;
        return Ok(
            match number(&head.headers, &header::GENERATION).map(Generation) {
                Some(serving) if serving >= wanted => match Codec::of(&head.headers) {
                    Ok(codec) => Ok((body, codec)),
                    Err(error) => Err(error.into_call_error(function.path(), Part::Result)),
                },
                serving => Err(Error::OldGeneration {
                    function: name(),
                    wanted,
                    serving: serving.unwrap_or_default(),
                }),
            },
        );
    }
    match codec::decode(&body) {
        Ok(Fault::Draining) => Err(Failure::NotSent("the worker is being replaced".into())),
        // Boxed, because it is rare and would make the future of every call many times larger.
        Ok(fault) => Ok(Err(Box::pin(error(driver, function, fault)).await)),
        Err(error) => Ok(Err(driver.unavailable(format!(
            "failed to decode its answer: {} {error}",
            head.status
        )))),
    }
}

async fn error(driver: &Driver, function: &'static Function, fault: Fault) -> Error {
    let name = function.path().to_owned();
    match fault {
        Fault::UnknownFunction { nearest } => Error::UnknownFunction {
            function: name,
            nearest,
        },
        Fault::ShapeMismatch { ours } => Error::ShapeMismatch {
            function: name,
            here: function.signature.into(),
            there: ours,
            within: false,
        },
        Fault::OldGeneration { serving } => Error::OldGeneration {
            function: name,
            wanted: driver.config.generation,
            serving,
        },
        Fault::Panicked(panic) => panicked(driver, name, panic).await,
        Fault::TooLarge { what, limit } => Error::TooLarge {
            function: name,
            what,
            limit,
        },
        Fault::Codec { what, reason } => Error::Codec {
            function: name,
            what,
            reason,
        },
        Fault::Draining => driver.unavailable("it is stopping"),
    }
}

/// A number in a header.
fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}
