//! A workload that was just let go, until its pod runs: what happens on the way, and as early as it is certain why it will not.
//!
//! What the cluster says is watched (the workload, its pods, the namespace's events) and goes into a [snapshot](seen::Seen);
//! [`verdict`](verdict::verdict) alone decides what that means. Objects are told apart by their ids and time is measured here, so
//! the cluster's clocks do not matter.

mod cause;
mod error;
mod pod;
mod room;
mod seen;
mod verdict;
mod watch;

use std::{collections::VecDeque, time::Duration};

use futures_util::{StreamExt, stream::BoxStream};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::LogParams};
use tokio::time::{Instant, timeout, timeout_at};

pub use cause::Cause;
pub use error::LaunchError;
pub use pod::{has_failed, image_of, pod_of, wait_for_pod};
pub use seen::RunningPod;

use self::{
    room::Nodes,
    seen::{Change, Seen},
    verdict::{Verdict, verdict},
};
use super::{Cluster, Workload};

/// The container in which everything of ours runs.
pub const CONTAINER: &str = "kt";
/// How long the log of a container that crashed may take to be had.
const LOG: Duration = Duration::from_secs(3);
/// Of that log, the last lines.
const LINES: i64 = 12;

/// A phase that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    Scheduled {
        node: String,
    },
    /// In the kubelet's words: from the registry, or present.
    Pulled {
        words: String,
    },
    Started {
        pod: String,
    },
}

/// A launch that is watched.
pub struct Launch {
    cluster: Cluster,
    workload: Workload,
    begun: Instant,
    patience: Duration,
    changes: BoxStream<'static, Change>,
    seen: Seen,
    told: Vec<Step>,
    steps: VecDeque<Step>,
}

impl Launch {
    /// Watches a workload, for `patience` from now on.
    pub fn watch(cluster: &Cluster, workload: &Workload, patience: Duration) -> Self {
        Self {
            cluster: cluster.clone(),
            workload: workload.clone(),
            begun: Instant::now(),
            patience,
            changes: watch::changes(cluster, workload),
            seen: Seen::new(workload),
            told: Vec::new(),
            steps: VecDeque::new(),
        }
    }

    /// The next phase; `None` once the container runs.
    ///
    /// # Errors
    /// As soon as it is certain that it never will, or when the time is up.
    pub async fn next(&mut self) -> Result<Option<Step>, LaunchError> {
        loop {
            if let Some(step) = self.steps.pop_front() {
                return Ok(Some(step));
            }
            match self.look().await? {
                Some(()) => return Ok(None),
                None => self.change().await,
            }
        }
    }

    /// Resolves if the launch fails although the container had run: it ends, or its pod does.
    pub async fn failed(&mut self) -> LaunchError {
        loop {
            self.change().await;
            // That it runs is no news; that it does not any more may be.
            match self.look().await {
                Err(error @ LaunchError::Failed { .. }) => return error,
                _ => self.steps.clear(),
            }
        }
    }

    /// What is known now: whether it runs, and what to tell.
    async fn look(&mut self) -> Result<Option<()>, LaunchError> {
        for step in self.seen.steps() {
            if !self.told.contains(&step) {
                self.told.push(step.clone());
                self.steps.push_back(step);
            }
        }
        let late = self.begun.elapsed() >= self.patience;
        let cause = match verdict(&self.seen) {
            Verdict::Running => return Ok(Some(())),
            Verdict::Failed(cause) => cause,
            Verdict::Unless(cause, grace) if late || self.seen.unchanged_for() >= grace => cause,
            Verdict::Waiting(what) if late => {
                return Err(LaunchError::TimedOut {
                    service: self.workload.name.clone(),
                    after: self.patience,
                    waiting_for: what,
                    last: self.seen.last_words(),
                });
            }
            Verdict::Unless(..) | Verdict::Waiting(_) => return Ok(None),
        };
        let (cluster, service) = (self.cluster.clone(), self.workload.name.clone());
        Err(failure(
            cluster,
            service,
            (self.begun.elapsed(), self.seen.cpu()),
            cause,
        )
        .await)
    }

    /// Waits for news, or for the moment at which no news are some.
    async fn change(&mut self) {
        let mut deadline = self.begun + self.patience;
        if let Verdict::Unless(_, grace) = verdict(&self.seen) {
            deadline = deadline.min(self.seen.changed_at() + grace);
        }
        // While it only has to go on running there is no deadline.
        let deadline = deadline.max(Instant::now() + Duration::from_millis(20));
        if let Ok(Some(change)) = timeout_at(deadline, self.changes.next()).await {
            self.seen.take(change);
        }
    }
}

/// A failure, with what makes its cause plain: what the container said last if it is the one that failed, what the nodes have
/// left if that is too little.
async fn failure(
    cluster: Cluster,
    service: String,
    (after, cpu): (Duration, Option<String>),
    mut cause: Cause,
) -> LaunchError {
    let mut lines = String::new();
    match &mut cause {
        Cause::Crashed { pod, container, .. } => lines = log(&cluster, pod, container).await,
        Cause::Unschedulable { words, nodes } => {
            *nodes = Nodes::look(&cluster, words, cpu.as_deref()).await;
        }
        _ => {}
    }
    LaunchError::Failed {
        service,
        after,
        cause: Box::new(cause),
        lines,
    }
}

async fn log(cluster: &Cluster, pod: &str, container: &str) -> String {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    for previous in [true, false] {
        let parameters = LogParams {
            container: Some(container.to_owned()),
            previous,
            tail_lines: Some(LINES),
            ..LogParams::default()
        };
        if let Ok(Ok(lines)) = timeout(LOG, pods.logs(pod, &parameters)).await
            && !lines.trim().is_empty()
        {
            return lines;
        }
    }
    String::new()
}
