//! `ls` and `down` with services of several users.

use tests::{
    Fixture,
    cluster::{Namespace, image},
};

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn ls_shows_the_remaining_ttl() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    project.kt(["run", "--inactivity-ttl", "5m"]).success();
    let services = project.services();
    let [service] = &services[..] else {
        panic!("not one service: {services:#?}");
    };
    let left = service["ttl_left_ms"].as_u64().expect("the service is up");
    assert!((1..=300_000).contains(&left), "{service:#}");
    assert_eq!(service["ttl_ms"], 300_000);
    let place = service["place"].as_str().unwrap_or_default();
    assert!(place.ends_with(namespace.name()), "{service:#}");
    // A later run may change the TTL.
    project.kt(["run", "--inactivity-ttl", "7m"]).success();
    assert_eq!(project.services()[0]["ttl_ms"], 420_000);
    // A run without the option keeps it.
    project.run().success();
    assert_eq!(project.services()[0]["ttl_ms"], 420_000);
    let table = project.kt(["ls"]).success();
    table.clone().prints("TTL LEFT").prints("tester-one");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn all_users_lists_others_services_and_down_all_keeps_them() {
    let namespace = Namespace::new();
    let mine = namespace.project(Fixture::ONE, &image::debian());
    let mut theirs = namespace.project(Fixture::ONE, &image::debian());
    theirs.environment("USER", "colleague");
    mine.run().success();
    theirs.run().success();
    let names = |arguments: &[&str]| -> Vec<String> {
        let all = ["ls", "--message-format", "json"].iter();
        let listed = mine.kt(all.chain(arguments).copied()).success().json();
        let name = |it: &serde_json::Value| it["name"].as_str().map(str::to_owned);
        listed.iter().filter_map(name).collect()
    };
    assert_eq!(names(&[]), ["tester-one"]);
    assert_eq!(names(&["--all-users"]), ["colleague-one", "tester-one"]);

    mine.kt(["down", "--all"]).success();
    assert_eq!(names(&["--all-users"]), ["colleague-one"]);
    // `down` with its name stops it.
    mine.kt(["down", "colleague-one"]).success();
    assert_eq!(namespace.managed_objects(), [""; 0]);
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn foreign_object_of_the_same_name_is_left_alone() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    let data = [
        "create",
        "configmap",
        "tester-one-stage",
        "--from-literal=a=b",
    ];
    namespace.kubectl(&data);
    let output = project.run().code(101);
    tests::assert_error!("not_ours", namespace, project, output);
    let found = namespace.get(&["configmap", "tester-one-stage"]);
    assert_eq!(found[0]["data"]["a"], "b");
    assert_eq!(namespace.managed_objects(), [""; 0]);
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn changed_options_are_refused_while_the_pod_runs() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    project.run().success();
    let output = project.kt(["run", "--memory", "512Mi"]).code(101);
    tests::assert_error!("other_options", namespace, project, output);
    // The existing pod keeps running.
    project.run().success().prints("hello Alice, visit 2");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn down_all_stops_local_and_cluster_services_of_one_name() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    project.kt(["run", "--place", "local"]).success();
    project.run().success().prints("hello Alice, visit 1");
    let places: Vec<String> = project
        .services()
        .iter()
        .map(|service| service["place"].to_string())
        .collect();
    assert_eq!(places.len(), 2, "{places:?}");
    project.kt(["down", "--all"]).success();
    assert_eq!(project.services().len(), 0);
    assert_eq!(namespace.managed_objects(), [""; 0]);
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn users_with_the_same_path_and_name_get_separate_services() {
    let namespace = Namespace::new();
    let mut project = namespace.project(Fixture::ONE, &image::debian());
    project.environment("KT_NAME", "model");
    project.run().success().prints("hello Alice, visit 1");
    // As on another machine, which has no tunnel yet.
    let other = project.private().join("other");
    project.environment("KT_RUNTIME_DIR", other.display());
    project.environment("USER", "colleague");
    project.run().success().prints("hello Alice, visit 1");
    assert_eq!(namespace.get(&["deployments"]).len(), 2);
    project.kt(["down", "--all"]).success();
    assert_eq!(namespace.get(&["deployments"]).len(), 1);
    let own = project.private().join("run");
    project.environment("KT_RUNTIME_DIR", own.display());
    project.environment("USER", "tester");
    project.run().success().prints("hello Alice, visit 2");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn namespace_option_selects_the_service() {
    let namespace = Namespace::new();
    let other = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    project.run().success();
    let other_namespace = ["--namespace", other.name()];
    project
        .kt(["run"].into_iter().chain(other_namespace))
        .success();
    let ambiguous = project.kt(["down", "tester-one", "--place", "local"]);
    ambiguous
        .code(101)
        .says("service `tester-one` exists in several places");
    let down = ["down", "tester-one"].into_iter().chain(other_namespace);
    project.kt(down).success();
    assert_eq!(other.managed_objects(), [""; 0]);
    project.run().success().prints("hello Alice, visit 2");
}
