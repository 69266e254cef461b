//! Which worker serves which generation: swaps, restarts after a death, replacements.

mod deaths;
mod last_generation;
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

use self::last_generation::LastGenerationFile;

use super::{
    counters::Counters, marker::Marker, options::HostOptions, store::Store, worker::Worker,
};
use crate::wire::{
    Generation,
    control::{Death, Replaced},
    limits,
    manifest::Manifest,
    worker::Loaded,
};

/// The number of generations whose objects the store keeps.
const GENERATIONS: usize = 4;

/// Keeps one worker running that serves the latest loaded generation.
#[derive(Debug)]
pub struct Supervisor {
    options: Arc<HostOptions>,
    store: Arc<Store>,
    counters: Counters,
    marker: Marker,
    last_generation: LastGenerationFile,
    started: Instant,
    /// Held while a generation is loaded or a worker started: one at a time.
    swapping: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<State>,
    deaths: watch::Sender<VecDeque<Death>>,
    /// Whether any generation has been loaded.
    any: watch::Sender<bool>,
    /// Counter for the names of state files.
    saved: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    worker: Option<Arc<Worker>>,
    serving: Option<ServingGeneration>,
    /// Manifests of the latest serving generations, newest last.
    history: VecDeque<Manifest>,
    /// A loss of state that no swap has reported yet: the next swap reports it.
    unreported_loss: Option<Replaced>,
    /// Replaced workers that finish their calls.
    draining: Vec<Arc<Worker>>,
    ending: bool,
}

/// The latest generation that a worker loaded.
#[derive(Debug, Clone)]
pub struct ServingGeneration {
    pub generation: Generation,
    pub manifest: Manifest,
    pub loaded: Loaded,
}

impl ServingGeneration {
    /// Whether it satisfies a swap to `manifest`.
    fn satisfies(&self, manifest: &Manifest, least: Option<Generation>) -> bool {
        self.manifest == *manifest && least.is_none_or(|least| self.generation >= least)
    }
}

impl Supervisor {
    pub fn new(options: Arc<HostOptions>, store: Arc<Store>, counters: Counters) -> Arc<Self> {
        let marker = Marker::new(&options.directory);
        let unreported_loss = marker.is_set().then_some(Replaced::HostDied);
        let last_generation = LastGenerationFile::new(&options.directory);
        // On a developer's machine, a client that finds the host dead starts the next one with a
        // swap. A container restarts by itself, and drivers reconnect to it.
        let serving = options
            .pod
            .as_ref()
            .and_then(|_| last_generation.read())
            .filter(|(_, manifest)| {
                let ids = manifest.objects().map(|object| object.id);
                store.missing(ids).is_empty()
            })
            .map(|(generation, manifest)| ServingGeneration {
                generation,
                manifest,
                loaded: Loaded::default(),
            });
        if let Some(serving) = &serving {
            tracing::info!(
                "restoring generation {} of the previous host",
                serving.generation
            );
        }
        let any = watch::Sender::new(serving.is_some());
        let history = serving
            .iter()
            .map(|serving| serving.manifest.clone())
            .collect();
        Arc::new(Self {
            options,
            store,
            counters,
            marker,
            last_generation,
            started: Instant::now(),
            swapping: Arc::default(),
            state: Mutex::new(State {
                unreported_loss,
                serving,
                history,
                ..State::default()
            }),
            deaths: watch::Sender::new(VecDeque::new()),
            any,
            saved: AtomicU64::new(0),
        })
    }

    /// The running worker, if there is one.
    pub fn live(&self) -> Option<Arc<Worker>> {
        let worker = self.state().worker.clone();
        worker.filter(|worker| worker.is_alive())
    }

    /// Whether a worker with states is running.
    pub fn has_state(&self) -> bool {
        let declared = |serving: ServingGeneration| {
            serving
                .manifest
                .crates
                .iter()
                .any(|it| !it.states.is_empty())
        };
        self.live().is_some() && self.serving_generation().is_some_and(declared)
    }

    /// Whether a running worker serves exactly this manifest.
    pub fn serves(&self, manifest: &Manifest) -> bool {
        self.live().is_some()
            && self
                .serving_generation()
                .is_some_and(|serving| serving.satisfies(manifest, None))
    }

    pub fn serving_generation(&self) -> Option<ServingGeneration> {
        self.state().serving.clone()
    }

    /// Whether a worker serves a generation, or why not.
    ///
    /// # Errors
    /// The reason, for the log of a readiness probe.
    pub fn readiness(&self) -> Result<(), &'static str> {
        let state = self.state();
        match &state.worker {
            _ if state.ending => Err("the service is stopping"),
            Some(worker) if worker.is_alive() => Ok(()),
            Some(_) => Err("the worker died; the next call starts a new one"),
            None if state.serving.is_some() => {
                Err("no worker is running; the next call starts one")
            }
            None => Err("no generation has been loaded yet"),
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

    /// From here on `worker` serves this generation.
    fn publish(&self, worker: &Arc<Worker>, serving: ServingGeneration) -> Result<(), String> {
        worker.serves(serving.generation);
        let keep = {
            let mut state = self.state();
            if state.ending {
                worker.kill();
                return Err("the service is stopping".to_owned());
            }
            tracing::info!(
                "worker {} serves generation {}",
                worker.id.pid,
                serving.generation
            );
            if state.history.back() != Some(&serving.manifest) {
                state.history.push_back(serving.manifest.clone());
            }
            while state.history.len() > GENERATIONS {
                state.history.pop_front();
            }
            state.worker = Some(Arc::clone(worker));
            self.last_generation
                .write(serving.generation, &serving.manifest);
            state.serving = Some(serving);
            let objects = state.history.iter().flat_map(Manifest::objects);
            objects.map(|object| object.id).collect::<HashSet<_>>()
        };
        self.marker.set();
        self.any.send_replace(true);
        self.store.prune(&keep);
        Ok(())
    }

    /// Stops all workers, after the calls of the serving one or after `grace`. No worker is started
    /// afterwards.
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
        self.last_generation.clear();
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
