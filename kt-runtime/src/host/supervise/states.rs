//! Questions about states, and their way from one worker to the next.

use std::{path::PathBuf, sync::Arc};

use tokio::{sync::oneshot, time::timeout};

use super::{
    super::worker::{Worker, millis},
    Supervisor,
};
use crate::wire::{
    control::{Changed, SwapRefused},
    limits,
    state::{StateAnswer, StateRefused, StateRequest},
    worker::Loaded,
};

impl Supervisor {
    /// Has the serving worker answer. No swap happens meanwhile.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn states(
        self: &Arc<Self>,
        request: StateRequest,
    ) -> Result<StateAnswer, StateRefused> {
        let _guard = self.swap_lock().await.ok_or_else(|| StateRefused::Busy {
            key: None,
            calls: Vec::new(),
            after_ms: millis(limits::LOAD),
        })?;
        let worker = self.live().ok_or(StateRefused::NoWorker)?;
        ask(&worker, request).await
    }

    /// Has a worker that is to be replaced write down what it holds, and take no call from then on.
    pub(super) async fn carry(&self, former: &Worker, keep: bool) -> Result<PathBuf, SwapRefused> {
        let name = format!("states-{}", former.id.instance);
        let file = self.options.directory.join(name);
        // Of a replacement that failed.
        let _ = std::fs::remove_file(&file);
        let request = StateRequest::Save {
            file: file.clone(),
            hold: true,
        };
        match ask(former, request).await {
            Ok(StateAnswer::Moved(moved)) if keep && !moved.left.is_empty() => {
                let _ = std::fs::remove_file(&file);
                self.release(former).await;
                let lost = |key: String| (key.clone(), Changed::NewWorker { name: key });
                Err(SwapRefused::WouldReset(
                    moved.left.into_iter().map(lost).collect(),
                ))
            }
            Ok(_) => Ok(file),
            Err(refused) => {
                let _ = std::fs::remove_file(&file);
                Err(as_swap(refused))
            }
        }
    }

    /// Lets a worker go on that was to be replaced and is not.
    pub(super) async fn release(&self, former: &Worker) {
        if let Err(refused) = ask(former, StateRequest::Release).await {
            self.journal.say(format_args!(
                "worker {} does not go on: {refused:?}",
                former.id.pid
            ));
        }
    }
}

async fn ask(worker: &Worker, request: StateRequest) -> Result<StateAnswer, StateRefused> {
    let lost = |reason: String| StateRefused::Lost { reason };
    let answer = worker
        .state(request)
        .map_err(|error| lost(error.to_string()))?;
    match timeout(limits::LOAD, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(lost("the worker ended meanwhile".to_owned())),
        Err(_) => Err(lost(format!(
            "the worker did not answer within {} s",
            limits::LOAD.as_secs()
        ))),
    }
}

fn as_swap(refused: StateRefused) -> SwapRefused {
    match refused {
        StateRefused::Busy {
            key,
            calls,
            after_ms,
        } => SwapRefused::Busy {
            states: key.into_iter().collect(),
            calls,
            after_ms,
        },
        StateRefused::Failed { key, path, reason } => {
            SwapRefused::NotMigrated { key, path, reason }
        }
        other => SwapRefused::Load(format!("the states could not be carried over: {other:?}")),
    }
}

/// Waits for a worker's answer to `Load`, for as long as a migration goes on.
pub(super) async fn patiently<T>(
    worker: &Worker,
    answer: &mut oneshot::Receiver<Result<Loaded, T>>,
) -> Option<Result<Result<Loaded, T>, oneshot::error::RecvError>> {
    let mut seen = None;
    loop {
        if let Ok(answered) = timeout(limits::LOAD, &mut *answer).await {
            return Some(answered);
        }
        let now = worker.health().await.and_then(|health| health.migrating);
        if now.is_none() || now == seen {
            return None;
        }
        seen = now;
    }
}
