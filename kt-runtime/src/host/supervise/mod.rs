//! Which worker serves which generation: swaps, restarts after a death, replacements.

mod deaths;
mod kept;
mod start;
mod states;
mod swap;

pub use states::{Temporary, clear_states, states_directory};

use std::{
    collections::{HashSet, VecDeque},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use tokio::{
    sync::{OwnedMutexGuard, watch},
    time::{Instant, timeout, timeout_at},
};

use self::kept::Kept;

use super::{
    counters::Counters, journal::Journal, marker::Marker, options::HostOptions, store::Store,
    worker::Worker,
};
use crate::wire::{
    Generation,
    control::{Death, Replaced},
    limits,
    manifest::Manifest,
    worker::Loaded,
};

/// Of how many generations the store keeps the objects.
const GENERATIONS: usize = 4;

/// Keeps one worker serving the last good generation.
#[derive(Debug)]
pub struct Supervisor {
    options: Arc<HostOptions>,
    store: Arc<Store>,
    journal: Arc<Journal>,
    counters: Counters,
    marker: Marker,
    kept: Kept,
    started: Instant,
    /// Held while a generation is loaded or a worker started: one at a time.
    swapping: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<State>,
    deaths: watch::Sender<VecDeque<Death>>,
    /// Whether any generation has been loaded.
    any: watch::Sender<bool>,
    /// Numbers of files with states.
    saved: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    worker: Option<Arc<Worker>>,
    good: Option<Good>,
    /// Manifests of the last good generations, newest last.
    history: VecDeque<Manifest>,
    /// A death that no swap has told yet: whoever swaps next learns that state is gone.
    untold: Option<Replaced>,
    /// Replaced workers that finish their calls.
    draining: Vec<Arc<Worker>>,
    ending: bool,
}

/// The last generation that a worker took.
#[derive(Debug, Clone)]
pub struct Good {
    pub generation: Generation,
    pub manifest: Manifest,
    pub loaded: Loaded,
}

impl Good {
    /// Whether it is what a swap to `manifest` asks for.
    fn is(&self, manifest: &Manifest, least: Option<Generation>) -> bool {
        self.manifest == *manifest && least.is_none_or(|least| self.generation >= least)
    }
}

impl Supervisor {
    pub fn new(
        options: Arc<HostOptions>,
        store: Arc<Store>,
        journal: Arc<Journal>,
        counters: Counters,
    ) -> Arc<Self> {
        let marker = Marker::new(&options.directory);
        let untold = marker.is_set().then_some(Replaced::HostDied);
        let kept = Kept::new(&options.directory);
        // On a developer's machine whoever finds the host dead starts the next one for a swap. A container's starts by
        // itself, and drivers come back to it.
        let good = options
            .pod
            .as_ref()
            .and_then(|_| kept.read())
            .filter(|(_, manifest)| {
                let ids = manifest.objects().map(|object| object.id);
                store.missing(ids).is_empty()
            })
            .map(|(generation, manifest)| Good {
                generation,
                manifest,
                loaded: Loaded::default(),
            });
        if let Some(good) = &good {
            journal.say(format_args!(
                "found generation {}, which the host before served",
                good.generation
            ));
        }
        let any = watch::Sender::new(good.is_some());
        let history = good.iter().map(|good| good.manifest.clone()).collect();
        Arc::new(Self {
            options,
            store,
            journal,
            counters,
            marker,
            kept,
            started: Instant::now(),
            swapping: Arc::default(),
            state: Mutex::new(State {
                untold,
                good,
                history,
                ..State::default()
            }),
            deaths: watch::Sender::new(VecDeque::new()),
            any,
            saved: AtomicU64::new(0),
        })
    }

    /// The worker that serves, if one lives.
    pub fn live(&self) -> Option<Arc<Worker>> {
        let worker = self.state().worker.clone();
        worker.filter(|worker| worker.is_alive())
    }

    /// Whether a worker lives that has states.
    pub fn has_state(&self) -> bool {
        let declared = |good: Good| good.manifest.crates.iter().any(|it| !it.states.is_empty());
        self.live().is_some() && self.good().is_some_and(declared)
    }

    /// Whether a worker lives that serves this very manifest.
    pub fn serves(&self, manifest: &Manifest) -> bool {
        self.live().is_some() && self.good().is_some_and(|good| good.is(manifest, None))
    }

    pub fn good(&self) -> Option<Good> {
        self.state().good.clone()
    }

    /// Whether a worker serves a generation, or why none does.
    ///
    /// # Errors
    /// The reason, for a person who looks at a probe.
    pub fn readiness(&self) -> Result<(), &'static str> {
        let state = self.state();
        match &state.worker {
            _ if state.ending => Err("the service is ending"),
            Some(worker) if worker.is_alive() => Ok(()),
            Some(_) => Err("the worker died; the next call starts another"),
            None if state.good.is_some() => Err("no worker runs; the next call starts one"),
            None => Err("nothing has been loaded yet"),
        }
    }

    /// In a pod that has just started, waits for its first generation.
    async fn first_generation(&self) {
        if self.options.pod.is_some() {
            let deadline = self.started + limits::FIRST_GENERATION;
            let mut any = self.any.subscribe();
            let _ = timeout_at(deadline, any.wait_for(|any| *any)).await;
        }
    }

    pub fn draining(&self) -> bool {
        let mut state = self.state();
        state.draining.retain(|worker| worker.is_alive());
        !state.draining.is_empty()
    }

    /// From here on `worker` serves `good`.
    fn publish(&self, worker: &Arc<Worker>, good: Good) -> Result<(), String> {
        worker.serves(good.generation);
        let keep = {
            let mut state = self.state();
            if state.ending {
                worker.kill();
                return Err("the service is ending".to_owned());
            }
            self.journal.say(format_args!(
                "worker {} serves generation {}",
                worker.id.pid, good.generation
            ));
            if state.history.back() != Some(&good.manifest) {
                state.history.push_back(good.manifest.clone());
            }
            while state.history.len() > GENERATIONS {
                state.history.pop_front();
            }
            state.worker = Some(Arc::clone(worker));
            self.kept.write(good.generation, &good.manifest);
            state.good = Some(good);
            let objects = state.history.iter().flat_map(Manifest::objects);
            objects.map(|object| object.id).collect::<HashSet<_>>()
        };
        self.marker.set();
        self.any.send_replace(true);
        self.store.prune(&keep);
        Ok(())
    }

    /// Ends all workers, the calls of the serving one after `grace` at the latest. No other is started afterwards.
    pub async fn end(&self, grace: Duration) {
        let (worker, draining) = {
            let mut state = self.state();
            state.ending = true;
            (state.worker.take(), std::mem::take(&mut state.draining))
        };
        for old in &draining {
            old.kill();
        }
        if let Some(worker) = worker {
            worker.stop(grace).await;
        }
        for old in &draining {
            old.ended().await;
        }
        self.marker.clear();
        self.kept.clear();
    }

    pub fn logs(&self) -> PathBuf {
        self.options.directory.join("logs")
    }

    async fn swap_lock(&self) -> Option<OwnedMutexGuard<()>> {
        let lock = Arc::clone(&self.swapping).lock_owned();
        timeout(limits::LOAD, lock).await.ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
