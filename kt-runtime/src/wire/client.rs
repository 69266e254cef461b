//! The client end of an HTTP/2 connection.

use bytes::Bytes;
use h2::client::{self, Connection, SendRequest};
use http::{Method, Request, Response};
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    http::{Body, BodyError, BodySender, CONNECTION_WINDOW, CONTROL_STREAMS, STREAM_WINDOW},
    limits,
};
use crate::codec::{self, CodecError};

/// A connection for any number of concurrent requests. Clones share it.
#[derive(Debug, Clone)]
pub struct Client {
    requests: SendRequest<Bytes>,
}

/// Why a control request has no answer.
#[derive(Debug)]
pub enum RequestError {
    Http(h2::Error),
    Codec(CodecError),
    /// The peer's message and HTTP status.
    Refused(http::StatusCode, String),
}

impl std::fmt::Display for RequestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http(error) => write!(f, "the connection failed: {error}"),
            Self::Codec(error) => write!(f, "failed to decode the message: {error}"),
            Self::Refused(status, message) => write!(f, "{message} ({status})"),
        }
    }
}

impl std::error::Error for RequestError {}

impl Client {
    /// Starts HTTP/2. The returned connection must be polled as long as the client is in use.
    ///
    /// # Errors
    /// If the stream cannot be written to.
    pub async fn start<S: AsyncRead + AsyncWrite + Unpin>(
        stream: S,
    ) -> Result<(Self, Connection<S, Bytes>), h2::Error> {
        let (requests, connection) = client::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(1 << 16)
            .enable_push(false)
            // h2 counts answers to dropped requests as errors of the peer.
            .max_local_error_reset_streams(None)
            // Until the peer's settings arrive, which allow at least as many.
            .initial_max_send_streams(CONTROL_STREAMS as usize)
            .handshake(stream)
            .await?;
        Ok((Self { requests }, connection))
    }

    /// Sends a request with a whole body, and waits for the answer's head.
    ///
    /// # Errors
    /// If the connection is closed or the peer resets the stream.
    pub async fn request(
        &self,
        request: Request<()>,
        body: Bytes,
    ) -> Result<Response<Body>, h2::Error> {
        let (head, mut sender) = self.begin(Box::new(request), body.is_empty()).await?;
        if !body.is_empty() {
            sender.send(body, true).await?;
        }
        head.await
    }

    /// Sends a request's head. Unless `end`, the caller sends the body. The head is boxed because
    /// futures store it more than once, and the future of each call is moved.
    ///
    /// # Errors
    /// If the connection is closed.
    pub async fn begin(
        &self,
        request: Box<Request<()>>,
        end: bool,
    ) -> Result<
        (
            impl Future<Output = Result<Response<Body>, h2::Error>> + use<>,
            BodySender,
        ),
        h2::Error,
    > {
        let mut requests = self.requests.clone().ready().await?;
        let (response, stream) = requests.send_request(*request, end)?;
        Ok((async { Ok(response.await?.map(Body)) }, BodySender(stream)))
    }

    /// Sends a message and decodes the answer.
    ///
    /// # Errors
    /// If the connection is closed, the peer refuses, or a message cannot be encoded or decoded.
    pub async fn ask<Q: Serialize, A: DeserializeOwned>(
        &self,
        path: &str,
        question: &Q,
    ) -> Result<A, RequestError> {
        let question = codec::encode(question, limits::CONTROL).map_err(RequestError::Codec)?;
        let response = self
            .request(post(path), question.into())
            .await
            .map_err(RequestError::Http)?;
        let answer = Self::answer(response).await?;
        codec::decode(&answer).map_err(RequestError::Codec)
    }

    /// The whole body of a successful response.
    ///
    /// # Errors
    /// If the status is an error, or the body is too large or incomplete.
    pub async fn answer(response: Response<Body>) -> Result<Bytes, RequestError> {
        let status = response.status();
        let body = response
            .into_body()
            .collect(limits::CONTROL)
            .await
            .map_err(|error| match error {
                BodyError::TooLarge(limit) => RequestError::Codec(CodecError::TooLarge { limit }),
                BodyError::Http(error) => RequestError::Http(error),
            })?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(RequestError::Refused(
                status,
                String::from_utf8_lossy(&body).into_owned(),
            ))
        }
    }
}

/// A request for a path, which must be valid.
pub fn request(method: Method, path: &str) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = method;
    // HTTP/2 requires scheme and authority. They are not used.
    *request.uri_mut() = http::Uri::builder()
        .scheme("http")
        .authority("kt")
        .path_and_query(path)
        .build()
        .unwrap_or_else(|_| http::Uri::from_static("http://kt/invalid"));
    request
}

/// A `POST`.
pub fn post(path: &str) -> Request<()> {
    request(Method::POST, path)
}
