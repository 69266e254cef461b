//! Clusters that do not let everything in, and people who may not do everything.

use std::{env, path::Path};

use tests::{
    Fixture, checkout,
    cluster::{Namespace, image},
};

/// The kubeconfig of a user without any right until a test grants some.
fn dev() -> String {
    let given = env::var("KT_TEST_KUBECONFIG_DEV");
    given.unwrap_or_else(|_| {
        let admin = env::var("KUBECONFIG").expect("`cluster env` sets it");
        let beside = Path::new(&admin).with_file_name("kubeconfig-dev");
        beside.display().to_string()
    })
}

/// Lets the user `dev` do what a file of the documentation says, in this namespace.
fn grant(namespace: &Namespace, file: &str) {
    let role = std::fs::read_to_string(checkout().join("docs").join(file)).expect(file);
    namespace.apply_text(&role);
    namespace.kubectl(&[
        "create",
        "rolebinding",
        "dev",
        "--role=cargo-kt",
        "--user=dev",
    ]);
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_namespace_with_pod_security_restricted_and_a_quota_takes_the_pod_of_any_image() {
    for image in [image::distroless(), image::debian()] {
        let namespace = Namespace::restricted();
        let project = namespace.project(Fixture::ONE, &image);
        project.run().success();
        let pods = namespace.get(&["pods"]);
        let context = &pods[0]["spec"]["containers"][0]["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false, "{context:#}");
    }
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn the_documented_role_is_enough_and_its_service_deletes_itself() {
    let namespace = Namespace::new();
    grant(&namespace, "rbac.yaml");
    let mut project = namespace.project(Fixture::ONE, &image::distroless());
    project.environment("KUBECONFIG", dev());
    project.kt(["run", "--inactivity-ttl", "2s"]).success();
    assert_eq!(namespace.get(&["deployments"]).len(), 1);
    namespace.wait_for("end of the service", || {
        namespace.ours().is_empty().then_some(())
    });
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn without_the_right_to_make_roles_the_service_is_a_job_that_ends_by_itself() {
    let namespace = Namespace::new();
    grant(&namespace, "rbac-job.yaml");
    let mut project = namespace.project(Fixture::ONE, &image::distroless());
    project.environment("KUBECONFIG", dev());
    project.kt(["run", "--inactivity-ttl", "2s"]).success();
    assert_eq!(namespace.get(&["jobs"]).len(), 1);
    assert_eq!(namespace.get(&["deployments,roles"]).len(), 0);
    namespace.wait_for("end of the service", || {
        namespace.ours().is_empty().then_some(())
    });
}
