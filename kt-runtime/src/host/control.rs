//! The host's control interface: one function per path of [`wire::control`](crate::wire::control).

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{
    Ended, Host, HostOptions, command, debug, inspect, lease::Use, saved, store::StoreError,
    worker::millis,
};
use crate::{
    logs::LogReader,
    sys,
    wire::{
        ObjectId, VERSION, codec,
        command::Control,
        control::{Down, LogRequest, SetTtl, Status, SwapRefused, SwapRequest, WorkerStatus, path},
        files, forward,
        frames::{Frames, FramesError},
        http::Body,
        inspect::path as inspect_path,
        limits,
        platform::Platform,
        sample,
        server::{Answer, Exchange},
        state::StateRequest,
        upload::{Head, REFUSED, UploadRefused, Wanted},
    },
};

/// Polling interval of a followed log.
const FOLLOW: Duration = Duration::from_millis(50);
/// Bytes of a log to send at once.
const LOG_PIECE: usize = 64 << 10;

/// A refusal: its status and message.
pub type Refusal = (StatusCode, String);

/// Answers one request.
pub async fn handle(host: Arc<Host>, exchange: Exchange) {
    let Exchange {
        head,
        body,
        mut answer,
    } = exchange;
    let path = head.uri.path().to_owned();
    let path = path.as_str();
    // A client that resets a request does not need the answer: ignore the error.
    let _ = match (&head.method, path) {
        (&Method::POST, path::STATUS) => answer.value(&status(&host).await).await,
        (&Method::POST, path::MISSING) => {
            answered(body, answer, |wanted: Wanted| async {
                host.lease.touch();
                // Without a running worker the objects are loaded by a new one: damaged files can
                // be replaced.
                if host.supervisor.live().is_none() {
                    host.store.remove_damaged(wanted.objects.iter().copied());
                }
                host.store.lacks(wanted)
            })
            .await
        }
        (&Method::POST, path::SWAP) => {
            answered(body, answer, |request: SwapRequest| async {
                host.lease.touch();
                // A stopped call may hold locks that a swap needs, and code must not change under a
                // debugger.
                if let Some(debugger) = host.debugging.attached()
                    && !host.supervisor.serves(&request.manifest)
                {
                    return Err(SwapRefused::Debugged(debugger));
                }
                let swapped = host.supervisor.swap(request).await;
                host.lease.touch();
                swapped
            })
            .await
        }
        (&Method::POST, path::STATE) => {
            answered(body, answer, |request: StateRequest| async {
                host.lease.touch();
                let answered = host.supervisor.states(request).await;
                host.lease.touch();
                answered
            })
            .await
        }
        (&Method::POST, path::STATE_SAVE) => saved::save(&host, answer).await,
        (&Method::PUT, path::STATE_LOAD) => match saved::load(&host, &head.headers, body).await {
            Ok(loaded) => answer.value(&loaded).await,
            Err((status, message)) => answer.refuse(status, message).await,
        },
        (&Method::POST, path::LOGS) => logs(&host, body, answer).await,
        (&Method::POST, inspect_path::INSPECT) => {
            answer.value(&inspect::inspect(&host).await).await
        }
        (&Method::POST, inspect_path::LOG_PIECES) => match question(body).await {
            Ok(request) => inspect::log_pieces(host, request, answer).await,
            Err((status, message)) => answer.refuse(status, message).await,
        },
        (&Method::POST, path::DEATH) => {
            let host = &host;
            answered(body, answer, |instance: u64| async move {
                host.supervisor.death(instance).await
            })
            .await
        }
        (&Method::POST, path::DEBUG) => {
            host.lease.touch();
            debug::serve(&host, Exchange { head, body, answer }).await
        }
        (&Method::POST, path::TTL) => {
            answered(body, answer, |ttl: SetTtl| async move {
                host.lease.set_ttl(Duration::from_millis(ttl.ttl_ms));
            })
            .await
        }
        (&Method::POST, path::HOLD) => {
            let held = host.lease.hold();
            answer.reset().await;
            drop(held);
            return;
        }
        (&Method::POST, sample::STACKS) => super::sample::stacks(Arc::clone(&host), answer).await,
        (&Method::POST, sample::PROFILE) => {
            let held = host.lease.hold();
            let exchange = Exchange { head, body, answer };
            let done = super::sample::profile(Arc::clone(&host), exchange).await;
            drop(held);
            done
        }
        (&Method::POST, path::COMMAND) => command::run(Arc::clone(&host), body, answer).await,
        (&Method::POST, path::COMMAND_CONTROL) => {
            let host = &host;
            answered(body, answer, |control: Control| async move {
                host.lease.touch();
                host.commands.control(control)
            })
            .await
        }
        (&Method::POST, files::COPY) => super::files::copy(Arc::clone(&host), body, answer).await,
        (&Method::POST, files::SFTP) => {
            super::files::sftp::serve(Arc::clone(&host), body, answer).await
        }
        (&Method::POST, forward::CONNECT) => {
            super::forward::connect(Arc::clone(&host), body, answer).await
        }
        (&Method::POST, forward::ACCEPT) => {
            super::forward::accept(Arc::clone(&host), body, answer).await
        }
        (&Method::POST, forward::LISTEN) => match question(body).await {
            Ok(listen) => super::forward::listen(Arc::clone(&host), listen, answer).await,
            Err((status, message)) => answer.refuse(status, message).await,
        },
        (&Method::POST, path::DOWN) => {
            let host = &host;
            answered(body, answer, |down: Down| async move {
                host.stop(Ended::Asked, Duration::from_millis(down.grace_ms));
            })
            .await
        }
        (&Method::PUT, object) if object.starts_with(path::OBJECT) => {
            host.lease.touch();
            let done = upload(&host, &object[path::OBJECT.len()..], &head.headers, body).await;
            host.lease.touch();
            match done {
                Ok(status) => answer.send(status, HeaderMap::new(), Bytes::new()).await,
                Err(Unstored { refusal, refused }) => {
                    let mut headers = HeaderMap::new();
                    if let Some(refused) = refused {
                        headers.insert(REFUSED, HeaderValue::from_static(refused.name()));
                    }
                    let (status, message) = refusal;
                    answer.send(status, headers, message.into()).await
                }
            }
        }
        _ => {
            let message = format!("kt {VERSION} does not support {} {path}", head.method);
            answer.refuse(StatusCode::NOT_FOUND, message).await
        }
    };
}

