//! Checks the user's rights before a launch.

use futures_util::future::try_join_all;
use k8s_openapi::api::{
    authentication::v1::SelfSubjectReview,
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
};
use kube::{Api, api::PostParams};

use super::{AccessError, Cluster};

/// The rights to connect to a pod, without which a launch is useless: verb, group, resource. kube
/// uses a WebSocket, which requires `get`. Kubernetes 1.35 and newer also requires `create`
/// (feature gate `AuthorizePodWebsocketUpgradeCreatePermission`).
const PORT_FORWARD: [(&str, &str, &str); 2] = [
    ("get", "", "pods/portforward"),
    ("create", "", "pods/portforward"),
];

/// The rights for a Deployment that deletes itself, beyond those for a Job: verb, group, resource.
const SELF_DELETION: [(&str, &str, &str); 5] = [
    ("create", "rbac.authorization.k8s.io", "roles"),
    ("create", "rbac.authorization.k8s.io", "rolebindings"),
    ("create", "", "serviceaccounts"),
    // A user can grant only rights that the user has.
    ("delete", "apps", "deployments"),
    ("get", "apps", "deployments"),
];

impl Cluster {
    /// Whether the user can allow a pod to delete its own Deployment.
    ///
    /// # Errors
    /// If the cluster cannot be queried.
    pub async fn may_create_roles(&self) -> Result<bool, AccessError> {
        let reviews = SELF_DELETION.map(|(verb, group, resource)| self.may(verb, group, resource));
        Ok(try_join_all(reviews).await?.into_iter().all(|may| may))
    }

    /// Checks the rights to connect to a pod.
    ///
    /// # Errors
    /// If a right is missing, or the cluster cannot be queried.
    pub async fn check_port_forward(&self) -> Result<(), AccessError> {
        let reviews = PORT_FORWARD.map(|(verb, group, resource)| self.may(verb, group, resource));
        let allowed = try_join_all(reviews).await?;
        let missing = PORT_FORWARD.iter().zip(allowed).find(|(_, may)| !may);
        match missing {
            None => Ok(()),
            Some(((verb, _, resource), _)) => Err(AccessError::Forbidden {
                user: self.who_am_i().await,
                verb: (*verb).to_owned(),
                resource: (*resource).to_owned(),
                namespace: self.namespace.clone(),
            }),
        }
    }

    /// The user's name in the cluster, which may differ from the kubeconfig's. A placeholder if the
    /// query fails.
    async fn who_am_i(&self) -> String {
        let reviews: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let (what, parameters) = (
            serde_json::json!({"kind": "SelfSubjectReview"}),
            PostParams::default(),
        );
        let review = SelfSubjectReview::default();
        let asking = reviews.create(&parameters, &review);
        let answer = self.ask("create", &what, asking).await.ok();
        let name = answer.and_then(|it| it.status?.user_info?.username);
        name.unwrap_or_else(|| "YOU".to_owned())
    }

    /// Whether the user has a right in the namespace. `resource` may have a subresource:
    /// `pods/log`.
    async fn may(&self, verb: &str, group: &str, resource: &str) -> Result<bool, AccessError> {
        let (resource, part) = match resource.split_once('/') {
            Some((resource, part)) => (resource, Some(part.to_owned())),
            None => (resource, None),
        };
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    group: Some(group.to_owned()),
                    namespace: Some(self.namespace.clone()),
                    resource: Some(resource.to_owned()),
                    subresource: part,
                    verb: Some(verb.to_owned()),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let what = serde_json::json!({"kind": "SelfSubjectAccessReview"});
        let parameters = PostParams::default();
        let asking = reviews.create(&parameters, &review);
        let answer = self.ask("create", &what, asking).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}
