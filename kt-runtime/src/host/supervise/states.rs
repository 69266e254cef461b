//! Questions about states, and their way from one worker to the next.

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
    /// Has the serving worker answer. No swap happens meanwhile.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn states(
        self: &Arc<Self>,
        request: StateRequest,
    ) -> Result<StateAnswer, StateRefused> {
        let (_guard, worker) = self.undisturbed().await?;
        ask(&worker, StateOrder::Asked(request)).await
    }

    /// Has the serving worker write what it holds to a file, which has no name any more.
    ///
    /// # Errors
    /// Why it was not done.
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
                reason: "the worker answered something else".to_owned(),
            });
        };
        match File::open(&file.path) {
            Ok(opened) => Ok((moved, opened)),
            Err(error) => Err(StateRefused::File {
                reason: error.to_string(),
            }),
        }
    }

    /// Has the serving worker give its states the values of a file.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn restore(self: &Arc<Self>, file: &Temporary) -> Result<Moved, StateRefused> {
        let (_guard, worker) = self.undisturbed().await?;
        let order = StateOrder::Load {
            file: file.path.clone(),
        };
        match ask(&worker, order).await? {
            StateAnswer::Moved(moved) => Ok(moved),
            _ => Err(StateRefused::Lost {
                reason: "the worker answered something else".to_owned(),
            }),
        }
    }

    /// The serving worker, while no swap happens.
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

    /// A name in the directory for saved states that nobody else uses.
    pub fn temporary(&self, what: &str) -> Temporary {
        let number = self.saved.fetch_add(1, Ordering::Relaxed);
        Temporary {
            path: states_directory(&self.options.directory).join(format!("{what}-{number}")),
        }
    }

    /// Has a worker that is to be replaced write down what it holds, and take no call from then on. Also gives the states that
    /// are lost with it: those without serde, and those that could not be encoded and may be reset.
    pub(super) async fn carry(
        self: &Arc<Self>,
        former: &Arc<Worker>,
        options: &StateOptions,
    ) -> Result<(Temporary, Vec<(String, Changed)>), SwapRefused> {
        let file = self.temporary("carry");
        let order = StateOrder::Save {
            file: file.path.clone(),
            hold: Some(Hold {
                patience_ms: options.patience_ms,
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
                // Should it have given up waiting only, the worker is still to go on afterwards.
                let (supervisor, former) = (Arc::clone(self), Arc::clone(former));
                tokio::spawn(async move { supervisor.release(&former).await });
                Err(as_swap(refused))
            }
        }
    }

    /// Lets a worker go on that was to be replaced and is not.
    pub(super) async fn release(&self, former: &Worker) {
        if let Err(refused) = ask(former, StateOrder::Release).await {
            self.journal.say(format_args!(
                "worker {} does not go on: {refused:?}",
                former.id.pid
            ));
        }
    }
}

/// Where states lie that are on their way. Each file is gone when it has arrived.
pub fn states_directory(service: &Path) -> PathBuf {
    service.join("states")
}

/// Makes the directory, and removes what a host that was killed left in it.
///
/// # Errors
/// If that is not possible.
pub fn clear_states(service: &Path) -> io::Result<()> {
    let directory = states_directory(service);
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // They hold whatever the user's states do.
    fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(directory)
}

/// A file that lives as long as this.
#[derive(Debug)]
pub struct Temporary {
    pub path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Waits for an answer for as long as values move.
async fn ask(worker: &Worker, order: StateOrder) -> Result<StateAnswer, StateRefused> {
    let lost = |reason: String| StateRefused::Lost { reason };
    let mut answer = worker
        .state(order)
        .map_err(|error| lost(error.to_string()))?;
    match patiently(worker, &mut answer).await {
        Some(Ok(answer)) => answer,
        Some(Err(_)) => Err(lost("the worker ended meanwhile".to_owned())),
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
        other => SwapRefused::Load(format!("the states could not be carried over: {other:?}")),
    }
}

/// Waits for a worker's answer, for as long as a value is on its way.
pub(super) async fn patiently<T>(
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
