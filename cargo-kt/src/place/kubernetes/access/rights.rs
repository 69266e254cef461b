//! What the user may do, asked before anything is done.

use futures_util::future::try_join_all;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::{Api, api::PostParams};

use super::{AccessError, Cluster};

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

    /// Whether the user may do this to objects of this kind in the namespace.
    async fn may(&self, verb: &str, group: &str, resource: &str) -> Result<bool, AccessError> {
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    group: Some(group.to_owned()),
                    namespace: Some(self.namespace.clone()),
                    resource: Some(resource.to_owned()),
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
