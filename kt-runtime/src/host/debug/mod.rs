//! Debuggers of the worker: one at a time, through a stub that runs beside it. The host carries the bytes between the stub and the
//! debugger, and puts the worker's code back in order when either is gone.
//!
//! The order at the end is what matters. A stub that loses its debugger detaches and leaves the debugger's breakpoints in the
//! code, where the next thread to run into one would be killed. So the code is repaired first, while threads that stopped are still
//! stopped; then the stub's input is closed; and once it has ended, the code is looked at again.

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

/// How long a stub whose input is closed may take to detach and end before it is killed.
const DETACH: Duration = Duration::from_secs(5);

/// Who debugs the service's worker.
#[derive(Debug, Default)]
pub struct Debugging(Mutex<Option<Attached>>);

#[derive(Debug)]
struct Attached {
    request: DebugRequest,
    since: Instant,
}

/// As long as it is there, nobody else may attach.
struct Seat<'a>(&'a Debugging);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

impl Debugging {
    /// The debugger that is attached.
    pub fn attached(&self) -> Option<DebuggerAttached> {
        let attached = self.lock();
        attached.as_ref().map(|attached| DebuggerAttached {
            who: attached.request.who.clone(),
            since_ms: millis(attached.since.elapsed()),
            reloads: attached.request.reloads,
        })
    }

    fn take(&self, request: &DebugRequest) -> Result<Seat<'_>, DebugRefused> {
        if let Some(other) = self.attached() {
            return Err(DebugRefused::Attached(other));
        }
        // Nothing has run on this thread, which is the host's only one, since the question.
        *self.lock() = Some(Attached {
            request: request.clone(),
            since: Instant::now(),
        });
        Ok(Seat(self))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Attached>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets a debugger in and serves it to its end, or says why not.
pub async fn serve(host: &Arc<Host>, exchange: Exchange) -> Result<(), h2::Error> {
    let Exchange { body, answer, .. } = exchange;
    let (request, received, body) = match opening::<DebugRequest>(body).await {
        Ok(opened) => opened,
        Err((status, words)) => return answer.refuse(status, words).await,
    };
    let started = match host.debugging.take(&request) {
        Ok(seat) => start(host, &request).map(|started| (seat, started)),
        Err(refused) => Err(refused),
    };
    let told = started.as_ref().map(|(_, session)| session.started.clone());
    let told = frame::encode(&told.map_err(Clone::clone), limits::CONTROL).unwrap_or_default();
    let mut sender = answer.begin(StatusCode::OK, HeaderMap::new(), false)?;
    match started {
        Ok((_seat, session)) => {
            let who = &request.who;
            let pid = session.worker.id.pid;
            host.journal
                .say(format_args!("a debugger of {who} attaches to worker {pid}"));
            let greeted = sender.send(told.into(), false).await;
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
                        // A prompt at which nobody types keeps no service up.
                        moved: &|| host.lease.touch(),
                    };
                    tokio::select! {
                        ended = relay::run(ends) => ended,
                        () = stopping.asked() => relay::Ended::Host,
                        () = worker_is_gone(&worker) => relay::Ended::Worker,
                    }
                }
            };
            host.journal.say(format_args!(
                "the debugger of {who} leaves worker {pid}: {ended}"
            ));
            leave(host, &worker, stub).await;
            sender.send(bytes::Bytes::new(), true).await
        }
        Err(_) => sender.send(told.into(), true).await,
    }
}

/// A stub that waits for its debugger.
struct Session {
    worker: Arc<Worker>,
    stub: Process,
    started: DebugStarted,
}

fn start(host: &Host, request: &DebugRequest) -> Result<Session, DebugRefused> {
    let (Some(worker), Some(good)) = (host.supervisor.live(), host.supervisor.good()) else {
        let words = host.supervisor.readiness().err();
        let words = words.unwrap_or("the worker has just ended");
        return Err(DebugRefused::NoWorker(words.to_owned()));
    };
    let pid = worker.id.pid;
    // Looks at stacks trace threads too, for some milliseconds. None begins while this debugger has its seat.
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
    // Before the debugger is there: it may let a call stop at once.
    if let Err(error) = worker.ignore_breakpoints(request.ignored_breakpoints) {
        return Err(DebugRefused::NoWorker(error.to_string()));
    }
    let executable = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    let started = DebugStarted {
        worker: worker.id,
        generation: good.generation,
        executable: executable.to_string_lossy().into_owned(),
        mapped: code::files(pid),
    };
    Ok(Session {
        worker,
        stub,
        started,
    })
}

/// The process that traces the first thread of another one.
pub fn tracer(pid: u32) -> Option<u32> {
    debugger::tracer(&fs::read(format!("/proc/{pid}/status")).ok()?)
}

/// Resolves when the worker has ended, and its debugger has had time to hear of it from the stub.
async fn worker_is_gone(worker: &Worker) {
    worker.end().await;
    tokio::time::sleep(DETACH).await;
}

/// Ends a stub in such a way that the worker goes on unharmed.
async fn leave(host: &Host, worker: &Worker, mut stub: Process) {
    let pid = worker.id.pid;
    let repair = || async {
        let repaired = tokio::task::spawn_blocking(move || code::repair(pid)).await;
        match repaired {
            Ok(Ok(0)) => {}
            Ok(Ok(count)) => host.journal.say(format_args!(
                "took {count} breakpoints of a debugger out of worker {pid}"
            )),
            Ok(Err(error)) if worker.is_alive() => host.journal.say(format_args!(
                "failed to repair the code of worker {pid}: {error}"
            )),
            Ok(Err(_)) | Err(_) => {}
        }
    };
    repair().await;
    stub.close_input().await;
    if !stub.ends_within(DETACH).await {
        host.journal.say(format_args!(
            "the stub of a debugger did not detach within {} s and is killed",
            DETACH.as_secs()
        ));
        stub.kill();
        stub.ends_within(DETACH).await;
    }
    repair().await;
    if worker.is_alive() {
        // A stub that was killed may have sent SIGSTOP to threads that had not stopped yet.
        process::signal(pid, false, libc::SIGCONT);
    }
}
