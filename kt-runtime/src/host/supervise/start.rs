//! Starts workers: the first one, one after a death, and one that replaces another.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{
    super::worker::{Plan, Worker, millis},
    ServingGeneration, Supervisor,
    states::with_load_timeout,
};
use crate::function::path_of;
use crate::wire::{
    Generation,
    control::SwapRefused,
    limits,
    manifest::Manifest,
    state::StateOptions,
    worker::{Loaded, WorkerConfig},
};

impl Supervisor {
    /// The worker for a new connection. Starts one with the latest generation if the former one
    /// died.
    ///
    /// # Errors
    /// If there is no generation yet, or the worker cannot be started.
    pub async fn worker(self: &Arc<Self>) -> Result<Arc<Worker>, String> {
        if let Some(worker) = self.live() {
            return Ok(worker);
        }
        if self.serving_generation().is_none() {
            self.first_generation().await;
        }
        let _guard = self
            .swap_lock()
            .await
            .ok_or("timed out: another generation is being loaded")?;
        if let Some(worker) = self.settled().await {
            return Ok(worker);
        }
        let serving = self
            .serving_generation()
            .ok_or("no generation has been loaded yet: run `cargo kt run`")?;
        let (worker, loaded) = self
            .start(
                &serving.manifest,
                serving.generation,
                StateOptions::default(),
                None,
            )
            .await
            .map_err(|refused| {
                let why = describe(&refused);
                format!("failed to restart the worker: {why}")
            })?;
        tracing::info!(
            "worker {} restarted with generation {}",
            worker.id.pid,
            serving.generation
        );
        self.publish(&worker, ServingGeneration { loaded, ..serving })?;
        Ok(worker)
    }

    /// Starts a worker and lets it load a generation. A worker that fails to is stopped.
    pub(super) async fn start(
        self: &Arc<Self>,
        manifest: &Manifest,
        generation: Generation,
        options: StateOptions,
        restore: Option<PathBuf>,
    ) -> Result<(Arc<Worker>, Loaded), SwapRefused> {
        let instance = self.counters.next_instance();
        let view = self.store.view(instance);
        let view = view.map_err(|error| SwapRefused::WorkerStart(error.to_string()))?;
        self.store
            .link_verified(manifest, &view)
            .map_err(|error| SwapRefused::Load(error.to_string()))?;
        let plan = Plan {
            config: WorkerConfig {
                service: self.options.service.clone(),
                instance,
                objects: view.path().to_owned(),
                logs: self.logs(),
                body_limit: self.options.body_limit,
                breakpoint_timeout_ms: millis(self.options.breakpoint_timeout),
            },
            service: &self.options.directory,
            working_directory: &self.options.working_directory,
            view,
            first: generation,
            manifest,
        };
        let worker = Worker::start(plan)
            .await
            .map_err(SwapRefused::WorkerStart)?;
        tracing::info!("worker {} started, instance {instance}", worker.id.pid);
        tokio::spawn(Arc::clone(self).watch(Arc::clone(&worker)));
        let mut answer = worker
            .load(generation, manifest.clone(), options, restore)
            .map_err(|error| SwapRefused::Load(error.to_string()))?;
        let loaded = match with_load_timeout(&worker, &mut answer).await {
            Some(answered) => self.loaded(&worker, answered).await,
            None => Err(SwapRefused::TimedOut {
                after_ms: millis(limits::LOAD),
                init: worker.health().await.and_then(|health| health.initializing),
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

    /// Interprets a worker's answer to `Load`; no answer means that it died.
    pub(super) async fn loaded<E>(
        &self,
        worker: &Worker,
        answered: Result<Result<Loaded, SwapRefused>, E>,
    ) -> Result<Loaded, SwapRefused> {
        match answered {
            Ok(Ok(loaded)) => Ok(loaded),
            Ok(Err(refused)) => Err(refused),
            Err(_) => match self.death(worker.id.instance).await {
                Some(death) => Err(SwapRefused::Died(death)),
                None => Err(SwapRefused::Load(
                    "the worker neither answers nor exits".to_owned(),
                )),
            },
        }
    }
}

fn init(key: &str) -> String {
    format!("`{}` (`#[kt::init]`)", path_of(key))
}

fn describe(refused: &SwapRefused) -> String {
    match refused {
        SwapRefused::Missing(ids) => format!("the store lacks {} objects", ids.len()),
        SwapRefused::NeedsNewWorker { because } => because.clone(),
        SwapRefused::WorkerStart(why) | SwapRefused::Load(why) => why.clone(),
        SwapRefused::Died(death) => format!("it died while it loaded: {:?}", death.how),
        SwapRefused::TimedOut {
            init: Some(key), ..
        } => format!("{} did not return", init(key)),
        SwapRefused::TimedOut { after_ms, .. } => format!("no answer after {after_ms} ms"),
        SwapRefused::Init { key, place, why } => format!("{} at {place} {why}", init(key)),
        SwapRefused::NotMigrated(states) => match &states[..] {
            [] => "its states".to_owned(),
            [first, ..] => format!("state `{}`: {}", first.key, first.reason),
        },
        SwapRefused::Debugged(debugger) => format!("{} is debugging it", debugger.who),
        // These concern values that a new worker does not have.
        SwapRefused::WouldReset(_) | SwapRefused::Busy { .. } => "its states".to_owned(),
    }
}
