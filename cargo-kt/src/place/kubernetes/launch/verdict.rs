//! Decides from a snapshot whether the pod will run.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

use super::{
    Cause, RunningPod,
    capacity::Nodes,
    cause::{End, Refusal},
    image::{ImageCause, ImageFacts},
    snapshot::LaunchSnapshot,
};

/// Time after which an unschedulable pod counts as failed. An autoscaler checks every 10 s (Cluster
/// Autoscaler's `--scan-interval`) and reports its decision in an event.
const AUTOSCALER: Duration = Duration::from_secs(12);
/// Time for retries of an image pull that failed for an unclear reason, or of a failed mount.
const RETRIES: Duration = Duration::from_secs(20);
/// The kubelet's reasons for a container that waits for a missing image.
const NOT_PULLED: [&str; 5] = [
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "RegistryUnavailable",
    "ImageInspectError",
];

/// The interpretation of a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// What the pod waits for: "for …".
    Waiting(String),
    Running,
    Failed(Cause),
    /// The pod fails unless something changes within this time.
    Unless(Cause, Duration),
}

pub fn verdict(snapshot: &LaunchSnapshot) -> Verdict {
    if let Some(pod) = snapshot.pod() {
        return of_pod(snapshot, pod);
    }
    let refused = snapshot
        .events()
        .find(|event| event.reason == "FailedCreate");
    match refused {
        Some(event) => {
            let (why, message) = (refusal(&event.message), event.message.clone());
            // The denials of a webhook and of a ValidatingAdmissionPolicy.
            let denied =
                message.contains("denied the request") || message.contains("denied request");
            let transient = why == Refusal::Admission && !denied;
            let cause = Cause::Refused { why, message };
            match transient {
                // The webhook does not run, or the API server is busy.
                true => Verdict::Unless(cause, RETRIES),
                false => Verdict::Failed(cause),
            }
        }
        None => Verdict::Waiting("for its pod to be created".to_owned()),
    }
}

fn of_pod(snapshot: &LaunchSnapshot, pod: &Pod) -> Verdict {
    let status = pod.status.clone().unwrap_or_default();
    let message = || status.message.clone().unwrap_or_default();
    if RunningPod::of(pod).is_some() {
        return Verdict::Running;
    }
    match status.reason.as_deref() {
        Some("Evicted") => return Verdict::Failed(Cause::Evicted { message: message() }),
        Some("NodeLost" | "NodeAffinity" | "NodeShutdown" | "Terminated") => {
            return Verdict::Failed(Cause::NodeLost { message: message() });
        }
        _ => {}
    }
    let conditions = status.conditions.iter().flatten();
    let unscheduled = conditions
        .into_iter()
        .find(|it| it.type_ == "PodScheduled" && it.status == "False");
    if let Some(condition) = unscheduled {
        return unschedulable(snapshot, condition.message.clone().unwrap_or_default());
    }
    if let Some(verdict) = snapshot
        .container()
        .and_then(|it| of_container(snapshot, pod, it))
    {
        return verdict;
    }
    // Init containers. A failed one is restarted, so it counts only after the second failure.
    let before = status.init_container_statuses.iter().flatten();
    for container in before {
        let state = container.state.clone().unwrap_or_default();
        let reason = state.waiting.and_then(|it| it.reason).unwrap_or_default();
        let looping = reason == "CrashLoopBackOff";
        if (looping || NOT_PULLED.contains(&&*reason) || reason == "ImagePullBackOff")
            && let Some(verdict) = of_container(snapshot, pod, container)
        {
            return verdict;
        }
    }
    let mount = snapshot.events().rev().find(|event| {
        matches!(&*event.reason, "FailedMount" | "FailedAttachVolume") && event.warning
    });
    if let Some(event) = mount {
        let message = event.message.clone();
        let cause = Cause::Mount { message };
        // A missing object will most likely not appear; other errors may resolve.
        return match event.message.contains("not found") {
            true => Verdict::Unless(cause, Duration::from_secs(2)),
            false => Verdict::Unless(cause, RETRIES),
        };
    }
    let scheduled = pod
        .spec
        .as_ref()
        .is_some_and(|spec| spec.node_name.is_some());
    let pulling = snapshot.events().any(|event| event.reason == "Pulling");
    let pulled = snapshot.events().any(|event| event.reason == "Pulled");
    Verdict::Waiting(match (scheduled, pulling && !pulled) {
        (false, _) => "for a node".to_owned(),
        (true, true) => "for its image".to_owned(),
        (true, false) => "for its container to start".to_owned(),
    })
}

