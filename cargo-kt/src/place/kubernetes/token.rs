//! The secret by which a pod knows us.

use std::{fs::File, io::Read};

use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use super::{Cluster, KubernetesError};

/// Bytes of a token before it is written in hexadecimal.
const LENGTH: usize = 32;
/// Its key in the Secret.
pub const KEY: &str = "token";

/// A new token, 64 hexadecimal digits from the kernel's random numbers.
///
/// # Errors
/// If there are none: `/dev/urandom`, random(4).
pub fn new() -> std::io::Result<String> {
    let mut bytes = [0; LENGTH];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The token of a service that is there; `None` if it was left unfinished.
///
/// # Errors
/// If its Secret cannot be read or holds none.
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
