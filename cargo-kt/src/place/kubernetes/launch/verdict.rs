//! From what is seen to what it means: whether the pod will run.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

use super::{
    Cause, RunningPod,
    cause::{End, ImageCause, Refusal},
    room::Nodes,
    seen::Seen,
};

/// How long a pod that no node takes is waited for before that counts as settled. An autoscaler looks every 10 s (Cluster
/// Autoscaler's `--scan-interval`) and says in an event what it does.
const AUTOSCALER: Duration = Duration::from_secs(12);
/// How long an image that could not be pulled for an unclear reason, or a volume that could not be mounted, may be tried again.
const RETRIES: Duration = Duration::from_secs(20);
/// The kubelet's reasons why a container waits whose image it does not have.
const NOT_PULLED: [&str; 5] = [
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "RegistryUnavailable",
    "ImageInspectError",
];

/// What a snapshot means.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// For what.
    Waiting(String),
    Running,
    Failed(Cause),
    /// It fails unless something changes within this time.
    Unless(Cause, Duration),
}

pub fn verdict(seen: &Seen) -> Verdict {
    if let Some(pod) = seen.pod() {
        return of_pod(seen, pod);
    }
    let refused = seen.events().find(|said| said.reason == "FailedCreate");
    match refused {
        Some(said) => {
            let (why, words) = (refusal(&said.message), said.message.clone());
            // A webhook's refusal, and that of a policy of the cluster's own.
            let denied = words.contains("denied the request") || words.contains("denied request");
            let passing = why == Refusal::Admission && !denied;
            let cause = Cause::Refused { why, words };
            match passing {
                // A webhook that is not up, or an API server that is busy.
                true => Verdict::Unless(cause, RETRIES),
                false => Verdict::Failed(cause),
            }
        }
        None => Verdict::Waiting("for its pod to be made".to_owned()),
    }
}

fn of_pod(seen: &Seen, pod: &Pod) -> Verdict {
    let status = pod.status.clone().unwrap_or_default();
    let words = || status.message.clone().unwrap_or_default();
    if RunningPod::of(pod).is_some() {
        return Verdict::Running;
    }
    match status.reason.as_deref() {
        Some("Evicted") => return Verdict::Failed(Cause::Evicted { words: words() }),
        Some("NodeLost" | "NodeAffinity" | "NodeShutdown" | "Terminated") => {
            return Verdict::Failed(Cause::NodeLost { words: words() });
        }
        _ => {}
    }
    let conditions = status.conditions.iter().flatten();
    let unscheduled = conditions
        .into_iter()
        .find(|it| it.type_ == "PodScheduled" && it.status == "False");
    if let Some(condition) = unscheduled {
        return unschedulable(seen, condition.message.clone().unwrap_or_default());
    }
    if let Some(verdict) = seen.container().and_then(|it| of_container(seen, pod, it)) {
        return verdict;
    }
    // Those that run before ours, or have to be up before it. One that ends badly is tried again: the second time counts.
    let before = status.init_container_statuses.iter().flatten();
    for container in before {
        let state = container.state.clone().unwrap_or_default();
        let reason = state.waiting.and_then(|it| it.reason).unwrap_or_default();
        let looping = reason == "CrashLoopBackOff";
        if (looping || NOT_PULLED.contains(&&*reason) || reason == "ImagePullBackOff")
            && let Some(verdict) = of_container(seen, pod, container)
        {
            return verdict;
        }
    }
    let mount = seen
        .events()
        .rev()
        .find(|said| matches!(&*said.reason, "FailedMount" | "FailedAttachVolume") && said.warning);
    if let Some(said) = mount {
        let words = said.message.clone();
        let cause = Cause::Mount { words };
        // What is not there will most likely not come; the rest may be slow.
        return match said.message.contains("not found") {
            true => Verdict::Unless(cause, Duration::from_secs(2)),
            false => Verdict::Unless(cause, RETRIES),
        };
    }
    let scheduled = pod
        .spec
        .as_ref()
        .is_some_and(|spec| spec.node_name.is_some());
    let pulling = seen.events().any(|said| said.reason == "Pulling");
    let pulled = seen.events().any(|said| said.reason == "Pulled");
    Verdict::Waiting(match (scheduled, pulling && !pulled) {
        (false, _) => "for a node".to_owned(),
        (true, true) => "for its image".to_owned(),
        (true, false) => "for its container to start".to_owned(),
    })
}

