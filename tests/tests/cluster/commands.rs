//! `ls` and `down` where several people have services.

use tests::{
    Fixture,
    cluster::{Namespace, image},
};

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn services_are_listed_with_what_is_left_of_their_time() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    project.kt(["run", "--inactivity-ttl", "5m"]).success();
    let services = project.services();
    let [service] = &services[..] else {
        panic!("not one service: {services:#?}");
    };
    let left = service["ttl_left_ms"].as_u64().expect("it lives");
    assert!((1..=300_000).contains(&left), "{service:#}");
    assert_eq!(service["ttl_ms"], 300_000);
    let place = service["place"].as_str().unwrap_or_default();
    assert!(place.ends_with(namespace.name()), "{service:#}");
    // Another time that is said later holds from then on.
    project.kt(["run", "--inactivity-ttl", "7m"]).success();
    assert_eq!(project.services()[0]["ttl_ms"], 420_000);
    // Nobody's wish changes nothing.
    project.run().success();
    assert_eq!(project.services()[0]["ttl_ms"], 420_000);
    let table = project.kt(["ls"]).success();
    table.clone().prints("TTL LEFT").prints("tester-one");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn others_services_are_shown_when_asked_for_and_never_ended_by_all() {
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
    // By its name it is: that is meant.
    mine.kt(["down", "colleague-one"]).success();
    assert_eq!(namespace.ours(), [""; 0]);
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn an_object_of_the_same_name_that_is_not_ours_is_left_alone() {
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
    let there = namespace.get(&["configmap", "tester-one-stage"]);
    assert_eq!(there[0]["data"]["a"], "b");
    assert_eq!(namespace.ours(), [""; 0]);
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn other_options_need_another_pod_and_nobody_makes_one_unasked() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    project.run().success();
    let output = project.kt(["run", "--memory", "512Mi"]).code(101);
    tests::assert_error!("other_options", namespace, project, output);
    // The one that is there goes on.
    project.run().success().prints("hello Alice, visit 2");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn services_of_one_name_here_and_in_the_cluster_are_both_ended() {
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
    assert_eq!(namespace.ours(), [""; 0]);
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn colleagues_with_the_same_path_and_name_have_a_service_each() {
    let namespace = Namespace::new();
    let mut project = namespace.project(Fixture::ONE, &image::debian());
    project.environment("KT_NAME", "model");
    project.run().success().prints("hello Alice, visit 1");
    // Another machine: its tunnels are not here.
    let elsewhere = project.private().join("elsewhere");
    project.environment("KT_RUNTIME_DIR", elsewhere.display());
    project.environment("USER", "colleague");
    project.run().success().prints("hello Alice, visit 1");
    assert_eq!(namespace.get(&["deployments"]).len(), 2);
    project.kt(["down", "--all"]).success();
    assert_eq!(namespace.get(&["deployments"]).len(), 1);
    let here = project.private().join("run");
    project.environment("KT_RUNTIME_DIR", here.display());
    project.environment("USER", "tester");
    project.run().success().prints("hello Alice, visit 2");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_cluster_that_is_told_is_the_one_that_is_meant() {
    let namespace = Namespace::new();
    let other = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    project.run().success();
    let there = ["--namespace", other.name()];
    project.kt(["run"].into_iter().chain(there)).success();
    let ambiguous = project.kt(["down", "tester-one", "--place", "local"]);
    ambiguous
        .code(101)
        .says("service `tester-one` exists in several places");
    let down = ["down", "tester-one"].into_iter().chain(there);
    project.kt(down).success();
    assert_eq!(other.ours(), [""; 0]);
    project.run().success().prints("hello Alice, visit 2");
}
