//! The kinds of objects that a service consists of.

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind},
};

/// The value of [`MANAGED_BY`], and the name of our field manager.
pub const MANAGER: &str = "cargo-kt";
/// Label on every object that cargo-kt creates. Source:
/// kubernetes.io/docs/concepts/overview/working-with-objects/common-labels.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label with the service's name.
pub const NAME: &str = "app.kubernetes.io/name";
/// Label with the name of the service's user.
pub const USER: &str = "cargo-kt/user";
/// Annotation with the root of the service's workspace.
pub const WORKSPACE: &str = "cargo-kt/workspace";
/// Annotation with the version of kt that created the object.
pub const VERSION: &str = "cargo-kt/version";
/// Annotation with a hash of the service's options.
pub const OPTIONS: &str = "cargo-kt/options";

/// The kind of workload that runs the pod and owns all other objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Controller {
    /// Its own host deletes it.
    Deployment,
    /// For users who cannot grant the host the right to delete. It completes when its host exits
    /// with 0.
    Job,
}

impl Controller {
    pub const ALL: [Self; 2] = [Self::Deployment, Self::Job];

    /// The resource name for kubectl.
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

/// The kinds that a workload owns. Secrets come first: leftovers of them are the most harmful.
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

/// The kind of a rendered object; `None` if services have no objects of the kind.
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
