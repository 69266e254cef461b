//! What the person at the terminal sees.

use tests::{Fixture, Project, assert_terminal};

#[test]
fn each_step_is_one_line_in_cargos_manner() {
    let project = Project::of(Fixture::ONE);
    assert_terminal!("first_run", project, project.run().success());
    assert_terminal!("unchanged_run", project, project.run().success());

    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    assert_terminal!(
        "edit",
        project,
        project.run().success().prints("good day Alice, visit 3")
    );

    project.edit("src/main.rs", "\"good day {name}", "\"good day {nobody}");
    assert_terminal!("broken_code", project, project.run().code(101));
    project.edit("src/main.rs", "{nobody}", "{name}");

    project.edit(
        "src/main.rs",
        "static VISITS: AtomicU64 = AtomicU64::new(0)",
        "static VISITS: AtomicU32 = AtomicU32::new(0)",
    );
    project.edit(
        "src/main.rs",
        "{AtomicU64, Ordering}",
        "{AtomicU32, Ordering}",
    );
    assert_terminal!(
        "migrated_state",
        project,
        project.run().success().prints("good day Alice, visit 4")
    );

    project.edit("src/main.rs", "AtomicU32::new(0)", "AtomicU32::new(40)");
    assert_terminal!(
        "edited_initialiser",
        project,
        project.run().success().prints("good day Alice, visit 5")
    );

    assert_terminal!("build", project, project.kt(["build"]).success());
}

#[test]
fn quiet_prints_nothing_of_ours() {
    let project = Project::of(Fixture::ONE);
    for visit in 1..=2 {
        let output = project.kt(["run", "--quiet"]).success();
        assert_eq!(
            (&*output.stderr, &*output.stdout),
            ("", &*format!("hello Alice, visit {visit}\n"))
        );
    }
    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    let output = project.kt(["run", "-q"]).success();
    assert_eq!(
        (&*output.stderr, &*output.stdout),
        ("", "good day Alice, visit 3\n")
    );
}

#[test]
fn json_messages_are_lines_of_json_with_cargos_own_among_them() {
    let project = Project::of(Fixture::ONE);
    project.write(
        "src/main.rs",
        &project
            .read("src/main.rs")
            .replace("println!(\"{}\", ", "drop("),
    );
    let reasons = || {
        let output = project.kt(["run", "--message-format", "json"]).success();
        let reason = |line: serde_json::Value| {
            line["reason"]
                .as_str()
                .expect("each line has a reason")
                .to_owned()
        };
        output.json().into_iter().map(reason).collect::<Vec<_>>()
    };
    let first = reasons();
    for expected in [
        "compiler-artifact",
        "build-finished",
        "kt-linked",
        "kt-shipped",
        "kt-swapped",
    ] {
        assert!(
            first.iter().any(|reason| reason == expected),
            "no {expected} in {first:?}"
        );
    }
}

#[test]
fn services_are_listed_and_ended() {
    let project = Project::of(Fixture::ONE);
    assert!(project.services().is_empty());
    project.kt(["ls"]).success();
    project.run().success();
    let service = project.services().remove(0);
    let name = service["name"].as_str().expect("a service has a name");
    assert_eq!(name, "tester-one");
    let workspace = project.root().display().to_string();
    assert_eq!(
        (
            &service["reason"],
            &service["generation"],
            &service["workspace"]
        ),
        (&"kt-service".into(), &1.into(), &workspace.into()),
    );
    assert_eq!(service["worker"]["calls"], 0, "{service:#}");
    assert!(
        service["ttl_left_ms"].as_u64() <= service["ttl_ms"].as_u64(),
        "{service:#}"
    );
    let listed = project.kt(["ls"]).success();
    let line = listed.stdout.lines().nth(1).expect("a header and a line");
    assert!(line.starts_with(name), "{listed:?}");

    project.kt(["down", name]).success();
    assert!(project.services().is_empty());
    let nobody = project.kt(["down", name]);
    assert!(!nobody.status.success(), "{nobody:?}");
    assert_terminal!("down_without_service", project, nobody);
}

#[test]
fn colours_are_as_cargo_decides() {
    let mut project = Project::of(Fixture::ONE);
    let coloured = "\u{1b}[1m\u{1b}[32m     Running\u{1b}[0m `one`";
    project.run().success().keeps_quiet_about("\u{1b}");
    project
        .kt(["run", "--color", "always"])
        .success()
        .says(coloured);
    project.environment("CARGO_TERM_COLOR", "always");
    project.run().success().says(coloured);
    project
        .kt(["run", "--color", "never"])
        .success()
        .keeps_quiet_about("\u{1b}");
}
