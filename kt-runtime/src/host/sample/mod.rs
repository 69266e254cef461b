//! Stacks of the worker's threads. The host stops them by ptrace(2), for as long as it takes to copy what lies on their stacks, and
//! unwinds the copies once they run again. Nothing of it runs in the worker. `docs/design/sampling.md` tells the whole.

mod calls;
mod code;
mod look;
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
    code::Code,
    look::{Look, Which},
};
use super::{Host, debug, worker::Worker};
use crate::wire::{
    Generation, frame,
    http::BodySender,
    limits,
    sample::{MissedThread, SampleRefused, Stacks, ThreadStack},
    server::{Answer, Exchange},
};

/// Who looks at the worker's threads.
#[derive(Debug, Default)]
pub struct Sampling {
    /// A thread has one tracer at a time.
    look: Mutex<()>,
    /// A profile is being made.
    profiled: AtomicBool,
}

impl Sampling {
    /// Returns once no look is under way.
    pub fn settle(&self) {
        drop(self.look.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Answers with one look at all threads.
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

/// Profiles until the question ends.
pub async fn profile(host: Arc<Host>, exchange: Exchange) -> Result<(), h2::Error> {
    profile::serve(host, exchange).await
}

async fn send<T: serde::Serialize>(sender: &mut BodySender, message: &T) -> Result<(), h2::Error> {
    // Every message is bounded far below the limit.
    let message = frame::encode(message, limits::CONTROL).unwrap_or_default();
    sender.send(message.into(), false).await
}

async fn take(host: &Arc<Host>) -> Result<(Stacks, Vec<ThreadStack>), SampleRefused> {
    let (worker, generation) = permitted(host)?;
    let before = worker.places(true).await;
    let looking = {
        let (host, worker) = (Arc::clone(host), Arc::clone(&worker));
        tokio::task::spawn_blocking(move || whole(&host, &worker))
    };
    let looked = looking
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
        stood_us: looked.stood_us,
        missed: looked.missed,
        objects: looked.objects,
        calls,
        more_calls,
    };
    Ok((stacks, looked.threads))
}

struct Looked {
    stood_us: u64,
    missed: Vec<MissedThread>,
    objects: Vec<String>,
    threads: Vec<ThreadStack>,
}

/// Looks at all threads and unwinds their stacks.
fn whole(host: &Host, worker: &Worker) -> Result<Looked, SampleRefused> {
    let pid = worker.id.pid;
    let memory = memory(pid).map_err(|error| refused(pid, &error))?;
    // What a thread does shows before it is stopped.
    let listed = threads::list(pid).map_err(|error| refused(pid, &error))?;
    let states: Vec<_> = listed
        .iter()
        .filter_map(|&id| Some((id, threads::state(pid, id)?)))
        .collect();
    let state = |id| {
        let known = states.iter().find(|(other, _)| *other == id);
        known.map_or('?', |(_, state)| *state)
    };
    let look = look(host, worker, &memory, Which::All)?;
    let mut code = Code::read(pid, &memory).map_err(|error| refused(pid, &error))?;
    let is_own = own(host);
    let threads = look.threads.iter().map(|copied| {
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
    let missed = look.missed.iter().map(|&id| MissedThread {
        id,
        name: threads::name(pid, id),
        state: state(id),
    });
    Ok(Looked {
        stood_us: micros(look.stood),
        missed: missed.collect(),
        objects: code.names(0),
        threads,
    })
}

/// Stops threads of the worker, copies their stacks and lets them go.
fn look(
    host: &Host,
    worker: &Worker,
    memory: &File,
    which: Which<'_>,
) -> Result<Look, SampleRefused> {
    let pid = worker.id.pid;
    let alone = host.sampling.look.lock();
    let _alone = alone.unwrap_or_else(PoisonError::into_inner);
    // A debugger that attaches waits for the lock, and is known by then.
    if let Some(debugger) = host.debugging.attached() {
        return Err(SampleRefused::Debugged(debugger));
    }
    if !worker.is_alive() {
        return Err(gone());
    }
    // Of its own: with its end the kernel lets go of whatever it still traces.
    let looked = thread::scope(|scope| {
        let looking = thread::Builder::new().name("kt-look".into());
        let looking = looking.spawn_scoped(scope, || look::take(pid, memory, which));
        let joined = looking.map(|looking| looking.join());
        joined.and_then(|looked| looked.unwrap_or_else(|_| Err(io::Error::other("a panic"))))
    });
    looked.map_err(|error| refused(pid, &error))
}

/// The worker whose threads may be looked at.
fn permitted(host: &Host) -> Result<(Arc<Worker>, Generation), SampleRefused> {
    let (Some(worker), Some(good)) = (host.supervisor.live(), host.supervisor.good()) else {
        let words = host.supervisor.readiness().err();
        return Err(SampleRefused::NoWorker(
            words.unwrap_or("the worker has just ended").to_owned(),
        ));
    };
    if let Some(debugger) = host.debugging.attached() {
        return Err(SampleRefused::Debugged(debugger));
    }
    debug::check_allowed().map_err(SampleRefused::Forbidden)?;
    let generation = good.generation;
    Ok((worker, generation))
}

/// Why a look failed.
fn refused(pid: u32, error: &io::Error) -> SampleRefused {
    match error.raw_os_error() {
        Some(libc::ESRCH | libc::ENOENT) => gone(),
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

fn gone() -> SampleRefused {
    SampleRefused::NoWorker("the worker has just ended".to_owned())
}

fn memory(pid: u32) -> io::Result<File> {
    File::open(format!("/proc/{pid}/mem"))
}

/// Whether the developer's machine has the symbols of an object: what the host keeps came from there.
fn own(host: &Host) -> impl Fn(&str) -> bool {
    let directory = host.options.directory.clone();
    move |path: &str| Path::new(path).starts_with(&directory)
}

fn micros(duration: std::time::Duration) -> u64 {
    duration.as_micros().try_into().unwrap_or(u64::MAX)
}

/// As long as it is there, nobody else makes a profile.
struct Seat(Arc<Host>);

impl Seat {
    fn take(host: &Arc<Host>) -> Result<Self, SampleRefused> {
        match host.sampling.profiled.swap(true, Ordering::AcqRel) {
            true => Err(SampleRefused::Profiled),
            false => Ok(Self(Arc::clone(host))),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.sampling.profiled.store(false, Ordering::Release);
    }
}
