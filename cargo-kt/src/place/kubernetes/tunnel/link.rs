//! The connection to the host in the pod. It is re-established after a loss.

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

/// Interval between attempts to reach a running pod, whose first stage may be starting.
const PAUSE: Duration = Duration::from_millis(30);
/// Interval between a ping's answer and the next ping.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// Interval between checks whether the service of a lost connection still exists.
const POLL: Duration = Duration::from_secs(1);
/// Timeout of a ping.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The state of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// The connection is being opened.
    Connecting,
    Up,
    /// The connection is lost. The next client re-establishes it.
    Down,
    /// The service no longer exists in the cluster.
    Deleted,
}

/// The connection to one service.
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

    /// Whether the connection is up, as far as is known.
    pub fn is_up(&self) -> bool {
        *self.state.borrow() == LinkState::Up
    }

    /// The connection. Opens one if none is up.
    ///
    /// # Errors
    /// If the service no longer exists, or its pod cannot be reached in time.
    pub async fn client(
        &self,
        report: &(dyn Fn(Report) + Sync),
    ) -> Result<Client, KubernetesError> {
        // The first client opens the connection; all others wait for it.
        let mut client = self.client.lock().await;
        if let Some(client) = client.as_ref().filter(|_| self.is_up()) {
            return Ok(client.clone());
        }
        self.state.send_replace(LinkState::Connecting);
        match self.open(report).await {
            Ok(opened) => {
                *client = Some(opened.clone());
                Ok(opened)
            }
            Err(error) => {
                let deleted =
                    matches!(error, KubernetesError::Launch(LaunchError::NotFound { .. }));
                self.state.send_replace(if deleted {
                    LinkState::Deleted
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
        let deadline = started + options.launch_timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let pod = launch::wait_for_pod(&self.cluster, &options.workload, left).await?;
            match self.enter(&pod.name, started, report).await {
                Ok(client) => return Ok(client),
                // No process listens yet, or the pod was replaced.
                Err(error) if error.is_transient() && Instant::now() < deadline => {
                    tracing::debug!(pod = pod.name, %error, "connecting again");
                    sleep(PAUSE).await;
                }
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
        tracing::info!("connected to pod {pod}");
        let state = Arc::clone(&self.state);
        state.send_replace(LinkState::Up);
        let pings = connection.ping_pong();
        tokio::spawn(async move {
            let silence = async {
                let Some(mut pings) = pings else {
                    return std::future::pending().await;
                };
                while let Ok(Ok(_)) = timeout(TIMEOUT, pings.ping(Ping::opaque())).await {
                    sleep(PING_INTERVAL).await;
                }
            };
            tokio::select! {
                _ = &mut connection => {}
                () = silence => {}
            }
            tracing::info!("the connection to the pod is lost");
            // In either case, dropping the connection ends its streams.
            state.send_replace(LinkState::Down);
        });
        Ok(client)
    }

    /// Waits until the service no longer exists, or no client has requested the lost connection for
    /// `limit`.
    pub async fn unused(&self, limit: Duration) {
        let mut state = self.state.subscribe();
        loop {
            let now = *state.borrow_and_update();
            match now {
                LinkState::Deleted => return,
                LinkState::Down => {
                    let deadline = Instant::now() + limit;
                    // A host that stops exits shortly before its workload is deleted.
                    while timeout(POLL, state.changed()).await.is_err() {
                        if Instant::now() > deadline || !self.exists().await {
                            return;
                        }
                    }
                }
                // This struct owns the sender, so `changed` cannot fail.
                LinkState::Connecting | LinkState::Up => drop(state.changed().await),
            }
        }
    }

    /// Whether the workload still exists. True in doubt: the next client of the connection finds
    /// out.
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
