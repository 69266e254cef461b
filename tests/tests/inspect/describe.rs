use tests::Running;

use super::program::project;

#[test]
fn a_page_has_all_that_is_known_of_a_service() {
    let project = project();
    project
        .kt(["describe"])
        .code(101)
        .says("no services are up");
    project.run_with("crash").success();
    project.run_with("say hello").success();
    let holding = project.spawn_kt(["run", "--", "hold"]);
    holding.wait_for("holding");

    let page = project.kt(["describe"]).success().stdout;
    for text in [
        "Name:",
        "tester-one",
        "Place:",
        "local",
        "Crates:",
        "CALLS",
        "one::hold",
        "signal 6",
        "/logs",
    ] {
        assert!(page.contains(text), "no {text:?} in\n{page}");
    }
    let mut pages = project
        .kt(["describe", "tester-one", "--message-format", "json"])
        .success()
        .json();
    let page = pages.remove(0);
    assert_eq!(page["reason"], "kt-service-description");
    assert_eq!(page["generation"]["crates"][0]["crate"], "one");
    assert_eq!(
        page["generation"]["crates"][0]["object"]
            .as_str()
            .map(str::len),
        Some(64)
    );
    assert_eq!(page["states"][0]["key"], "one/one:one::CALLS", "{page:#}");
    let call = &page["worker"]["calls"]["in_flight"][0];
    assert_eq!(call["function"], "one::hold", "{page:#}");
    assert_eq!(page["deaths"].as_array().map(Vec::len), Some(1), "{page:#}");
    let logs = page["logs"].as_str().expect("the log has a place");
    assert!(std::path::Path::new(logs).is_dir(), "{logs}");
    holding.interrupt();
    let _ = holding.finish();
}

#[test]
fn of_several_services_that_of_this_directorys_program_is_meant_and_elsewhere_one_has_to_be_named()
{
    let project = project();
    project.run_with("say hello").success();
    project
        .kt(["run", "--release", "--", "say", "hello"])
        .success();
    for command in ["describe", "top", "logs"] {
        let mut elsewhere = project.cargo();
        elsewhere.args(["kt", command]).current_dir("/");
        Running::start(elsewhere)
            .finish()
            .code(101)
            .says("several services are up: name one of tester-one, tester-one-release");
        project
            .kt([command, "nobody"])
            .code(101)
            .says("no service named `nobody`");
    }
    let of_this = project.kt(["describe"]).success();
    assert!(
        !of_this.stdout.contains("tester-one-release"),
        "{of_this:?}"
    );
    project
        .kt(["describe", "--release"])
        .success()
        .prints("tester-one-release");
}
