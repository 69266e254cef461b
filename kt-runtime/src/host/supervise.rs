//! Which worker serves which generation: swaps, restarts after a death, replacements.

use std::{
    collections::{HashSet, VecDeque},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedMutexGuard, watch},
    time::timeout,
};

use super::{
    counters::Counters,
    journal::Journal,
    options::HostOptions,
    store::Store,
    worker::{Plan, Worker},
};
use crate::wire::{
    Generation,
    control::{Death, Exit, Replaced, SwapRefused, SwapRequest, Swapped},
    limits,
    manifest::Manifest,
    worker::{Loaded, WorkerConfig},
};

/// Of how many generations the store keeps the objects.
const GENERATIONS: usize = 4;
/// How many deaths are remembered for drivers that ask late.
const DEATHS: usize = 16;

/// Keeps one worker serving the last good generation.
#[derive(Debug)]
pub struct Supervisor {
    options: Arc<HostOptions>,
    store: Arc<Store>,
    journal: Arc<Journal>,
    counters: Counters,
    /// Held while a generation is loaded or a worker started: one at a time.
    swapping: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<State>,
    deaths: watch::Sender<VecDeque<Death>>,
}

#[derive(Debug, Default)]
struct State {
    worker: Option<Arc<Worker>>,
    good: Option<Good>,
    /// Manifests of the last good generations, newest last.
    history: VecDeque<Manifest>,
    /// A death that no swap has told yet: whoever swaps next learns that state is gone.
    untold: Option<Death>,
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

/// What a swap has to do.
enum Step {
    Nothing(Arc<Worker>, Box<Good>),
    Beside(Arc<Worker>),
    NewWorker(Option<Arc<Worker>>),
}

impl Supervisor {
    pub fn new(
        options: Arc<HostOptions>,
        store: Arc<Store>,
        journal: Arc<Journal>,
        counters: Counters,
    ) -> Arc<Self> {
        Arc::new(Self {
            options,
            store,
            journal,
            counters,
            swapping: Arc::default(),
            state: Mutex::default(),
            deaths: watch::Sender::new(VecDeque::new()),
        })
    }

    /// The worker that serves, if one lives.
    pub fn live(&self) -> Option<Arc<Worker>> {
        let worker = self.state().worker.clone();
        worker.filter(|worker| worker.is_alive())
    }

    /// As [`live`](Self::live), but a worker that is dying is waited for until its death is on record.
    async fn settled(&self) -> Option<Arc<Worker>> {
        let worker = self.state().worker.clone()?;
        if worker.is_alive() {
            return Some(worker);
        }
        if self.death(worker.id.instance).await.is_none() {
            // It closed the channel and lives on: of no use to anybody.
            worker.kill();
            self.death(worker.id.instance).await;
        }
        None
    }

    pub fn good(&self) -> Option<Good> {
        self.state().good.clone()
    }

    pub fn draining(&self) -> bool {
        let mut state = self.state();
        state.draining.retain(|worker| worker.is_alive());
        !state.draining.is_empty()
    }

    /// How the last worker died that was not stopped.
    pub fn last_death(&self) -> Option<Death> {
        let deaths = self.deaths.borrow();
        deaths
            .iter()
            .rfind(|death| death.how != Exit::Stopped)
            .cloned()
    }

    /// How the worker of this instance ended, as soon as it is known.
    pub async fn death(&self, instance: u64) -> Option<Death> {
        let of = |deaths: &VecDeque<Death>| {
            let death = deaths
                .iter()
                .find(|death| death.worker.instance == instance);
            death.cloned()
        };
        let mut deaths = self.deaths.subscribe();
        let known = deaths.wait_for(|deaths| of(deaths).is_some());
        let known = timeout(limits::DEATH, known).await.ok()?.ok()?;
        of(&known)
    }

    /// The worker for a new connection; started with the last good generation if the former one died.
    ///
    /// # Errors
    /// If there is no generation yet or it cannot be started again; in words.
    pub async fn worker(self: &Arc<Self>) -> Result<Arc<Worker>, String> {
        if let Some(worker) = self.live() {
            return Ok(worker);
        }
        let _guard = self
            .swap_lock()
            .await
            .ok_or("another generation is being loaded for too long")?;
        if let Some(worker) = self.settled().await {
            return Ok(worker);
        }
        let good = self
            .good()
            .ok_or("nothing has been loaded yet: `cargo kt run` does it")?;
        let (worker, loaded) =
            self.start(&good.manifest, good.generation)
                .await
                .map_err(|refused| {
                    let why = describe(&refused);
                    format!("the worker could not be started again: {why}")
                })?;
        self.journal.say(format_args!(
            "worker {} restarted with generation {}",
            worker.id.pid, good.generation
        ));
        self.publish(&worker, Good { loaded, ..good })?;
        Ok(worker)
    }

