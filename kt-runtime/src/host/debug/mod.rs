//! Debuggers of the worker: one at a time, through a stub (gdbserver) that runs next to it. The
//! host relays bytes between the stub and the debugger, and repairs the worker's code when either
//! exits.
//!
//! The order of the cleanup matters. A stub that loses its debugger detaches and leaves the
//! debugger's breakpoints in the code, and the next thread that hit one would be killed. So the
//! code is repaired first, while stopped threads are still stopped; then the stub's input is
//! closed; once the stub has exited, the code is checked again.

mod allowed;
mod code;
mod relay;
mod repair;
mod stub;

use std::{
    fs,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

pub use self::allowed::check as check_allowed;
use self::stub::Process;
use super::{
    Host,
    request::opening,
    worker::{Worker, millis},
};
use crate::{
    debugger,
    sys::process,
    wire::{
        debug::{DebugRefused, DebugRequest, DebugStarted, DebuggerAttached},
        frame, limits,
        server::Exchange,
    },
};

/// Time for a stub whose input was closed to detach and exit before it is killed.
const DETACH: Duration = Duration::from_secs(5);

/// The debugger of the service's worker.
#[derive(Debug, Default)]
pub struct Debugging(Mutex<Option<Attached>>);

#[derive(Debug)]
struct Attached {
    request: DebugRequest,
    since: Instant,
}

/// While it exists, no other debugger may attach.
struct AttachGuard<'a>(&'a Debugging);

impl Drop for AttachGuard<'_> {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

impl Debugging {
    /// The attached debugger.
    pub fn attached(&self) -> Option<DebuggerAttached> {
        let attached = self.lock();
        attached.as_ref().map(|attached| DebuggerAttached {
            who: attached.request.who.clone(),
            since_ms: millis(attached.since.elapsed()),
            reloads: attached.request.reloads,
        })
    }

    fn take(&self, request: &DebugRequest) -> Result<AttachGuard<'_>, DebugRefused> {
        if let Some(other) = self.attached() {
            return Err(DebugRefused::Attached(other));
        }
        // No other task has run since the check: the host has a single thread.
        *self.lock() = Some(Attached {
            request: request.clone(),
            since: Instant::now(),
        });
        Ok(AttachGuard(self))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Attached>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Admits a debugger and serves it until it leaves, or refuses it.
pub async fn serve(host: &Arc<Host>, exchange: Exchange) -> Result<(), h2::Error> {
    let Exchange { body, answer, .. } = exchange;
    let (request, received, body) = match opening::<DebugRequest>(body).await {
        Ok(opened) => opened,
        Err((status, message)) => return answer.refuse(status, message).await,
    };
    let started = match host.debugging.take(&request) {
        Ok(guard) => start(host, &request).map(|started| (guard, started)),
        Err(refused) => Err(refused),
    };
    let reply = started.as_ref().map(|(_, session)| session.started.clone());
    let reply = frame::encode(&reply.map_err(Clone::clone), limits::CONTROL).unwrap_or_default();
    let mut sender = answer.begin(StatusCode::OK, HeaderMap::new(), false)?;
    match started {
        Ok((_guard, session)) => {
            let who = &request.who;
            let pid = session.worker.id.pid;
            tracing::info!("debugger of {who} attached to worker {pid}");
            let greeted = sender.send(reply.into(), false).await;
            let mut stopping = host.stopping();
            let Session { worker, stub, .. } = session;
            let ended = match greeted {
                Err(_) => relay::Ended::Client,
                Ok(()) => {
                    let ends = relay::Ends {
                        body,
                        received,
                        sender: &mut sender,
                        stub: &stub.stream,
                        // An idle debugger prompt does not keep the service running.
                        moved: &|| host.lease.touch(),
                    };
                    tokio::select! {
                        ended = relay::run(ends) => ended,
                        () = stopping.asked() => relay::Ended::Host,
                        () = worker_is_gone(&worker) => relay::Ended::Worker,
                    }
                }
            };
            tracing::info!("debugger of {who} detached from worker {pid}: {ended}");
            leave(&worker, stub).await;
            sender.send(bytes::Bytes::new(), true).await
        }
        Err(_) => sender.send(reply.into(), true).await,
    }
}

/// A stub that waits for its debugger.
struct Session {
    worker: Arc<Worker>,
    stub: Process,
    started: DebugStarted,
}

fn start(host: &Host, request: &DebugRequest) -> Result<Session, DebugRefused> {
    let (Some(worker), Some(serving)) =
        (host.supervisor.live(), host.supervisor.serving_generation())
    else {
        let reason = host.supervisor.readiness().err();
        let reason = reason.unwrap_or("the worker has just exited");
        return Err(DebugRefused::NoWorker(reason.to_owned()));
    };
    let pid = worker.id.pid;
    // Stack samplers briefly trace threads too. None starts while this debugger is attached.
    host.sampling.settle();
    if let Some(tracer) = tracer(pid) {
        let name = fs::read_to_string(format!("/proc/{tracer}/comm")).unwrap_or_default();
        return Err(DebugRefused::Traced {
            pid: tracer,
            name: name.trim().to_owned(),
        });
    }
    check_allowed().map_err(DebugRefused::Forbidden)?;
    let stub = stub::start(&request.stub, &host.store, &host.options.directory)?;
    // Before the debugger attaches: it may let a call stop at once.
    if let Err(error) = worker.ignore_breakpoints(request.ignored_breakpoints) {
        return Err(DebugRefused::NoWorker(error.to_string()));
    }
    let executable = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    let started = DebugStarted {
        worker: worker.id,
        generation: serving.generation,
        executable: executable.to_string_lossy().into_owned(),
        mapped: code::files(pid),
    };
    Ok(Session {
        worker,
        stub,
        started,
    })
}

/// The process that traces another process's main thread.
pub fn tracer(pid: u32) -> Option<u32> {
    debugger::tracer(&fs::read(format!("/proc/{pid}/status")).ok()?)
}

/// Resolves when the worker has exited and its debugger has had time to learn of it from the stub.
async fn worker_is_gone(worker: &Worker) {
    worker.end().await;
    tokio::time::sleep(DETACH).await;
}

/// Stops a stub without harming the worker.
async fn leave(worker: &Worker, mut stub: Process) {
    let pid = worker.id.pid;
    let repair = || async {
        let repaired = tokio::task::spawn_blocking(move || code::repair(pid)).await;
        match repaired {
            Ok(Ok(0)) => {}
            Ok(Ok(count)) => {
                tracing::info!("removed {count} leftover breakpoints from worker {pid}")
            }
            Ok(Err(error)) if worker.is_alive() => {
                tracing::warn!("failed to repair the code of worker {pid}: {error}")
            }
            Ok(Err(_)) | Err(_) => {}
        }
    };
    repair().await;
    stub.close_input().await;
    if !stub.ends_within(DETACH).await {
        tracing::warn!(
            "killing a debugger stub that did not detach within {} s",
            DETACH.as_secs()
        );
        stub.kill();
        stub.ends_within(DETACH).await;
    }
    repair().await;
    if worker.is_alive() {
        // A killed stub may have sent SIGSTOP to threads that had not stopped yet.
        process::signal(pid, false, libc::SIGCONT);
    }
}
