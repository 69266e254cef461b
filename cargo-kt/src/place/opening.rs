//! The way to a program's service, begun as soon as it is known which one that is, while the program compiles.

use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};

use super::{Connected, Dirs, Hold, PlaceError, kubernetes, local};

/// The service that a program wants, wherever it lives.
#[derive(Debug, Clone)]
pub enum Wanted {
    Local(local::ServiceSpec),
    Kubernetes(Box<kubernetes::ServiceSpec>),
}

/// Who hears what happens meanwhile.
pub type Told = Box<dyn Fn(kubernetes::Step) + Send + Sync>;

/// A service that is being found or made.
#[derive(Debug)]
pub struct Opening(Way);

#[derive(Debug)]
enum Way {
    /// Takes milliseconds: nothing is gained by a start before it is needed, and nothing started in vain.
    Local(Dirs, Box<local::ServiceSpec>),
    Kubernetes {
        found: Option<oneshot::Receiver<Option<Connected>>>,
        /// Whether it goes on without us.
        handed_over: watch::Receiver<bool>,
        task: JoinHandle<Result<(Connected, Hold), PlaceError>>,
    },
}

impl Opening {
    /// Begins. To be called on a runtime of more than one thread if the caller does not wait at once.
    pub fn begin(dirs: Dirs, wanted: Wanted, told: Told) -> Self {
        Self(match wanted {
            Wanted::Local(spec) => Way::Local(dirs, Box::new(spec)),
            Wanted::Kubernetes(spec) => {
                let (sender, found) = oneshot::channel();
                let (over, handed_over) = watch::channel(false);
                let task = tokio::spawn(async move {
                    let told = |step| {
                        if matches!(step, kubernetes::Step::LetGo | kubernetes::Step::Ready) {
                            over.send_replace(true);
                        }
                        told(step);
                    };
                    let connected = kubernetes::open(&dirs, &spec, sender, &told).await?;
                    // Compilers may take longer than a service lives without a call.
                    let held = connected.hold();
                    Ok((connected, held))
                });
                let found = Some(found);
                Way::Kubernetes {
                    found,
                    handed_over,
                    task,
                }
            }
        })
    }

    /// The service if it was up before: what runs decides how what is new is linked. One that is just made is not waited for.
    ///
    /// # Errors
    /// If it cannot be told, for which this is the end.
    pub async fn running(&mut self) -> Result<Option<Connected>, PlaceError> {
        match &mut self.0 {
            Way::Local(dirs, spec) => local::find(dirs, spec).await,
            Way::Kubernetes { found, task, .. } => {
                let answer = match found.take() {
                    Some(found) => found.await.ok(),
                    None => None,
                };
                match answer {
                    Some(running) => Ok(running),
                    // It has failed before it knew.
                    None => joined(task.await).map(|(connected, _)| Some(connected)),
                }
            }
        }
    }

    /// Waits until nothing is left half done: for those who do not need it after all.
    pub async fn settle(self) {
        if let Way::Kubernetes {
            mut handed_over, ..
        } = self.0
        {
            // Its sender goes with the task.
            let _ = handed_over.wait_for(|over| *over).await;
        }
    }

    /// The service, once it answers, and held until it has its program.
    ///
    /// # Errors
    /// If it cannot be found or made.
    pub async fn connected(self) -> Result<(Connected, Hold), PlaceError> {
        match self.0 {
            Way::Local(dirs, spec) => {
                let connected = local::connect_or_start(&dirs, &spec).await?;
                let held = connected.hold();
                Ok((connected, held))
            }
            Way::Kubernetes { task, .. } => joined(task.await),
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
