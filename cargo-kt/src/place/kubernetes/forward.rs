//! A byte stream to a port in a pod, through the API server.
//!
//! Opening one takes some 50 ms, so there is one for all that a service is asked. Its end says nothing of the pod's: the
//! API server, the kubelet or anything between may have dropped it.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, client::UpgradeConnectionError};
use tokio::{io::DuplexStream, time::timeout};

/// How long the API server and the kubelet may take to open one.
const OPEN: Duration = Duration::from_secs(10);

/// Why there is no stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    #[error("no connection to the pod was opened within {} s", OPEN.as_secs())]
    Silent,
    #[error("the API server did not open a connection to the pod")]
    Refused(#[source] Box<kube::Error>),
    #[error(
        "this user may not open a connection to the pod\nhelp: an administrator grants `create` and `get` on `pods/portforward`: docs/rbac.yaml"
    )]
    Forbidden,
    #[error("the API server opened a connection to the pod without the port")]
    NoPort,
}

/// Opens a stream to a port on the loopback of a pod.
///
/// # Errors
/// If the API server refuses or does not answer. That nobody listens on the port shows only in the stream's end.
pub async fn forward(
    client: &Client,
    namespace: &str,
    pod: &str,
    port: u16,
) -> Result<DuplexStream, ForwardError> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let ports = [port];
    let opened = timeout(OPEN, pods.portforward(pod, &ports)).await;
    let mut forwarder = opened
        .map_err(|_| ForwardError::Silent)?
        .map_err(|error| match error {
            kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(status))
                if matches!(status.as_u16(), 401 | 403) =>
            {
                ForwardError::Forbidden
            }
            error => ForwardError::Refused(error.into()),
        })?;
    // Its task goes on by itself for as long as the stream is held.
    forwarder.take_stream(port).ok_or(ForwardError::NoPort)
}
