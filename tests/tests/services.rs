//! How long a service runs, and which service a program uses.

use tests::{Fixture, Project};

fn names(project: &Project) -> Vec<String> {
    let services = project.services().into_iter();
    services
        .filter_map(|service| service["name"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn run_after_an_expired_service_reports_it_once() {
    let project = Project::of(Fixture::ONE);
    project
        .run()
        .success()
        .prints("visit 1")
        .does_not_report("without a call");
    let services = project.services();
    assert_eq!(services[0]["ttl_ms"], 8 * 3_600_000, "{services:#?}");
    let (host, _worker) = project.processes();
    project
        .kt(["run", "--inactivity-ttl", "5s"])
        .success()
        .prints("visit 2");
    host.assert_exits();

    // `ls` does not consume the report.
    assert!(names(&project).is_empty());
    project
        .run()
        .success()
        .says("tester-one stopped after 5.00s without a call, and its state is lost")
        .prints("visit 1");
    project
        .run()
        .success()
        .prints("visit 2")
        .does_not_report("without a call");
    // A service stopped by `down` is not reported.
    project.kt(["down", "tester-one"]).success();
    project
        .run()
        .success()
        .prints("visit 1")
        .does_not_report("without a call");
}

#[test]
fn program_has_a_service_for_each_profile() {
    let project = Project::of(Fixture::ONE);
    project.run().success().prints("visit 1");
    project
        .kt(["run", "--release"])
        .success()
        .prints("visit 1")
        .does_not_report("new worker");
    project
        .run()
        .success()
        .prints("visit 2")
        .does_not_report("new worker");
    assert_eq!(names(&project), ["tester-one", "tester-one-release"]);

    // Commands use the service of the dev profile unless an option names another.
    let visits = |arguments: &[&str]| {
        let state = ["state", "get", "VISITS"].iter().chain(arguments);
        project.kt(state.copied()).success()
    };
    visits(&[]).prints("2");
    visits(&["--release"]).prints("1");
    visits(&["--profile", "release"]).prints("1");
    visits(&["--service", "tester-one-release"]).prints("1");
    project
        .kt([
            "state",
            "get",
            "VISITS",
            "--release",
            "--service",
            "tester-one",
        ])
        .code(2)
        .says("cannot be used with");
    project.kt(["logs", "--profile", "dev"]).success();
    project
        .kt(["down", "--release"])
        .success()
        .says("Stopped tester-one-release");
    assert_eq!(names(&project), ["tester-one"]);
    project
        .kt(["down", "--release"])
        .code(101)
        .says("tester-one-release");
}
