//! Watches a launch until the pod runs. Reports each phase, and a failure as early as it is
//! certain.
//!
//! Watch events (the workload, its pods, the namespace's events) update a
//! [snapshot](snapshot::LaunchSnapshot), which [`verdict`](verdict::verdict) alone interprets.
//! Objects are identified by uid and time is measured on this machine, so the cluster's clocks do
//! not matter.

mod capacity;
mod cause;
mod error;
mod image;
mod pod;
mod snapshot;
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
pub use snapshot::RunningPod;

use self::{
    capacity::Nodes,
    image::ImageFacts,
    snapshot::{Change, LaunchSnapshot},
    verdict::{Verdict, verdict},
};
use super::{Cluster, Workload, registry::ImageCheck};
use crate::place::LaunchStep;

/// The container in which the host and its worker run.
pub const CONTAINER: &str = "kt";
/// Timeout to read the log of a crashed container.
const LOG: Duration = Duration::from_secs(3);
/// How many of its last lines are read.
const LINES: i64 = 12;

/// A watched launch.
pub struct Launch<'a> {
    cluster: Cluster,
    workload: Workload,
    begun: Instant,
    timeout: Duration,
    changes: BoxStream<'static, Change>,
    snapshot: LaunchSnapshot,
    reported: Vec<LaunchStep>,
    steps: VecDeque<LaunchStep>,
    image: &'a ImageCheck,
}

impl<'a> Launch<'a> {
    /// Starts to watch a workload, until `timeout`.
    pub fn watch(
        cluster: &Cluster,
        workload: &Workload,
        timeout: Duration,
        image: &'a ImageCheck,
    ) -> Self {
        Self {
            cluster: cluster.clone(),
            workload: workload.clone(),
            begun: Instant::now(),
            timeout,
            changes: watch::changes(cluster, workload),
            snapshot: LaunchSnapshot::new(workload),
            reported: Vec::new(),
            steps: VecDeque::new(),
            image,
        }
    }

    /// The next phase; `None` once the container runs.
    ///
    /// # Errors
    /// As soon as it is certain that the container will not run, or at the timeout.
    pub async fn next(&mut self) -> Result<Option<LaunchStep>, LaunchError> {
        loop {
            if let Some(step) = self.steps.pop_front() {
                return Ok(Some(step));
            }
            match self.evaluate().await? {
                Some(()) if self.steps.is_empty() => return Ok(None),
                Some(()) => {}
                None => self.change().await,
            }
        }
    }

    /// Resolves if the launch fails after the container has run: the container or its pod stops.
    pub async fn failed(&mut self) -> LaunchError {
        loop {
            self.change().await;
            // Ignore all changes but a failure.
            match self.evaluate().await {
                Err(error @ LaunchError::Failed { .. }) => return error,
                _ => self.steps.clear(),
            }
        }
    }

    /// Evaluates the snapshot: queues new steps, and returns `Some` if the container runs.
    async fn evaluate(&mut self) -> Result<Option<()>, LaunchError> {
        for step in self.snapshot.steps() {
            if !self.reported.contains(&step) {
                self.reported.push(step.clone());
                self.steps.push_back(step);
            }
        }
        self.add_image_steps();
        let late = self.begun.elapsed() >= self.timeout;
        let verdict = verdict(&self.snapshot);
        tracing::trace!(?verdict, late, "launch verdict");
        let cause = match verdict {
            Verdict::Running => return Ok(Some(())),
            Verdict::Failed(cause) => cause,
            Verdict::Unless(cause, grace) if late || self.snapshot.unchanged_for() >= grace => {
                cause
            }
            Verdict::Waiting(what) if late => {
                return Err(LaunchError::TimedOut {
                    service: self.workload.name.clone(),
                    after: self.timeout,
                    waiting_for: what,
                    last: self.snapshot.last_message(),
                });
            }
            Verdict::Unless(..) | Verdict::Waiting(_) => return Ok(None),
        };
        tracing::debug!(?cause, "launch failed");
        let (cluster, service) = (self.cluster.clone(), self.workload.name.clone());
        Err(failure(
            cluster,
            service,
            (self.begun.elapsed(), self.snapshot.cpu()),
            cause,
            self.image,
        )
        .await)
    }

    /// Adds to the steps what the registry said about the image.
    fn add_image_steps(&mut self) {
        let Some(image) = self.image.found() else {
            return;
        };
        let name = format!("\"{}\"", self.image.image());
        for step in &mut self.steps {
            if let LaunchStep::Pulled { message, size } = step
                && message.contains(&name)
            {
                *size = image.size;
            }
        }
        let (pulling, pulled) = self.snapshot.pull_of(&name);
        let foreign = !image.platforms.is_empty() && !image.platforms.contains(self.image.pod());
        let steps = [
            image
                .size
                .filter(|_| pulling && !pulled)
                .map(|size| LaunchStep::Pulling { size }),
            (foreign && pulled).then(|| LaunchStep::ForeignImage {
                image: self.image.image().to_owned(),
                platforms: image::listed(&image.platforms),
                pod: self.image.pod().to_string(),
            }),
        ];
        for step in steps.into_iter().flatten() {
            if !self.reported.contains(&step) {
                self.reported.push(step.clone());
                self.steps.push_back(step);
            }
        }
    }

    /// Waits for a change, or until the lack of changes settles the verdict.
    async fn change(&mut self) {
        let mut deadline = self.begun + self.timeout;
        if let Verdict::Unless(_, grace) = verdict(&self.snapshot) {
            deadline = deadline.min(self.snapshot.changed_at() + grace);
        }
        // A running pod has no deadline: do not spin after the timeout.
        let deadline = deadline.max(Instant::now() + Duration::from_millis(20));
        let image = self.image;
        tokio::select! {
            changed = timeout_at(deadline, self.changes.next()) => {
                if let Ok(Some(change)) = changed {
                    self.snapshot.apply(change);
                }
            }
            // It may add a step.
            () = image.answered(), if !image.is_answered() => {}
        }
    }
}

/// Adds details to a failure: the last log lines of a crashed container, the nodes' free capacity if
/// the pod is unschedulable, or what the registry says about an image that cannot be pulled.
async fn failure(
    cluster: Cluster,
    service: String,
    (after, cpu): (Duration, Option<String>),
    mut cause: Cause,
    check: &ImageCheck,
) -> LaunchError {
    let mut lines = String::new();
    match &mut cause {
        Cause::Crashed { pod, container, .. } => lines = log(&cluster, pod, container).await,
        Cause::Unschedulable { message, nodes } => {
            *nodes = Nodes::query(&cluster, message, cpu.as_deref()).await;
        }
        Cause::Image {
            image, why, known, ..
        } => *known = ImageFacts::of(check, image, *why, &cluster).await,
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
