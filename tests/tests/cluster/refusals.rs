//! Launches that cannot succeed: said at once, in the cluster's own words, and nothing is left.

use std::time::Duration;

use tests::{
    Fixture, Output, Project,
    cluster::{Namespace, image},
};

/// Far below the launch timeout: the cause was certain before it.
const AT_ONCE: Duration = Duration::from_secs(25);

/// Builds first, so that only the launch is measured.
fn refused(namespace: &Namespace, project: &Project, options: &[&str]) -> Output {
    let output = project.kt(["run"].into_iter().chain(options.iter().copied()));
    assert!(!output.status.success(), "{output:?}");
    assert!(output.took < AT_ONCE, "{output:?}");
    assert_eq!(namespace.ours(), [""; 0], "{output:?}");
    output
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn an_image_that_is_not_there_is_named_with_the_registrys_words() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, "kt.test/nowhere:1");
    let output = refused(&namespace, &project, &[]);
    assert!(output.stderr.contains("kt.test/nowhere:1"), "{output:?}");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn an_image_without_glibc_is_named_as_such() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::without_glibc());
    let output = refused(&namespace, &project, &[]);
    assert!(
        output.stderr.contains("the image has no glibc"),
        "{output:?}"
    );
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn resources_that_no_node_has_are_named() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    let output = refused(&namespace, &project, &["--cpu", "1000"]);
    assert!(output.stderr.contains("Insufficient cpu"), "{output:?}");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_quota_that_is_full_is_named() {
    let namespace = Namespace::restricted();
    let project = namespace.project(Fixture::ONE, &image::debian());
    let output = refused(&namespace, &project, &["--memory", "16Gi"]);
    assert!(output.stderr.contains("exceeded quota"), "{output:?}");
}
