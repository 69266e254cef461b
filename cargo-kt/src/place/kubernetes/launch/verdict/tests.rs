//! Snapshots recorded from a cluster, shortened.

use k8s_openapi::api::core::v1::Event;
use serde_json::{Value, json};

use super::*;
use crate::place::kubernetes::{Controller, Workload, launch::seen::Change};

fn snapshot(status: Value, events: &[(&str, &str)]) -> LaunchSnapshot {
    let mut snapshot = nothing(events);
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "app-5d-x", "uid": "pod", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"containers": [{"name": "kt"}], "nodeName": status.get("node").cloned()},
        "status": status,
    });
    snapshot.apply(Change::Pod(Box::new(serde_json::from_value(pod).unwrap())));
    snapshot
}

fn nothing(events: &[(&str, &str)]) -> LaunchSnapshot {
    let mut snapshot = LaunchSnapshot::new(&Workload {
        controller: Controller::Deployment,
        name: "app".into(),
        uid: "workload".into(),
    });
    for (reason, message) in events {
        // An event before the pod exists is about the workload.
        let uid = if *reason == "FailedCreate" {
            "workload"
        } else {
            "pod"
        };
        let event: Event = serde_json::from_value(json!({
            "metadata": {}, "involvedObject": {"uid": uid},
            "reason": reason, "message": message, "type": "Warning",
        }))
        .unwrap();
        snapshot.apply(Change::Event(Box::new(event)));
    }
    snapshot
}

fn container(state: Value) -> Value {
    json!({"phase": "Pending", "containerStatuses": [{
        "name": "kt", "image": "r.example/app:1", "imageID": "", "ready": false, "restartCount": 0, "state": state,
    }]})
}

fn waiting(reason: &str, message: &str) -> Value {
    container(json!({"waiting": {"reason": reason, "message": message}}))
}

fn ended(reason: &str, exit: i32) -> Value {
    container(json!({"terminated": {"reason": reason, "exitCode": exit}}))
}

#[test]
fn an_unschedulable_pod_fails_unless_an_autoscaler_adds_a_node() {
    let message = "0/1 nodes are available: 1 Insufficient cpu.";
    let status = json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message},
    ]});
    let cause = Cause::Unschedulable {
        message: message.into(),
        nodes: Nodes::default(),
    };
    assert_eq!(
        verdict(&snapshot(status.clone(), &[])),
        Verdict::Unless(cause.clone(), AUTOSCALER)
    );
    let adding = snapshot(
        status.clone(),
        &[("TriggeredScaleUp", "pod triggered scale-up")],
    );
    assert!(matches!(verdict(&adding), Verdict::Waiting(_)));
    let not = snapshot(
        status,
        &[(
            "NotTriggerScaleUp",
            "pod didn't trigger scale-up: 1 max node group size reached",
        )],
    );
    assert_eq!(verdict(&not), Verdict::Failed(cause.clone()));
    assert!(cause.help().contains("request less with `--cpu`"));
}

#[test]
fn an_image_is_missing_or_may_be_temporarily_unreachable() {
    let why = |message: &str| match verdict(&snapshot(waiting("ErrImagePull", message), &[])) {
        Verdict::Failed(Cause::Image { why, .. }) => Some(why),
        Verdict::Unless(
            Cause::Image {
                why: ImageCause::Unreachable,
                ..
            },
            _,
        ) => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        why("failed to resolve reference \"r.example/app:1\": r.example/app:1: not found"),
        Some(ImageCause::NotFound)
    );
    assert_eq!(
        why("pull access denied, repository does not exist or may require authorization"),
        Some(ImageCause::NotAllowed)
    );
    assert_eq!(
        why("no match for platform in manifest: not found"),
        Some(ImageCause::NoPlatform)
    );
    assert_eq!(why("dial tcp 10.0.0.1:443: i/o timeout"), None);
    // During the kubelet's back-off, its message has no reason; the event before it does.
    let events = [(
        "Failed",
        "Failed to pull image \"r.example/app:1\": not found",
    )];
    let backing_off = snapshot(
        waiting("ImagePullBackOff", "Back-off pulling image"),
        &events,
    );
    assert!(matches!(
        verdict(&backing_off),
        Verdict::Failed(Cause::Image {
            why: ImageCause::NotFound,
            ..
        })
    ));
}

