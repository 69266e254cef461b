//! Selects and connects to a cluster as kubectl does, and turns its errors into messages with a
//! remedy.

mod client;
mod error;
mod explain;
mod facts;
mod proxy;
mod rights;

use std::{path::PathBuf, time::Duration};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::time::timeout;

pub use error::AccessError;
pub use facts::ServerFacts;

use crate::place::{
    cluster::{Identity, Selection},
    nearest,
};

/// Timeout of a connection to the API server.
const CONNECT: Duration = Duration::from_secs(5);
/// Timeout of a request that needs no work.
const ANSWER: Duration = Duration::from_secs(15);

/// Resolves a selection. Reads only the kubeconfig.
///
/// # Errors
/// If no kubeconfig exists, or it has no such context.
pub fn identify(selection: &Selection) -> Result<Identity, AccessError> {
    resolve(selection, &kubeconfig()?)
}

fn resolve(selection: &Selection, config: &Kubeconfig) -> Result<Identity, AccessError> {
    let known = || -> Vec<String> { config.contexts.iter().map(|it| it.name.clone()).collect() };
    let wanted = selection.context.clone().or(config.current_context.clone());
    let wanted = wanted.filter(|name| !name.is_empty());
    let name = wanted.ok_or_else(|| AccessError::NoContext { known: known() })?;
    let found = config.contexts.iter().find(|it| it.name == name);
    let Some(context) = found.and_then(|it| it.context.clone()) else {
        let nearest = nearest(&name, known());
        let known = known();
        return Err(AccessError::UnknownContext {
            name,
            nearest,
            known,
        });
    };
    let cluster = config.clusters.iter().find(|it| it.name == context.cluster);
    let server = cluster.and_then(|it| it.cluster.as_ref()?.server.clone());
    let namespace = selection.namespace.clone().or(context.namespace);
    Ok(Identity {
        context: name,
        server: server.unwrap_or_default(),
        namespace: namespace.unwrap_or_else(|| "default".to_owned()),
        user: context.user.unwrap_or_default(),
    })
}

/// A client for a cluster and namespace.
#[derive(Clone)]
pub struct Cluster {
    pub client: Client,
    pub context: String,
    pub namespace: String,
    pub server: String,
    user: Login,
    proxy: Option<String>,
}

/// The user's login for the cluster.
#[derive(Debug, Clone, Default)]
struct Login {
    /// The context's user.
    name: String,
    /// The credential plugin, if one is configured.
    plugin: Option<String>,
}

impl Login {
    fn of(name: &str, config: &Kubeconfig) -> Self {
        let user = config.auth_infos.iter().find(|it| it.name == name);
        let plugin = user.and_then(|it| it.auth_info.as_ref()?.exec.as_ref()?.command.clone());
        Self {
            name: name.to_owned(),
            plugin,
        }
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.context, self.namespace)
    }
}

impl Cluster {
    /// Creates a client. Sends no request, except that a credential plugin may.
    ///
    /// # Errors
    /// If the kubeconfig is invalid, or the credentials cannot be obtained.
    pub async fn open(selection: &Selection) -> Result<Self, AccessError> {
        let kubeconfig = kubeconfig()?;
        let identity = resolve(selection, &kubeconfig)?;
        let user = Login::of(&identity.user, &kubeconfig);
        let options = KubeConfigOptions {
            context: Some(identity.context.clone()),
            ..KubeConfigOptions::default()
        };
        let own_proxy = has_proxy(&kubeconfig, &identity.context);
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let mut config = config.map_err(|source| AccessError::Kubeconfig {
            source: source.into(),
        })?;
        let variable = |name| std::env::var(name).ok();
        let no_proxy = variable("NO_PROXY").or_else(|| variable("no_proxy"));
        if !own_proxy && proxy::is_exempt(&config.cluster_url, &no_proxy.unwrap_or_default()) {
            config.proxy_url = None;
        }
        let proxy = config.proxy_url.as_ref().map(proxy::shown);
        let server = config.cluster_url.to_string();
        let Identity {
            context, namespace, ..
        } = identity;
        let client =
            client::client(config, CONNECT).map_err(|error| explain::credentials(&error, &user))?;
        Ok(Self {
            client,
            context,
            namespace,
            server,
            user,
            proxy,
        })
    }

