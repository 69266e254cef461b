use std::{path::PathBuf, time::Duration};

use kube::config::KubeconfigError;

use crate::terminal::text;

/// Why a request to a cluster failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    #[error(
        "no kubeconfig found; searched {}\nhelp: set KUBECONFIG, or omit `--place kubernetes` to run on this machine",
        paths(searched)
    )]
    NoKubeconfig { searched: Vec<PathBuf> },
    #[error("invalid kubeconfig: {source}")]
    Kubeconfig { source: Box<KubeconfigError> },
    #[error(
        "the kubeconfig has no current context: choose one with `--context`{}",
        list(known)
    )]
    NoContext { known: Vec<String> },
    #[error(
        "the kubeconfig has no context `{name}`{}{}",
        nearest.as_ref().map(|it| format!(": did you mean `{it}`?")).unwrap_or_default(),
        list(known)
    )]
    UnknownContext {
        name: String,
        nearest: Option<String>,
        known: Vec<String>,
    },
    #[error(
        "failed to connect to the API server {server} of context `{context}`{}: {why}\n\
         help: check that the cluster is running and reachable from this machine: `kubectl --context {context} version`",
        through(proxy)
    )]
    Unreachable {
        server: String,
        context: String,
        proxy: Option<String>,
        why: String,
    },
    #[error(
        "the API server {server} of context `{context}` did not answer within {} s{}\nhelp: a firewall or proxy may be dropping packets to the API server",
        after.as_secs(),
        through(proxy)
    )]
    TimedOut {
        server: String,
        context: String,
        proxy: Option<String>,
        after: Duration,
    },
    #[error("TLS handshake with {server} failed: {why}\nhelp: {}", tls_help(why))]
    Tls { server: String, why: String },
    #[error(
        "{server} rejected the credentials of user `{user}` (context `{context}`): they are expired or wrong\n\
         help: log in to the cluster again"
    )]
    Unauthorized {
        server: String,
        context: String,
        user: String,
    },
    #[error(
        "failed to start the credential plugin `{command}` of user `{user}`: {why}\nhelp: install it, or add it to PATH"
    )]
    PluginMissing {
        command: String,
        user: String,
        why: String,
    },
    #[error(
        "the credential plugin of user `{user}` failed: {why}\nhelp: follow the plugin's message, and re-run"
    )]
    Plugin { user: String, why: String },
    #[error("invalid credentials of user `{user}`: {why}")]
    Credentials { user: String, why: String },
    #[error(
        "user `{user}` is not allowed to {verb} {resource} in namespace `{namespace}`\n\
         help: ask an administrator to apply docs/rbac.yaml, or to grant this right alone:\n  \
         kubectl -n {namespace} create role cargo-kt-{verb}-{plural} --verb={verb} --resource={resource} && \
         kubectl -n {namespace} create rolebinding cargo-kt-{verb}-{plural} --role=cargo-kt-{verb}-{plural} --user={user}",
        plural = resource.split('.').next().unwrap_or(resource).replace('/', "-")
    )]
    Forbidden {
        user: String,
        verb: String,
        /// In kubectl's form: `deployments.apps`.
        resource: String,
        namespace: String,
    },
    #[error(
        "namespace `{namespace}` does not exist in context `{context}`{}\nhelp: create it with `kubectl --context {context} create namespace {namespace}`, or choose another with `--namespace`",
        nearest.as_ref().map(|it| format!(": did you mean `{it}`?")).unwrap_or_default()
    )]
    NoNamespace {
        namespace: String,
        context: String,
        nearest: Option<String>,
    },
    #[error(
        "namespace `{namespace}` is being deleted, so nothing can be created in it\nhelp: wait until it is deleted, or choose another with `--namespace`"
    )]
    Terminating { namespace: String },
    #[error(
        "unknown field {field} of a {kind}: the cluster is too old for it, or the name is wrong\nhelp: remove it from `pod_template`"
    )]
    UnknownField { field: String, kind: String },
    #[error("the cluster refused to {verb} the {kind} `{name}`: {why}")]
    Refused {
        verb: &'static str,
        kind: String,
        name: String,
        why: String,
    },
}

fn paths(searched: &[PathBuf]) -> String {
    let paths: Vec<String> = searched.iter().map(|it| it.display().to_string()).collect();
    match paths.is_empty() {
        true => "$HOME/.kube/config, and HOME is not set".to_owned(),
        false => paths.join(", "),
    }
}

fn list(known: &[String]) -> String {
    match known.is_empty() {
        true => String::new(),
        false => format!("\nhelp: available contexts: {}", text::names(known)),
    }
}

fn through(proxy: &Option<String>) -> String {
    proxy
        .as_ref()
        .map(|proxy| format!(" (through the proxy {proxy})"))
        .unwrap_or_default()
}

fn tls_help(why: &str) -> &'static str {
    match why.to_ascii_lowercase() {
        why if why.contains("expired")
            || why.contains("notvalidyet")
            || why.contains("not valid yet") =>
        {
            "check this machine's clock; if it is right, renew the cluster's certificate"
        }
        why if why.contains("unknownissuer") => {
            "the kubeconfig's `certificate-authority` did not sign this server's certificate: get a new kubeconfig"
        }
        why if why.contains("name") => {
            "the certificate is for another name: set `tls-server-name` in the kubeconfig"
        }
        _ => "check `certificate-authority` and `server` in the kubeconfig",
    }
}