    /// Makes a generation the one that serves. What serves now goes on if that fails.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn swap(self: &Arc<Self>, request: SwapRequest) -> Result<Swapped, SwapRefused> {
        let manifest = request.manifest;
        let guard = self.swap_lock().await.ok_or(SwapRefused::TimedOut {
            after_ms: super::worker::millis(limits::LOAD),
        })?;
        let missing = self
            .store
            .missing(manifest.objects().map(|object| object.id));
        if !missing.is_empty() {
            return Err(SwapRefused::Missing(missing));
        }
        let live = self.settled().await;
        match self.plan(live, &manifest, request.replace_worker)? {
            Step::Nothing(worker, good) => Ok(self.report(&worker, *good, false, None)),
            Step::Beside(worker) => self.load_beside(worker, manifest, guard).await,
            Step::NewWorker(former) => self.load_anew(former, manifest).await,
        }
    }

    fn plan(
        &self,
        live: Option<Arc<Worker>>,
        manifest: &Manifest,
        replace: bool,
    ) -> Result<Step, SwapRefused> {
        let (Some(worker), Some(good)) = (live, self.good()) else {
            return Ok(Step::NewWorker(None));
        };
        if good.manifest == *manifest {
            Ok(Step::Nothing(worker, Box::new(good)))
        } else if manifest.same_worker(&good.manifest) {
            Ok(Step::Beside(worker))
        } else if replace {
            Ok(Step::NewWorker(Some(worker)))
        } else {
            let because = difference(manifest, &good.manifest);
            Err(SwapRefused::NeedsNewWorker { because })
        }
    }

    async fn load_beside(
        self: &Arc<Self>,
        worker: Arc<Worker>,
        manifest: Manifest,
        guard: OwnedMutexGuard<()>,
    ) -> Result<Swapped, SwapRefused> {
        self.store
            .link(&manifest, &worker.view)
            .map_err(|error| SwapRefused::Load(error.to_string()))?;
        let generation = self.counters.next_generation();
        let mut answer = worker
            .load(generation, manifest.clone())
            .map_err(|error| SwapRefused::Load(error.to_string()))?;
        let Ok(answered) = timeout(limits::LOAD, &mut answer).await else {
            self.journal.say(format_args!(
                "worker {} still loads generation {generation}",
                worker.id.pid
            ));
            let supervisor = Arc::clone(self);
            tokio::spawn(async move {
                // If it comes to an end after all, the worker serves what it loaded: then that is what we must say. No
                // other swap begins before.
                let _guard = guard;
                if let Ok(Ok(loaded)) = answer.await {
                    let good = Good {
                        generation,
                        manifest,
                        loaded,
                    };
                    let _ = supervisor.publish(&worker, good);
                }
            });
            return Err(SwapRefused::TimedOut {
                after_ms: super::worker::millis(limits::LOAD),
            });
        };
        let loaded = self.loaded(&worker, answered).await?;
        let good = Good {
            generation,
            manifest,
            loaded,
        };
        self.publish(&worker, good.clone())
            .map_err(SwapRefused::Load)?;
        Ok(self.report(&worker, good, true, None))
    }

    async fn load_anew(
        self: &Arc<Self>,
        former: Option<Arc<Worker>>,
        manifest: Manifest,
    ) -> Result<Swapped, SwapRefused> {
        // The same set of objects is the same generation, in whatever worker.
        let generation = match self.good() {
            Some(good) if good.manifest == manifest => good.generation,
            _ => self.counters.next_generation(),
        };
        let (worker, loaded) = self.start(&manifest, generation).await?;
        let good = Good {
            generation,
            manifest,
            loaded,
        };
        self.publish(&worker, good.clone())
            .map_err(SwapRefused::Load)?;
        let replaced = former.map(|former| {
            let id = former.id;
            self.retire(former);
            Replaced::Incompatible { former: id }
        });
        Ok(self.report(&worker, good, true, replaced))
    }

    fn report(
        &self,
        worker: &Worker,
        good: Good,
        changed: bool,
        replaced: Option<Replaced>,
    ) -> Swapped {
        // A worker that was to be replaced may have died meanwhile: one reason is enough.
        let untold = self.state().untold.take();
        let replaced = replaced.or(untold.map(Replaced::Died));
        Swapped {
            generation: good.generation,
            worker: worker.id,
            changed,
            replaced,
            loaded: good.loaded.objects,
            states: good.loaded.states,
            load_us: good.loaded.load_us,
        }
    }

