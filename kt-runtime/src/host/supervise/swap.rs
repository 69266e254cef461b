//! From one generation to the next.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::{
    super::worker::{Worker, millis},
    Good, Supervisor,
    states::patiently,
};
use crate::wire::{
    Generation,
    control::{Replaced, SwapRefused, SwapRequest, Swapped},
    limits,
    manifest::Manifest,
    state::{Outcome, StateOptions},
};

/// What a swap has to do.
enum Step {
    Nothing(Arc<Worker>, Box<Good>),
    Beside(Arc<Worker>),
    NewWorker(Option<Arc<Worker>>),
}

impl Supervisor {
    /// Makes a generation the one that serves. What serves now goes on if that fails.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn swap(self: &Arc<Self>, request: SwapRequest) -> Result<Swapped, SwapRefused> {
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
            Step::Nothing(worker, good) => Ok(self.report(&worker, *good, false, None)),
            Step::Beside(worker) => {
                self.load_beside(worker, manifest, request.states, guard)
                    .await
            }
            Step::NewWorker(former) => {
                self.load_anew(former, manifest, request.states, least)
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
        let (Some(worker), Some(good)) = (live, self.good()) else {
            return Ok(Step::NewWorker(None));
        };
        if good.is(manifest, least) {
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
        let Some(answered) = patiently(&worker, &mut answer).await else {
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
                after_ms: millis(limits::LOAD),
                init: None,
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
        options: StateOptions,
        least: Option<Generation>,
    ) -> Result<Swapped, SwapRefused> {
        // The same set of objects is the same generation, in whatever worker.
        let generation = match self.good() {
            Some(good) if good.is(&manifest, least) => good.generation,
            _ => self.counters.next_generation(),
        };
        // What can be written down goes over to the new worker; the old one takes no call from here on.
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
                let good = Good {
                    generation,
                    manifest,
                    loaded,
                };
                self.publish(&worker, good.clone())
                    .map(|()| (worker, good))
                    .map_err(SwapRefused::Load)
            }
            Err(refused) => Err(refused),
        };
        let (worker, good) = match (published, &former) {
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
        let replaced = replaced.or(untold);
        Swapped {
            generation: good.generation,
            worker: worker.id,
            changed,
            replaced,
            loaded: good.loaded.objects,
            states: good.loaded.states,
            inits: good.loaded.inits,
            load_us: good.loaded.load_us,
            paused_us: good.loaded.paused_us,
        }
    }

    /// Lets a replaced worker finish its calls, in the background.
    fn retire(&self, worker: Arc<Worker>) {
        self.state().draining.push(Arc::clone(&worker));
        tokio::spawn(async move { worker.retire(limits::REPLACED).await });
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