    /// As [`Identity::key`].
    pub fn key(&self) -> String {
        let Self {
            context,
            server,
            user,
            ..
        } = self;
        let server = server.trim_end_matches('/');
        format!("{context}\n{server}\n{}", user.name)
    }

    /// Awaits the answer to a request. `object` has the `kind` and `metadata.name` for error
    /// messages.
    ///
    /// # Errors
    /// If the cluster cannot be reached, does not answer in time, or rejects the request.
    pub async fn ask<T>(
        &self,
        verb: &'static str,
        object: &serde_json::Value,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, AccessError> {
        let context = explain::RequestContext {
            cluster: self,
            verb,
            object,
        };
        match timeout(ANSWER, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(context.explain(error)),
            Err(_) => Err(context.timeout(ANSWER)),
        }
    }
}

/// Whether the kubeconfig sets a proxy for a context's cluster.
fn has_proxy(config: &Kubeconfig, context: &str) -> bool {
    let context = config.contexts.iter().find(|it| it.name == context);
    let name = context.and_then(|it| Some(&it.context.as_ref()?.cluster));
    let cluster = config.clusters.iter().find(|it| Some(&it.name) == name);
    cluster.is_some_and(|it| {
        it.cluster
            .as_ref()
            .is_some_and(|it| it.proxy_url.as_ref().is_some_and(|url| !url.is_empty()))
    })
}

fn kubeconfig() -> Result<Kubeconfig, AccessError> {
    let searched = search_paths();
    if !searched.iter().any(|path| path.exists()) {
        return Err(AccessError::NoKubeconfig { searched });
    }
    Kubeconfig::read().map_err(|source| AccessError::Kubeconfig {
        source: source.into(),
    })
}

/// The files that kubectl reads.
fn search_paths() -> Vec<PathBuf> {
    match std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty()) {
        Some(list) => std::env::split_paths(&list)
            .filter(|path| !path.as_os_str().is_empty())
            .collect(),
        None => std::env::home_dir()
            .into_iter()
            .map(|home| home.join(".kube/config"))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_contexts() -> Kubeconfig {
        let json = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "dev",
            "clusters": [
                {"name": "one", "cluster": {"server": "https://one:6443"}},
                {"name": "two", "cluster": {"server": "https://two:6443"}},
            ],
            "contexts": [
                {"name": "dev", "context": {"cluster": "one", "user": "alice", "namespace": "web"}},
                {"name": "prod", "context": {"cluster": "two", "user": "alice", "namespace": "web"}},
            ],
            "users": [{"name": "alice", "user": {"token": "x"}}],
        });
        serde_json::from_value(json).unwrap()
    }

    fn select(context: &str, namespace: &str) -> Result<Identity, AccessError> {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let selection = Selection {
            context: given(context),
            namespace: given(namespace),
        };
        resolve(&selection, &two_contexts())
    }

    #[test]
    fn context_and_namespace_are_selected_as_by_kubectl() {
        let chosen = select("", "").unwrap();
        assert_eq!((&*chosen.context, &*chosen.namespace), ("dev", "web"));
        let chosen = select("prod", "db").unwrap();
        assert_eq!(
            (&*chosen.server, &*chosen.namespace),
            ("https://two:6443", "db")
        );
    }

    #[test]
    fn the_same_namespace_in_two_contexts_has_different_keys() {
        assert_ne!(
            select("dev", "").unwrap().key(),
            select("prod", "").unwrap().key()
        );
    }

    #[test]
    fn an_unknown_context_suggests_the_nearest() {
        let error = select("prd", "").unwrap_err().to_string();
        assert!(error.contains("did you mean `prod`?"), "{error}");
    }
}
