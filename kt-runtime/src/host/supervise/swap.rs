//! Swaps from one generation to the next.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::{
    super::worker::{Worker, millis},
    ServingGeneration, Supervisor,
    states::with_load_timeout,
};
use crate::wire::{
    Generation,
    control::{Replaced, SwapRefused, SwapRequest, Swapped},
    limits,
    manifest::Manifest,
    state::{Outcome, StateOptions},
};

/// What a swap requires.
enum Step {
    Nothing(Arc<Worker>, Box<ServingGeneration>),
    Beside(Arc<Worker>),
    NewWorker(Option<Arc<Worker>>),
}

impl Supervisor {
    /// Makes a generation the serving one. If that fails, the current one keeps serving.
    ///
    /// # Errors
    /// Why it was rejected.
    pub async fn swap(self: &Arc<Self>, request: SwapRequest) -> Result<Swapped, SwapRefused> {
        let swapped = self.swap_to(request).await;
        match &swapped {
            Ok(swapped) => tracing::debug!(
                generation = %swapped.generation,
                changed = swapped.changed,
                load_us = swapped.load_us,
                paused_us = swapped.paused_us,
                "swapped"
            ),
            Err(refused) => tracing::info!("swap refused: {}", reason(refused)),
        }
        swapped
    }

    async fn swap_to(self: &Arc<Self>, request: SwapRequest) -> Result<Swapped, SwapRefused> {
        let manifest = request.manifest;
        let least = request.at_least.map(|least| least.generation);
        let guard = self.swap_lock().await.ok_or(SwapRefused::TimedOut {
            after_ms: millis(limits::LOAD),
            init: None,
        })?;
        let missing = self
            .store
            .missing(manifest.objects().map(|object| object.id));
        if !missing.is_empty() {
            return Err(SwapRefused::Missing(missing));
        }
        if let Some(least) = request.at_least {
            self.counters.raise(least);
        }
        let live = self.settled().await;
        match self.plan(live, &manifest, request.replace_worker, least)? {
            Step::Nothing(worker, serving) => Ok(self.report(&worker, *serving, false, None)),
            Step::Beside(worker) => {
                self.load_in_worker(worker, manifest, request.states, guard)
                    .await
            }
            Step::NewWorker(former) => {
                self.load_in_new_worker(former, manifest, request.states, least)
                    .await
            }
        }
    }

    fn plan(
        &self,
        live: Option<Arc<Worker>>,
        manifest: &Manifest,
        replace: bool,
        least: Option<Generation>,
    ) -> Result<Step, SwapRefused> {
        let (Some(worker), Some(serving)) = (live, self.serving_generation()) else {
            return Ok(Step::NewWorker(None));
        };
        if serving.satisfies(manifest, least) {
            Ok(Step::Nothing(worker, Box::new(serving)))
        } else if manifest.same_worker(&serving.manifest) {
            Ok(Step::Beside(worker))
        } else if replace {
            Ok(Step::NewWorker(Some(worker)))
        } else {
            let because = difference(manifest, &serving.manifest);
            Err(SwapRefused::NeedsNewWorker { because })
        }
    }

    async fn load_in_worker(
        self: &Arc<Self>,
        worker: Arc<Worker>,
        manifest: Manifest,
        options: StateOptions,
        guard: OwnedMutexGuard<()>,
    ) -> Result<Swapped, SwapRefused> {
        self.store
            .link(&manifest, &worker.view)
            .map_err(|error| SwapRefused::Load(error.to_string()))?;
        let generation = self.counters.next_generation();
        let mut answer = worker
            .load(generation, manifest.clone(), options, None)
            .map_err(|error| SwapRefused::Load(error.to_string()))?;
        let Some(answered) = with_load_timeout(&worker, &mut answer).await else {
            tracing::info!(
                "worker {} is still loading generation {generation}",
                worker.id.pid
            );
            let supervisor = Arc::clone(self);
            tokio::spawn(async move {
                // If loading completes after all, the worker serves that generation: record it. The
                // guard prevents other swaps until then.
                let _guard = guard;
                if let Ok(Ok(loaded)) = answer.await {
                    let serving = ServingGeneration {
                        generation,
                        manifest,
                        loaded,
                    };
                    let _ = supervisor.publish(&worker, serving);
                }
            });
            return Err(SwapRefused::TimedOut {
                after_ms: millis(limits::LOAD),
                init: None,
            });
        };
        let loaded = self.loaded(&worker, answered).await?;
        let serving = ServingGeneration {
            generation,
            manifest,
            loaded,
        };
        self.publish(&worker, serving.clone())
            .map_err(SwapRefused::Load)?;
        Ok(self.report(&worker, serving, true, None))
    }

