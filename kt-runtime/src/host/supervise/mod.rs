//! Which worker serves which generation: swaps, restarts after a death, replacements.

mod deaths;
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
    time::timeout,
};

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
    /// Held while a generation is loaded or a worker started: one at a time.
    swapping: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<State>,
    deaths: watch::Sender<VecDeque<Death>>,
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

impl Supervisor {
    pub fn new(
        options: Arc<HostOptions>,
        store: Arc<Store>,
        journal: Arc<Journal>,
        counters: Counters,
    ) -> Arc<Self> {
        let marker = Marker::new(&options.directory);
        let untold = marker.is_set().then_some(Replaced::HostDied);
        Arc::new(Self {
            options,
            store,
            journal,
            counters,
            marker,
            swapping: Arc::default(),
            state: Mutex::new(State {
                untold,
                ..State::default()
            }),
            deaths: watch::Sender::new(VecDeque::new()),
            saved: AtomicU64::new(0),
        })
    }

    /// The worker that serves, if one lives.
    pub fn live(&self) -> Option<Arc<Worker>> {
        let worker = self.state().worker.clone();
        worker.filter(|worker| worker.is_alive())
    }

    pub fn good(&self) -> Option<Good> {
        self.state().good.clone()
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
            state.good = Some(good);
            let objects = state.history.iter().flat_map(Manifest::objects);
            objects.map(|object| object.id).collect::<HashSet<_>>()
        };
        self.marker.set();
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
