//! Looks at a steady rate, and what they add up to.

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
    Code, Look, Seat, Which, code::Trace, look, memory, micros, own, permitted, refused, send,
    threads,
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

/// Looks in a second, at most.
const FREQUENCY: u32 = 1000;
/// How often what was found is sent.
const SENT: Duration = Duration::from_millis(500);
/// Stacks in one message.
const STACKS: usize = 500;
/// For each moment that the worker stood it runs at least so many.
const REST: u32 = 9;

/// Answers with parts until the question ends.
pub async fn serve(host: Arc<Host>, exchange: Exchange) -> Result<(), h2::Error> {
    let Exchange { body, answer, .. } = exchange;
    let (request, _, body) = match opening::<ProfileRequest>(body).await {
        Ok(opened) => opened,
        Err((status, words)) => return answer.refuse(status, words).await,
    };
    let begun = permitted(&host).and_then(|(worker, generation)| {
        let seat = Seat::take(&host)?;
        let started = ProfileStarted {
            worker: worker.id,
            generation,
        };
        let (parts, received) = mpsc::channel(4);
        let (stop, stopped) = blocking::channel();
        let profile = Profile {
            _seat: seat,
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
        // Whoever is gone takes no parts: the profile ends with the channel.
        sent = sent => sent,
        () = ended => unreachable!("it waits for ever"),
    }
}

async fn ends(mut body: Body) {
    while let Some(Ok(_)) = body.chunk().await {}
}

struct Profile {
    _seat: Seat,
    host: Arc<Host>,
    worker: Arc<Worker>,
    request: ProfileRequest,
    parts: mpsc::Sender<ProfilePart>,
    stopped: blocking::Receiver<ProfileEnd>,
}

/// What was found since the latest part.
#[derive(Default)]
struct Found {
    /// By the thread's name.
    stacks: HashMap<(String, Trace), u64>,
    part: ProfilePart,
}

impl Profile {
    fn run(self) {
        let end = match self.looks() {
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

    /// Looks until somebody ends it. What was found has been sent then.
    fn looks(&self) -> Result<ProfileEnd, SampleRefused> {
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
            let looked = match end {
                Some(_) => Ok(None),
                None => self.look(&memory).map(Some),
            };
            if let Ok(Some(look)) = &looked {
                self.count(look, &mut code, &memory, &mut found);
                next += period;
                // A worker that stands for long at each look has many threads: it is looked at less often.
                let rest = Instant::now() + look.stood * REST;
                while next < rest {
                    next += period;
                    found.part.skipped += 1;
                }
            }
            let is_last = !matches!(looked, Ok(Some(_)));
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
            match (looked, end) {
                (Err(refused), _) => return Err(refused),
                (Ok(None), Some(end)) => return Ok(end),
                (Ok(_), _) => {}
            }
        }
    }

    /// Stops those threads that are to be looked at, and no others.
    fn look(&self, memory: &File) -> Result<Look, SampleRefused> {
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
            true => Ok(Look::default()),
            false => look(&self.host, &self.worker, memory, Which::These(&wanted)),
        }
    }

    fn count(&self, look: &Look, code: &mut Code, memory: &File, found: &mut Found) {
        let pid = self.worker.id.pid;
        let part = &mut found.part;
        part.looks += 1;
        part.missed += look.missed.len() as u64;
        part.stood_us += micros(look.stood);
        part.longest_us = part.longest_us.max(micros(look.stood));
        part.sampler_us += micros(look.processor);
        let mut is_fresh = false;
        for copied in &look.threads {
            let mut trace = code.unwind(copied);
            // Most likely a new generation. What it has no table for stays as it is.
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

    /// Sends what was found. False if nobody takes it any more.
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