    async fn load_in_new_worker(
        self: &Arc<Self>,
        former: Option<Arc<Worker>>,
        manifest: Manifest,
        options: StateOptions,
        least: Option<Generation>,
    ) -> Result<Swapped, SwapRefused> {
        // The same set of objects is the same generation, in any worker.
        let generation = match self.serving_generation() {
            Some(serving) if serving.satisfies(&manifest, least) => serving.generation,
            _ => self.counters.next_generation(),
        };
        // Encodable states move to the new worker; the old one accepts no calls from here on.
        let saved = match &former {
            Some(former) => Some(self.carry(former, &options).await?),
            None => None,
        };
        let file = saved.as_ref().map(|(file, _)| file.path.clone());
        let started = self.start(&manifest, generation, options, file).await;
        let lost = saved.map(|(_, lost)| lost).unwrap_or_default();
        let published = match started {
            Ok((worker, mut loaded)) => {
                for (key, why) in lost {
                    let mut states = loaded.states.iter_mut();
                    if let Some(state) = states.find(|state| state.key == key) {
                        state.outcome = Outcome::Reset { why, former: None };
                    }
                }
                let serving = ServingGeneration {
                    generation,
                    manifest,
                    loaded,
                };
                self.publish(&worker, serving.clone())
                    .map(|()| (worker, serving))
                    .map_err(SwapRefused::Load)
            }
            Err(refused) => Err(refused),
        };
        let (worker, serving) = match (published, &former) {
            (Ok(published), _) => published,
            (Err(refused), Some(former)) => {
                self.release(former).await;
                return Err(refused);
            }
            (Err(refused), None) => return Err(refused),
        };
        let replaced = former.map(|former| {
            let id = former.id;
            self.retire(former);
            Replaced::Incompatible { former: id }
        });
        Ok(self.report(&worker, serving, true, replaced))
    }

    fn report(
        &self,
        worker: &Worker,
        serving: ServingGeneration,
        changed: bool,
        replaced: Option<Replaced>,
    ) -> Swapped {
        // A worker to be replaced may have died meanwhile: report one reason only.
        let unreported_loss = self.state().unreported_loss.take();
        let replaced = replaced.or(unreported_loss);
        Swapped {
            generation: serving.generation,
            worker: worker.id,
            changed,
            replaced,
            loaded: serving.loaded.objects,
            states: serving.loaded.states,
            inits: serving.loaded.inits,
            load_us: serving.loaded.load_us,
            paused_us: serving.loaded.paused_us,
        }
    }

    /// Lets a replaced worker finish its calls, in the background.
    fn retire(&self, worker: Arc<Worker>) {
        self.state().draining.push(Arc::clone(&worker));
        tokio::spawn(async move { worker.retire(limits::REPLACED).await });
    }
}

/// A refusal for the log: without the messages in it, which may quote values of states.
fn reason(refused: &SwapRefused) -> &'static str {
    match refused {
        SwapRefused::Missing(_) => "objects are missing",
        SwapRefused::NeedsNewWorker { .. } => "it needs a new worker",
        SwapRefused::WorkerStart(_) => "the worker did not start",
        SwapRefused::Load(_) => "the worker failed to load it",
        SwapRefused::WouldReset(_) => "states would be reset",
        SwapRefused::Busy { .. } => "calls or locks prevent a migration",
        SwapRefused::NotMigrated(_) => "states cannot be migrated",
        SwapRefused::Died(_) => "the worker exited while loading it",
        SwapRefused::TimedOut { .. } => "timed out",
        SwapRefused::Debugged(_) => "a debugger is attached",
        SwapRefused::Init { .. } => "a function with `#[kt::init]` failed",
    }
}

/// Why a worker that runs `old` cannot load `new`.
fn difference(new: &Manifest, old: &Manifest) -> String {
    let because = if new.rustc != old.rustc {
        "the compiler changed"
    } else if new.target != old.target {
        "the target changed"
    } else if new.profile != old.profile {
        "the profile changed"
    } else if new.worker.libraries != old.worker.libraries {
        "the C library of the worker changed"
    } else if new.worker.launcher != old.worker.launcher || new.worker.libstd != old.worker.libstd {
        "the launcher or libstd changed"
    } else {
        "a dependency changed or was removed"
    };
    because.to_owned()
}