    /// Starts a worker and has it load a generation; a worker that cannot is gone afterwards.
    async fn start(
        self: &Arc<Self>,
        manifest: &Manifest,
        generation: Generation,
    ) -> Result<(Arc<Worker>, Loaded), SwapRefused> {
        let instance = self.counters.next_instance();
        let view = self.store.view(instance);
        let view = view.map_err(|error| SwapRefused::WorkerStart(error.to_string()))?;
        self.store
            .link(manifest, &view)
            .map_err(|error| SwapRefused::Load(error.to_string()))?;
        let plan = Plan {
            config: WorkerConfig {
                service: self.options.service.clone(),
                instance,
                objects: view.path().to_owned(),
                logs: self.logs(),
                body_limit: self.options.body_limit,
            },
            service: &self.options.directory,
            working_directory: &self.options.working_directory,
            view,
            first: generation,
            manifest,
        };
        let worker = Worker::start(plan, &self.journal)
            .await
            .map_err(SwapRefused::WorkerStart)?;
        self.journal.say(format_args!(
            "worker {} started, instance {instance}",
            worker.id.pid
        ));
        tokio::spawn(Arc::clone(self).watch(Arc::clone(&worker)));
        let answer = worker
            .load(generation, manifest.clone())
            .map_err(|error| SwapRefused::Load(error.to_string()))?;
        let loaded = match timeout(limits::LOAD, answer).await {
            Ok(answered) => self.loaded(&worker, answered).await,
            Err(_) => Err(SwapRefused::TimedOut {
                after_ms: super::worker::millis(limits::LOAD),
            }),
        };
        match loaded {
            Ok(loaded) => Ok((worker, loaded)),
            Err(refused) => {
                worker.stop(Duration::ZERO).await;
                Err(refused)
            }
        }
    }

    /// What a worker's answer to `Load` means; no answer is its end.
    async fn loaded<E>(
        &self,
        worker: &Worker,
        answered: Result<Result<Loaded, String>, E>,
    ) -> Result<Loaded, SwapRefused> {
        match answered {
            Ok(Ok(loaded)) => Ok(loaded),
            Ok(Err(why)) => Err(SwapRefused::Load(why)),
            Err(_) => match self.death(worker.id.instance).await {
                Some(death) => Err(SwapRefused::Died(death)),
                None => Err(SwapRefused::Load(
                    "the worker does not end and does not answer".to_owned(),
                )),
            },
        }
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
        self.store.prune(&keep);
        Ok(())
    }

    /// Lets a replaced worker finish its calls, in the background.
    fn retire(&self, worker: Arc<Worker>) {
        self.state().draining.push(Arc::clone(&worker));
        tokio::spawn(async move { worker.stop(limits::REPLACED).await });
    }

    /// Records a worker's end.
    async fn watch(self: Arc<Self>, worker: Arc<Worker>) {
        let Some(end) = worker.end().await else {
            return;
        };
        self.journal
            .say(format_args!("worker {}: {end}", worker.id.pid));
        {
            let mut state = self.state();
            let served = state
                .worker
                .take_if(|serving| serving.id == worker.id)
                .is_some();
            if served && end.death.how != Exit::Stopped {
                state.untold = Some(end.death.clone());
            }
        }
        self.deaths.send_modify(|deaths| {
            deaths.push_back(end.death);
            if deaths.len() > DEATHS {
                deaths.pop_front();
            }
        });
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

/// What keeps a worker that runs `old` from loading `new` beside it.
fn difference(new: &Manifest, old: &Manifest) -> String {
    let because = if new.rustc != old.rustc {
        "the compiler is another one"
    } else if new.target != old.target {
        "the target is another one"
    } else if new.profile != old.profile {
        "the profile is another one"
    } else if new.worker.launcher != old.worker.launcher || new.worker.libstd != old.worker.libstd {
        "the launcher or libstd is another one"
    } else {
        "a dependency changed or was removed"
    };
    because.to_owned()
}

fn describe(refused: &SwapRefused) -> String {
    match refused {
        SwapRefused::Missing(ids) => format!("the store lacks {} objects", ids.len()),
        SwapRefused::NeedsNewWorker { because } => because.clone(),
        SwapRefused::WorkerStart(why) | SwapRefused::Load(why) => why.clone(),
        SwapRefused::Died(death) => format!("it died while it loaded: {:?}", death.how),
        SwapRefused::TimedOut { after_ms } => format!("no answer after {after_ms} ms"),
    }
}
