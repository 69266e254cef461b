//! Samples at a steady rate, and their totals.

use std::{
    collections::HashMap,
    fs::File,
    sync::{Arc, mpsc as blocking},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::mpsc;

use super::{
    Capture, Code, ProfileGuard, Which, capture, code::Trace, memory, micros, own, permitted,
    refused, send, threads,
};
use crate::{
    host::{Host, request::opening, worker::Worker},
    sys::clock,
    wire::{
        http::Body,
        sample::{
            CountedStack, ProfileEnd, ProfilePart, ProfileRequest, ProfileStarted, SampleRefused,
        },
        server::Exchange,
    },
};

/// Maximum samples per second.
const FREQUENCY: u32 = 1000;
/// How often results are sent.
const SENT: Duration = Duration::from_millis(500);
/// Limit of stacks in one message.
const STACKS: usize = 500;
/// The worker runs at least this many times longer than it is stopped.
const REST: u32 = 9;

/// Answers with parts of the profile until the request ends.
pub async fn serve(host: Arc<Host>, exchange: Exchange) -> Result<(), h2::Error> {
    let Exchange { body, answer, .. } = exchange;
    let (request, _, body) = match opening::<ProfileRequest>(body).await {
        Ok(opened) => opened,
        Err((status, message)) => return answer.refuse(status, message).await,
    };
    let begun = permitted(&host).and_then(|(worker, generation)| {
        let guard = ProfileGuard::take(&host)?;
        let started = ProfileStarted {
            worker: worker.id,
            generation,
        };
        let (parts, received) = mpsc::channel(4);
        let (stop, stopped) = blocking::channel();
        let profile = Profile {
            _guard: guard,
            host: Arc::clone(&host),
            worker,
            request,
            parts,
            stopped,
        };
        let spawned = thread::Builder::new()
            .name("kt-profile".into())
            .spawn(move || profile.run());
        spawned.map_err(|error| SampleRefused::Failed(error.to_string()))?;
        Ok((started, received, stop))
    });
    let mut sender = answer.begin(StatusCode::OK, HeaderMap::new(), false)?;
    let head = begun
        .as_ref()
        .map(|(started, ..)| started.clone())
        .map_err(Clone::clone);
    send(&mut sender, &head).await?;
    let Ok((_, mut parts, stop)) = begun else {
        return sender.send(Bytes::new(), true).await;
    };
    let mut stopping = host.stopping();
    let ended = async {
        let end = tokio::select! {
            () = ends(body) => ProfileEnd::Asked,
            () = stopping.asked() => ProfileEnd::Host,
        };
        let _ = stop.send(end);
        std::future::pending::<()>().await;
    };
    let sent = async {
        while let Some(part) = parts.recv().await {
            send(&mut sender, &part).await?;
        }
        sender.send(Bytes::new(), true).await
    };
    tokio::select! {
        // If the client disconnects, the channel closes and the profile stops.
        sent = sent => sent,
        () = ended => unreachable!("it never resolves"),
    }
}

async fn ends(mut body: Body) {
    while let Some(Ok(_)) = body.chunk().await {}
}

struct Profile {
    _guard: ProfileGuard,
    host: Arc<Host>,
    worker: Arc<Worker>,
    request: ProfileRequest,
    parts: mpsc::Sender<ProfilePart>,
    stopped: blocking::Receiver<ProfileEnd>,
}

/// Results since the latest part.
#[derive(Default)]
struct Found {
    /// By the thread's name.
    stacks: HashMap<(String, Trace), u64>,
    part: ProfilePart,
}

impl Profile {
    fn run(self) {
        let end = match self.sample_until_stopped() {
            Ok(end) => end,
            Err(SampleRefused::Debugged(_) | SampleRefused::Traced { .. }) => ProfileEnd::Debugger,
            Err(SampleRefused::NoWorker(_)) => ProfileEnd::Worker,
            Err(SampleRefused::Failed(why)) => ProfileEnd::Failed(why),
            Err(other) => ProfileEnd::Failed(format!("{other:?}")),
        };
        let last = ProfilePart {
            ended: Some(end),
            ..ProfilePart::default()
        };
        let _ = self.parts.blocking_send(last);
    }

    /// Samples until stopped. All results have been sent by then.
    fn sample_until_stopped(&self) -> Result<ProfileEnd, SampleRefused> {
        let pid = self.worker.id.pid;
        let failed = |error| refused(pid, &error);
        let memory = memory(pid).map_err(failed)?;
        let mut code = Code::read(pid, &memory).map_err(failed)?;
        let period = Duration::from_secs(1) / self.request.frequency.clamp(1, FREQUENCY);
        let (mut found, mut named) = (Found::default(), 0);
        let (mut next, mut sent) = (Instant::now(), Instant::now());
        let mut processor = clock::thread();
        loop {
            let pause = next.saturating_duration_since(Instant::now());
            let end = match self.stopped.recv_timeout(pause) {
                Ok(end) => Some(end),
                Err(blocking::RecvTimeoutError::Timeout) => None,
                Err(blocking::RecvTimeoutError::Disconnected) => Some(ProfileEnd::Asked),
            };
            let captured = match end {
                Some(_) => Ok(None),
                None => self.capture(&memory).map(Some),
            };
            if let Ok(Some(capture)) = &captured {
                self.count(capture, &mut code, &memory, &mut found);
                next += period;
                // A worker with many threads is stopped for longer at each sample: sample it less
                // often.
                let rest = Instant::now() + capture.stood * REST;
                while next < rest {
                    next += period;
                    found.part.skipped += 1;
                }
            }
            let is_last = !matches!(captured, Ok(Some(_)));
            if is_last || sent.elapsed() > SENT {
                let now = clock::thread();
                found.part.sampler_us += micros(now.saturating_sub(processor));
                processor = now;
                let whole = std::mem::take(&mut found);
                if !self.send(whole, &mut code, &memory, &mut named) {
                    return Ok(ProfileEnd::Asked);
                }
                sent = Instant::now();
            }
            match (captured, end) {
                (Err(refused), _) => return Err(refused),
                (Ok(None), Some(end)) => return Ok(end),
                (Ok(_), _) => {}
            }
        }
    }

    /// Stops only the threads to sample.
    fn capture(&self, memory: &File) -> Result<Capture, SampleRefused> {
        let pid = self.worker.id.pid;
        let listed = threads::list(pid).map_err(|error| refused(pid, &error))?;
        let wanted: Vec<u32> = match self.request.wall {
            true => listed,
            false => {
                let runs = |id: &u32| threads::state(pid, *id) == Some('R');
                listed.into_iter().filter(runs).collect()
            }
        };
        match wanted.is_empty() && self.worker.is_alive() {
            true => Ok(Capture::default()),
            false => capture(&self.host, &self.worker, memory, Which::These(&wanted)),
        }
    }

    fn count(&self, capture: &Capture, code: &mut Code, memory: &File, found: &mut Found) {
        let pid = self.worker.id.pid;
        let part = &mut found.part;
        part.looks += 1;
        part.missed += capture.missed.len() as u64;
        part.stood_us += micros(capture.stood);
        part.longest_us = part.longest_us.max(micros(capture.stood));
        part.sampler_us += micros(capture.processor);
        let mut is_fresh = false;
        for copied in &capture.threads {
            let mut trace = code.unwind(copied);
            // Most likely a new generation. Code without a table stays unresolved.
            if !is_fresh && (code.has_unknown(&trace) || !trace.whole) {
                is_fresh = true;
                if code.refresh(pid, memory).is_ok() {
                    trace = code.unwind(copied);
                }
            }
            let key = (threads::name(pid, copied.id), trace);
            *found.stacks.entry(key).or_default() += 1;
        }
    }

    /// Sends the results. Returns false if the client has disconnected.
    fn send(&self, found: Found, code: &mut Code, memory: &File, named: &mut usize) -> bool {
        let is_own = own(&self.host);
        let stacks = found.stacks.into_iter().map(|((thread, trace), count)| {
            let stack = code.stack(&trace, memory, &is_own);
            CountedStack {
                thread,
                stack,
                count,
            }
        });
        let mut stacks: Vec<_> = stacks.collect();
        let objects = code.names(*named);
        *named += objects.len();
        let mut part = ProfilePart {
            objects,
            ..found.part
        };
        loop {
            let rest = stacks.split_off(stacks.len().min(STACKS));
            part.stacks = std::mem::replace(&mut stacks, rest);
            if self.parts.blocking_send(std::mem::take(&mut part)).is_err() {
                return false;
            }
            if stacks.is_empty() {
                return true;
            }
        }
    }
}
