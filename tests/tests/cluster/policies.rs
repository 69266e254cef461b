//! Clusters that do not let everything in, and people who may not do everything.

use tests::{
    Fixture,
    cluster::{Namespace, dev_kubeconfig, image},
};

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_namespace_with_pod_security_restricted_and_a_quota_takes_the_pod_of_any_image() {
    for image in [image::distroless(), image::debian()] {
        let namespace = Namespace::restricted();
        let project = namespace.project(Fixture::ONE, &image);
        // Stricter than `restricted`: nothing of the image can be written to.
        let read_only =
            "spec: {containers: [{name: kt, securityContext: {readOnlyRootFilesystem: true}}]}";
        let options = ["run", "--pod-template", read_only];
        project.kt(options).success();
        let pods = namespace.get(&["pods"]);
        let context = &pods[0]["spec"]["containers"][0]["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false, "{context:#}");
    }
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn the_documented_role_is_enough_and_its_service_deletes_itself() {
    let namespace = Namespace::new();
    namespace.grant_dev("rbac.yaml");
    let mut project = namespace.project(Fixture::ONE, &image::distroless());
    project.environment("KUBECONFIG", dev_kubeconfig().display());
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
    namespace.grant_dev("rbac-job.yaml");
    let mut project = namespace.project(Fixture::ONE, &image::distroless());
    project.environment("KUBECONFIG", dev_kubeconfig().display());
    project.kt(["run", "--inactivity-ttl", "2s"]).success();
    assert_eq!(namespace.get(&["jobs"]).len(), 1);
    let others = ["deployment", "role", "serviceaccount"];
    let ours = namespace.ours();
    let needless = ours
        .iter()
        .find(|it| others.iter().any(|kind| it.starts_with(kind)));
    assert_eq!(needless, None, "{ours:?}");
    namespace.wait_for("end of the service", || {
        namespace.ours().is_empty().then_some(())
    });
}