/// Decodes the request, runs `work`, encodes the answer.
async fn answered<Q, A, W>(
    body: Body,
    answer: Answer,
    work: impl FnOnce(Q) -> W,
) -> Result<(), h2::Error>
where
    Q: DeserializeOwned,
    A: serde::Serialize,
    W: Future<Output = A>,
{
    match question(body).await {
        Ok(question) => answer.value(&work(question).await).await,
        Err((status, message)) => answer.refuse(status, message).await,
    }
}

async fn question<Q: DeserializeOwned>(body: Body) -> Result<Q, Refusal> {
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

/// The status of the service. Bounded by [`limits::STATUS`].
pub async fn status(host: &Host) -> Status {
    let supervisor = &host.supervisor;
    let (mut usage, mut worker_status) = (Use::None, None);
    if let Some(worker) = supervisor.live() {
        let health = worker.health().await;
        usage = match &health {
            Some(health) if health.calls == 0 => Use::Idle(health.idle),
            _ => Use::Busy,
        };
        worker_status = Some(WorkerStatus {
            id: worker.id,
            uptime_ms: millis(worker.uptime()),
            rss: worker.resident(),
            calls: health.as_ref().map(|health| health.calls),
            migrating: health.and_then(|health| health.migrating),
            environment: worker.environment.clone(),
        });
    }
    Status {
        service: host.options.service.clone(),
        kt_version: VERSION.to_owned(),
        workspace: host.options.workspace.clone(),
        host_pid: std::process::id(),
        platform: platform(&host.options),
        uptime_ms: millis(host.started.elapsed()),
        ttl_ms: millis(host.lease.ttl()),
        ttl_left_ms: millis(host.lease.left(usage)),
        worker: worker_status,
        current: supervisor
            .serving_generation()
            .map(|serving| (serving.generation, serving.manifest)),
        last_death: supervisor.last_death(),
    }
}

/// The platform of workers. In a pod the host itself may run on a glibc that was shipped with it.
fn platform(options: &HostOptions) -> Platform {
    let pod_glibc = options.pod.as_ref().and_then(|pod| pod.glibc);
    Platform {
        architecture: std::env::consts::ARCH.to_owned(),
        glibc: pod_glibc.or_else(sys::process::glibc),
    }
}

/// Why an object was not stored.
struct Unstored {
    refusal: Refusal,
    /// Set if another way of sending the object may succeed.
    refused: Option<UploadRefused>,
}

impl From<Refusal> for Unstored {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            refused: None,
        }
    }
}

