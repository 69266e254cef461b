use std::{path::PathBuf, time::Duration};

use kube::config::KubeconfigError;

use crate::terminal::text;

/// Why a cluster cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    #[error(
        "there is no kubeconfig: looked for {}\nhelp: set KUBECONFIG, or leave `--place kubernetes` out to stay on this machine",
        paths(looked)
    )]
    NoKubeconfig { looked: Vec<PathBuf> },
    #[error("the kubeconfig cannot be used: {source}")]
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
        "the API server {server} of context `{context}` cannot be reached{}: {why}\n\
         help: is the cluster up, and this machine in a network that leads to it? `kubectl --context {context} version` tells the same",
        through(proxy)
    )]
    Unreachable {
        server: String,
        context: String,
        proxy: Option<String>,
        why: String,
    },
    #[error(
        "the API server {server} of context `{context}` did not answer within {} s{}\nhelp: something between here and there swallows what is sent",
        after.as_secs(),
        through(proxy)
    )]
    Silent {
        server: String,
        context: String,
        proxy: Option<String>,
        after: Duration,
    },
    #[error(
        "the connection to {server} is not secure: {why}\nhelp: {}",
        tls_help(why)
    )]
    Tls { server: String, why: String },
    #[error(
        "{server} does not accept the credentials of user `{user}` (context `{context}`): they have expired or are wrong\n\
         help: log in to the cluster again"
    )]
    Unauthorized {
        server: String,
        context: String,
        user: String,
    },
    #[error(
        "the credential plugin `{command}` of user `{user}` cannot be started: {why}\nhelp: install it, or put it in PATH"
    )]
    PluginMissing {
        command: String,
        user: String,
        why: String,
    },
    #[error(
        "the credential plugin of user `{user}` gave no credentials: {why}\nhelp: log in as it says, and run again"
    )]
    Plugin { user: String, why: String },
    #[error("the credentials of user `{user}` cannot be used: {why}")]
    Credentials { user: String, why: String },
    #[error(
        "user `{user}` may not {verb} {resource} in namespace `{namespace}`\n\
         help: an administrator grants it, and all else that is needed, with docs/rbac.yaml; just this one:\n  \
         kubectl -n {namespace} create role cargo-kt-{verb}-{plural} --verb={verb} --resource={resource} && \
         kubectl -n {namespace} create rolebinding cargo-kt-{verb}-{plural} --role=cargo-kt-{verb}-{plural} --user={user}",
        plural = resource.split('.').next().unwrap_or(resource).replace('/', "-")
    )]
    Forbidden {
        user: String,
        verb: String,
        /// As kubectl takes it: `deployments.apps`.
        resource: String,
        namespace: String,
    },
    #[error(
        "namespace `{namespace}` does not exist in context `{context}`{}\nhelp: `kubectl --context {context} create namespace {namespace}`, or choose another with `--namespace`",
        nearest.as_ref().map(|it| format!(": did you mean `{it}`?")).unwrap_or_default()
    )]
    NoNamespace {
        namespace: String,
        context: String,
        nearest: Option<String>,
    },
    #[error(
        "namespace `{namespace}` is being deleted, and nothing can be made in it\nhelp: wait until it is gone, or choose another with `--namespace`"
    )]
    Terminating { namespace: String },
    #[error(
        "the cluster does not know the field {field} of a {kind}: it is too old for it, or the name is wrong\nhelp: leave it out of `pod_template`"
    )]
    UnknownField { field: String, kind: String },
    #[error("the cluster refuses to {verb} the {kind} `{name}`: {why}")]
    Refused {
        verb: &'static str,
        kind: String,
        name: String,
        why: String,
    },
}

fn paths(looked: &[PathBuf]) -> String {
    let paths: Vec<String> = looked.iter().map(|it| it.display().to_string()).collect();
    match paths.is_empty() {
        true => "$HOME/.kube/config, and HOME is not set".to_owned(),
        false => paths.join(", "),
    }
}

fn list(known: &[String]) -> String {
    match known.is_empty() {
        true => String::new(),
        false => format!("\nhelp: it has {}", text::names(known)),
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
            "is this machine's clock right? If it is, the cluster's certificate must be renewed"
        }
        why if why.contains("unknownissuer") => {
            "the kubeconfig's `certificate-authority` is not this server's: get a new kubeconfig"
        }
        why if why.contains("name") => {
            "the certificate is for another name: set `tls-server-name` in the kubeconfig"
        }
        _ => "check `certificate-authority` and `server` in the kubeconfig",
    }
}
