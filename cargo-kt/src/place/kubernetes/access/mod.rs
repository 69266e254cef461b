//! MINIMAL STAND-IN
use kube::{Client, Config, config::{KubeConfigOptions, Kubeconfig}};
use super::KubernetesError;

#[derive(Debug, Clone, Default)]
pub struct Selection { pub context: Option<String>, pub namespace: Option<String> }
#[derive(Debug, Clone)]
pub struct Identity { pub context: String, pub server: String, pub namespace: String }
#[derive(Clone)]
pub struct Cluster { pub client: Client, pub context: String, pub namespace: String, pub server: String }
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AccessError(pub String);

impl Identity { pub fn key(&self) -> String { format!("{}\n{}", self.context, self.server) } }
impl Selection {
    pub fn identify(&self) -> Result<Identity, AccessError> {
        let config = Kubeconfig::read().map_err(|e| AccessError(e.to_string()))?;
        let context = self.context.clone().or(config.current_context.clone()).ok_or_else(|| AccessError("no context".into()))?;
        let named = config.contexts.iter().find(|it| it.name == context).and_then(|it| it.context.clone()).ok_or_else(|| AccessError(format!("no context `{context}`")))?;
        let server = config.clusters.iter().find(|it| it.name == named.cluster).and_then(|it| it.cluster.clone()?.server).unwrap_or_default();
        let namespace = self.namespace.clone().or(named.namespace).unwrap_or_else(|| "default".into());
        Ok(Identity { context, server, namespace })
    }
}
impl Cluster {
    pub async fn open(selection: &Selection) -> Result<Self, AccessError> {
        let identity = selection.identify()?;
        let options = KubeConfigOptions { context: Some(identity.context.clone()), ..Default::default() };
        let config = Config::from_kubeconfig(&options).await.map_err(|e| AccessError(e.to_string()))?;
        let client = Client::try_from(config).map_err(|e| AccessError(e.to_string()))?;
        Ok(Self { client, context: identity.context, namespace: identity.namespace, server: identity.server })
    }
    pub fn key(&self) -> String { format!("{}\n{}", self.context, self.server) }
    pub fn refused(&self, verb: &str, object: &serde_json::Value, error: kube::Error) -> KubernetesError {
        AccessError(format!("failed to {verb} {} {}: {error}", object["kind"], object["metadata"]["name"])).into()
    }
    pub async fn may_make_roles(&self) -> Result<bool, AccessError> { Ok(true) }
}
