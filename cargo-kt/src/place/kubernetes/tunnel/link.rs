//! The connection to the host in the pod, made again when it is lost.

use std::{sync::Arc, time::Duration};

use h2::Ping;
use kt::wire::client::Client;
use tokio::{
    sync::{Mutex, watch},
    time::{Instant, sleep, timeout},
};

use super::{Report, TunnelOptions};
use crate::place::kubernetes::{
    Cluster, HOST_PORT, KubernetesError, Workload,
    forward::forward,
    launch::{self, LaunchError},
    stage::{self, HostImage, Uploading},
};

/// Pause between two attempts to reach a pod that runs: its first stage may just be starting.
const PAUSE: Duration = Duration::from_millis(30);
/// Pause between a ping's answer and the next ping.
const QUIET: Duration = Duration::from_secs(5);
/// Pause between two looks at whether the service of a lost connection is still there.
const LOOK: Duration = Duration::from_secs(1);
/// How long the host may take to answer one.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It is being made.
    Opening,
    Up,
    /// Lost; the next one who wants it makes it again.
    Down,
    /// The service is not in the cluster any more.
    Gone,
}

/// The connection of one service.
pub struct Link {
    cluster: Cluster,
    options: TunnelOptions,
    image: HostImage,
    client: Mutex<Option<Client>>,
    state: Arc<watch::Sender<LinkState>>,
}

impl Link {
    pub fn new(cluster: Cluster, options: TunnelOptions, image: HostImage) -> Self {
        Self {
            cluster,
            options,
            image,
            client: Mutex::default(),
            state: Arc::new(watch::Sender::new(LinkState::Down)),
        }
    }

    /// Whether the connection is there, as far as is known.
    pub fn is_up(&self) -> bool {
        *self.state.borrow() == LinkState::Up
    }

    /// The connection, made if there is none.
    ///
    /// # Errors
    /// If the service is gone, or its pod cannot be reached in time.
    pub async fn client(
        &self,
        report: &(dyn Fn(Report) + Sync),
    ) -> Result<Client, KubernetesError> {
        // One makes it, and all others wait for that.
        let mut client = self.client.lock().await;
        if let Some(client) = client.as_ref().filter(|_| self.is_up()) {
            return Ok(client.clone());
        }
        self.state.send_replace(LinkState::Opening);
        match self.open(report).await {
            Ok(opened) => {
                *client = Some(opened.clone());
                Ok(opened)
            }
            Err(error) => {
                let gone = matches!(error, KubernetesError::Launch(LaunchError::Gone { .. }));
                self.state.send_replace(if gone {
                    LinkState::Gone
                } else {
                    LinkState::Down
                });
                Err(error)
            }
        }
    }

    async fn open(&self, report: &(dyn Fn(Report) + Sync)) -> Result<Client, KubernetesError> {
        let options = &self.options;
        let started = Instant::now();
        let deadline = started + options.patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let pod = launch::wait_for_pod(&self.cluster, &options.workload, left).await?;
            match self.enter(&pod.name, started, report).await {
                Ok(client) => return Ok(client),
                // Nobody listens yet, or the pod went away under us.
                Err(error) if error.may_pass() && Instant::now() < deadline => sleep(PAUSE).await,
                Err(error) => return Err(error),
            }
        }
    }

    async fn enter(
        &self,
        pod: &str,
        started: Instant,
        report: &(dyn Fn(Report) + Sync),
    ) -> Result<Client, KubernetesError> {
        let options = &self.options;
        let mut stream = forward(&self.cluster.client, &options.namespace, pod, HOST_PORT).await?;
        let connected = || {
            report(Report::Connected {
                pod: pod.to_owned(),
                took: started.elapsed(),
            });
        };
        let mut first = true;
        let mut progress = |Uploading { sent, total }| {
            if std::mem::take(&mut first) {
                connected();
            }
            report(Report::Uploading { sent, total });
        };
        let token = options.token.as_bytes();
        let entered = stage::enter(&mut stream, token, &self.image, &mut progress).await?;
        if entered.facts.is_none() {
            connected();
        }
        report(Report::Entered {
            uploaded: entered.sent,
            took: started.elapsed(),
        });
        let (client, mut connection) =
            Client::start(stream)
                .await
                .map_err(|error| KubernetesError::Tunnel {
                    service: options.workload.name.clone(),
                    why: error.to_string(),
                })?;
        let state = Arc::clone(&self.state);
        state.send_replace(LinkState::Up);
        let pings = connection.ping_pong();
        tokio::spawn(async move {
            let silence = async {
                let Some(mut pings) = pings else {
                    return std::future::pending().await;
                };
                while let Ok(Ok(_)) = timeout(PATIENCE, pings.ping(Ping::opaque())).await {
                    sleep(QUIET).await;
                }
            };
            tokio::select! {
                _ = &mut connection => {}
                () = silence => {}
            }
            // Whatever it was: dropped here, it ends every stream in it.
            state.send_replace(LinkState::Down);
        });
        Ok(client)
    }

    /// Waits until the service is gone, or nobody has wanted the lost connection for `patience`.
    pub async fn unused(&self, patience: Duration) {
        let mut state = self.state.subscribe();
        loop {
            let now = *state.borrow_and_update();
            match now {
                LinkState::Gone => return,
                LinkState::Down => {
                    let deadline = Instant::now() + patience;
                    // A host that ends is gone a little before its workload is.
                    while timeout(LOOK, state.changed()).await.is_err() {
                        if Instant::now() > deadline || !self.exists().await {
                            return;
                        }
                    }
                }
                // The sender is ours: there will be a change.
                LinkState::Opening | LinkState::Up => drop(state.changed().await),
            }
        }
    }

    /// Whether the workload is still there. In doubt it is: who wants the connection will find out.
    async fn exists(&self) -> bool {
        let Workload {
            controller,
            name,
            uid,
        } = &self.options.workload;
        let api = controller.api(&self.cluster.client, &self.cluster.namespace);
        match api.get_metadata_opt(name).await {
            Ok(None) => false,
            Ok(Some(found)) => {
                found.metadata.uid.as_ref() == Some(uid)
                    && found.metadata.deletion_timestamp.is_none()
            }
            Err(_) => true,
        }
    }
}
