//! MINIMAL STAND-IN
use std::time::Duration;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt, api::ListParams};
use tokio::time::{Instant, sleep};
use super::{Cluster, Workload};
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LaunchError(pub String);
#[derive(Debug, Clone)]
pub enum Step { Scheduled { node: String, took: Duration }, Started { took: Duration } }
#[derive(Debug, Clone)]
pub struct RunningPod { pub name: String }
pub async fn pod_of(cluster: &Cluster, workload: &Workload) -> Result<Option<RunningPod>, LaunchError> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let list = pods.list(&ListParams::default().labels(&format!("app.kubernetes.io/name={}", workload.name))).await.map_err(|e| LaunchError(e.to_string()))?;
    for pod in list.items {
        if pod.metadata.deletion_timestamp.is_some() { continue; }
        let running = pod.status.as_ref().and_then(|s| s.container_statuses.as_ref()).is_some_and(|c| c.iter().any(|c| c.name == "kt" && c.state.as_ref().is_some_and(|s| s.running.is_some())));
        if running { return Ok(Some(RunningPod { name: pod.name_any() })); }
    }
    Ok(None)
}
pub async fn wait_for_pod(cluster: &Cluster, workload: &Workload, patience: Duration) -> Result<RunningPod, LaunchError> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(pod) = pod_of(cluster, workload).await? { return Ok(pod); }
        if Instant::now() > deadline { return Err(LaunchError("the pod is not up".into())); }
        sleep(Duration::from_millis(50)).await;
    }
}
pub struct Launch;
impl Launch {
    pub fn watch(_: &Cluster, _: &Workload, _: Duration) -> Self { Self }
    pub async fn next(&mut self) -> Result<Option<Step>, LaunchError> { Ok(None) }
    pub async fn failed(&mut self) -> LaunchError { std::future::pending().await }
}
