//! Samples the stacks of the worker's threads. The host stops them with ptrace(2) while it copies
//! their stacks, and unwinds the copies after they run again. No code runs in the worker. See
//! `docs/design/sampling.md`.

mod calls;
mod capture;
mod code;
mod profile;
mod symbols;
mod threads;

use std::{
    fs::File,
    io,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

pub use self::symbols::Symbols;
use self::{
    capture::{Capture, Which},
    code::Code,
};
use super::{Host, debug, worker::Worker};
use crate::wire::{
    Generation, frame,
    http::BodySender,
    limits,
    sample::{MissedThread, SampleRefused, Stacks, ThreadStack},
    server::{Answer, Exchange},
};

/// Exclusive access to the worker's threads.
#[derive(Debug, Default)]
pub struct Sampling {
    /// A thread can have only one tracer at a time.
    capturing: Mutex<()>,
    /// A profile is running.
    profiled: AtomicBool,
}

impl Sampling {
    /// Waits for a running sample.
    pub fn settle(&self) {
        drop(
            self.capturing
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
    }
}

/// Answers with one sample of all threads.
pub async fn stacks(host: Arc<Host>, answer: Answer) -> Result<(), h2::Error> {
    let taken = take(&host).await;
    let mut sender = answer.begin(StatusCode::OK, HeaderMap::new(), false)?;
    let (head, threads) = match taken {
        Ok((stacks, threads)) => (Ok(stacks), threads),
        Err(refused) => (Err(refused), Vec::new()),
    };
    send(&mut sender, &head).await?;
    for thread in &threads {
        send(&mut sender, thread).await?;
    }
    sender.send(Bytes::new(), true).await
}

/// Profiles until the request ends.
pub async fn profile(host: Arc<Host>, exchange: Exchange) -> Result<(), h2::Error> {
    profile::serve(host, exchange).await
}

async fn send<T: serde::Serialize>(sender: &mut BodySender, message: &T) -> Result<(), h2::Error> {
    // Every message is far below the limit.
    let message = frame::encode(message, limits::CONTROL).unwrap_or_default();
    sender.send(message.into(), false).await
}

async fn take(host: &Arc<Host>) -> Result<(Stacks, Vec<ThreadStack>), SampleRefused> {
    let (worker, generation) = permitted(host)?;
    let before = worker.places(true).await;
    let sampling = {
        let (host, worker) = (Arc::clone(host), Arc::clone(&worker));
        tokio::task::spawn_blocking(move || whole(&host, &worker))
    };
    let sample = sampling
        .await
        .map_err(|error| SampleRefused::Failed(error.to_string()))??;
    let after = worker.places(false).await;
    let (calls, more_calls) = match before {
        Some(before) => {
            let more = before.calls.more;
            (Some(calls::compare(before, after)), more)
        }
        None => (None, 0),
    };
    let stacks = Stacks {
        worker: worker.id,
        generation,
        stood_us: sample.stood_us,
        missed: sample.missed,
        objects: sample.objects,
        calls,
        more_calls,
    };
    Ok((stacks, sample.threads))
}

struct Sample {
    stood_us: u64,
    missed: Vec<MissedThread>,
    objects: Vec<String>,
    threads: Vec<ThreadStack>,
}

/// Samples all threads and unwinds their stacks.
fn whole(host: &Host, worker: &Worker) -> Result<Sample, SampleRefused> {
    let pid = worker.id.pid;
    let memory = memory(pid).map_err(|error| refused(pid, &error))?;
    // The scheduling state must be read before the thread is stopped.
    let listed = threads::list(pid).map_err(|error| refused(pid, &error))?;
    let states: Vec<_> = listed
        .iter()
        .filter_map(|&id| Some((id, threads::state(pid, id)?)))
        .collect();
    let state = |id| {
        let known = states.iter().find(|(other, _)| *other == id);
        known.map_or('?', |(_, state)| *state)
    };
    let capture = capture(host, worker, &memory, Which::All)?;
    let mut code = Code::read(pid, &memory).map_err(|error| refused(pid, &error))?;
    let is_own = own(host);
    let threads = capture.threads.iter().map(|copied| {
        let trace = code.unwind(copied);
        ThreadStack {
            id: copied.id,
            name: threads::name(pid, copied.id),
            state: state(copied.id),
            stack: code.stack(&trace, &memory, &is_own),
        }
    });
    let mut threads: Vec<_> = threads.collect();
    threads.sort_by_key(|thread| thread.id);
    let missed = capture.missed.iter().map(|&id| MissedThread {
        id,
        name: threads::name(pid, id),
        state: state(id),
    });
    Ok(Sample {
        stood_us: micros(capture.stood),
        missed: missed.collect(),
        objects: code.names(0),
        threads,
    })
}

/// Stops threads of the worker, copies their stacks and resumes them.
fn capture(
    host: &Host,
    worker: &Worker,
    memory: &File,
    which: Which<'_>,
) -> Result<Capture, SampleRefused> {
    let pid = worker.id.pid;
    let alone = host.sampling.capturing.lock();
    let _alone = alone.unwrap_or_else(PoisonError::into_inner);
    // A debugger that attaches waits for this lock, and is registered by then.
    if let Some(debugger) = host.debugging.attached() {
        return Err(SampleRefused::Debugged(debugger));
    }
    if !worker.is_alive() {
        return Err(exited());
    }
    // A dedicated thread: when it exits, the kernel detaches everything it still traces.
    let captured = thread::scope(|scope| {
        let thread = thread::Builder::new().name("kt-sample".into());
        let thread = thread.spawn_scoped(scope, || capture::capture(pid, memory, which));
        let joined = thread.map(|thread| thread.join());
        joined.and_then(|captured| {
            captured.unwrap_or_else(|_| Err(io::Error::other("the sampling thread panicked")))
        })
    });
    captured.map_err(|error| refused(pid, &error))
}

/// The worker, if its threads may be sampled.
fn permitted(host: &Host) -> Result<(Arc<Worker>, Generation), SampleRefused> {
    let (Some(worker), Some(serving)) =
        (host.supervisor.live(), host.supervisor.serving_generation())
    else {
        let reason = host.supervisor.readiness().err();
        return Err(SampleRefused::NoWorker(
            reason.unwrap_or("the worker has just exited").to_owned(),
        ));
    };
    if let Some(debugger) = host.debugging.attached() {
        return Err(SampleRefused::Debugged(debugger));
    }
    debug::check_allowed().map_err(SampleRefused::Forbidden)?;
    let generation = serving.generation;
    Ok((worker, generation))
}

/// Why a sample failed.
fn refused(pid: u32, error: &io::Error) -> SampleRefused {
    match error.raw_os_error() {
        Some(libc::ESRCH | libc::ENOENT) => exited(),
        Some(libc::EPERM | libc::EACCES) => match debug::tracer(pid) {
            Some(tracer) => SampleRefused::Traced {
                pid: tracer,
                name: threads::name(tracer, tracer),
            },
            None => SampleRefused::Failed(format!("ptrace: {error}")),
        },
        _ => SampleRefused::Failed(error.to_string()),
    }
}

fn exited() -> SampleRefused {
    SampleRefused::NoWorker("the worker has just exited".to_owned())
}

fn memory(pid: u32) -> io::Result<File> {
    File::open(format!("/proc/{pid}/mem"))
}

/// Whether the developer's machine has an object's symbols: the host's objects came from there.
fn own(host: &Host) -> impl Fn(&str) -> bool {
    let directory = host.options.directory.clone();
    move |path: &str| Path::new(path).starts_with(&directory)
}

fn micros(duration: std::time::Duration) -> u64 {
    duration.as_micros().try_into().unwrap_or(u64::MAX)
}

/// While this exists, no other profile can start.
struct ProfileGuard(Arc<Host>);

impl ProfileGuard {
    fn take(host: &Arc<Host>) -> Result<Self, SampleRefused> {
        match host.sampling.profiled.swap(true, Ordering::AcqRel) {
            true => Err(SampleRefused::Profiled),
            false => Ok(Self(Arc::clone(host))),
        }
    }
}

impl Drop for ProfileGuard {
    fn drop(&mut self) {
        self.0.sampling.profiled.store(false, Ordering::Release);
    }
}
