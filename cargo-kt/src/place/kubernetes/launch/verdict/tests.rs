//! Snapshots as a cluster gave them, shortened.

use k8s_openapi::api::core::v1::Event;
use serde_json::{Value, json};

use super::*;
use crate::place::kubernetes::{Controller, Workload, launch::seen::Change};

fn snapshot(status: Value, events: &[(&str, &str)]) -> Seen {
    let mut seen = nothing(events);
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "app-5d-x", "uid": "pod", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"containers": [{"name": "kt"}], "nodeName": status.get("node").cloned()},
        "status": status,
    });
    seen.take(Change::Pod(Box::new(serde_json::from_value(pod).unwrap())));
    seen
}

fn nothing(events: &[(&str, &str)]) -> Seen {
    let mut seen = Seen::new(&Workload {
        controller: Controller::Deployment,
        name: "app".into(),
        uid: "workload".into(),
    });
    for (reason, message) in events {
        // What is said before there is a pod is said of the workload.
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
        seen.take(Change::Event(Box::new(event)));
    }
    seen
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
fn a_pod_that_no_node_takes_fails_unless_an_autoscaler_makes_room() {
    let words = "0/1 nodes are available: 1 Insufficient cpu.";
    let status = json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words},
    ]});
    let cause = Cause::Unschedulable {
        words: words.into(),
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
    assert!(cause.help().contains("ask for less with `--cpu`"));
}

#[test]
fn an_image_is_certainly_not_there_or_may_only_be_hard_to_reach() {
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
    // While the kubelet pauses its words say nothing; the event before does.
    let said = [(
        "Failed",
        "Failed to pull image \"r.example/app:1\": not found",
    )];
    let backing_off = snapshot(waiting("ImagePullBackOff", "Back-off pulling image"), &said);
    assert!(matches!(
        verdict(&backing_off),
        Verdict::Failed(Cause::Image {
            why: ImageCause::NotFound,
            ..
        })
    ));
}

#[test]
fn a_container_that_ended_says_how() {
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
fn what_the_cluster_does_not_let_be_made_is_refused_by_somebody() {
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
fn what_was_said_of_a_former_workload_of_the_same_name_is_over() {
    let mut seen = nothing(&[]);
    let event = json!({"metadata": {}, "involvedObject": {"name": "app", "uid": "former"}, "reason": "FailedCreate", "message": "exceeded quota"});
    seen.take(Change::Event(Box::new(
        serde_json::from_value(event).unwrap(),
    )));
    assert!(matches!(verdict(&seen), Verdict::Waiting(_)));
    // A ReplicaSet that is the workload's may be heard of before it is seen.
    let set = json!({"metadata": {"uid": "former", "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "app", "uid": "workload"}]}});
    seen.take(Change::ReplicaSet(Box::new(
        serde_json::from_value(set).unwrap(),
    )));
    assert!(matches!(
        verdict(&seen),
        Verdict::Failed(Cause::Refused { .. })
    ));
}

#[test]
fn a_secret_that_is_missing_and_a_user_that_is_root_are_the_configuration() {
    for words in [
        "secret \"db\" not found",
        "container has runAsNonRoot and image will run as root",
    ] {
        let seen = snapshot(waiting("CreateContainerConfigError", words), &[]);
        assert!(
            matches!(verdict(&seen), Verdict::Failed(Cause::Config { .. })),
            "{words}"
        );
    }
    let mount = [(
        "FailedMount",
        "MountVolume.SetUp failed for volume \"x\": configmap \"x\" not found",
    )];
    let seen = snapshot(waiting("ContainerCreating", ""), &mount);
    assert!(matches!(
        verdict(&seen),
        Verdict::Unless(Cause::Mount { .. }, _)
    ));
}

#[test]
fn a_container_that_runs_is_what_is_waited_for() {
    let seen = snapshot(
        container(json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}})),
        &[],
    );
    assert_eq!(verdict(&seen), Verdict::Running);
    assert!(matches!(verdict(&nothing(&[])), Verdict::Waiting(_)));
}

#[test]
fn a_start_that_is_told_counts_until_the_status_knows_better() {
    let told = |status, part: &str| {
        let mut seen = snapshot(status, &[]);
        let event: Event = serde_json::from_value(json!({
            "metadata": {}, "involvedObject": {"uid": "pod", "fieldPath": part},
            "reason": "Started", "message": "Container started", "type": "Normal",
        }))
        .unwrap();
        seen.take(Change::Event(Box::new(event)));
        seen.just_started().map(|pod| pod.name)
    };
    let ours = "spec.containers{kt}";
    let new = || waiting("ContainerCreating", "");
    assert_eq!(told(new(), ours).as_deref(), Some("app-5d-x"));
    let unknown = json!({"phase": "Pending", "node": "node0"});
    assert_eq!(told(unknown, ours).as_deref(), Some("app-5d-x"));
    assert_eq!(told(new(), "spec.initContainers{kt}"), None);
    assert_eq!(told(waiting("CrashLoopBackOff", ""), ours), None);
    assert_eq!(told(ended("Error", 1), ours), None);
}