/// What a container's status means, if it means anything yet.
fn of_container(seen: &Seen, pod: &Pod, container: &ContainerStatus) -> Option<Verdict> {
    let state = container.state.clone().unwrap_or_default();
    let last = container.last_state.clone().unwrap_or_default();
    if let Some(ended) = state.terminated.or(last.terminated) {
        return Some(Verdict::Failed(crashed(pod, container, ended)));
    }
    let waiting = state.waiting?;
    let words = waiting.message.unwrap_or_default();
    let image = &container.image;
    match waiting.reason.as_deref().unwrap_or_default() {
        reason if NOT_PULLED.contains(&reason) => Some(not_pulled(image, words)),
        "ImagePullBackOff" => {
            let failed = seen
                .events()
                .rev()
                .find(|said| said.reason == "Failed" && said.message.starts_with("Failed to pull"));
            let words = failed.map_or(words, |said| said.message.clone());
            Some(not_pulled(image, words))
        }
        "CreateContainerConfigError" => Some(Verdict::Failed(Cause::Config { words })),
        "CreateContainerError" | "RunContainerError" => {
            Some(Verdict::Failed(Cause::Start { words }))
        }
        _ => None,
    }
}

fn unschedulable(seen: &Seen, words: String) -> Verdict {
    let said = |reasons: &[&str]| seen.events().any(|said| reasons.contains(&&*said.reason));
    // An autoscaler makes room: Cluster Autoscaler's word, and Karpenter's.
    if said(&["TriggeredScaleUp", "Nominated"]) {
        return Verdict::Waiting("for a node that an autoscaler adds".to_owned());
    }
    let missing_claim = words.contains("persistentvolumeclaim") && words.contains("not found");
    let nodes = Nodes::default();
    let cause = Cause::Unschedulable { words, nodes };
    match said(&["NotTriggerScaleUp"]) || missing_claim {
        true => Verdict::Failed(cause),
        false => Verdict::Unless(cause, AUTOSCALER),
    }
}

fn crashed(pod: &Pod, container: &ContainerStatus, ended: ContainerStateTerminated) -> Cause {
    let words = ended.message.unwrap_or_default();
    let end = match (ended.reason.as_deref(), ended.signal) {
        (Some("OOMKilled"), _) => End::OutOfMemory,
        (Some("StartError" | "ContainerCannotRun"), _) => return Cause::Start { words },
        (_, Some(signal)) if signal != 0 => End::Signal(signal),
        // 128 and a signal: what a shell, and runc, make of it.
        _ if ended.exit_code > 128 => End::Signal(ended.exit_code - 128),
        _ => End::Exit(ended.exit_code),
    };
    Cause::Crashed {
        pod: pod.metadata.name.clone().unwrap_or_default(),
        container: container.name.clone(),
        end,
        words,
    }
}

fn not_pulled(image: &str, words: String) -> Verdict {
    // A digest or a tag may have any digits in it.
    let said = words.replace(image, "");
    let has = |parts: &[&str]| parts.iter().any(|part| said.contains(part));
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
        return Verdict::Unless(Cause::Image { image, words, why }, RETRIES);
    };
    let image = image.to_owned();
    Verdict::Failed(Cause::Image { image, words, why })
}

/// Whose rule it is that keeps a pod from being made. Sources: the admission plugins of Kubernetes.
fn refusal(words: &str) -> Refusal {
    if words.contains("exceeded quota") || words.contains("failed quota") {
        Refusal::Quota
    } else if words.contains("violates PodSecurity") {
        Refusal::PodSecurity
    } else if words.contains("service account") || words.contains("serviceaccount") {
        Refusal::ServiceAccount
    } else if words.contains("PriorityClass") || words.contains("priority class") {
        Refusal::PriorityClass
    } else if words.contains("RuntimeClass") || words.contains("runtimeclass") {
        Refusal::RuntimeClass
    } else if words.contains("usage per") || words.contains("LimitRange") {
        Refusal::LimitRange
    } else {
        Refusal::Admission
    }
}

#[cfg(test)]
mod tests;
