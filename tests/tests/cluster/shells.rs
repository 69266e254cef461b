//! Commands and shells in pods, with and without a shell in the image.

use tests::{
    Fixture, Project, Screen,
    cluster::{Namespace, image},
    paste::paste_ten_megabytes,
};

/// An interactive shell in the pod, at its first prompt.
fn shell(project: &Project) -> Screen {
    let options = ["ssh", "--env", "SHELL=/bin/sh", "--env", "PS1=kt> "];
    let mut screen = project.screen(options);
    screen.wait_for("kt> ");
    screen
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn shell_opens_in_a_restricted_pod_of_any_image() {
    for (image, has_shell) in [(image::distroless(), false), (image::debian(), true)] {
        let namespace = Namespace::restricted();
        let project = namespace.project(Fixture::ONE, &image);
        let read_only =
            "spec: {containers: [{name: kt, securityContext: {readOnlyRootFilesystem: true}}]}";
        project
            .kt(["run", "--pod-template", read_only, "--env", "KEY=worth"])
            .success();
        let mut screen = shell(&project);
        // It has the usual commands and the worker's environment.
        screen.keys("ls -d /proc/1; echo $((40 + 2)) $KEY; stty size\n");
        screen.wait_for("/proc/1\r\n");
        screen.wait_for("42 worth");
        screen.wait_for("24 80");
        screen.resize(101, 33);
        screen.keys("until [ \"$(stty size)\" = '33 101' ]; do :; done; echo $((50 + 5)) rows\n");
        screen.wait_for("55 rows");
        screen.keys("sh -c 'echo $((100 + 1)) begins; exec sleep 1000'\n");
        screen.wait_for("101 begins");
        screen.keys("\x03");
        screen.wait_for("kt> ");
        screen.keys("exit 7\n");
        let (status, shown) = screen.finish();
        assert_eq!(status.code(), Some(7), "{shown}");
        let sent = shown.contains("note: the image has no shell");
        assert_eq!(sent, !has_shell, "{shown}");
        if has_shell {
            let output = project.kt(["exec", "--", "sh", "-c", "echo out; echo err >&2; exit 3"]);
            let output = output.code(3).says("err");
            assert_eq!(output.stdout, "out\n");
        } else {
            project
                .kt(["exec", "--", "sh", "-c", "true"])
                .code(101)
                .says("`sh` not found in");
        }
        project
            .kt(["run", "--pod-template", read_only, "--env", "KEY=worth"])
            .success()
            .prints("visit 2");
    }
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn ten_megabytes_paste_into_a_pods_shell_intact() {
    for image in [image::distroless(), image::debian()] {
        let namespace = Namespace::restricted();
        let project = namespace.project(Fixture::ONE, &image);
        project.run().success();
        let mut screen = shell(&project);
        paste_ten_megabytes(&mut screen);
        screen.keys("exit\n");
        assert!(screen.finish().0.success());
    }
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn shell_reports_that_its_pod_was_deleted() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    project.run().success();
    let screen = shell(&project);
    let pod = namespace.kubectl(&["get", "pods", "--output", "name"]);
    namespace.kubectl(&["delete", pod.trim()]);
    let (status, shown) = screen.finish();
    assert_eq!(status.code(), Some(101), "{shown}");
    assert!(shown.contains("error: "), "{shown}");
}
