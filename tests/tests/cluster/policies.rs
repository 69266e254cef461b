//! Clusters with admission policies, and users with few permissions.

use tests::{
    Fixture,
    cluster::{Namespace, dev_kubeconfig, image},
};

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn restricted_namespace_with_a_quota_admits_pods_of_any_image() {
    for image in [image::distroless(), image::debian()] {
        let namespace = Namespace::restricted();
        let project = namespace.project(Fixture::ONE, &image);
        // Stricter than `restricted`: the image's file system is read-only.
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
fn documented_role_suffices_and_the_service_deletes_itself() {
    let namespace = Namespace::new();
    namespace.grant_dev("rbac.yaml");
    let mut project = namespace.project(Fixture::ONE, &image::distroless());
    project.environment("KUBECONFIG", dev_kubeconfig().display());
    project.kt(["run", "--inactivity-ttl", "2s"]).success();
    assert_eq!(namespace.get(&["deployments"]).len(), 1);
    namespace.wait_for("end of the service", || {
        namespace.managed_objects().is_empty().then_some(())
    });
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn without_permission_to_create_roles_the_service_is_a_job() {
    let namespace = Namespace::new();
    namespace.grant_dev("rbac-job.yaml");
    let mut project = namespace.project(Fixture::ONE, &image::distroless());
    project.environment("KUBECONFIG", dev_kubeconfig().display());
    project.kt(["run", "--inactivity-ttl", "2s"]).success();
    assert_eq!(namespace.get(&["jobs"]).len(), 1);
    let others = ["deployment", "role", "serviceaccount"];
    let ours = namespace.managed_objects();
    let unexpected = ours
        .iter()
        .find(|it| others.iter().any(|kind| it.starts_with(kind)));
    assert_eq!(unexpected, None, "{ours:?}");
    namespace.wait_for("end of the service", || {
        namespace.managed_objects().is_empty().then_some(())
    });
}