impl From<StoreError> for Unstored {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            StoreError::WrongHash { .. }
            | StoreError::WrongLength { .. }
            | StoreError::Undecodable(_)
            | StoreError::BadName(_) => StatusCode::BAD_REQUEST,
            StoreError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            StoreError::Full { .. } => StatusCode::INSUFFICIENT_STORAGE,
            StoreError::NameTaken(_)
            | StoreError::NoReference(_)
            | StoreError::NoPartial { .. } => StatusCode::CONFLICT,
            StoreError::Damaged { .. } | StoreError::Io { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self {
            refused: error.refused(),
            refusal: (status, error.to_string()),
        }
    }
}

async fn upload(
    host: &Host,
    id: &str,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<StatusCode, Unstored> {
    let bad = |message: String| (StatusCode::BAD_REQUEST, message);
    let id: ObjectId = id.parse().map_err(|error| bad(format!("{error}")))?;
    let head = Head::read(headers).map_err(|error| bad(error.to_string()))?;
    if host.store.missing([id]).is_empty() {
        return Ok(StatusCode::OK);
    }
    let store = Arc::clone(&host.store);
    let mut upload = blocking(move || store.upload(id, &head)).await?;
    loop {
        let chunk = timeout(limits::STALLED, body.chunk()).await.map_err(|_| {
            let message = format!("no data received for {} s", limits::STALLED.as_secs());
            (StatusCode::REQUEST_TIMEOUT, message)
        })?;
        let Some(chunk) = chunk else { break };
        let chunk = chunk.map_err(|error| bad(error.to_string()))?;
        upload = blocking(move || upload.write(&chunk).map(|()| upload)).await?;
        host.lease.touch();
    }
    blocking(move || upload.finish()).await?;
    Ok(StatusCode::CREATED)
}

/// Runs work on the store on a thread where waiting for the disk blocks no other request.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Unstored> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into()),
    }
}

async fn logs(host: &Host, body: Body, answer: Answer) -> Result<(), h2::Error> {
    let request: LogRequest = match question(body).await {
        Ok(request) => request,
        Err((status, message)) => return answer.refuse(status, message).await,
    };
    let mut reader = LogReader::open(&host.supervisor.logs(), request.from);
    let mut sender = answer.begin(StatusCode::OK, HeaderMap::new(), false)?;
    let mut stopping = host.stopping();
    let mut last_round = !request.follow;
    loop {
        let mut piece = vec![0; LOG_PIECE];
        match reader.read(&mut piece) {
            Ok(0) if last_round => return sender.send(Bytes::new(), true).await,
            Ok(0) => {
                // After the service has stopped, read once more: the worker's last output.
                last_round = timeout(FOLLOW, stopping.ended()).await.is_ok();
            }
            Ok(read) => {
                piece.truncate(read);
                sender.send(piece.into(), false).await?;
            }
            Err(error) => {
                tracing::warn!("failed to read the log: {error}");
                let message = format!("\n[kt: failed to read the log: {error}]\n");
                return sender.send(message.into(), true).await;
            }
        }
    }
}
