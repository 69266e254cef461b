//! Replaces `cluster` in a build without Kubernetes support.

use serde_json::{Value, json};

use super::check::{Check, Level, Need};
use crate::place::{cluster::Selection, kubernetes::KubernetesError};

/// Not an error: the user chose this build.
pub(super) async fn checks(_: &Selection) -> Vec<Check> {
    vec![Check {
        level: Level::Ok,
        ..Check::failed(Need::Kubernetes, "Kubernetes", &KubernetesError)
    }]
}

pub(super) fn kubeconfig() -> Value {
    json!("not read: this cargo-kt was built without Kubernetes support")
}