#[test]
fn a_terminated_container_reports_its_exit_code_or_signal() {
    let end = |status| match verdict(&snapshot(status, &[])) {
        Verdict::Failed(Cause::Crashed { end, .. }) => end,
        other => panic!("{other:?}"),
    };
    assert_eq!(end(ended("Error", 3)), End::Exit(3));
    assert_eq!(end(ended("Error", 139)), End::Signal(11));
    assert_eq!(end(ended("OOMKilled", 137)), End::OutOfMemory);
    let started = snapshot(ended("StartError", 128), &[]);
    assert!(matches!(
        verdict(&started),
        Verdict::Failed(Cause::Start { .. })
    ));
}

#[test]
fn a_rejected_pod_names_the_rule() {
    let refused = |message: &str| match verdict(&nothing(&[("FailedCreate", message)])) {
        Verdict::Failed(Cause::Refused { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused("Error creating: pods \"a\" is forbidden: exceeded quota: all, requested: cpu=4"),
        Refusal::Quota
    );
    assert_eq!(
        refused(
            "Error creating: pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\": hostPath"
        ),
        Refusal::PodSecurity
    );
    assert_eq!(
        refused(
            "Error creating: pods \"a\" is forbidden: error looking up service account web/x: serviceaccount \"x\" not found"
        ),
        Refusal::ServiceAccount
    );
    assert_eq!(
        refused(
            "Error creating: pods \"a\" is forbidden: maximum cpu usage per Container is 1, but limit is 2"
        ),
        Refusal::LimitRange
    );
    assert_eq!(
        refused("Error creating: admission webhook \"x\" denied the request: no"),
        Refusal::Admission
    );
}

#[test]
fn events_of_a_former_workload_are_ignored() {
    let mut snapshot = nothing(&[]);
    let event = json!({"metadata": {}, "involvedObject": {"name": "app", "uid": "former"}, "reason": "FailedCreate", "message": "exceeded quota"});
    snapshot.apply(Change::Event(Box::new(
        serde_json::from_value(event).unwrap(),
    )));
    assert!(matches!(verdict(&snapshot), Verdict::Waiting(_)));
    // An event about the workload's ReplicaSet may arrive before the ReplicaSet.
    let set = json!({"metadata": {"uid": "former", "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "app", "uid": "workload"}]}});
    snapshot.apply(Change::ReplicaSet(Box::new(
        serde_json::from_value(set).unwrap(),
    )));
    assert!(matches!(
        verdict(&snapshot),
        Verdict::Failed(Cause::Refused { .. })
    ));
}

#[test]
fn missing_secrets_and_root_users_are_configuration_errors() {
    for message in [
        "secret \"db\" not found",
        "container has runAsNonRoot and image will run as root",
    ] {
        let snapshot = snapshot(waiting("CreateContainerConfigError", message), &[]);
        assert!(
            matches!(verdict(&snapshot), Verdict::Failed(Cause::Config { .. })),
            "{message}"
        );
    }
    let mount = [(
        "FailedMount",
        "MountVolume.SetUp failed for volume \"x\": configmap \"x\" not found",
    )];
    let snapshot = snapshot(waiting("ContainerCreating", ""), &mount);
    assert!(matches!(
        verdict(&snapshot),
        Verdict::Unless(Cause::Mount { .. }, _)
    ));
}

#[test]
fn a_running_container_is_the_goal() {
    let snapshot = snapshot(
        container(json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}})),
        &[],
    );
    assert_eq!(verdict(&snapshot), Verdict::Running);
    assert!(matches!(verdict(&nothing(&[])), Verdict::Waiting(_)));
}

#[test]
fn a_reported_start_counts_until_the_status_contradicts() {
    let started = |status, part: &str| {
        let mut snapshot = snapshot(status, &[]);
        let event: Event = serde_json::from_value(json!({
            "metadata": {}, "involvedObject": {"uid": "pod", "fieldPath": part},
            "reason": "Started", "message": "Container started", "type": "Normal",
        }))
        .unwrap();
        snapshot.apply(Change::Event(Box::new(event)));
        snapshot.just_started().map(|pod| pod.name)
    };
    let ours = "spec.containers{kt}";
    let new = || waiting("ContainerCreating", "");
    assert_eq!(started(new(), ours).as_deref(), Some("app-5d-x"));
    let unknown = json!({"phase": "Pending", "node": "node0"});
    assert_eq!(started(unknown, ours).as_deref(), Some("app-5d-x"));
    assert_eq!(started(new(), "spec.initContainers{kt}"), None);
    assert_eq!(started(waiting("CrashLoopBackOff", ""), ours), None);
    assert_eq!(started(ended("Error", 1), ours), None);
}
