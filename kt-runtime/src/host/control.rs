//! The host's control interface: one function per path of [`wire::control`](crate::wire::control).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::time::timeout;

use super::{
    Ended, Host, HostOptions, command, debug, inspect,
    lease::Use,
    request::{Refusal, answered, question, value_or_refusal},
    saved,
    store::StoreError,
    worker::millis,
};
use crate::{
    logs::LogReader,
    sys,
    wire::{
        ObjectId, VERSION,
        command::Control,
        control::{
            Down, LogRequest, SetTtl, Status, SwapRefused, SwapRequest, Swapped, WorkerStatus, path,
        },
        files, forward,
        http::Body,
        inspect::path as inspect_path,
        limits,
        platform::{ImageGlibc, Platform},
        sample,
        server::{Answer, Exchange},
        state::{StateAnswer, StateRefused, StateRequest},
        upload::{Head, Missing, REFUSED, UploadRefused, Wanted},
    },
};

/// Polling interval of a followed log.
const FOLLOW: Duration = Duration::from_millis(50);
/// Bytes of a log to send at once.
const LOG_PIECE: usize = 64 << 10;

/// Answers one request.
pub async fn handle(host: Arc<Host>, exchange: Exchange) {
    let Exchange { head, body, answer } = exchange;
    let path = head.uri.path().to_owned();
    // A client that resets a request does not need the answer: ignore the error.
    let _ = match (&head.method, path.as_str()) {
        (&Method::POST, path::STATUS) => answer.value(&status(&host).await).await,
        (&Method::POST, path::MISSING) => {
            answered(body, answer, |wanted| missing(&host, wanted)).await
        }
        (&Method::POST, path::SWAP) => answered(body, answer, |request| swap(&host, request)).await,
        (&Method::POST, path::STATE) => {
            answered(body, answer, |request| states(&host, request)).await
        }
        (&Method::POST, path::STATE_SAVE) => saved::save(&host, answer).await,
        (&Method::PUT, path::STATE_LOAD) => {
            let loaded = saved::load(&host, &head.headers, body).await;
            value_or_refusal(loaded, answer).await
        }
        (&Method::POST, path::LOGS) => logs(&host, body, answer).await,
        (&Method::POST, path::DEATH) => {
            answered(body, answer, |instance| host.supervisor.death(instance)).await
        }
        (&Method::POST, path::DEBUG) => {
            host.lease.touch();
            debug::serve(&host, Exchange { head, body, answer }).await
        }
        (&Method::POST, path::TTL) => answered(body, answer, |ttl| set_ttl(&host, ttl)).await,
        (&Method::POST, path::HOLD) => return hold(&host, answer).await,
        (&Method::POST, path::COMMAND) => command::run(host, body, answer).await,
        (&Method::POST, path::COMMAND_CONTROL) => {
            answered(body, answer, |control| command_control(&host, control)).await
        }
        (&Method::POST, path::DOWN) => answered(body, answer, |down| stop(&host, down)).await,
        (&Method::POST, inspect_path::INSPECT) => {
            answer.value(&inspect::inspect(&host).await).await
        }
        (&Method::POST, inspect_path::LOG_PIECES) => match question(body).await {
            Ok(request) => inspect::log_pieces(host, request, answer).await,
            Err((status, message)) => answer.refuse(status, message).await,
        },
        (&Method::POST, sample::STACKS) => super::sample::stacks(host, answer).await,
        (&Method::POST, sample::PROFILE) => {
            let _held = host.lease.hold();
            let exchange = Exchange { head, body, answer };
            super::sample::profile(Arc::clone(&host), exchange).await
        }
        (&Method::POST, files::COPY) => super::files::copy(host, body, answer).await,
        (&Method::POST, files::SFTP) => super::files::sftp::serve(host, body, answer).await,
        (&Method::POST, forward::CONNECT) => super::forward::connect(host, body, answer).await,
        (&Method::POST, forward::ACCEPT) => super::forward::accept(host, body, answer).await,
        (&Method::POST, forward::LISTEN) => match question(body).await {
            Ok(listen) => super::forward::listen(host, listen, answer).await,
            Err((status, message)) => answer.refuse(status, message).await,
        },
        (&Method::PUT, object) if object.starts_with(path::OBJECT) => {
            let id = &object[path::OBJECT.len()..];
            put_object(&host, id, &head.headers, body, answer).await
        }
        (method, path) => {
            let message = format!("kt {VERSION} does not support {method} {path}");
            answer.refuse(StatusCode::NOT_FOUND, message).await
        }
    };
}

async fn missing(host: &Host, wanted: Wanted) -> Missing {
    host.lease.touch();
    // Without a running worker the objects are loaded by a new one: damaged files can be replaced.
    if host.supervisor.live().is_none() {
        host.store.remove_damaged(wanted.objects.iter().copied());
    }
    host.store.lacks(wanted)
}

async fn swap(host: &Host, request: SwapRequest) -> Result<Swapped, SwapRefused> {
    host.lease.touch();
    // A stopped call may hold locks that a swap needs, and code must not change under a debugger.
    if let Some(debugger) = host.debugging.attached()
        && !host.supervisor.serves(&request.manifest)
    {
        return Err(SwapRefused::Debugged(debugger));
    }
    let swapped = host.supervisor.swap(request).await;
    host.lease.touch();
    swapped
}

async fn states(host: &Host, request: StateRequest) -> Result<StateAnswer, StateRefused> {
    host.lease.touch();
    let answered = host.supervisor.states(request).await;
    host.lease.touch();
    answered
}

async fn set_ttl(host: &Host, ttl: SetTtl) {
    host.lease.set_ttl(Duration::from_millis(ttl.ttl_ms));
}

/// Suspends the inactivity TTL until the client resets the request.
async fn hold(host: &Host, mut answer: Answer) {
    let held = host.lease.hold();
    answer.reset().await;
    drop(held);
}

async fn command_control(host: &Host, control: Control) -> bool {
    host.lease.touch();
    host.commands.control(control)
}

async fn stop(host: &Host, down: Down) {
    host.stop(Ended::Asked, Duration::from_millis(down.grace_ms));
}

async fn put_object(
    host: &Host,
    id: &str,
    headers: &HeaderMap,
    body: Body,
    answer: Answer,
) -> Result<(), h2::Error> {
    host.lease.touch();
    let done = upload(host, id, headers, body).await;
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
    let own = || sys::process::glibc().map_or(ImageGlibc::Unknown, ImageGlibc::Version);
    Platform {
        architecture: std::env::consts::ARCH.to_owned(),
        glibc: pod_glibc.unwrap_or_else(own),
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
