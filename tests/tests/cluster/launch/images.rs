use std::{fs, os::unix::fs::PermissionsExt as _};

use tests::{
    Fixture, Project,
    cluster::{Namespace, alone, image},
};

use super::{AT_ONCE, capacity::ArmNode, refused};

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn unavailable_images_show_the_registrys_message() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    for (name, image, more) in [
        ("image_not_found", image::in_registry("nowhere:1"), None),
        (
            "image_tag_not_found",
            image::in_registry("pulled:12-slm"),
            None,
        ),
        (
            "image_tag_not_asked",
            image::in_registry("pulled:12-slm"),
            Some("--no-image-check"),
        ),
        (
            "image_not_allowed",
            image::in_registry("private/app:1"),
            None,
        ),
        (
            "image_of_another_cpu",
            image::in_registry("arm64/pulled:12"),
            None,
        ),
        ("image_name", "kt.test/UPPER:1".to_owned(), None),
        (
            "image_never_pulled",
            "kt.test/nowhere:1".to_owned(),
            Some("--image-pull-policy=Never"),
        ),
    ] {
        let options = ["--image", &image].into_iter().chain(more);
        let options: Vec<&str> = options.collect();
        refused(name, (&namespace, &project), AT_ONCE, &options);
    }
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn image_is_pulled_from_a_registry() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::in_registry("pulled:12"));
    let output = project.kt(["run", "--image-pull-policy", "Always"]);
    let output = output.success().prints("hello Alice, visit 1");
    // The size from the registry: the kubelet's message has another form.
    let pulled = output.stderr.lines().find(|line| line.contains("Pulled"));
    let pulled = pulled.and_then(|line| line.split_once("Pulled image ("));
    let size = pulled.and_then(|(_, rest)| rest.split_once(" MB) in "));
    let size = size.and_then(|(size, _)| size.parse::<f64>().ok());
    assert!(size.is_some_and(|size| size > 1.0), "{output:?}");
}

/// The registry does not have the image, but the node does.
#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn image_that_only_the_node_has_runs() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::in_registry("preloaded:12"));
    let output = project.run().success().prints("hello Alice, visit 1");
    output.says("already present");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn image_for_another_cpu_that_runs_nevertheless_causes_a_warning() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::in_registry("foreign/pulled:12"));
    let output = project.run().success().prints("hello Alice, visit 1");
    output.says("is for linux/arm64, but the pod is linux/amd64");
}

/// `--target` is advised only where the cluster has nodes for it.
#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn target_of_the_image_is_advised_if_nodes_have_its_cpu() {
    let _alone = alone();
    let namespace = Namespace::of_one_alone();
    let project = namespace.project(Fixture::ONE, &image::in_registry("arm64/pulled:12"));
    let _arm = ArmNode::create(&namespace, &[]);
    refused("image_of_other_nodes", (&namespace, &project), AT_ONCE, &[]);
}

/// The program that stores credentials logs each request for them.
#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn registry_is_asked_at_a_launch_alone() {
    let namespace = Namespace::new();
    let mut project = namespace.project(Fixture::ONE, &image::in_registry("token/pulled:12"));
    let asked = credential_program(&mut project);
    project.kt(["run", "--no-image-check"]).success();
    assert_eq!(asked(), 0);
    project.kt(["down", "--all"]).success();
    project.run().success();
    assert_eq!(asked(), 1);
    project.edit("src/main.rs", "hello", "good morning");
    project.run().success();
    assert_eq!(asked(), 1);
}

/// Configures a program that has no credentials. The result counts its calls.
fn credential_program(project: &mut Project) -> impl Fn() -> usize + use<> {
    let folder = project.private().join("docker");
    fs::create_dir(&folder).unwrap();
    let (log, program) = (folder.join("log"), folder.join("docker-credential-kt-test"));
    let script = format!("#!/bin/sh\necho asked >>'{}'\nexit 1\n", log.display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.join("config.json"), r#"{"credsStore": "kt-test"}"#).unwrap();
    let cargo = project.cargo();
    let mut variables = cargo.get_envs();
    let path = variables.find_map(|(name, value)| value.filter(|_| name == "PATH"));
    let path = path.expect("it finds cargo-kt").display();
    project.environment("PATH", format!("{}:{path}", folder.display()));
    project.environment("DOCKER_CONFIG", folder.display());
    move || fs::read_to_string(&log).map_or(0, |log| log.lines().count())
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn image_entrypoint_is_not_run() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::exits());
    project.run().success().prints("hello Alice, visit 1");
}
