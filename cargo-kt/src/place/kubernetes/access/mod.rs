//! The cluster that a person means, reached as kubectl would, and why it refuses in words that say what to do.

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

use crate::place::nearest;

/// How long the API server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long it may take to answer a request that needs no work.
const ANSWER: Duration = Duration::from_secs(15);

/// What was typed of the cluster.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// A context of the kubeconfig, else its current one.
    pub context: Option<String>,
    /// Else the context's, else `default`.
    pub namespace: Option<String>,
}

/// What a selection comes to, as far as the kubeconfig tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub context: String,
    pub server: String,
    pub namespace: String,
    /// The context's user, for messages.
    pub user: String,
}

impl Identity {
    /// Tells clusters apart, and the users of one.
    pub fn key(&self) -> String {
        format!("{}\n{}\n{}", self.context, self.server, self.user)
    }
}

impl Selection {
    /// Reads the kubeconfig and nothing else.
    ///
    /// # Errors
    /// If there is none, or it has no such context.
    pub fn identify(&self) -> Result<Identity, AccessError> {
        self.find(&kubeconfig()?)
    }

    fn find(&self, config: &Kubeconfig) -> Result<Identity, AccessError> {
        let known =
            || -> Vec<String> { config.contexts.iter().map(|it| it.name.clone()).collect() };
        let wanted = self.context.clone().or(config.current_context.clone());
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
        let namespace = self.namespace.clone().or(context.namespace);
        Ok(Identity {
            context: name,
            server: server.unwrap_or_default(),
            namespace: namespace.unwrap_or_else(|| "default".to_owned()),
            user: context.user.unwrap_or_default(),
        })
    }
}

/// A cluster that answers requests.
#[derive(Clone)]
pub struct Cluster {
    pub client: Client,
    pub context: String,
    pub namespace: String,
    pub server: String,
    user: Login,
    proxy: Option<String>,
}

/// Who a person is to the cluster.
#[derive(Debug, Clone, Default)]
struct Login {
    /// The context's user.
    name: String,
    /// The program that gives credentials, if one does.
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
    /// Prepares to talk to a cluster; no request is made yet but a credential plugin's.
    ///
    /// # Errors
    /// If the kubeconfig cannot be used, or no credentials can be had.
    pub async fn open(selection: &Selection) -> Result<Self, AccessError> {
        let kubeconfig = kubeconfig()?;
        let identity = selection.find(&kubeconfig)?;
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

    /// Waits for a request's answer. `object` says of what kind and name it is about: `kind`, `metadata.name`.
    ///
    /// # Errors
    /// If the cluster cannot be reached, does not answer in time, or refuses.
    pub async fn ask<T>(
        &self,
        verb: &'static str,
        object: &serde_json::Value,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, AccessError> {
        let asked = explain::Asked {
            cluster: self,
            verb,
            object,
        };
        match timeout(ANSWER, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(asked.explain(error)),
            Err(_) => Err(asked.silent(ANSWER)),
        }
    }
}

/// Whether the kubeconfig itself names a proxy for a context's cluster.
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
    let looked = looked_at();
    if !looked.iter().any(|path| path.exists()) {
        return Err(AccessError::NoKubeconfig { looked });
    }
    Kubeconfig::read().map_err(|source| AccessError::Kubeconfig {
        source: source.into(),
    })
}

/// The files that kubectl would read.
fn looked_at() -> Vec<PathBuf> {
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
        selection.find(&two_contexts())
    }

    #[test]
    fn context_and_namespace_are_chosen_as_kubectl_does() {
        let chosen = select("", "").unwrap();
        assert_eq!((&*chosen.context, &*chosen.namespace), ("dev", "web"));
        let chosen = select("prod", "db").unwrap();
        assert_eq!(
            (&*chosen.server, &*chosen.namespace),
            ("https://two:6443", "db")
        );
    }

    #[test]
    fn the_same_namespace_of_two_contexts_is_not_the_same_place() {
        assert_ne!(
            select("dev", "").unwrap().key(),
            select("prod", "").unwrap().key()
        );
    }

    #[test]
    fn an_unknown_context_is_answered_with_the_nearest() {
        let error = select("prd", "").unwrap_err().to_string();
        assert!(error.contains("did you mean `prod`?"), "{error}");
    }
}