/// The verdict from a container's status, if it is conclusive.
fn of_container(
    snapshot: &LaunchSnapshot,
    pod: &Pod,
    container: &ContainerStatus,
) -> Option<Verdict> {
    let state = container.state.clone().unwrap_or_default();
    let last = container.last_state.clone().unwrap_or_default();
    if let Some(ended) = state.terminated.or(last.terminated) {
        return Some(Verdict::Failed(crashed(pod, container, ended)));
    }
    let waiting = state.waiting?;
    let message = waiting.message.unwrap_or_default();
    let image = &container.image;
    match waiting.reason.as_deref().unwrap_or_default() {
        reason if NOT_PULLED.contains(&reason) => Some(not_pulled(image, message)),
        "ImagePullBackOff" => {
            let failed = snapshot.events().rev().find(|event| {
                event.reason == "Failed" && event.message.starts_with("Failed to pull")
            });
            let message = failed.map_or(message, |event| event.message.clone());
            Some(not_pulled(image, message))
        }
        "CreateContainerConfigError" => Some(Verdict::Failed(Cause::Config { message })),
        "CreateContainerError" | "RunContainerError" => {
            Some(Verdict::Failed(Cause::Start { message }))
        }
        _ => None,
    }
}

fn unschedulable(snapshot: &LaunchSnapshot, message: String) -> Verdict {
    let has_event = |reasons: &[&str]| {
        snapshot
            .events()
            .any(|event| reasons.contains(&&*event.reason))
    };
    // The reasons with which Cluster Autoscaler and Karpenter report a new node.
    if has_event(&["TriggeredScaleUp", "Nominated"]) {
        return Verdict::Waiting("for a node that an autoscaler adds".to_owned());
    }
    let missing_claim = message.contains("persistentvolumeclaim") && message.contains("not found");
    let nodes = Nodes::default();
    let cause = Cause::Unschedulable { message, nodes };
    match has_event(&["NotTriggerScaleUp"]) || missing_claim {
        true => Verdict::Failed(cause),
        false => Verdict::Unless(cause, AUTOSCALER),
    }
}

fn crashed(pod: &Pod, container: &ContainerStatus, ended: ContainerStateTerminated) -> Cause {
    let message = ended.message.unwrap_or_default();
    let end = match (ended.reason.as_deref(), ended.signal) {
        (Some("OOMKilled"), _) => End::OutOfMemory,
        (Some("StartError" | "ContainerCannotRun"), _) => return Cause::Start { message },
        (_, Some(signal)) if signal != 0 => End::Signal(signal),
        // Shells and runc encode a signal as 128 + its number.
        _ if ended.exit_code > 128 => End::Signal(ended.exit_code - 128),
        _ => End::Exit(ended.exit_code),
    };
    Cause::Crashed {
        pod: pod.metadata.name.clone().unwrap_or_default(),
        container: container.name.clone(),
        end,
        message,
    }
}

fn not_pulled(image: &str, message: String) -> Verdict {
    // Remove the image name: its digest or tag may contain "403".
    let error = message.replace(image, "");
    let has = |parts: &[&str]| parts.iter().any(|part| error.contains(part));
    let why = if has(&["no match for platform", "no matching manifest"]) {
        ImageCause::NoPlatform
    } else if has(&[
        "couldn't parse image",
        "invalid reference format",
        "InvalidImageName",
    ]) {
        ImageCause::BadName
    } else if has(&[
        "unauthorized",
        "denied",
        "forbidden",
        "authentication required",
        "403 Forbidden",
        "401 Unauthorized",
    ]) {
        ImageCause::NotAllowed
    } else if has(&[
        "not found",
        "manifest unknown",
        "ErrImageNeverPull",
        "Never",
        "not present",
    ]) {
        ImageCause::NotFound
    } else {
        let image = image.to_owned();
        let why = ImageCause::Unreachable;
        return Verdict::Unless(
            Cause::Image {
                image,
                message,
                why,
                known: ImageFacts::default(),
            },
            RETRIES,
        );
    };
    let image = image.to_owned();
    Verdict::Failed(Cause::Image {
        image,
        message,
        why,
        known: ImageFacts::default(),
    })
}

/// The rule that rejected a pod. Sources: the admission plugins of Kubernetes.
fn refusal(message: &str) -> Refusal {
    if message.contains("exceeded quota") || message.contains("failed quota") {
        Refusal::Quota
    } else if message.contains("violates PodSecurity") {
        Refusal::PodSecurity
    } else if message.contains("service account") || message.contains("serviceaccount") {
        Refusal::ServiceAccount
    } else if message.contains("PriorityClass") || message.contains("priority class") {
        Refusal::PriorityClass
    } else if message.contains("RuntimeClass") || message.contains("runtimeclass") {
        Refusal::RuntimeClass
    } else if message.contains("usage per") || message.contains("LimitRange") {
        Refusal::LimitRange
    } else {
        Refusal::Admission
    }
}

#[cfg(test)]
mod tests;
