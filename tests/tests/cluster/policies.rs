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
    assert_eq!(namespace.get(&["deployments,roles"]).len(), 0);
    namespace.wait_for("end of the service", || {
        namespace.ours().is_empty().then_some(())
    });
}
