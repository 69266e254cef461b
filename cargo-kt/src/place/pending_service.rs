//! Finds or starts a program's service in the background while the program compiles.

use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};
use tracing::Instrument;

use super::{Connected, Dirs, Hold, LaunchStep, PlaceError, kubernetes, local};

/// The service that a program requires, in any place.
#[derive(Debug, Clone)]
pub enum ServiceSpec {
    Local(local::ServiceSpec),
    Kubernetes(Box<kubernetes::ServiceSpec>),
}

impl ServiceSpec {
    /// A launch does not ask the registry of the pod's image.
    pub fn disable_image_check(&mut self) {
        if let Self::Kubernetes(spec) = self {
            spec.disable_image_check();
        }
    }
}

/// Receives the steps of a launch.
pub type ProgressFn = Box<dyn Fn(LaunchStep) + Send + Sync>;

/// A service that is being found or started.
#[derive(Debug)]
pub struct PendingService(Kind);

#[derive(Debug)]
enum Kind {
    /// Starts on demand. It takes milliseconds, so an early start gains nothing and might be
    /// wasted.
    Local(Dirs, Box<local::ServiceSpec>),
    Kubernetes {
        found: Option<oneshot::Receiver<Option<Connected>>>,
        /// Whether the launch continues without this process.
        handed_over: watch::Receiver<bool>,
        task: JoinHandle<Result<(Connected, Hold), PlaceError>>,
    },
}

impl PendingService {
    /// Starts the search. Requires a multi-threaded runtime unless the caller awaits the result
    /// immediately.
    pub fn begin(dirs: Dirs, wanted: ServiceSpec, progress: ProgressFn) -> Self {
        Self(match wanted {
            ServiceSpec::Local(spec) => Kind::Local(dirs, Box::new(spec)),
            ServiceSpec::Kubernetes(spec) => {
                let (sender, found) = oneshot::channel();
                let (over, handed_over) = watch::channel(false);
                let opening = async move {
                    let progress = |step: LaunchStep| {
                        if step.is_handed_over() {
                            over.send_replace(true);
                        }
                        progress(step);
                    };
                    let opened = kubernetes::open(&dirs, &spec, sender, &progress).await;
                    if opened.is_err() {
                        progress(LaunchStep::Failed);
                    }
                    let connected = opened?;
                    // Compilation may take longer than the service's inactivity timeout.
                    let held = connected.hold();
                    Ok((connected, held))
                };
                let task = tokio::spawn(opening.instrument(tracing::debug_span!("connect")));
                let found = Some(found);
                Kind::Kubernetes {
                    found,
                    handed_over,
                    task,
                }
            }
        })
    }

    /// The service, if it was running before: its base decides how new code is linked. Does not
    /// wait for a service that is being started.
    ///
    /// # Errors
    /// If the service's status could not be determined; the launch is abandoned.
    pub async fn running(&mut self) -> Result<Option<Connected>, PlaceError> {
        match &mut self.0 {
            Kind::Local(dirs, spec) => local::find(dirs, spec).await,
            Kind::Kubernetes { found, task, .. } => {
                let answer = match found.take() {
                    Some(found) => found.await.ok(),
                    None => None,
                };
                match answer {
                    Some(running) => Ok(running),
                    // The task failed before it found out.
                    None => joined(task.await).map(|(connected, _)| Some(connected)),
                }
            }
        }
    }

    /// Waits until the launch continues without this process, for callers that no longer need the
    /// service.
    pub async fn wait_until_detached(self) {
        if let Kind::Kubernetes {
            mut handed_over, ..
        } = self.0
        {
            // The sender is dropped with the task.
            let _ = handed_over.wait_for(|over| *over).await;
        }
    }

    /// Waits until the service answers. The `Hold` keeps it running until the caller drops it.
    ///
    /// # Errors
    /// If it cannot be found or started.
    pub async fn connected(self) -> Result<(Connected, Hold), PlaceError> {
        match self.0 {
            Kind::Local(dirs, spec) => {
                let connected = local::connect_or_start(&dirs, &spec).await?;
                let held = connected.hold();
                Ok((connected, held))
            }
            Kind::Kubernetes { task, .. } => joined(task.await),
        }
    }
}

fn joined<T>(
    ended: Result<Result<T, PlaceError>, tokio::task::JoinError>,
) -> Result<T, PlaceError> {
    match ended {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
