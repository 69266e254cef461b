//! Requests about states, and their transfer from one worker to the next.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use tokio::{
    sync::{OwnedMutexGuard, oneshot},
    time::timeout,
};

use super::{
    super::worker::{Worker, millis},
    Supervisor,
};
use crate::wire::{
    control::SwapRefused,
    limits,
    state::{
        Changed, Moved, NotMigrated, Resets, StateAnswer, StateOptions, StateRefused, StateRequest,
    },
    worker::{Hold, StateOrder},
};

impl Supervisor {
    /// Forwards a request to the serving worker. No swap happens meanwhile.
    ///
    /// # Errors
    /// The reason for a refusal.
    pub async fn states(
        self: &Arc<Self>,
        request: StateRequest,
    ) -> Result<StateAnswer, StateRefused> {
        let (_guard, worker) = self.undisturbed().await?;
        ask(&worker, StateOrder::Asked(request)).await
    }

    /// Lets the serving worker save its states to a file, which is already unlinked when returned.
    ///
    /// # Errors
    /// The reason for a refusal.
    pub async fn save(self: &Arc<Self>) -> Result<(Moved, File), StateRefused> {
        let (_guard, worker) = self.undisturbed().await?;
        let file = self.temporary("save");
        let order = StateOrder::Save {
            file: file.path.clone(),
            hold: None,
            leave: Resets::None,
        };
        let StateAnswer::Moved(moved) = ask(&worker, order).await? else {
            return Err(StateRefused::Lost {
                reason: "unexpected answer from the worker".to_owned(),
            });
        };
        match File::open(&file.path) {
            Ok(opened) => Ok((moved, opened)),
            Err(error) => Err(StateRefused::File {
                reason: error.to_string(),
            }),
        }
    }

    /// Lets the serving worker set its states to the values of a file.
    ///
    /// # Errors
    /// The reason for a refusal.
    pub async fn restore(self: &Arc<Self>, file: &Temporary) -> Result<Moved, StateRefused> {
        let (_guard, worker) = self.undisturbed().await?;
        let order = StateOrder::Load {
            file: file.path.clone(),
        };
        match ask(&worker, order).await? {
            StateAnswer::Moved(moved) => Ok(moved),
            _ => Err(StateRefused::Lost {
                reason: "unexpected answer from the worker".to_owned(),
            }),
        }
    }

    /// The serving worker, and a guard that prevents swaps.
    async fn undisturbed(
        self: &Arc<Self>,
    ) -> Result<(OwnedMutexGuard<()>, Arc<Worker>), StateRefused> {
        let guard = self.swap_lock().await.ok_or_else(|| StateRefused::Busy {
            key: None,
            calls: Vec::new(),
            after_ms: millis(limits::LOAD),
        })?;
        let worker = self.live().ok_or(StateRefused::NoWorker)?;
        Ok((guard, worker))
    }

    /// A unique file name in the directory for saved states.
    pub fn temporary(&self, what: &str) -> Temporary {
        let number = self.saved.fetch_add(1, Ordering::Relaxed);
        Temporary {
            path: states_directory(&self.options.directory).join(format!("{what}-{number}")),
        }
    }

    /// Lets a worker that will be replaced save its states and accept no more calls. Also returns
    /// the states that are lost: those without serde, and those that could not be encoded but may
    /// be reset.
    pub(super) async fn carry(
        self: &Arc<Self>,
        former: &Arc<Worker>,
        options: &StateOptions,
    ) -> Result<(Temporary, Vec<(String, Changed)>), SwapRefused> {
        let file = self.temporary("carry");
        let order = StateOrder::Save {
            file: file.path.clone(),
            hold: Some(Hold {
                timeout_ms: options.timeout_ms,
            }),
            leave: match options.keep {
                true => Resets::None,
                false => options.resets.clone(),
            },
        };
        let no_serde = |key: String| (key.clone(), Changed::NewWorker { name: key });
        match ask(former, order).await {
            Ok(StateAnswer::Moved(moved)) if options.keep && !moved.left.is_empty() => {
                self.release(former).await;
                let lost = moved.left.into_iter().map(no_serde);
                Err(SwapRefused::WouldReset(lost.collect()))
            }
            Ok(StateAnswer::Moved(moved)) => {
                let failed = moved.failed.into_iter().map(|failed| {
                    let NotMigrated { key, path, reason } = failed;
                    (key, Changed::NotMigrated { path, reason })
                });
                let left = moved.left.into_iter().map(no_serde);
                Ok((file, left.chain(failed).collect()))
            }
            Ok(_) => Ok((file, Vec::new())),
            Err(refused) => {
                // If only the wait timed out, the worker must still resume afterwards.
                let (supervisor, former) = (Arc::clone(self), Arc::clone(former));
                tokio::spawn(async move { supervisor.release(&former).await });
                Err(as_swap(refused))
            }
        }
    }

    /// Resumes a worker whose replacement failed.
    pub(super) async fn release(&self, former: &Worker) {
        if let Err(refused) = ask(former, StateOrder::Release).await {
            tracing::warn!("worker {} did not resume: {refused:?}", former.id.pid);
        }
    }
}

/// Directory of state files in transit. Each file is removed after its transfer.
pub fn states_directory(service: &Path) -> PathBuf {
    service.join("states")
}

/// Creates the directory, and removes leftovers of a killed host.
///
/// # Errors
/// If the directory cannot be removed or created.
pub fn clear_states(service: &Path) -> io::Result<()> {
    let directory = states_directory(service);
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // The files contain the values of the user's states: accessible to the owner only.
    fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(directory)
}

/// A file that is removed on drop.
#[derive(Debug)]
pub struct Temporary {
    pub path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Waits for an answer, for as long as values are being moved.
async fn ask(worker: &Worker, order: StateOrder) -> Result<StateAnswer, StateRefused> {
    let lost = |reason: String| StateRefused::Lost { reason };
    let mut answer = worker
        .state(order)
        .map_err(|error| lost(error.to_string()))?;
    match with_load_timeout(worker, &mut answer).await {
        Some(Ok(answer)) => answer,
        Some(Err(_)) => Err(lost("the worker exited meanwhile".to_owned())),
        None => Err(lost(format!(
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
        StateRefused::NotMigrated(states) => SwapRefused::NotMigrated(states),
        other => SwapRefused::Load(format!("failed to transfer the states: {other:?}")),
    }
}

/// Waits for a worker's answer. The timeout restarts while a migration makes progress.
pub(super) async fn with_load_timeout<T>(
    worker: &Worker,
    answer: &mut oneshot::Receiver<T>,
) -> Option<Result<T, oneshot::error::RecvError>> {
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
