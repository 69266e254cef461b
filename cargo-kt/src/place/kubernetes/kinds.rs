//! The kinds of object that a service is made of.

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind},
};

/// Who made an object: the value of [`MANAGED_BY`], and our field manager.
pub const MANAGER: &str = "cargo-kt";
/// Label of every object that is ours. Source: kubernetes.io/docs/concepts/overview/working-with-objects/common-labels.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label with the service's name.
pub const NAME: &str = "app.kubernetes.io/name";
/// Label with the name of the user whose service it is.
pub const USER: &str = "cargo-kt/user";
/// Annotation with the root of the workspace that the service is for.
pub const WORKSPACE: &str = "cargo-kt/workspace";
/// Annotation with the version of kt that made the object.
pub const VERSION: &str = "cargo-kt/version";
/// Annotation with a hash of what the service was asked to be.
pub const OPTIONS: &str = "cargo-kt/options";

/// What runs the pod, and owns everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Controller {
    /// Deleted by its own host in the end.
    Deployment,
    /// For users who may not give a host the right to delete anything: its end is its host's clean exit.
    Job,
}

impl Controller {
    pub const ALL: [Self; 2] = [Self::Deployment, Self::Job];

    /// As kubectl says it.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Job => "job",
        }
    }

    pub fn kind(self) -> ApiResource {
        match self {
            Self::Deployment => kind("apps", "v1", "Deployment", "deployments"),
            Self::Job => kind("batch", "v1", "Job", "jobs"),
        }
    }

    /// The objects of this kind in a namespace.
    pub fn api(self, client: &Client, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(client.clone(), namespace, &self.kind())
    }
}

/// The kinds that a workload owns, Secrets first: what is most worth not to be left behind.
pub fn dependents() -> [ApiResource; 6] {
    [
        kind("", "v1", "Secret", "secrets"),
        kind("", "v1", "ConfigMap", "configmaps"),
        kind("", "v1", "Service", "services"),
        kind("", "v1", "ServiceAccount", "serviceaccounts"),
        kind(
            "rbac.authorization.k8s.io",
            "v1",
            "RoleBinding",
            "rolebindings",
        ),
        kind("rbac.authorization.k8s.io", "v1", "Role", "roles"),
    ]
}

/// The kind of an object as it is written; `None` for one that no service is made of.
pub fn of(object: &serde_json::Value) -> Option<ApiResource> {
    let written = object.get("kind")?.as_str()?;
    let workloads = Controller::ALL.into_iter().map(Controller::kind);
    workloads
        .chain(dependents())
        .find(|resource| resource.kind == written)
}

fn kind(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}
