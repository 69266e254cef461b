//! The secret that authenticates clients to a pod.

use std::{fs::File, io::Read};

use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use super::{Cluster, KubernetesError};

/// Bytes of a token before hexadecimal encoding.
const LENGTH: usize = 32;
/// Its key in the Secret.
pub const KEY: &str = "token";

/// Generates a token: 64 hexadecimal digits from the kernel's random number generator.
///
/// # Errors
/// If `/dev/urandom`, random(4), cannot be read.
pub fn new() -> std::io::Result<String> {
    let mut bytes = [0; LENGTH];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The token of an existing service; `None` if its launch was interrupted before the Secret
/// existed.
///
/// # Errors
/// If its Secret cannot be read or contains no token.
pub async fn read(cluster: &Cluster, service: &str) -> Result<Option<String>, KubernetesError> {
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let what = serde_json::json!({"kind": "Secret", "metadata": {"name": service}});
    let secret = cluster.ask("get", &what, secrets.get_opt(service)).await?;
    let Some(secret) = secret else {
        return Ok(None);
    };
    let token = secret.data.unwrap_or_default().remove(KEY);
    let token = token.and_then(|bytes| String::from_utf8(bytes.0).ok());
    token.map(Some).ok_or_else(|| KubernetesError::Token {
        service: service.to_owned(),
        why: format!("its Secret has no key `{KEY}`"),
    })
}
