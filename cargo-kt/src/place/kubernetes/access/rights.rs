//! What the user may do, asked before anything is done.

use futures_util::future::try_join_all;
use k8s_openapi::api::{
    authentication::v1::SelfSubjectReview,
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
};
use kube::{Api, api::PostParams};

use super::{AccessError, Cluster};

/// The way into a pod, without which it is made in vain: verb, group, resource. kube opens it by a WebSocket, which asks for
/// `get`; a cluster of 1.35 or newer wants `create` for it too (feature gate `AuthorizePodWebsocketUpgradeCreatePermission`).
const WAY_IN: [(&str, &str, &str); 2] = [
    ("get", "", "pods/portforward"),
    ("create", "", "pods/portforward"),
];

/// What a Deployment that deletes itself needs beyond a Job: verb, group, resource.
const SELF_DELETION: [(&str, &str, &str); 5] = [
    ("create", "rbac.authorization.k8s.io", "roles"),
    ("create", "rbac.authorization.k8s.io", "rolebindings"),
    ("create", "", "serviceaccounts"),
    // Nobody may give rights away that they do not have.
    ("delete", "apps", "deployments"),
    ("get", "apps", "deployments"),
];

impl Cluster {
    /// Whether the user may let a pod delete its own Deployment.
    ///
    /// # Errors
    /// If the cluster does not say.
    pub async fn may_make_roles(&self) -> Result<bool, AccessError> {
        let reviews = SELF_DELETION.map(|(verb, group, resource)| self.may(verb, group, resource));
        Ok(try_join_all(reviews).await?.into_iter().all(|may| may))
    }

    /// Asks for the rights without which a launch is in vain.
    ///
    /// # Errors
    /// If one is missing, or the cluster does not say.
    pub async fn check_way_in(&self) -> Result<(), AccessError> {
        let reviews = WAY_IN.map(|(verb, group, resource)| self.may(verb, group, resource));
        let allowed = try_join_all(reviews).await?;
        let missing = WAY_IN.iter().zip(allowed).find(|(_, may)| !may);
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

    /// The user's name to the cluster, which need not be that of the kubeconfig's entry. A placeholder if it does not tell.
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

    /// Whether the user may do this to objects of this kind in the namespace; `resource` may be one of their parts,
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
