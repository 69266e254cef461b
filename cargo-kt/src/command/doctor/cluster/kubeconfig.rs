//! The kubeconfig in a bug report, without credentials.

use kube::config::Kubeconfig;
use serde_json::{Value, json};

/// The user's kubeconfig, or a message if it cannot be read.
pub(in crate::command::doctor) fn kubeconfig() -> Value {
    match Kubeconfig::read() {
        Ok(config) => summary(&config),
        Err(_) => json!("missing or unreadable"),
    }
}

/// The contexts, clusters and users, and each user's authentication method without credentials.
fn summary(config: &Kubeconfig) -> Value {
    let contexts = config.contexts.iter().map(|it| {
        let context = it.context.as_ref();
        json!({
            "name": it.name,
            "cluster": context.map(|context| &context.cluster),
            "namespace": context.and_then(|context| context.namespace.as_ref()),
        })
    });
    let clusters = config.clusters.iter().map(|it| {
        let cluster = it.cluster.as_ref();
        json!({
            "name": it.name,
            "server": cluster.and_then(|cluster| cluster.server.as_ref()),
            "proxy": cluster.is_some_and(|cluster| cluster.proxy_url.is_some()),
        })
    });
    let users = config.auth_infos.iter().filter_map(|it| {
        let user = it.auth_info.as_ref()?;
        Some(json!({
            "token": user.token.is_some() || user.token_file.is_some(),
            "client_certificate": user.client_certificate.is_some() || user.client_certificate_data.is_some(),
            "password": user.password.is_some(),
            "plugin": user.exec.as_ref().and_then(|exec| exec.command.as_ref()),
        }))
    });
    json!({
        "current_context": config.current_context,
        "contexts": contexts.collect::<Vec<_>>(),
        "clusters": clusters.collect::<Vec<_>>(),
        "users": users.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_keeps_no_credentials() {
        let config: Kubeconfig = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "dev",
            "clusters": [{"name": "one", "cluster": {"server": "https://one:6443", "certificate-authority-data": "SEKRIT"}}],
            "contexts": [{"name": "dev", "context": {"cluster": "one", "user": "alice"}}],
            "users": [{"name": "alice", "user": {
                "token": "SEKRIT", "password": "SEKRIT", "username": "SEKRIT", "client-key-data": "SEKRIT",
                "exec": {"command": "login", "args": ["SEKRIT"], "env": [{"name": "A", "value": "SEKRIT"}]},
            }}],
        }))
        .unwrap();
        let text = summary(&config).to_string();
        assert!(!text.contains("SEKRIT"), "{text}");
        assert!(
            text.contains("https://one:6443") && text.contains("login"),
            "{text}"
        );
    }
}
